/* SPDX-License-Identifier: Apache-2.0 */
/* The host: one event loop, and who runs it. */
#include <netipc/server.h>

#include "control/server_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/sized.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void netipc_server_config_init_sized(netipc_server_config *config, size_t size)
{
    const netipc_server_config defaults = {
        .loop = NETIPC_LOOP_OWN_THREAD,
        .directory_mode = 0700,
        .socket_mode = 0600,
        .lock_timeout_ns = UINT64_C(5000000000),
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status check_config(const netipc_server_config *config)
{
    if (config->run_dir == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "run_dir has no default");
    if (config->loop != NETIPC_LOOP_OWN_THREAD && config->loop != NETIPC_LOOP_CALLER)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "loop %u is none of NETIPC_LOOP_", config->loop);
    if (config->workers > NETIPC_WORKERS_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u workers, 0 to %d are possible", config->workers,
                           NETIPC_WORKERS_MAX);
    if (config->directory_mode > 0777 || config->socket_mode > 0777)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "modes 0%o and 0%o, 0777 is the most", config->directory_mode,
                           config->socket_mode);
    if (config->reserved != 0 || config->reserved2 != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    return NETIPC_OK;
}

/* --- the loop --- */

static void on_woken(struct netipc_source *source, uint32_t events)
{
    struct netipc_server *server = netipc_source_owner(source, struct netipc_server, woken);
    (void)events;
    netipc_event_loop_take_wake(&server->loop);
    netipc_server_on_done(server);
    bool draining = netipc_server_draining(server);
    for (struct netipc_service *service = netipc_server_services(server); service != NULL; service = service->next) {
        netipc_service_on_wake(service);
        if (draining)
            netipc_service_stop_reading(service);
    }
}

static void on_timer(struct netipc_source *source, uint32_t events)
{
    struct netipc_server *server = netipc_source_owner(source, struct netipc_server, timer);
    (void)events;
    netipc_event_loop_take_timer(&server->loop);
    server->times_changed = true;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void look_at_times(struct netipc_server *server)
{
    uint64_t now = netipc_os_monotonic_ns(), next = 0;
    server->times_changed = false;
    for (struct netipc_service *service = netipc_server_services(server); service != NULL; service = service->next)
        next = earlier(next, netipc_service_on_time(service, now));
    netipc_event_loop_set_timer(&server->loop, next);
}

static void look_at_drain(struct netipc_server *server)
{
    for (struct netipc_service *service = netipc_server_services(server); service != NULL; service = service->next)
        if (!netipc_service_quiet(service))
            return;
    pthread_mutex_lock(&server->drain_lock);
    server->drained = true;
    pthread_cond_broadcast(&server->drain_change);
    pthread_mutex_unlock(&server->drain_lock);
}

static netipc_status turn(struct netipc_server *server, int timeout_ms)
{
    int count;
    server->turning = true;
    netipc_status status = netipc_event_loop_turn(&server->loop, timeout_ms, &count);
    server->turning = false;
    netipc_server_free_watches(server, false);
    if (status == NETIPC_OK && server->times_changed)
        look_at_times(server);
    if (netipc_server_draining(server))
        look_at_drain(server);
    return status;
}

/* Whether this is called by a handler, or for an event, of the loop that it would wait for or run. */
static netipc_status check_outside(const struct netipc_server *server)
{
    if (server->has_thread ? pthread_equal(pthread_self(), server->thread) != 0 : server->turning)
        return netipc_fail(NETIPC_WRONG_STATE, "the server's event loop itself calls this: leave it to another place");
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

/* --- opening and closing --- */

static netipc_status prepare(struct netipc_server *server, const netipc_server_config *config)
{
    server->run_dir = strdup(config->run_dir);
    server->scratch = malloc(NETIPC_SCRATCH_LEAST);
    server->scratch_size = NETIPC_SCRATCH_LEAST;
    if (server->run_dir == NULL || server->scratch == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a server");
    netipc_status status = netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &server->uids);
    if (status == NETIPC_OK)
        status = netipc_fork_guard_arm(&server->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_event_loop_open(&server->loop, &server->woken, &server->timer);
    return status;
}

netipc_status netipc_server_open(const netipc_server_config *given, netipc_server **opened)
{
    if (opened == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the server given");
    *opened = NULL;
    netipc_server_config config;
    netipc_server_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status != NETIPC_OK)
        return status;
    struct netipc_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a server");
    server->log = (struct netipc_log){config.log, config.log_context};
    server->directory_mode = config.directory_mode;
    server->socket_mode = config.socket_mode;
    server->lock_timeout_ns = config.lock_timeout_ns;
    server->loop_kind = config.loop;
    server->workers = config.workers;
    server->woken.happened = on_woken;
    server->timer.happened = on_timer;
    server->done_last = &server->done;
    server->loop = (struct netipc_event_loop){.epoll = -1, .wake_fd = -1, .timer_fd = -1};
    pthread_mutex_init(&server->done_lock, NULL);
    pthread_mutex_init(&server->drain_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->drain_change, &monotonic);
    pthread_condattr_destroy(&monotonic);
    status = prepare(server, &config);
    if (status != NETIPC_OK) {
        netipc_server_end(server, false);
        return status;
    }
    *opened = server;
    return NETIPC_OK;
}

static netipc_status check_call(const netipc_server *server)
{
    if (server == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no server given");
    if (netipc_fork_guard_forked(&server->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this server belongs to the parent process");
    return NETIPC_OK;
}

static netipc_status listen_all(struct netipc_server *server)
{
    for (struct netipc_service *service = netipc_server_services(server); service != NULL; service = service->next)
        if (!service->listening && !netipc_service_listen(service))
            return netipc_fail_errno(ENOSPC, "watch the listening socket of %s", service->name);
    return NETIPC_OK;
}

netipc_status netipc_server_start(netipc_server *server)
{
    netipc_status status = check_call(server);
    if (status != NETIPC_OK)
        return status;
    if (server->started)
        return netipc_fail(NETIPC_WRONG_STATE, "the server has started already");
    status = listen_all(server);
    if (status == NETIPC_OK)
        status = netipc_worker_pool_start(&server->pool, server->workers);
    if (status == NETIPC_OK && server->loop_kind == NETIPC_LOOP_OWN_THREAD) {
        status = netipc_os_thread_start(run, server, &server->thread);
        server->has_thread = status == NETIPC_OK;
        if (status != NETIPC_OK)
            netipc_worker_pool_stop(&server->pool);
    }
    server->started = status == NETIPC_OK;
    return status;
}

void netipc_server_end(struct netipc_server *server, bool forked)
{
    if (!forked && server->has_thread) {
        netipc_store(&server->stopping, 1, release);
        netipc_event_loop_wake(&server->loop);
        pthread_join(server->thread, NULL);
    }
    if (!forked)
        netipc_worker_pool_stop(&server->pool);
    else
        free(server->pool.threads);
    for (struct netipc_service *service = netipc_server_services(server), *next; service != NULL; service = next) {
        next = service->next;
        netipc_service_free(service, forked);
    }
    netipc_server_free_watches(server, true);
    netipc_event_loop_close(&server->loop);
    if (!forked) {
        pthread_mutex_destroy(&server->done_lock);
        pthread_mutex_destroy(&server->drain_lock);
        pthread_cond_destroy(&server->drain_change);
    }
    netipc_answer_free(&server->answer);
    netipc_uid_list_free(&server->uids);
    netipc_fork_guard_disarm(&server->fork_guard);
    free(server->scratch);
    free(server->run_dir);
    free(server);
}

void netipc_server_close(netipc_server *server)
{
    if (server != NULL)
        netipc_server_end(server, netipc_fork_guard_forked(&server->fork_guard));
}

/* --- serving --- */

int netipc_server_fd(const netipc_server *server)
{
    return check_call(server) == NETIPC_OK && server->loop_kind == NETIPC_LOOP_CALLER ? server->loop.epoll : -1;
}

netipc_status netipc_server_dispatch(netipc_server *server, uint64_t timeout_ns)
{
    netipc_status status = check_call(server);
    if (status != NETIPC_OK)
        return status;
    if (server->loop_kind != NETIPC_LOOP_CALLER)
        return netipc_fail(NETIPC_WRONG_STATE, "the library's own thread runs this event loop");
    status = check_outside(server);
    if (status != NETIPC_OK)
        return status;
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    do {
        uint64_t left_ns = timeout_ns - elapsed;
        uint64_t left_ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
        status = turn(server, left_ms > 60000 ? 60000 : (int)left_ms);
        if (status != NETIPC_OK)
            return status;
        elapsed = netipc_os_monotonic_ns() - start;
    } while (elapsed < timeout_ns);
    return NETIPC_OK;
}

static netipc_status drained(struct netipc_server *server)
{
    pthread_mutex_lock(&server->drain_lock);
    bool all = server->drained;
    pthread_mutex_unlock(&server->drain_lock);
    return all ? NETIPC_OK : netipc_fail(NETIPC_TIMED_OUT, "some requests are not answered yet");
}

static netipc_status await_drained(struct netipc_server *server, uint64_t timeout_ns)
{
    uint64_t end = netipc_add_saturating(netipc_os_monotonic_ns(), timeout_ns);
    const struct timespec until = {
        .tv_sec = end / 1000000000u > INT32_MAX ? INT32_MAX : (time_t)(end / 1000000000u),
        .tv_nsec = (long)(end % 1000000000u),
    };
    pthread_mutex_lock(&server->drain_lock);
    int error = 0;
    while (!server->drained && error == 0)
        error = pthread_cond_timedwait(&server->drain_change, &server->drain_lock, &until);
    pthread_mutex_unlock(&server->drain_lock);
    return drained(server);
}

netipc_status netipc_server_drain(netipc_server *server, uint64_t timeout_ns)
{
    netipc_status status = check_call(server);
    if (status != NETIPC_OK)
        return status;
    if (!server->started)
        return netipc_fail(NETIPC_WRONG_STATE, "the server has not started");
    status = check_outside(server);
    if (status != NETIPC_OK)
        return status;
    netipc_store(&server->draining, 1, release);
    netipc_event_loop_wake(&server->loop);
    if (server->has_thread)
        return await_drained(server, timeout_ns);
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    do {
        uint64_t left_ms = (timeout_ns - elapsed) / 1000000;
        status = turn(server, left_ms > 1000 ? 1000 : (int)left_ms);
        elapsed = netipc_os_monotonic_ns() - start;
    } while (status == NETIPC_OK && elapsed < timeout_ns && drained(server) != NETIPC_OK);
    return status == NETIPC_OK ? drained(server) : status;
}

netipc_status netipc_server_stats(const netipc_server *server, const char *service, netipc_service_info *info)
{
    netipc_status status = check_call(server);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_service *each = netipc_server_services(server);
    for (; service != NULL && each != NULL; each = each->next) {
        if (strcmp(each->name, service) != 0)
            continue;
        struct netipc_service_totals totals;
        netipc_service_totals(each, &totals);
        return netipc_sized_out(info, &totals.info, sizeof totals.info);
    }
    return netipc_fail(NETIPC_NOT_FOUND, "this server has no service %s", service != NULL ? service : "(NULL)");
}
