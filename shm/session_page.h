/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_SESSION_PAGE_H
#define NETIPC_SHM_SESSION_PAGE_H

/*
 * One session's private page: shared by the publisher and one subscriber, and all that this subscriber can write.
 *
 *   publisher                                  subscriber
 *   create (allocated, size sealed, mapped)
 *   descriptor ───────────────────────────────► join: verify size and seals, map
 *                                  ◄──────────── "I have mapped it"
 *   seal (no new writable mapping, no holes)
 *   list the session; "ready" ────────────────► use
 *
 * Before seal the publisher reads and writes nothing there: until then the peer can punch the page away.
 * If either side is killed anywhere in this, the other one's mapping stays valid until it unmaps.
 */

#include <netipc/status.h>

#include "shm/layout.h"

#include <stdbool.h>

struct netipc_session_page {
    void *base; /* NULL: none */
    struct netipc_session_line *line;
    uint32_t line_offset;
    int fd; /* -1 once sealed */
};

/* Size of the object behind it, in bytes: NETIPC_SESSION_PAGE_SIZE, or the system's page if that is larger. */
uint64_t netipc_session_page_bytes(void);

/* Where the line of this session lies in its page. */
uint32_t netipc_session_line_offset(uint64_t session_number);

/* Whether a subscriber can use an announced offset and size. */
bool netipc_session_page_announced_ok(uint32_t line_offset, uint64_t bytes);

/* The publisher's side. */
netipc_status netipc_session_page_create(uint64_t session_number, struct netipc_session_page *page);
netipc_status netipc_session_page_seal(struct netipc_session_page *page);
void netipc_session_page_destroy(struct netipc_session_page *page, bool forked);

/* The subscriber's side: maps a received page for writing. The descriptor stays the caller's. */
netipc_status netipc_session_page_join(int fd, uint64_t bytes, void **base);

#endif
