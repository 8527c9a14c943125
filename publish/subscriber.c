/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/subscriber.h>

#include "control/cancel.h"
#include "control/endpoint.h"
#include "publish/sized.h"
#include "publish/subscriber_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void netipc_subscriber_config_init(netipc_subscriber_config *config)
{
    *config = (netipc_subscriber_config){
        .size = sizeof *config,
        .leases = 0,
        .max_region_size = UINT64_C(16) << 30,
        .connect_timeout_ns = UINT64_C(5000000000),
        .reconnect_ns = 250000000,
        .grace_ns = 1000000000,
        .spin_ns = 10000,
    };
}

static netipc_status check_config(const netipc_subscriber_config *config)
{
    char path[NETIPC_SOCKET_PATH_MAX];
    netipc_status status = netipc_endpoint_path(config->run_dir, config->service, path);
    if (status != NETIPC_OK)
        return status;
    if (config->grace_ns < 1000000)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "grace of %llu ns, 1 ms is the least",
                           (unsigned long long)config->grace_ns);
    if (config->spin_ns > 1000000000)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "spin of %llu ns, 1 s is the most",
                           (unsigned long long)config->spin_ns);
    if (config->connect_timeout_ns == 0 || config->reconnect_ns == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "connect_timeout_ns and reconnect_ns must not be 0");
    if (config->leases > NETIPC_SESSION_LEASES)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u leases, 0 to %d are possible", config->leases,
                           NETIPC_SESSION_LEASES);
    if (config->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    return NETIPC_OK;
}

static netipc_status fill(netipc_subscriber *subscriber, const netipc_subscriber_config *config)
{
    subscriber->log = (struct netipc_log){config->log, config->log_context};
    subscriber->max_region_size = config->max_region_size;
    subscriber->connect_timeout_ns = config->connect_timeout_ns;
    subscriber->reconnect_ns = config->reconnect_ns;
    subscriber->grace_ns = config->grace_ns;
    subscriber->spin_ns = config->spin_ns;
    subscriber->leases = config->leases;
    subscriber->own.subscriber = subscriber;
    subscriber->light_barrier_is_fence = !netipc_os_heavy_barrier_ready();
    subscriber->run_dir = strdup(config->run_dir);
    subscriber->service = strdup(config->service);
    if (subscriber->run_dir == NULL || subscriber->service == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a subscriber");
    netipc_status status =
        netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &subscriber->client.uids);
    if (status == NETIPC_OK)
        status = netipc_fork_guard_arm(&subscriber->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_os_window_open(false, &subscriber->hot_window);
    if (status == NETIPC_OK)
        status = netipc_os_window_open(true, &subscriber->line_window);
    if (status == NETIPC_OK)
        status = netipc_cancel_open(&subscriber->cancel);
    if (status != NETIPC_OK)
        return status;
    subscriber->client.run_dir = subscriber->run_dir;
    subscriber->client.service = subscriber->service;
    subscriber->client.token = config->token;
    subscriber->client.cancel = subscriber->cancel;
    return NETIPC_OK;
}

netipc_status netipc_subscriber_open(const netipc_subscriber_config *given, netipc_subscriber **subscriber)
{
    if (subscriber == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the subscriber given");
    *subscriber = NULL;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status != NETIPC_OK)
        return status;
    netipc_subscriber *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a subscriber");
    opened->cancel = opened->watched_socket = opened->watched_pidfd = -1;
    pthread_mutex_init(&opened->readers_lock, NULL);
    pthread_mutex_init(&opened->session_lock, NULL);
    netipc_client_init(&opened->client);
    status = fill(opened, &config);
    if (status != NETIPC_OK) {
        netipc_subscriber_close(opened);
        return status;
    }
    *subscriber = opened;
    return NETIPC_OK;
}

void netipc_subscriber_close(netipc_subscriber *subscriber)
{
    if (subscriber == NULL)
        return;
    bool forked = subscriber->fork_guard.pid != 0 && netipc_fork_guard_forked(&subscriber->fork_guard);
    netipc_client_disconnect(&subscriber->client, forked);
    if (subscriber->client.poll >= 0)
        close(subscriber->client.poll);
    netipc_uid_list_free(&subscriber->client.uids);
    struct netipc_attachment *current = netipc_load(&subscriber->current, relaxed);
    if (current != NULL) {
        current->next = subscriber->old;
        subscriber->old = current;
    }
    while (subscriber->old != NULL) {
        struct netipc_attachment *next = subscriber->old->next;
        netipc_attachment_free(subscriber->old, forked);
        subscriber->old = next;
    }
    if (subscriber->hot_window != NULL)
        netipc_os_window_close(subscriber->hot_window);
    /* Fork does not inherit a session's page, and the child may have put something else at that address. */
    if (subscriber->line_window != NULL && !forked)
        netipc_os_window_close(subscriber->line_window);
    if (subscriber->cancel >= 0)
        netipc_cancel_close(subscriber->cancel);
    if (!forked) {
        pthread_mutex_destroy(&subscriber->readers_lock);
        pthread_mutex_destroy(&subscriber->session_lock);
    }
    netipc_fork_guard_disarm(&subscriber->fork_guard);
    free(subscriber->run_dir);
    free(subscriber->service);
    free(subscriber);
}

netipc_status netipc_subscriber_check(const netipc_subscriber *subscriber)
{
    if (subscriber == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no subscriber given");
    if (netipc_fork_guard_forked(&subscriber->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this subscriber belongs to the parent process");
    return NETIPC_OK;
}

static netipc_status aborted(void)
{
    return netipc_fail(NETIPC_ABORTED, "an abort is in force");
}

/* --- the attachment --- */

bool netipc_subscriber_in_session(const netipc_subscriber *subscriber)
{
    return subscriber->client.socket >= 0;
}

uint64_t netipc_subscriber_hot(const netipc_subscriber *subscriber)
{
    const struct netipc_region_header *header = subscriber->hot_window;
    return netipc_load(&header->latest, acquire); /* pairs with P4 of ring_publisher.h */
}

static struct netipc_attachment *at_hand(const netipc_subscriber *subscriber)
{
    return netipc_load(&subscriber->current, relaxed);
}

/* Ends every sleep that began before what has changed. Async-signal-safe. */
static void tell_news(netipc_subscriber *subscriber)
{
    netipc_fetch_add(&subscriber->news, 1u, seq_cst);
    netipc_os_wake_all(&subscriber->news);
}

/* From here on other threads may look at the session's descriptors, or not any more. */
static void let_watch(netipc_subscriber *subscriber, int socket, int pidfd)
{
    pthread_mutex_lock(&subscriber->session_lock);
    subscriber->watched_socket = socket;
    subscriber->watched_pidfd = pidfd;
    pthread_mutex_unlock(&subscriber->session_lock);
}

void netipc_subscriber_end_session(netipc_subscriber *subscriber, netipc_status why)
{
    netipc_log_field fields[] = {{"status", netipc_status_name(why), 0}, {"pid", NULL, subscriber->client.peer.pid}};
    netipc_log_event(&subscriber->log, NETIPC_LOG_INFO, "publisher-left", fields, 2);
    /* A region that has ended is written no more either. */
    bool frozen =
        netipc_peer_died(subscriber->client.peer.pidfd) || netipc_hot_ended(netipc_subscriber_hot(subscriber));
    if (subscriber->session_ordinal != 0) {
        struct netipc_attachment *attachment = at_hand(subscriber);
        netipc_store(&attachment->protection, frozen ? NETIPC_PROTECTION_FROZEN : NETIPC_PROTECTION_LOST, release);
        if (why == NETIPC_GONE) {
            netipc_store(&attachment->publisher_gone, 1, release);
            subscriber->publishers_gone++;
        }
    }
    let_watch(subscriber, -1, -1);
    netipc_client_disconnect(&subscriber->client, false);
    subscriber->session_ordinal = 0;
    subscriber->superseded_told = false;
    subscriber->state = NETIPC_STATE_DISCONNECTED;
    struct netipc_attachment *attachment = at_hand(subscriber);
    tell_news(subscriber);
    if (attachment != NULL)
        netipc_wait_interrupt(attachment->session->line);
}

/* --- attachments --- */

/* O3 of attachment.h. */
static bool in_use(netipc_subscriber *subscriber, const struct netipc_attachment *attachment)
{
    for (netipc_reader *reader = subscriber->readers; reader != NULL; reader = reader->next)
        if (netipc_load(&reader->reading, acquire) == attachment ||
            netipc_load(&reader->viewing, acquire) == attachment)
            return true;
    return false;
}

/* O2. */
static bool pass_barrier(const netipc_subscriber *subscriber)
{
    if (!subscriber->light_barrier_is_fence)
        return netipc_os_heavy_barrier();
    netipc_fence(seq_cst);
    return true;
}

/* Unmaps what no reader uses any more. Asked twice: the first answer says whether the barrier is worth its price. */
static void reclaim(netipc_subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->readers_lock);
    for (struct netipc_attachment **at = &subscriber->old; *at != NULL;) {
        struct netipc_attachment *attachment = *at;
        if (in_use(subscriber, attachment) || !pass_barrier(subscriber) || in_use(subscriber, attachment)) {
            at = &attachment->next;
            continue;
        }
        *at = attachment->next;
        netipc_attachment_free(attachment, false);
    }
    pthread_mutex_unlock(&subscriber->readers_lock);
}

/* Shows the region, and the page of a new session, to the threads that poll and sleep. */
static netipc_status show(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                          struct netipc_session_map *session)
{
    netipc_status status = NETIPC_OK;
    if (session->spare != NULL) {
        status = netipc_os_window_move(subscriber->line_window, session->spare);
        session->spare = NULL;
        if (status == NETIPC_OK)
            netipc_store(&subscriber->line_offset, region->line_offset, relaxed);
    }
    /* Last, since from then on polls and reads must speak of the same region. */
    return status == NETIPC_OK ? netipc_os_window_show(subscriber->hot_window, region->region_fd) : status;
}

/* Puts a mapped and confirmed region in the place of the one at hand. */
static netipc_status adopt(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                           struct netipc_attachment *attachment)
{
    netipc_status status = show(subscriber, region, attachment->session);
    if (status != NETIPC_OK)
        return status;
    struct netipc_attachment *before = at_hand(subscriber);
    netipc_store(&subscriber->current, attachment, release); /* O1 */
    let_watch(subscriber, subscriber->client.socket, subscriber->client.peer.pidfd);
    tell_news(subscriber);
    if (before != NULL) {
        before->next = subscriber->old;
        subscriber->old = before;
        netipc_wait_interrupt(before->session->line);
    }
    subscriber->session_ordinal = region->ordinal;
    subscriber->superseded_told = false;
    subscriber->attaches++;
    netipc_log_field fields[] = {{"ordinal", NULL, region->ordinal},
                                 {"region_size", NULL, region->region_size},
                                 {"lease_quota", NULL, region->lease_quota}};
    netipc_log_event(&subscriber->log, NETIPC_LOG_INFO, "attached", fields, 3);
    return NETIPC_OK;
}

static netipc_status make_attachment(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                                     struct netipc_attachment **attachment)
{
    struct netipc_region_view view;
    struct netipc_session_map *session = region->page_fd < 0 ? at_hand(subscriber)->session : NULL;
    netipc_status status =
        netipc_region_attach(region->region_fd, region->region_size, subscriber->max_region_size, &view);
    if (status != NETIPC_OK)
        return status;
    if (view.identity.ordinal != region->ordinal || view.identity.incarnation[0] != region->incarnation[0] ||
        view.identity.incarnation[1] != region->incarnation[1])
        status = netipc_fail(NETIPC_CORRUPT, "the region is not the one that was announced (ordinal %llu)",
                             (unsigned long long)region->ordinal);
    if (status == NETIPC_OK && session == NULL)
        status = netipc_session_map_join(region->page_fd, region->page_size, region->line_offset, &session);
    if (status == NETIPC_OK) {
        *attachment = netipc_attachment_new(&view, session, region->lease_quota);
        if (*attachment != NULL)
            return NETIPC_OK;
        status = netipc_fail(NETIPC_NO_MEMORY, "no memory for an attachment");
        netipc_session_map_drop(session, false);
    }
    netipc_region_detach(&view, false);
    return status;
}

static netipc_status map_and_confirm(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                                     uint64_t deadline_ns)
{
    struct netipc_attachment *attachment;
    netipc_status status = make_attachment(subscriber, region, &attachment);
    if (status != NETIPC_OK)
        return status;
    status = netipc_client_confirm(&subscriber->client, region->ordinal, deadline_ns);
    if (status == NETIPC_OK && region->page_fd >= 0)
        status = netipc_os_memory_verify(region->page_fd, region->page_size);
    if (status == NETIPC_OK)
        status = adopt(subscriber, region, attachment);
    if (status != NETIPC_OK)
        netipc_attachment_free(attachment, false);
    return status;
}

static netipc_status attach(netipc_subscriber *subscriber, uint64_t deadline_ns)
{
    struct netipc_client_region region;
    const struct netipc_client_wish wish = {.have_ordinal = subscriber->session_ordinal,
                                            .max_region_size = subscriber->max_region_size,
                                            .lease_words = subscriber->leases};
    netipc_status status = netipc_client_attach(&subscriber->client, &wish, deadline_ns, &region);
    if (status == NETIPC_UNCHANGED && netipc_hot_state(netipc_subscriber_hot(subscriber)) == NETIPC_REGION_SUPERSEDED)
        return netipc_fail(NETIPC_PROTOCOL, "region %llu of %s is superseded, and there is no other",
                           (unsigned long long)subscriber->session_ordinal, subscriber->service);
    if (status == NETIPC_UNCHANGED) {
        subscriber->superseded_told = false;
        return NETIPC_OK;
    }
    if (status != NETIPC_OK)
        return status;
    status = map_and_confirm(subscriber, &region, deadline_ns);
    close(region.region_fd);
    if (region.page_fd >= 0)
        close(region.page_fd);
    return status;
}

static netipc_subscriber_state state_after(netipc_status failure)
{
    switch (failure) {
    case NETIPC_NOT_FOUND:
        return NETIPC_STATE_NOT_FOUND;
    case NETIPC_AUTH_FAILED:
    case NETIPC_UNSAFE_DIRECTORY:
    case NETIPC_PERMISSION_DENIED:
        return NETIPC_STATE_AUTH_FAILED;
    case NETIPC_INCOMPATIBLE:
    case NETIPC_UNSUPPORTED:
        return NETIPC_STATE_INCOMPATIBLE;
    case NETIPC_ABORTED:
    case NETIPC_GONE:
    case NETIPC_CLOSED:
        return NETIPC_STATE_DISCONNECTED;
    default:
        return NETIPC_STATE_BROKEN;
    }
}

netipc_status netipc_subscriber_look(netipc_subscriber *subscriber, bool *move)
{
    uint32_t region_state = netipc_hot_state(netipc_subscriber_hot(subscriber));
    netipc_status news = region_state == NETIPC_REGION_CLOSED ? NETIPC_CLOSED : netipc_client_look(&subscriber->client);
    if (news == NETIPC_SUPERSEDED)
        subscriber->superseded_told = true;
    *move = subscriber->superseded_told || region_state == NETIPC_REGION_SUPERSEDED;
    if (news == NETIPC_OK || news == NETIPC_SUPERSEDED)
        return NETIPC_OK;
    netipc_subscriber_end_session(subscriber, news);
    return news;
}

static netipc_status bring_up_to_date(netipc_subscriber *subscriber)
{
    netipc_status status;
    if (netipc_subscriber_in_session(subscriber)) {
        bool move;
        status = netipc_subscriber_look(subscriber, &move);
        if (status == NETIPC_OK && !move)
            return NETIPC_OK;
    }
    /* A resume may have left behind what the abort before it fired; an abort stores first and fires then. */
    netipc_cancel_clear(subscriber->cancel);
    if (netipc_load(&subscriber->aborts, acquire) % 2 != 0)
        return aborted();
    uint64_t now_ns = netipc_os_monotonic_ns();
    uint64_t deadline_ns = netipc_add_saturating(now_ns, subscriber->connect_timeout_ns);
    subscriber->state = NETIPC_STATE_CONNECTING;
    status = NETIPC_OK;
    if (subscriber->client.socket < 0) {
        subscriber->connected_ns = now_ns;
        subscriber->connects++;
        status = netipc_client_connect(&subscriber->client, deadline_ns);
    }
    if (status == NETIPC_OK)
        status = attach(subscriber, deadline_ns);
    if (status == NETIPC_OK && netipc_hot_state(netipc_subscriber_hot(subscriber)) == NETIPC_REGION_CLOSED)
        status = netipc_fail(NETIPC_CLOSED, "the publisher of %s closes", subscriber->service);
    if (status != NETIPC_OK && netipc_subscriber_in_session(subscriber))
        netipc_subscriber_end_session(subscriber, status);
    subscriber->state = status == NETIPC_OK ? NETIPC_STATE_READY : state_after(status);
    return status;
}

static bool latest_is_new(netipc_subscriber *subscriber)
{
    const struct netipc_attachment *attachment = at_hand(subscriber);
    if (attachment == NULL)
        return false;
    const uint64_t *incarnation = attachment->view.identity.incarnation;
    uint64_t generation = netipc_hot_generation(netipc_subscriber_hot(subscriber));
    if (generation == 0 ||
        (generation == subscriber->seen_generation && incarnation[0] == subscriber->seen_incarnation[0] &&
         incarnation[1] == subscriber->seen_incarnation[1]))
        return false;
    subscriber->seen_generation = generation;
    memcpy(subscriber->seen_incarnation, incarnation, sizeof subscriber->seen_incarnation);
    return true;
}

/* What the publisher has sent is taken all the same, or an event loop would be woken by it for ever. */
static netipc_status end_by_abort(netipc_subscriber *subscriber)
{
    bool move;
    if (netipc_subscriber_in_session(subscriber))
        (void)netipc_subscriber_look(subscriber, &move);
    return aborted();
}

netipc_status netipc_subscriber_refresh(netipc_subscriber *subscriber, int *changed)
{
    if (changed != NULL)
        *changed = 0;
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    if (netipc_load(&subscriber->aborts, acquire) % 2 != 0)
        status = end_by_abort(subscriber);
    else
        status = bring_up_to_date(subscriber);
    if (status != NETIPC_OK)
        subscriber->last_error = status;
    reclaim(subscriber);
    bool is_new = latest_is_new(subscriber);
    if (changed != NULL && is_new) {
        *changed = 1;
        netipc_reader_know(&subscriber->own, at_hand(subscriber));
    }
    return status;
}

/* --- reading and waiting --- */

uint64_t netipc_subscriber_generation(const netipc_subscriber *subscriber)
{
    return netipc_hot_generation(netipc_subscriber_hot(subscriber));
}

netipc_status netipc_subscriber_read(netipc_subscriber *subscriber, void *buffer, size_t capacity,
                                     netipc_snapshot_info *info)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    if (buffer == NULL && capacity > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no buffer given for %zu bytes", capacity);
    if (info != NULL && info->size < sizeof info->size)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "the size of info is not set");
    return netipc_reader_copy(&subscriber->own, at_hand(subscriber), NETIPC_LATEST, buffer, capacity, info);
}

netipc_status netipc_subscriber_wait(netipc_subscriber *subscriber, uint64_t generation, uint64_t timeout_ns)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    return status == NETIPC_OK ? netipc_subscriber_sleep(&subscriber->own, generation, timeout_ns) : status;
}

int netipc_subscriber_fd(netipc_subscriber *subscriber)
{
    if (netipc_subscriber_check(subscriber) != NETIPC_OK || netipc_client_open_poll(&subscriber->client) != NETIPC_OK)
        return -1;
    return subscriber->client.poll;
}

void netipc_subscriber_abort(netipc_subscriber *subscriber)
{
    if (subscriber == NULL || netipc_fork_guard_forked(&subscriber->fork_guard))
        return;
    netipc_fetch_or(&subscriber->aborts, 1u, seq_cst);
    tell_news(subscriber);
    /* Who sleeps on the page of a session. When the owner changes that page meanwhile, it interrupts the old page's
     * sleepers itself, and the word added to here is a wake word or a reserved one. */
    netipc_fence(seq_cst);
    uint32_t offset = netipc_load(&subscriber->line_offset, relaxed);
    netipc_wait_interrupt((struct netipc_session_line *)(void *)((unsigned char *)subscriber->line_window + offset));
    netipc_cancel_fire(subscriber->cancel);
}

void netipc_subscriber_resume(netipc_subscriber *subscriber)
{
    if (netipc_subscriber_check(subscriber) != NETIPC_OK || netipc_load(&subscriber->aborts, relaxed) % 2 == 0)
        return;
    netipc_fetch_add(&subscriber->aborts, 1u, seq_cst);
    netipc_cancel_clear(subscriber->cancel);
}
