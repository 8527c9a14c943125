/* SPDX-License-Identifier: Apache-2.0 */
#include "control/peer.h"

#include "shm/detail.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/*
 * Before Linux 6.5, by number; -1 before 5.3 and for a process that this PID namespace does not show. The number may
 * belong to another process by now. Then the peer is dead, and seen as such once that one has ended: no later than
 * without a descriptor, and never too early.
 */
static int open_by_number(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

netipc_status netipc_peer_identify(int socket, struct netipc_peer *peer)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return netipc_fail_errno(errno, "ask for the peer's credentials");
    int pidfd = -1;
    length = sizeof pidfd;
    bool dead = false;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0) {
        /* Before Linux 6.16 a peer that is dead and reaped has no descriptor: that is an answer too. */
        dead = errno == ESRCH || errno == EINVAL || errno == ENODATA;
        if (!dead && errno != ENOPROTOOPT)
            return netipc_fail_errno(errno, "ask for the peer's pidfd");
        pidfd = dead ? -1 : open_by_number(credentials.pid);
        dead = dead || (pidfd < 0 && errno == ESRCH);
        if (pidfd < 0 && (errno == EMFILE || errno == ENFILE))
            return netipc_fail_errno(errno, "open the peer's pidfd");
    }
    if (dead || netipc_peer_died(pidfd)) {
        if (pidfd >= 0)
            close(pidfd);
        return netipc_fail(NETIPC_GONE, "process %d at the other end is dead", (int)credentials.pid);
    }
    *peer = (struct netipc_peer){.pid = (uint32_t)credentials.pid, .uid = credentials.uid, .pidfd = pidfd};
    return NETIPC_OK;
}

bool netipc_peer_died(int pidfd)
{
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    int ready = -1;
    if (pidfd < 0)
        return false;
    do
        ready = poll(&poller, 1, 0);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

netipc_status netipc_uid_list_copy(const uint32_t *uids, uint32_t count, struct netipc_uid_list *list)
{
    *list = (struct netipc_uid_list){.own = geteuid()};
    if (count == 0)
        return NETIPC_OK;
    if (uids == NULL || count > NETIPC_UIDS_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u allowed uids, 0 to %d are possible", count, NETIPC_UIDS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (uids[i] == NETIPC_OVERFLOW_UID)
            return netipc_fail(NETIPC_INVALID_ARGUMENT,
                               "uid %d cannot be allowed: every uid that is unknown here looks like it",
                               NETIPC_OVERFLOW_UID);
    list->uids = malloc(count * sizeof *list->uids);
    if (list->uids == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %u uids", count);
    memcpy(list->uids, uids, count * sizeof *list->uids);
    list->count = count;
    return NETIPC_OK;
}

void netipc_uid_list_free(struct netipc_uid_list *list)
{
    free(list->uids);
    list->uids = NULL;
}

bool netipc_uid_list_has(const struct netipc_uid_list *list, uint32_t uid)
{
    if (uid == NETIPC_OVERFLOW_UID)
        return false;
    if (list->uids == NULL)
        return uid == list->own || uid == 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->uids[i] == uid)
            return true;
    return false;
}

bool netipc_token_equal(uint64_t a, uint64_t b)
{
    /* volatile keeps the compiler from comparing byte by byte with an early way out. */
    volatile uint64_t difference = a ^ b;
    uint64_t folded = difference;
    folded |= folded >> 32;
    folded |= folded >> 16;
    folded |= folded >> 8;
    return (folded & 0xff) == 0;
}
