/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_PEER_H
#define NETIPC_CONTROL_PEER_H

/* Who is at the other end of a connected socket, as the kernel tells it. */

#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netipc_peer {
    uint32_t pid;
    uint32_t uid;
    int pidfd; /* polls readable once that process has died; -1: there is none to be had */
};

/*
 * On the connecting side the peer is the process that called listen(); on the accepting side the one that called
 * connect(). NETIPC_GONE when that process is dead already. On NETIPC_OK pidfd is the caller's to close.
 */
netipc_status netipc_peer_identify(int socket, struct netipc_peer *peer);

/* Whether the process behind a pidfd has died. false for -1. */
bool netipc_peer_died(int pidfd);

/* uids that may be at the other end. The overflow uid never is one: every unmapped uid looks like it. */
enum { NETIPC_OVERFLOW_UID = 65534, NETIPC_UIDS_MAX = 1024 };

struct netipc_uid_list {
    uint32_t *uids; /* NULL: the effective uid and root */
    uint32_t count;
    uint32_t own;
};

netipc_status netipc_uid_list_copy(const uint32_t *uids, uint32_t count, struct netipc_uid_list *list);
void netipc_uid_list_free(struct netipc_uid_list *list);
bool netipc_uid_list_has(const struct netipc_uid_list *list, uint32_t uid);

/* Compares in a time that depends on nothing but the width. */
bool netipc_token_equal(uint64_t a, uint64_t b);

#endif
