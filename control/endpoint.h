/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_ENDPOINT_H
#define NETIPC_CONTROL_ENDPOINT_H

/*
 * The endpoint <run_dir>/<service>.sock.
 *
 *   under the lock on the run directory:
 *     probe ── nobody's, or its owner is dead ──► unlink, bind, listen
 *          └── owner alive ──► NETIPC_ADDRESS_IN_USE
 *
 * Death is proven by ECONNREFUSED (no process holds the socket) or by the pidfd of the process that listened (a forked
 * child may still hold it), never by a pid. A full backlog means alive. The lock is flock() on <run_dir>/.netipc.lock,
 * which only the directory's owner can open, by a descriptor of its own: it ends with its owner, and two threads of one
 * process exclude each other as well.
 *
 * If killed here: before bind, the lock's empty file, which the next one uses; after bind, also a file that refuses
 * connections, which the next starter reclaims.
 */

#include <netipc/status.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { NETIPC_SERVICE_MAX = 63, NETIPC_SOCKET_PATH_MAX = 108 };

/* Checks both names and joins them. NETIPC_INVALID_ARGUMENT. */
netipc_status netipc_endpoint_path(const char *run_dir, const char *service, char path[NETIPC_SOCKET_PATH_MAX]);

struct netipc_endpoint {
    char name[NETIPC_SERVICE_MAX + sizeof ".sock"];
    int directory;
    int listener; /* non-blocking */
    dev_t device; /* of the socket's file */
    ino_t inode;
};

struct netipc_endpoint_config {
    const char *run_dir;
    const char *service;
    uint32_t directory_mode;
    uint32_t socket_mode;
    uint64_t lock_timeout_ns;
};

netipc_status netipc_endpoint_open(const struct netipc_endpoint_config *config, struct netipc_endpoint *endpoint);

/* Unlinks the file if it still is ours; under the lock, for which it waits lock_timeout_ns. In a forked child: closes.
 */
void netipc_endpoint_close(struct netipc_endpoint *endpoint, uint64_t lock_timeout_ns, bool forked);

struct netipc_uid_list;

/* Whether a directory is safe to find a publisher in: it belongs to one of uids and only its owner can write it. */
netipc_status netipc_endpoint_check_directory(const char *run_dir, const struct netipc_uid_list *uids);

#endif
