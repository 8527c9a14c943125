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
    /* Outlives the server. Its entries from first_place on are for sessions: max_sessions, and as many more as the
     * service's own config allows if that has a method. Those before are the caller's. */
    struct netipc_session_table *table;
    uint32_t first_place;
    uint32_t max_sessions; /* that select the publication profile, or of all if the service has no method */
    struct netipc_server_offer offer;
};

/* As netipc_server_add(). publication may be NULL; a service with one may have no method, and if it has one,
 * config->max_sessions is for those that do not select the publication profile. *service lasts as long as the server.
 */
netipc_status netipc_service_add(struct netipc_server *server, const netipc_service_config *config,
                                 const struct netipc_publication *publication, struct netipc_service **service);

/* Hands out another region from now on and tells every session that holds an older one. Any thread. */
void netipc_service_replace_offer(struct netipc_service *service, const struct netipc_server_offer *offer);

/* Has the loop send the doorbells that a scan of the table has found. Any thread. */
void netipc_service_ring(struct netipc_service *service);

struct netipc_service_totals {
    netipc_service_info info;
    uint64_t attached;
    uint64_t requesting; /* of the sessions, those that did not select the publication profile */
};

/* Any thread. */
void netipc_service_totals(const struct netipc_service *service, struct netipc_service_totals *totals);

/* netipc_server_close(), and what to do in a forked child: there only the copy is freed. */
void netipc_server_end(struct netipc_server *server, bool forked);

#endif
