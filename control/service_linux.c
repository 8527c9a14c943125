/* SPDX-License-Identifier: Apache-2.0 */
/* One service of a server: its endpoint, its sessions, and what becomes of them. */
#include "control/service.h"

#include "control/packet.h"
#include "control/range.h"
#include "control/server_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/probes.h"
#include "shm/sized.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SWEEP_NS = 1000000, LINGER_NS = 250000000 };

#define PAYLOAD_USUAL (UINT32_C(1) << 20) /* what clients of the published library grow to */

void netipc_service_config_init_sized(netipc_service_config *config, size_t size)
{
    const netipc_service_config defaults = {
        .max_sessions = 16,
        .max_request_payload = PAYLOAD_USUAL,
        .max_request_items = 1024,
        .response_payload = 65536,
        .max_response_payload = PAYLOAD_USUAL,
        .max_in_flight = 16,
        .handshake_timeout_ns = UINT64_C(5000000000),
        .read_timeout_ns = UINT64_C(30000000000),
        .write_timeout_ns = UINT64_C(10000000000),
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status check_config(const netipc_service_config *config, bool publishes)
{
    char path[NETIPC_SOCKET_PATH_MAX];
    netipc_status status = netipc_endpoint_path("/", config->service, path);
    if (status == NETIPC_OK)
        status = netipc_check_range("method", config->method, publishes ? 0 : 1, UINT16_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_sessions", config->max_sessions, 1, 4096);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_request_payload", config->max_request_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_request_items", config->max_request_items, 1, NETIPC_BATCH_ITEMS_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("response_payload", config->response_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_response_payload", config->max_response_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_in_flight", config->max_in_flight, 1, NETIPC_IN_FLIGHT_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("transmit_queue", config->transmit_queue, 0, UINT64_C(1) << 32);
    struct netipc_checksum_wish checksum;
    if (status == NETIPC_OK)
        status = netipc_checksum_wish(config->checksum, &checksum);
    if (status != NETIPC_OK)
        return status;
    if (config->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    if (config->handler == NULL && config->method != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "handler has no default");
    if (config->handshake_timeout_ns == 0 || config->read_timeout_ns == 0 || config->write_timeout_ns == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a handshake, read or write timeout of 0 would let nobody in");
    return NETIPC_OK;
}

/* --- ending sessions --- */

static bool descriptors_under_way(const struct netipc_peer_session *session)
{
    return session->channel.socket >= 0 && session->descriptors_sent &&
           !netipc_packet_all_received(session->channel.socket);
}

static void close_socket(struct netipc_peer_session *session)
{
    if (session->channel.socket >= 0)
        close(session->channel.socket);
    session->channel.socket = -1;
}

void netipc_session_end(struct netipc_peer_session *session, const char *reason)
{
    struct netipc_service *service = session->service;
    struct netipc_event_loop *loop = &service->server->loop;
    if (session->state == NETIPC_SESSION_ENDED)
        return;
    session->state = NETIPC_SESSION_ENDED;
    netipc_probe_drop(service->name, session->number, session->peer.pid, session->listed ? (int32_t)session->index : -1,
                      reason);
    netipc_log_field fields[] = {
        {"reason", reason, 0}, {"session", NULL, session->number}, {"pid", NULL, session->peer.pid}};
    netipc_log_event(&service->server->log, NETIPC_LOG_DEBUG, "session-ended", fields, 3);
    netipc_event_loop_remove(loop, session->channel.socket);
    if (session->peer.pidfd >= 0) {
        netipc_event_loop_remove(loop, session->peer.pidfd);
        close(session->peer.pidfd);
        session->peer.pidfd = -1;
    }
    if (session->listed) {
        netipc_session_table_remove(service->table, session->index);
        netipc_count(&service->totals.attached, -1);
    }
    if (session->counted)
        netipc_count(&service->totals.sessions, -1);
    else
        service->refusing--;
    if (session->quota == &service->requesting)
        netipc_count(&service->totals.requesting, -1);
    netipc_packet_shut_down(session->channel.socket);
    if (!descriptors_under_way(session))
        close_socket(session);
    netipc_service_times_changed(service);
}

static void free_session(struct netipc_peer_session *session, bool forked)
{
    struct netipc_service *service = session->service;
    close_socket(session);
    netipc_session_free_calls(session);
    netipc_channel_free(&session->channel);
    netipc_session_page_destroy(&session->page, forked);
    /* Not before no scan can see the session's leases: their sum must never be above the quota. */
    if (session->offered_ordinal == service->granted_ordinal)
        service->granted_leases -= session->leases_granted;
    if (session->counted)
        service->free_indexes[service->free_count++] = session->index;
    if (session->quota != NULL)
        session->quota->taken--;
    free(session);
}

/* Moves what has ended out of the list of those that are served. */
static void collect_ended(struct netipc_service *service)
{
    for (struct netipc_peer_session **at = &service->sessions; *at != NULL;) {
        struct netipc_peer_session *session = *at;
        if (session->state != NETIPC_SESSION_ENDED) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        session->next = service->ended;
        service->ended = session;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Frees what can be freed. Returns how long to wait before asking again, in ns; 0: nothing is left, or it will tell. */
static uint64_t sweep(struct netipc_service *service)
{
    collect_ended(service);
    if (service->ended == NULL)
        return 0;
    bool quiet = service->table == NULL || netipc_session_table_quiet(service->table);
    uint64_t again = 0;
    for (struct netipc_peer_session **at = &service->ended; *at != NULL;) {
        struct netipc_peer_session *session = *at;
        bool scanned = session->listed && !quiet, lingers = descriptors_under_way(session);
        if (scanned)
            again = SWEEP_NS;
        else if (lingers)
            again = earlier(again, LINGER_NS);
        if (scanned || lingers || session->calls != NULL) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        free_session(session, false);
    }
    return again;
}

/* --- time --- */

void netipc_session_set_due(struct netipc_peer_session *session, uint64_t *due_ns, uint64_t timeout_ns)
{
    *due_ns = netipc_add_saturating(netipc_os_monotonic_ns(), timeout_ns);
    uint64_t set_to = session->service->server->loop.timer_at_ns;
    if (set_to == 0 || *due_ns < set_to)
        netipc_service_times_changed(session->service);
}

void netipc_session_clear_due(struct netipc_peer_session *session, uint64_t *due_ns)
{
    /* A timer that is set for this would wake for nothing. */
    if (*due_ns != 0 && *due_ns <= session->service->server->loop.timer_at_ns)
        netipc_service_times_changed(session->service);
    *due_ns = 0;
}

uint64_t netipc_service_on_time(struct netipc_service *service, uint64_t now_ns)
{
    uint64_t next = 0;
    if (service->listener_paused_until_ns != 0 && now_ns >= service->listener_paused_until_ns) {
        service->listener_paused_until_ns = 0;
        if (service->listening)
            netipc_event_loop_change(&service->server->loop, service->endpoint.listener, NETIPC_READABLE,
                                     &service->listener_source);
        if (service->listening && service->unidentified >= 0)
            netipc_service_on_listener(&service->listener_source, 0); /* for this one no event will come */
    }
    next = service->listener_paused_until_ns;
    for (struct netipc_peer_session *session = service->sessions; session != NULL; session = session->next)
        next = earlier(next, netipc_session_on_time(session, now_ns));
    uint64_t again = sweep(service);
    return again != 0 ? earlier(next, now_ns + again) : next;
}

/* --- the publication --- */

void netipc_service_on_wake(struct netipc_service *service)
{
    if (service->table == NULL)
        return;
    pthread_mutex_lock(&service->offer_lock);
    uint64_t newest = service->offer.ordinal;
    pthread_mutex_unlock(&service->offer_lock);
    bool rung = netipc_session_table_take_rung(service->table);
    for (struct netipc_peer_session *session = service->sessions; session != NULL; session = session->next) {
        if (session->have_ordinal != 0 && session->have_ordinal < newest && session->told_ordinal < newest)
            netipc_session_tell_superseded(session);
        uint32_t due = 0;
        if (rung && session->listed && session->state != NETIPC_SESSION_ENDED)
            due = netipc_session_table_take_due(service->table, session->index);
        if ((due & NETIPC_DUE_WAKE) != 0)
            netipc_session_table_wake(service->table, session->index);
        if ((due & NETIPC_DUE_DOORBELL) != 0)
            netipc_session_tell_doorbell(session);
    }
}

void netipc_service_replace_offer(struct netipc_service *service, const struct netipc_server_offer *offer)
{
    pthread_mutex_lock(&service->offer_lock);
    service->offer = *offer;
    pthread_mutex_unlock(&service->offer_lock);
    netipc_event_loop_wake(&service->server->loop);
}

void netipc_service_ring(struct netipc_service *service)
{
    netipc_event_loop_wake(&service->server->loop);
}

/* --- being a service --- */

bool netipc_service_listen(struct netipc_service *service)
{
    service->listening = netipc_event_loop_add(&service->server->loop, service->endpoint.listener, NETIPC_READABLE,
                                               &service->listener_source);
    return service->listening;
}

void netipc_service_stop_reading(struct netipc_service *service)
{
    for (struct netipc_peer_session *session = service->sessions; session != NULL; session = session->next)
        netipc_session_watch(session);
}

bool netipc_service_quiet(const struct netipc_service *service)
{
    for (const struct netipc_peer_session *session = service->sessions; session != NULL; session = session->next)
        if (session->state != NETIPC_SESSION_ENDED &&
            (session->in_flight > 0 || netipc_channel_waits(&session->channel)))
            return false;
    for (const struct netipc_peer_session *session = service->ended; session != NULL; session = session->next)
        if (session->calls != NULL)
            return false;
    return true;
}

static netipc_status make_places(struct netipc_service *service, uint32_t max_sessions,
                                 const struct netipc_publication *publication)
{
    bool two_kinds = publication != NULL && service->method != 0;
    uint32_t first = publication != NULL ? publication->first_place : 0;
    uint32_t places = max_sessions;
    if (publication != NULL)
        places = publication->max_sessions + (two_kinds ? max_sessions : 0);
    service->subscribing.most = two_kinds ? publication->max_sessions : places;
    service->requesting.most = two_kinds ? max_sessions : places;
    service->free_indexes = malloc(places * sizeof *service->free_indexes);
    if (service->free_indexes == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %u sessions", places);
    for (uint32_t i = places; i > 0; i--)
        service->free_indexes[service->free_count++] = first + i - 1;
    return NETIPC_OK;
}

static netipc_status fill(struct netipc_service *service, const netipc_service_config *config,
                          const struct netipc_publication *publication)
{
    snprintf(service->name, sizeof service->name, "%s", config->service);
    service->limits = (struct netipc_service_limits){
        .max_request_payload = config->max_request_payload,
        .max_request_items = config->max_request_items,
        .response_payload = config->response_payload,
        .max_response_payload = config->max_response_payload,
        .max_in_flight = config->max_in_flight,
        .transmit_queue = config->transmit_queue,
        .handshake_timeout_ns = config->handshake_timeout_ns,
        .read_timeout_ns = config->read_timeout_ns,
        .write_timeout_ns = config->write_timeout_ns,
        .idle_timeout_ns = config->idle_timeout_ns,
    };
    service->method = (uint16_t)config->method;
    service->handler = config->handler;
    service->context = config->context;
    service->token = config->token;
    (void)netipc_checksum_wish(config->checksum, &service->checksum); /* checked */
    netipc_status status = make_places(service, config->max_sessions, publication);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_server *server = service->server;
    const struct netipc_endpoint_config endpoint = {
        .run_dir = server->run_dir,
        .service = service->name,
        .directory_mode = server->directory_mode,
        .socket_mode = server->socket_mode,
        .lock_timeout_ns = server->lock_timeout_ns,
    };
    return netipc_endpoint_open(&endpoint, &service->endpoint);
}

netipc_status netipc_service_add(struct netipc_server *server, const netipc_service_config *config,
                                 const struct netipc_publication *publication, struct netipc_service **added)
{
    netipc_status status = check_config(config, publication != NULL);
    if (status != NETIPC_OK)
        return status;
    struct netipc_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a service");
    service->server = server;
    service->listener_source.happened = netipc_service_on_listener;
    service->endpoint.directory = service->endpoint.listener = service->unidentified = -1;
    pthread_mutex_init(&service->offer_lock, NULL);
    if (publication != NULL) {
        service->table = publication->table;
        service->offer = publication->offer;
    }
    status = fill(service, config, publication);
    if (status != NETIPC_OK) {
        netipc_service_free(service, false);
        return status;
    }
    service->next = netipc_server_services(server);
    netipc_store(&server->services, service, release);
    *added = service;
    return NETIPC_OK;
}

netipc_status netipc_server_add(netipc_server *server, const netipc_service_config *given)
{
    netipc_service_config config;
    netipc_service_config_init(&config);
    if (server == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no server given");
    if (netipc_fork_guard_forked(&server->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this server belongs to the parent process");
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status != NETIPC_OK)
        return status;
    if (server->started)
        return netipc_fail(NETIPC_WRONG_STATE, "the server has started: its services are fixed");
    struct netipc_service *service;
    return netipc_service_add(server, &config, NULL, &service);
}

static void free_sessions(struct netipc_peer_session *session, bool forked)
{
    while (session != NULL) {
        struct netipc_peer_session *next = session->next;
        if (!forked && session->state != NETIPC_SESSION_ENDED) {
            netipc_session_tell_closed(session);
            netipc_session_end(session, "publisher-closes");
        } else if (session->peer.pidfd >= 0) {
            close(session->peer.pidfd);
        }
        free_session(session, forked);
        session = next;
    }
}

void netipc_service_free(struct netipc_service *service, bool forked)
{
    /* The name goes first, so that who learns of the end does not find it again. */
    netipc_endpoint_close(&service->endpoint, service->server->lock_timeout_ns, forked);
    free_sessions(service->sessions, forked);
    free_sessions(service->ended, forked);
    if (service->unidentified >= 0)
        close(service->unidentified);
    if (!forked)
        pthread_mutex_destroy(&service->offer_lock);
    free(service->free_indexes);
    free(service);
}

void netipc_service_totals(const struct netipc_service *service, struct netipc_service_totals *totals)
{
    const struct netipc_service_counters *counters = &service->totals;
    *totals = (struct netipc_service_totals){
        .info =
            {
                .size = sizeof totals->info,
                .sessions = (uint32_t)netipc_load(&counters->sessions, relaxed),
                .sessions_total = netipc_load(&counters->sessions_total, relaxed),
                .requests = netipc_load(&counters->requests, relaxed),
                .items = netipc_load(&counters->items, relaxed),
                .answers = netipc_load(&counters->answers, relaxed),
                .failures = netipc_load(&counters->failures, relaxed),
                .refused_auth = netipc_load(&counters->refused_auth, relaxed),
                .refused_busy = netipc_load(&counters->refused_busy, relaxed),
                .refused_other = netipc_load(&counters->refused_other, relaxed),
                .timed_out = netipc_load(&counters->timed_out, relaxed),
                .broken = netipc_load(&counters->broken, relaxed),
                .bytes_in = netipc_load(&counters->bytes_in, relaxed),
                .bytes_out = netipc_load(&counters->bytes_out, relaxed),
                .checksum_mismatches = netipc_load(&counters->checksum_mismatches, relaxed),
            },
        .attached = netipc_load(&counters->attached, relaxed),
        .requesting = netipc_load(&counters->requesting, relaxed),
    };
}
