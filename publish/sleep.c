/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/subscriber_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/wait.h"

/*
 * Waiting. The subscriber's owner and its other readers sleep on the same word; what differs is that the owner takes
 * the news of the session and may end it, while the others only look. A wait goes in rounds: each uses one attachment,
 * pinned (attachment.h), and ends when the owner puts another in its place, or when somebody aborts (both move the news
 * word on).
 */

enum { LINE = 64, FETCHED_MOST = 1024 };

struct round {
    netipc_reader *reader;
    struct netipc_attachment *attachment; /* NULL: never attached */
    uint64_t seen;                        /* of the incarnation at hand */
    uint32_t news, aborts;                /* as they were when the round, and the wait, began */
    uint64_t spin_ns, left_ns;
    uint64_t start_ns, deadline_ns; /* of the whole wait */
};

static bool is_owner(const netipc_reader *reader)
{
    return reader == &reader->subscriber->own;
}

/* What the reader's user has seen of this attachment: a generation of another incarnation is no generation of this. */
static uint64_t seen_here(const netipc_reader *reader, const struct netipc_attachment *attachment, uint64_t generation)
{
    if (attachment == NULL)
        return 0;
    const uint64_t *known = reader->known_incarnation, *here = attachment->view.identity.incarnation;
    return (known[0] == 0 && known[1] == 0) || (known[0] == here[0] && known[1] == here[1]) ? generation : 0;
}

static uint64_t hot_word(const struct netipc_attachment *attachment)
{
    return netipc_load(&attachment->view.header->latest, acquire); /* pairs with P4 of ring_publisher.h */
}

/* Whether there is something newer; then the user is told of it. */
static bool newer(netipc_reader *reader, const struct netipc_attachment *attachment, uint64_t seen)
{
    if (attachment == NULL)
        return false;
    uint64_t latest = netipc_hot_generation(hot_word(attachment));
    if (latest == seen || latest == 0)
        return false;
    netipc_reader_know(reader, attachment);
    return true;
}

static netipc_status ended(const netipc_subscriber *subscriber, netipc_status how)
{
    switch (how) {
    case NETIPC_CLOSED:
        return netipc_fail(how, "the publisher of %s closed", subscriber->service);
    case NETIPC_SUPERSEDED:
        return netipc_fail(how, "the region of %s was replaced", subscriber->service);
    case NETIPC_GONE:
        return netipc_fail(how, "the publisher of %s is gone", subscriber->service);
    default:
        return netipc_fail(how, "no session with a publisher of %s", subscriber->service);
    }
}

/* What a wait would find at once, and again and again until the owner refreshes. NETIPC_OK: nothing of that kind. */
static netipc_status standing_state(const struct round *round)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    if (is_owner(round->reader))
        return netipc_subscriber_in_session(subscriber) ? NETIPC_OK : NETIPC_DISCONNECTED;
    if (round->attachment == NULL)
        return NETIPC_DISCONNECTED;
    uint32_t state = netipc_hot_state(hot_word(round->attachment));
    if (state == NETIPC_REGION_CLOSED)
        return NETIPC_CLOSED;
    if (netipc_load(&round->attachment->publisher_gone, acquire) != 0)
        return NETIPC_GONE;
    if (netipc_load(&round->attachment->protection, acquire) != NETIPC_PROTECTION_LEASES)
        return NETIPC_DISCONNECTED;
    return state == NETIPC_REGION_SUPERSEDED ? NETIPC_SUPERSEDED : NETIPC_OK;
}

/* Sleeps until there is news, at most for pause_ns. */
static void pause_for_news(netipc_subscriber *subscriber, uint32_t news, uint64_t pause_ns)
{
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    while (elapsed < pause_ns && netipc_load(&subscriber->news, acquire) == news) {
        netipc_os_wait(&subscriber->news, news, pause_ns - elapsed);
        elapsed = netipc_os_monotonic_ns() - start;
    }
}

/* The owner's session is over. Said at once, unless it had only just begun: a publisher that lets everybody in and
 * hangs up must not make a loop of refresh and wait run hot. */
static netipc_status report_end(const struct round *round, netipc_status end)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    /* What the end of the session itself has told is no news here; an abort is, and it is looked for afterwards. */
    uint32_t news = netipc_load(&subscriber->news, acquire);
    if (netipc_load(&subscriber->aborts, acquire) != round->aborts)
        return NETIPC_ABORTED;
    uint64_t now = netipc_os_monotonic_ns(), since = now - subscriber->connected_ns;
    uint64_t pause = since < subscriber->reconnect_ns ? subscriber->reconnect_ns - since : 0;
    uint64_t left = now < round->deadline_ns ? round->deadline_ns - now : 0;
    pause_for_news(subscriber, news, pause < left ? pause : left);
    return end;
}

/* The hot word ended the wait. NETIPC_UNCHANGED: it did not, after all. */
static netipc_status explain_change(const struct round *round)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    if (newer(round->reader, round->attachment, round->seen))
        return NETIPC_OK;
    switch (netipc_hot_state(hot_word(round->attachment))) {
    case NETIPC_REGION_CLOSED:
        if (!is_owner(round->reader))
            return ended(subscriber, NETIPC_CLOSED);
        netipc_subscriber_end_session(subscriber, NETIPC_CLOSED);
        return report_end(round, ended(subscriber, NETIPC_CLOSED));
    case NETIPC_REGION_SUPERSEDED:
        return ended(subscriber, NETIPC_SUPERSEDED);
    default:
        return NETIPC_UNCHANGED;
    }
}

/* After a sleep: is the publisher alive? NETIPC_UNCHANGED: it is, and there is no news. */
static netipc_status look_after_publisher(const struct round *round)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    if (is_owner(round->reader)) {
        bool move;
        netipc_status status = netipc_subscriber_look(subscriber, &move);
        if (status != NETIPC_OK) /* it may have published before it went */
            return newer(round->reader, round->attachment, round->seen) ? NETIPC_OK : report_end(round, status);
        return move ? ended(subscriber, NETIPC_SUPERSEDED) : NETIPC_UNCHANGED;
    }
    pthread_mutex_lock(&subscriber->session_lock);
    bool open = subscriber->watched_socket >= 0;
    bool alive = open && netipc_subscription_alive(subscriber->watched_socket, subscriber->watched_pidfd);
    bool dead = open && netipc_peer_died(subscriber->watched_pidfd);
    pthread_mutex_unlock(&subscriber->session_lock);
    if (alive || !open) /* without a session the standing state says what is so */
        return NETIPC_UNCHANGED;
    if (newer(round->reader, round->attachment, round->seen))
        return NETIPC_OK;
    return ended(subscriber, dead ? NETIPC_GONE : NETIPC_DISCONNECTED);
}

static uint64_t spin_budget(const netipc_reader *reader, uint64_t now_ns)
{
    const netipc_subscriber *subscriber = reader->subscriber;
    if (subscriber->spin_is_fixed)
        return subscriber->spin_ns;
    return netipc_pace_spin_ns(&reader->pace, now_ns, subscriber->spin_ns);
}

/* Only who was asleep looks at the clock: a spin knows well enough when it ended, and what was there already when the
 * wait began has come some time before. */
static void learn_pace(const struct round *round, const struct netipc_wait_effort *effort)
{
    uint64_t now = effort->slept ? netipc_os_monotonic_ns() : effort->spun ? effort->looked_ns : round->start_ns;
    netipc_pace_learn(&round->reader->pace, netipc_hot_generation(hot_word(round->attachment)), now);
}

/* The slot that the hot word names, which is not to be trusted. */
static bool latest_slot(const struct netipc_region_view *view, uint32_t *slot)
{
    *slot = netipc_hot_slot(netipc_load(&view->header->latest, relaxed));
    return *slot < view->geometry.slot_count;
}

/* How many bytes the next snapshot is likely to have, or a part of them: as the one before, whose header is at hand. */
static uint64_t likely_length(const struct netipc_region_view *view)
{
    uint32_t slot;
    if (!latest_slot(view, &slot))
        return 0;
    uint64_t length = netipc_load(&view->slots[slot].payload_length, relaxed);
    uint64_t most = view->geometry.capacity < FETCHED_MOST ? view->geometry.capacity : FETCHED_MOST;
    return length < most ? length : most;
}

/* The read that follows needs these lines: they are on their way while the wait ends, and the read need not first learn
 * the length. Should it find another slot than this one, nothing is lost. */
static void fetch_latest(const struct netipc_region_view *view, uint64_t length)
{
    uint32_t slot;
    if (!latest_slot(view, &slot))
        return;
    __builtin_prefetch(&view->slots[slot]);
    for (uint64_t at = 0; at < length; at += LINE)
        __builtin_prefetch(view->data + slot * view->geometry.slot_stride + at);
}

static netipc_status sleep_attached(const struct round *round)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    uint64_t spin_ns = round->spin_ns < round->left_ns ? round->spin_ns : round->left_ns;
    uint64_t rest_ns = round->left_ns - spin_ns; /* the spin counts against the caller's time */
    const struct netipc_wait wait = {
        .latest = &round->attachment->view.header->latest,
        .generation = round->seen,
        .line = round->attachment->session->line,
        .news = &subscriber->news,
        .expected_news = round->news,
        .others = &subscriber->reader_count,
        .passed_on = &round->attachment->session->passed_on,
        .spin_ns = spin_ns,
        .sleep_ns = rest_ns < subscriber->grace_ns ? rest_ns : subscriber->grace_ns,
    };
    const struct netipc_region_view *view = &round->attachment->view;
    uint64_t length = likely_length(view);
    struct netipc_wait_effort effort;
    enum netipc_wait_end end = netipc_wait_for_change(&wait, &effort);
    fetch_latest(view, length);
    netipc_count(&round->reader->totals.spins, effort.spun);
    netipc_count(&round->reader->totals.sleeps, effort.slept);
    if (end == NETIPC_WAIT_INTERRUPTED)
        return NETIPC_UNCHANGED;
    if (end == NETIPC_WAIT_CHANGED)
        learn_pace(round, &effort);
    return end == NETIPC_WAIT_CHANGED ? explain_change(round) : look_after_publisher(round);
}

/* Only a refresh can bring anything. alone_ns: how long this wait has slept in such a state. */
static netipc_status sleep_alone(const struct round *round, netipc_status standing, uint64_t *alone_ns)
{
    netipc_subscriber *subscriber = round->reader->subscriber;
    if (newer(round->reader, round->attachment, round->seen))
        return NETIPC_OK;
    uint64_t due = subscriber->reconnect_ns - *alone_ns, start = netipc_os_monotonic_ns();
    pause_for_news(subscriber, round->news, due < round->left_ns ? due : round->left_ns);
    *alone_ns += netipc_os_monotonic_ns() - start;
    if (*alone_ns >= subscriber->reconnect_ns || netipc_load(&subscriber->news, acquire) == round->news)
        return ended(subscriber, standing);
    return NETIPC_UNCHANGED;
}

netipc_status netipc_subscriber_sleep(netipc_reader *reader, uint64_t generation, uint64_t timeout_ns)
{
    netipc_subscriber *subscriber = reader->subscriber;
    struct round round = {.reader = reader};
    uint32_t aborts = netipc_load(&subscriber->aborts, acquire);
    if (aborts % 2 != 0)
        return netipc_aborted();
    uint64_t start = netipc_os_monotonic_ns(), alone_ns = 0;
    round.aborts = aborts;
    round.spin_ns = spin_budget(reader, start);
    round.start_ns = start;
    round.deadline_ns = netipc_add_saturating(start, timeout_ns);
    bool was_attached = false;
    for (uint64_t elapsed = 0; elapsed <= timeout_ns; elapsed = netipc_os_monotonic_ns() - start) {
        round.left_ns = timeout_ns - elapsed;
        round.news = netipc_load(&subscriber->news, acquire);
        if (netipc_load(&subscriber->aborts, acquire) != aborts)
            return netipc_aborted();
        round.attachment = netipc_reader_pin(subscriber, &reader->reading);
        round.seen = seen_here(reader, round.attachment, generation);
        netipc_status standing = standing_state(&round), status;
        if (standing == NETIPC_OK)
            status = sleep_attached(&round);
        else if (was_attached)
            status = newer(reader, round.attachment, round.seen) ? NETIPC_OK : ended(subscriber, standing);
        else
            status = sleep_alone(&round, standing, &alone_ns);
        was_attached = was_attached || standing == NETIPC_OK;
        netipc_reader_unpin(&reader->reading);
        if (netipc_load(&subscriber->aborts, acquire) != aborts)
            return netipc_aborted();
        if (status != NETIPC_UNCHANGED)
            return status;
        round.spin_ns = 0;
        if (round.left_ns == 0)
            break;
    }
    return netipc_fail(NETIPC_TIMED_OUT, "nothing new from a publisher of %s", subscriber->service);
}

netipc_status netipc_subscriber_arm(netipc_subscriber *subscriber, uint64_t generation)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    netipc_reader *reader = &subscriber->own;
    struct round round = {.reader = reader, .attachment = netipc_reader_pin(subscriber, &reader->reading)};
    round.seen = seen_here(reader, round.attachment, generation);
    round.aborts = netipc_load(&subscriber->aborts, acquire);
    if (newer(reader, round.attachment, round.seen)) {
        status = NETIPC_OK;
    } else if (!netipc_subscriber_in_session(subscriber)) {
        status = ended(subscriber, NETIPC_DISCONNECTED);
    } else {
        /* As a waiter does: see wait.h. */
        netipc_fetch_or(netipc_line_doorbell(round.attachment->session->line), 1u, relaxed); /* W1 */
        netipc_fence(seq_cst);                                                               /* W2, pairs with P6 */
        status = explain_change(&round);                                                     /* W3 */
    }
    netipc_reader_unpin(&reader->reading);
    return status;
}
