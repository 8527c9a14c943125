/* SPDX-License-Identifier: Apache-2.0 */
/* How a subscriber's owner brings it up to date: the session, the region at hand, and what has been replaced. */
#include <netipc/subscriber.h>

#include "control/cancel.h"
#include "publish/placement_notes.h"
#include "publish/subscriber_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/wait.h"

#include <string.h>
#include <unistd.h>

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
        struct netipc_attachment *attachment = netipc_subscriber_at_hand(subscriber);
        netipc_store(&attachment->protection, frozen ? NETIPC_PROTECTION_FROZEN : NETIPC_PROTECTION_LOST, release);
        if (why == NETIPC_GONE) {
            netipc_store(&attachment->publisher_gone, 1, release);
            subscriber->publishers_gone++;
        }
    }
    let_watch(subscriber, -1, -1);
    netipc_subscription_disconnect(&subscriber->client, false);
    subscriber->session_ordinal = 0;
    subscriber->superseded_told = false;
    subscriber->state = NETIPC_STATE_DISCONNECTED;
    struct netipc_attachment *attachment = netipc_subscriber_at_hand(subscriber);
    netipc_subscriber_tell_news(subscriber);
    if (attachment != NULL)
        netipc_wait_interrupt(attachment->session->line);
}

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
static netipc_status show(netipc_subscriber *subscriber, const struct netipc_region_region *region,
                          struct netipc_session_map *session)
{
    netipc_status status = NETIPC_OK;
    if (session->spare != NULL) {
        status = netipc_os_window_move(subscriber->line_window, session->spare);
        session->spare = NULL;
        if (status == NETIPC_OK)
            netipc_store(&subscriber->line_offset, region->line_offset, relaxed);
    }
    /* Last, close to O1: in between, polls speak of this region already and other threads' reads of the one before. */
    return status == NETIPC_OK ? netipc_os_window_show(subscriber->hot_window, region->region_fd) : status;
}

/* Puts a mapped and confirmed region in the place of the one at hand. */
static netipc_status adopt(netipc_subscriber *subscriber, const struct netipc_region_region *region,
                           struct netipc_attachment *attachment)
{
    netipc_status status = show(subscriber, region, attachment->session);
    if (status != NETIPC_OK)
        return status;
    struct netipc_attachment *before = netipc_subscriber_at_hand(subscriber);
    netipc_store(&subscriber->current, attachment, release); /* O1 */
    let_watch(subscriber, subscriber->client.socket, subscriber->client.peer.pidfd);
    netipc_subscriber_tell_news(subscriber);
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
    netipc_placement_log(&subscriber->log, &attachment->view.placement, region->ordinal, region->region_size);
    return NETIPC_OK;
}

static netipc_status make_attachment(netipc_subscriber *subscriber, const struct netipc_region_region *region,
                                     struct netipc_attachment **attachment)
{
    struct netipc_region_view view;
    struct netipc_session_map *session = region->page_fd < 0 ? netipc_subscriber_at_hand(subscriber)->session : NULL;
    netipc_status status = netipc_region_attach(region->region_fd, region->region_size, subscriber->max_region_size,
                                                subscriber->placement, &view);
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

static netipc_status map_and_confirm(netipc_subscriber *subscriber, const struct netipc_region_region *region,
                                     uint64_t deadline_ns)
{
    struct netipc_attachment *attachment;
    netipc_status status = make_attachment(subscriber, region, &attachment);
    if (status != NETIPC_OK)
        return status;
    status = netipc_subscription_confirm(&subscriber->client, region->ordinal, deadline_ns);
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
    struct netipc_region_region region;
    const struct netipc_region_wish wish = {.have_ordinal = subscriber->session_ordinal,
                                            .max_region_size = subscriber->max_region_size,
                                            .lease_words = subscriber->leases};
    netipc_status status = netipc_subscription_attach(&subscriber->client, &wish, deadline_ns, &region);
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
    netipc_status news =
        region_state == NETIPC_REGION_CLOSED ? NETIPC_CLOSED : netipc_subscription_look(&subscriber->client);
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
        return netipc_aborted();
    uint64_t now_ns = netipc_os_monotonic_ns();
    uint64_t deadline_ns = netipc_add_saturating(now_ns, subscriber->connect_timeout_ns);
    subscriber->state = NETIPC_STATE_CONNECTING;
    status = NETIPC_OK;
    if (subscriber->client.socket < 0) {
        subscriber->connected_ns = now_ns;
        subscriber->connects++;
        status = netipc_subscription_connect(&subscriber->client, deadline_ns);
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
    const struct netipc_attachment *attachment = netipc_subscriber_at_hand(subscriber);
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
    return netipc_aborted();
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
        netipc_reader_know(&subscriber->own, netipc_subscriber_at_hand(subscriber));
    }
    return status;
}
