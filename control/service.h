/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SERVICE_H
#define NETIPC_CONTROL_SERVICE_H

/* The services of a server, as the library's own layers make them: with a publication, too. */

#include <netipc/server.h>

#include "shm/session_table.h"

#include <stdbool.h>
#include <stdint.h>

struct netipc_service;

struct netipc_service_limits {
    uint32_t max_sessions;
    uint32_t max_request_payload, max_request_items, response_payload, max_response_payload, max_in_flight;
    uint64_t transmit_queue;
    uint64_t handshake_timeout_ns, read_timeout_ns, write_timeout_ns, idle_timeout_ns;
};

/* The region that is handed to subscribers. fd stays the caller's, and open until it is replaced or the server closed.
 */
struct netipc_server_offer {
    int fd;
    uint64_t region_size;
    uint64_t ordinal;
    uint64_t incarnation[2];
    uint32_t lease_quota; /* lease words for all sessions together */
};

struct netipc_publication {
    struct netipc_session_table *table; /* outlives the server; has max_sessions entries */
    struct netipc_server_offer offer;
};

/* As netipc_server_add(). publication may be NULL; a service with one may have no method. *service lasts as long as
 * the server. */
netipc_status netipc_service_add(struct netipc_server *server, const netipc_service_config *config,
                                 const struct netipc_publication *publication, struct netipc_service **service);

/* Hands out another region from now on and tells every session that holds an older one. Any thread. */
void netipc_service_replace_offer(struct netipc_service *service, const struct netipc_server_offer *offer);

/* Has the loop send the doorbells that a scan of the table has found. Any thread. */
void netipc_service_ring(struct netipc_service *service);

struct netipc_service_totals {
    netipc_service_info info;
    uint64_t attached;
};

/* Any thread. */
void netipc_service_totals(const struct netipc_service *service, struct netipc_service_totals *totals);

/* netipc_server_close(), and what to do in a forked child: there only the copy is freed. */
void netipc_server_end(struct netipc_server *server, bool forked);

#endif
