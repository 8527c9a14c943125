/* SPDX-License-Identifier: Apache-2.0 */
#include "control/packet.h"
#include "control/server_state.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 64, SWEEP_NS = 1000000, LINGER_NS = 250000000 };

/* --- sessions --- */

bool netipc_server_poll(struct netipc_server *server, int operation, int fd, uint32_t events,
                        struct netipc_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(server->epoll, operation, fd, &event) == 0;
}

void netipc_server_watch(struct netipc_server *server, struct netipc_session *session, bool readable, bool writable)
{
    netipc_server_poll(server, EPOLL_CTL_MOD, session->socket, (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
                       &session->socket_source);
}

static bool descriptors_under_way(const struct netipc_session *session)
{
    return session->socket >= 0 && session->descriptors_sent && !netipc_packet_all_received(session->socket);
}

static void close_socket(struct netipc_session *session)
{
    if (session->socket >= 0)
        close(session->socket);
    session->socket = -1;
}

void netipc_server_end_session(struct netipc_server *server, struct netipc_session *session, const char *reason)
{
    if (session->state == NETIPC_SESSION_ENDED)
        return;
    session->state = NETIPC_SESSION_ENDED;
    netipc_log_field fields[] = {
        {"reason", reason, 0}, {"session", NULL, session->number}, {"pid", NULL, session->peer.pid}};
    netipc_log_event(&server->log, NETIPC_LOG_DEBUG, "session-ended", fields, 3);
    /* Taken out by hand: a forked child may hold the same descriptions open, and epoll would go on to report them. */
    netipc_server_poll(server, EPOLL_CTL_DEL, session->socket, 0, NULL);
    if (session->peer.pidfd >= 0) {
        netipc_server_poll(server, EPOLL_CTL_DEL, session->peer.pidfd, 0, NULL);
        close(session->peer.pidfd);
        session->peer.pidfd = -1;
    }
    if (session->listed) {
        netipc_session_table_remove(server->table, session->index);
        netipc_count(&server->totals.attached, -1);
    }
    if (session->counted)
        netipc_count(&server->totals.sessions, -1);
    else
        server->refusing--;
    shutdown(session->socket, SHUT_RDWR);
    if (!descriptors_under_way(session))
        close_socket(session);
}

static void free_session(struct netipc_server *server, struct netipc_session *session, bool forked)
{
    close_socket(session);
    netipc_session_page_destroy(&session->page, forked);
    /* Not before no scan can see the session's leases: their sum must never be above the quota. */
    if (session->offered_ordinal == server->granted_ordinal)
        server->granted_leases -= session->leases_granted;
    if (session->counted)
        server->free_indexes[server->free_count++] = session->index;
    free(session);
}

/* Moves what has ended out of the list of those that are served. */
static void collect_ended(struct netipc_server *server)
{
    for (struct netipc_session **at = &server->sessions; *at != NULL;) {
        struct netipc_session *session = *at;
        if (session->state != NETIPC_SESSION_ENDED) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        session->next = server->ended;
        server->ended = session;
    }
}

/* Frees what can be freed. Returns how long to wait before asking again, in ns; 0: nothing is left. */
static uint64_t sweep(struct netipc_server *server)
{
    collect_ended(server);
    if (server->ended == NULL)
        return 0;
    if (!netipc_session_table_quiet(server->table))
        return SWEEP_NS;
    for (struct netipc_session **at = &server->ended; *at != NULL;) {
        struct netipc_session *session = *at;
        if (descriptors_under_way(session)) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        free_session(server, session, false);
    }
    return server->ended != NULL ? LINGER_NS : 0;
}

/* --- the loop --- */

static void drain(int fd)
{
    uint64_t value;
    ssize_t ignored = read(fd, &value, sizeof value);
    (void)ignored;
}

static void on_wake(struct netipc_server *server)
{
    drain(server->wake);
    pthread_mutex_lock(&server->offer_lock);
    uint64_t newest = server->offer.ordinal;
    pthread_mutex_unlock(&server->offer_lock);
    bool rung = netipc_session_table_take_rung(server->table);
    for (struct netipc_session *session = server->sessions; session != NULL; session = session->next) {
        if (session->have_ordinal != 0 && session->have_ordinal < newest && session->told_ordinal < newest)
            netipc_session_tell_superseded(server, session);
        if (rung && session->listed && session->state != NETIPC_SESSION_ENDED &&
            netipc_session_table_take_doorbell(server->table, session->index))
            netipc_session_tell_doorbell(server, session);
    }
}

static void on_event(struct netipc_server *server, const struct epoll_event *event)
{
    struct netipc_source *source = event->data.ptr;
    struct netipc_session *session = source->session;
    switch (source->kind) {
    case NETIPC_SOURCE_LISTENER:
        netipc_server_on_listener(server);
        return;
    case NETIPC_SOURCE_WAKE:
        on_wake(server);
        return;
    case NETIPC_SOURCE_TIMER:
        drain(server->timer);
        server->timer_at_ns = 0;
        return;
    case NETIPC_SOURCE_PEER:
        netipc_server_end_session(server, session, "peer-died");
        return;
    case NETIPC_SOURCE_SOCKET:
        if (session->state == NETIPC_SESSION_ENDED)
            return;
        if (session->pending_length > 0 && (event->events & EPOLLOUT))
            netipc_session_on_writable(server, session);
        else if (session->pending_length > 0 && (event->events & (EPOLLHUP | EPOLLERR)))
            netipc_server_end_session(server, session, "peer-closed");
        else
            netipc_session_on_readable(server, session);
        return;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Does what is due and sets the timer to what is due next. */
static void on_time(struct netipc_server *server)
{
    uint64_t now = netipc_os_monotonic_ns(), next = 0;
    if (server->listener_paused_until_ns != 0 && now >= server->listener_paused_until_ns) {
        server->listener_paused_until_ns = 0;
        netipc_server_poll(server, EPOLL_CTL_MOD, server->endpoint.listener, EPOLLIN, &server->listener_source);
        if (server->unidentified >= 0)
            netipc_server_on_listener(server); /* for this one no event will come */
    }
    for (struct netipc_session *session = server->sessions; session != NULL; session = session->next)
        if (session->state != NETIPC_SESSION_ENDED)
            netipc_session_on_time(server, session, now);
    uint64_t sweep_again = sweep(server);
    next = earlier(next, server->listener_paused_until_ns);
    if (sweep_again != 0)
        next = earlier(next, now + sweep_again);
    for (struct netipc_session *session = server->sessions; session != NULL; session = session->next) {
        next = earlier(next, session->deadline_ns);
        next = earlier(next, session->retry_ns);
    }
    if (next == server->timer_at_ns)
        return;
    server->timer_at_ns = next;
    struct itimerspec setting = {
        .it_value = {.tv_sec = (time_t)(next / 1000000000u), .tv_nsec = (long)(next % 1000000000u)}};
    timerfd_settime(server->timer, TFD_TIMER_ABSTIME, &setting, NULL);
}

static netipc_status turn(struct netipc_server *server, int timeout_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(server->epoll, events, EVENTS_A_TURN, timeout_ms);
    if (count < 0 && errno != EINTR)
        return netipc_fail_errno(errno, "wait for events");
    for (int i = 0; i < count; i++)
        on_event(server, &events[i]);
    if (count > 0)
        on_time(server);
    return NETIPC_OK;
}

static void *run(void *argument)
{
    struct netipc_server *server = argument;
    while (netipc_load(&server->stopping, acquire) == 0)
        if (turn(server, -1) != NETIPC_OK)
            break;
    return NULL;
}

static void wake(struct netipc_server *server)
{
    uint64_t one = 1;
    ssize_t ignored = write(server->wake, &one, sizeof one); /* full means that the loop is awake anyway */
    (void)ignored;
}

/* --- the outside --- */

static netipc_status start_thread(struct netipc_server *server)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return netipc_fail_errno(error, "start a thread");
    server->has_thread = true;
    return NETIPC_OK;
}

static netipc_status open_loop(struct netipc_server *server)
{
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0)
        return netipc_fail_errno(errno, "make an epoll descriptor");
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0)
        return netipc_fail_errno(errno, "make an eventfd");
    server->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (server->timer < 0)
        return netipc_fail_errno(errno, "make a timerfd");
    server->listener_source = (struct netipc_source){NETIPC_SOURCE_LISTENER, NULL};
    server->wake_source = (struct netipc_source){NETIPC_SOURCE_WAKE, NULL};
    server->timer_source = (struct netipc_source){NETIPC_SOURCE_TIMER, NULL};
    if (!netipc_server_poll(server, EPOLL_CTL_ADD, server->wake, EPOLLIN, &server->wake_source) ||
        !netipc_server_poll(server, EPOLL_CTL_ADD, server->timer, EPOLLIN, &server->timer_source))
        return netipc_fail_errno(errno, "watch descriptors");
    return NETIPC_OK;
}

static netipc_status prepare(struct netipc_server *server, const struct netipc_server_config *config)
{
    netipc_status status = netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &server->uids);
    if (status != NETIPC_OK)
        return status;
    server->free_indexes = malloc(config->max_sessions * sizeof *server->free_indexes);
    if (server->free_indexes == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %u sessions", config->max_sessions);
    for (uint32_t i = config->max_sessions; i > 0; i--)
        server->free_indexes[server->free_count++] = i - 1;
    status = open_loop(server);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_endpoint_config endpoint = {
        .run_dir = config->run_dir,
        .service = config->service,
        .directory_mode = config->directory_mode,
        .socket_mode = config->socket_mode,
        .lock_timeout_ns = config->lock_timeout_ns,
    };
    status = netipc_endpoint_open(&endpoint, &server->endpoint);
    if (status != NETIPC_OK)
        return status;
    if (!netipc_server_poll(server, EPOLL_CTL_ADD, server->endpoint.listener, EPOLLIN, &server->listener_source))
        return netipc_fail_errno(errno, "watch the listening socket");
    return NETIPC_OK;
}

netipc_status netipc_server_open(const struct netipc_server_config *config, const struct netipc_server_offer *offer,
                                 bool own_thread, struct netipc_server **opened)
{
    struct netipc_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a server");
    server->log = config->log;
    server->token = config->token;
    server->handshake_timeout_ns = config->handshake_timeout_ns;
    server->lock_timeout_ns = config->lock_timeout_ns;
    server->max_sessions = config->max_sessions;
    server->table = config->table;
    server->offer = *offer;
    server->epoll = server->wake = server->timer = server->unidentified = -1;
    server->endpoint.directory = server->endpoint.listener = -1;
    pthread_mutex_init(&server->offer_lock, NULL);
    netipc_status status = prepare(server, config);
    if (status == NETIPC_OK && own_thread)
        status = start_thread(server);
    if (status != NETIPC_OK) {
        netipc_server_close(server, false);
        return status;
    }
    *opened = server;
    return NETIPC_OK;
}

void netipc_server_replace_offer(struct netipc_server *server, const struct netipc_server_offer *offer)
{
    pthread_mutex_lock(&server->offer_lock);
    server->offer = *offer;
    pthread_mutex_unlock(&server->offer_lock);
    wake(server);
}

void netipc_server_ring(struct netipc_server *server)
{
    wake(server);
}

int netipc_server_fd(const struct netipc_server *server)
{
    return server->has_thread ? -1 : server->epoll;
}

netipc_status netipc_server_dispatch(struct netipc_server *server, uint64_t timeout_ns)
{
    if (server->has_thread)
        return netipc_fail(NETIPC_WRONG_STATE, "the library's own thread serves this publisher");
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    do {
        uint64_t left_ns = timeout_ns - elapsed;
        uint64_t left_ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
        netipc_status status = turn(server, left_ms > 60000 ? 60000 : (int)left_ms);
        if (status != NETIPC_OK)
            return status;
        elapsed = netipc_os_monotonic_ns() - start;
    } while (elapsed < timeout_ns);
    return NETIPC_OK;
}

void netipc_server_totals(struct netipc_server *server, struct netipc_server_totals *totals)
{
    *totals = (struct netipc_server_totals){
        .sessions = netipc_load(&server->totals.sessions, relaxed),
        .attached = netipc_load(&server->totals.attached, relaxed),
        .sessions_total = netipc_load(&server->totals.sessions_total, relaxed),
        .refused_auth = netipc_load(&server->totals.refused_auth, relaxed),
        .refused_busy = netipc_load(&server->totals.refused_busy, relaxed),
        .refused_other = netipc_load(&server->totals.refused_other, relaxed),
        .timed_out = netipc_load(&server->totals.timed_out, relaxed),
    };
}

static void free_sessions(struct netipc_server *server, struct netipc_session *session, bool forked)
{
    while (session != NULL) {
        struct netipc_session *next = session->next;
        if (!forked && session->state != NETIPC_SESSION_ENDED) {
            netipc_session_tell_closed(session);
            netipc_server_end_session(server, session, "publisher-closes");
        } else if (session->peer.pidfd >= 0) {
            close(session->peer.pidfd);
        }
        free_session(server, session, forked);
        session = next;
    }
}

void netipc_server_close(struct netipc_server *server, bool forked)
{
    if (!forked && server->has_thread) {
        netipc_store(&server->stopping, 1, release);
        wake(server);
        pthread_join(server->thread, NULL);
    }
    /* The name goes first, so that who learns of the end does not find it again. */
    netipc_endpoint_close(&server->endpoint, server->lock_timeout_ns, forked);
    free_sessions(server, server->sessions, forked);
    free_sessions(server, server->ended, forked);
    if (server->unidentified >= 0)
        close(server->unidentified);
    if (server->epoll >= 0)
        close(server->epoll);
    if (server->wake >= 0)
        close(server->wake);
    if (server->timer >= 0)
        close(server->timer);
    if (!forked)
        pthread_mutex_destroy(&server->offer_lock);
    free(server->free_indexes);
    netipc_uid_list_free(&server->uids);
    free(server);
}
