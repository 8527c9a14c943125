/* SPDX-License-Identifier: Apache-2.0 */
/* Event sources of the user's own in a server's loop. */
#include "control/server_state.h"
#include "shm/detail.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct netipc_watch {
    struct netipc_watch *next;
    struct netipc_server *server; /* NULL: unwatched */
    struct netipc_source source;
    int fd;
    netipc_on_event on_event;
    void *context;
};

static_assert((int)NETIPC_WATCH_READABLE == (int)NETIPC_READABLE &&
                  (int)NETIPC_WATCH_WRITABLE == (int)NETIPC_WRITABLE &&
                  (int)NETIPC_WATCH_HUNG_UP == (int)NETIPC_HUNG_UP &&
                  (int)NETIPC_WATCH_PRIORITY == (int)NETIPC_PRIORITY,
              "the loop's own events");

static void happened(struct netipc_source *source, uint32_t events)
{
    struct netipc_watch *watch = netipc_source_owner(source, struct netipc_watch, source);
    if (watch->server != NULL) /* else unwatched in this very turn */
        watch->on_event(watch->context, watch->fd, events);
}

static netipc_status check_events(uint32_t events)
{
    const uint32_t possible = NETIPC_WATCH_READABLE | NETIPC_WATCH_WRITABLE | NETIPC_WATCH_PRIORITY;
    if (events == 0 || (events & ~possible) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "events 0x%x are none of NETIPC_WATCH_", events);
    return NETIPC_OK;
}

/* From netipc_server_watch() and _rewatch(), when the system has refused. */
static netipc_status refused(int fd)
{
    switch (errno) {
    case EBADF:
    case EPERM:
    case EEXIST:
    case EINVAL:
    case ELOOP:
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "descriptor %d is not open, cannot be polled, or is watched already", fd);
    case ENOSPC:
        return netipc_fail(NETIPC_NO_DESCRIPTORS, "no watch is left for descriptor %d", fd);
    default:
        return netipc_fail_errno(errno, "watch descriptor %d", fd);
    }
}

netipc_status netipc_server_watch(netipc_server *server, int fd, uint32_t events, netipc_on_event on_event,
                                  void *context, netipc_watch **watch)
{
    if (server == NULL || on_event == NULL || watch == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no server, function or place for the watch given");
    *watch = NULL;
    if (netipc_fork_guard_forked(&server->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this server belongs to the parent process");
    netipc_status status = check_events(events);
    if (status != NETIPC_OK)
        return status;
    struct netipc_watch *made = calloc(1, sizeof *made);
    if (made == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a watch");
    *made = (struct netipc_watch){
        .next = server->watches,
        .server = server,
        .source.happened = happened,
        .fd = fd,
        .on_event = on_event,
        .context = context,
    };
    if (!netipc_event_loop_add(&server->loop, fd, events, &made->source)) {
        status = refused(fd);
        free(made);
        return status;
    }
    server->watches = made;
    *watch = made;
    return NETIPC_OK;
}

netipc_status netipc_server_rewatch(netipc_watch *watch, uint32_t events)
{
    if (watch == NULL || watch->server == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no watch given");
    if (netipc_fork_guard_forked(&watch->server->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this server belongs to the parent process");
    netipc_status status = check_events(events);
    if (status == NETIPC_OK && !netipc_event_loop_change(&watch->server->loop, watch->fd, events, &watch->source))
        status = refused(watch->fd);
    return status;
}

void netipc_server_unwatch(netipc_watch *watch)
{
    if (watch == NULL || watch->server == NULL)
        return;
    struct netipc_server *server = watch->server;
    struct netipc_watch **at = &server->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    if (!netipc_fork_guard_forked(&server->fork_guard))
        netipc_event_loop_remove(&server->loop, watch->fd);
    watch->server = NULL;
    watch->next = server->unwatched;
    server->unwatched = watch;
}

static void free_list(struct netipc_watch **first)
{
    while (*first != NULL) {
        struct netipc_watch *watch = *first;
        *first = watch->next;
        free(watch);
    }
}

void netipc_server_free_watches(struct netipc_server *server, bool all)
{
    free_list(&server->unwatched);
    if (all)
        free_list(&server->watches);
}
