/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/subscriber_state.h"
#include "shm/detail.h"
#include "shm/wait.h"

/*
 * Waiting. The subscriber's owner and its other readers sleep on the same word; what differs is that the owner takes
 * the news of the session and may end it, while the others only look.
 */

static bool is_owner(const netipc_reader *reader)
{
    return reader == &reader->subscriber->own;
}

static netipc_status aborted(void)
{
    return netipc_fail(NETIPC_ABORTED, "an abort is in force");
}

/* What the reader's user has seen of the incarnation at hand: a generation of another one is no generation of this. */
static uint64_t seen_here(netipc_reader *reader, uint64_t generation)
{
    struct netipc_attachment *attachment = netipc_reader_pin(reader->subscriber, &reader->reading);
    const uint64_t *known = reader->known_incarnation;
    bool other =
        attachment != NULL && (known[0] != 0 || known[1] != 0) &&
        (attachment->view.identity.incarnation[0] != known[0] || attachment->view.identity.incarnation[1] != known[1]);
    netipc_reader_unpin(&reader->reading);
    return other ? 0 : generation;
}

static bool newer(netipc_reader *reader, uint64_t seen)
{
    struct netipc_attachment *attachment = netipc_reader_pin(reader->subscriber, &reader->reading);
    bool yes = false;
    if (attachment != NULL) {
        uint64_t latest = netipc_hot_generation(netipc_load(&attachment->view.header->latest, acquire));
        yes = latest != seen && latest != 0;
        if (yes)
            netipc_reader_know(reader, attachment);
    }
    netipc_reader_unpin(&reader->reading);
    return yes;
}

/* Sleeps until an abort, at most for pause_ns; sets *roused when the owner has something to show. */
static netipc_status pause_alone(netipc_subscriber *subscriber, uint64_t pause_ns)
{
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    while (elapsed < pause_ns && netipc_load(&subscriber->aborted, acquire) == 0) {
        netipc_os_wait(&subscriber->aborted, 0, pause_ns - elapsed);
        elapsed = netipc_os_monotonic_ns() - start;
    }
    return netipc_load(&subscriber->aborted, acquire) != 0 ? aborted() : NETIPC_OK;
}

/* Only a refresh can bring anything: sleeps for reconnect_ns or the timeout, and says outcome in the first case. */
static netipc_status wait_alone(netipc_reader *reader, uint64_t seen, uint64_t timeout_ns, netipc_status outcome)
{
    netipc_subscriber *subscriber = reader->subscriber;
    if (netipc_load(&subscriber->aborted, acquire) != 0)
        return aborted();
    if (newer(reader, seen))
        return NETIPC_OK;
    bool whole = timeout_ns <= subscriber->reconnect_ns;
    netipc_status status = pause_alone(subscriber, whole ? timeout_ns : subscriber->reconnect_ns);
    if (status != NETIPC_OK)
        return status;
    return whole ? netipc_fail(NETIPC_TIMED_OUT, "no publisher of %s within the timeout", subscriber->service)
                 : netipc_fail(outcome, "no session with a publisher of %s", subscriber->service);
}

/* The session is over. Said at once, unless it had only just begun: a publisher that lets everybody in and hangs up
 * must not make a loop of refresh and wait run hot. */
static netipc_status report_end(netipc_subscriber *subscriber, netipc_status end, uint64_t left_ns)
{
    uint64_t since = netipc_os_monotonic_ns() - subscriber->connected_ns;
    uint64_t pause = since < subscriber->reconnect_ns ? subscriber->reconnect_ns - since : 0;
    if (pause_alone(subscriber, pause < left_ns ? pause : left_ns) != NETIPC_OK)
        return NETIPC_ABORTED;
    return end;
}

static netipc_status closed(const netipc_subscriber *subscriber)
{
    return netipc_fail(NETIPC_CLOSED, "the publisher of %s closed", subscriber->service);
}

static netipc_status superseded(const netipc_subscriber *subscriber)
{
    return netipc_fail(NETIPC_SUPERSEDED, "the region of %s was replaced", subscriber->service);
}

/* The hot word ended the wait. NETIPC_UNCHANGED: by now there is another region, with nothing new in it. */
static netipc_status explain_change(netipc_reader *reader, uint64_t seen, uint64_t left_ns)
{
    netipc_subscriber *subscriber = reader->subscriber;
    if (newer(reader, seen))
        return NETIPC_OK;
    switch (netipc_hot_state(netipc_subscriber_hot(subscriber))) {
    case NETIPC_REGION_CLOSED:
        if (!is_owner(reader))
            return closed(subscriber);
        netipc_subscriber_end_session(subscriber, NETIPC_CLOSED);
        return report_end(subscriber, closed(subscriber), left_ns);
    case NETIPC_REGION_SUPERSEDED:
        return superseded(subscriber);
    default:
        return NETIPC_UNCHANGED;
    }
}

/* After a sleep: is the publisher alive? NETIPC_UNCHANGED: it is, and there is no news. */
static netipc_status look_after_publisher(netipc_reader *reader, uint64_t left_ns)
{
    netipc_subscriber *subscriber = reader->subscriber;
    if (is_owner(reader)) {
        bool move;
        netipc_status status = netipc_subscriber_look(subscriber, &move);
        if (status != NETIPC_OK)
            return report_end(subscriber, status, left_ns);
        return move ? superseded(subscriber) : NETIPC_UNCHANGED;
    }
    pthread_mutex_lock(&subscriber->session_lock);
    bool alive = netipc_client_alive(subscriber->watched_socket, subscriber->watched_pidfd);
    pthread_mutex_unlock(&subscriber->session_lock);
    return alive ? NETIPC_UNCHANGED
                 : netipc_fail(NETIPC_GONE, "the publisher of %s is gone, or ended the session", subscriber->service);
}

/* What a wait would find at once, and find again until the owner refreshes. NETIPC_OK: nothing of that kind. */
static netipc_status standing_state(netipc_reader *reader)
{
    netipc_subscriber *subscriber = reader->subscriber;
    if (is_owner(reader))
        return netipc_subscriber_in_session(subscriber) ? NETIPC_OK : NETIPC_DISCONNECTED;
    pthread_mutex_lock(&subscriber->session_lock);
    bool open = subscriber->watched_socket >= 0;
    pthread_mutex_unlock(&subscriber->session_lock);
    if (!open)
        return netipc_load(&subscriber->publisher_gone, acquire) ? NETIPC_GONE : NETIPC_DISCONNECTED;
    switch (netipc_hot_state(netipc_subscriber_hot(subscriber))) {
    case NETIPC_REGION_CLOSED:
        return NETIPC_CLOSED;
    case NETIPC_REGION_SUPERSEDED:
        return NETIPC_SUPERSEDED;
    default:
        return NETIPC_OK;
    }
}

static enum netipc_wait_end sleep_once(netipc_reader *reader, uint64_t seen, uint64_t spin_ns, uint64_t left_ns)
{
    netipc_subscriber *subscriber = reader->subscriber;
    const struct netipc_region_header *header = subscriber->hot_window;
    bool slept;
    enum netipc_wait_end end = netipc_wait_for_change(&header->latest, seen, netipc_subscriber_line(subscriber),
                                                      &subscriber->aborted, spin_ns < left_ns ? spin_ns : left_ns,
                                                      left_ns < subscriber->grace_ns ? left_ns : subscriber->grace_ns,
                                                      &subscriber->reader_count, &slept);
    netipc_count(&reader->totals.sleeps, slept);
    return end;
}

netipc_status netipc_subscriber_arm(netipc_subscriber *subscriber, uint64_t generation)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    netipc_reader *reader = &subscriber->own;
    uint64_t seen = seen_here(reader, generation);
    if (!netipc_subscriber_in_session(subscriber))
        return newer(reader, seen)
                   ? NETIPC_OK
                   : netipc_fail(NETIPC_DISCONNECTED, "no session with a publisher of %s", subscriber->service);
    /* As a waiter does: see wait.h. */
    netipc_fetch_or(&netipc_subscriber_line(subscriber)->doorbell, 1u, relaxed); /* W1 */
    netipc_fence(seq_cst);                                                       /* W2, pairs with P6 */
    return explain_change(reader, seen, 0);                                      /* W3 */
}

netipc_status netipc_subscriber_sleep(netipc_reader *reader, uint64_t generation, uint64_t timeout_ns)
{
    netipc_subscriber *subscriber = reader->subscriber;
    netipc_status status = standing_state(reader);
    if (status != NETIPC_OK)
        return wait_alone(reader, seen_here(reader, generation), timeout_ns, status);
    uint64_t start = netipc_os_monotonic_ns(), spin_ns = subscriber->spin_ns;
    for (uint64_t elapsed = 0; elapsed <= timeout_ns; elapsed = netipc_os_monotonic_ns() - start) {
        uint64_t left = timeout_ns - elapsed, seen = seen_here(reader, generation);
        enum netipc_wait_end end = sleep_once(reader, seen, spin_ns, left);
        spin_ns = 0;
        if (end == NETIPC_WAIT_ABORTED)
            return aborted();
        status = end == NETIPC_WAIT_CHANGED ? explain_change(reader, seen, left) : look_after_publisher(reader, left);
        if (status != NETIPC_UNCHANGED)
            return status;
        if (left == 0)
            break;
    }
    return netipc_fail(NETIPC_TIMED_OUT, "nothing new from the publisher of %s", subscriber->service);
}
