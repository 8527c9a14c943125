/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_SUBSCRIBER_STATE_H
#define NETIPC_PUBLISH_SUBSCRIBER_STATE_H

/* What subscriber.c, refresh.c, sleep.c and reader.c share, and nobody else sees. */

#include <netipc/reader.h>
#include <netipc/subscriber.h>

#include "control/log.h"
#include "control/subscription.h"
#include "publish/attachment.h"
#include "shm/counter.h"
#include "shm/detail.h"
#include "shm/hot.h"
#include "shm/layout.h"
#include "shm/os.h"
#include "shm/pace.h"
#include "shm/ring_reader.h"

#include <pthread.h>

/* Counted by the thread that has the reader, summed by netipc_subscriber_status(). */
struct netipc_read_totals {
    netipc_atomic_u64 reads, read_retries, overruns, sleeps, spins;
};

struct netipc_reader {
    netipc_subscriber *subscriber;
    netipc_reader *next;
    netipc_atomic_attachment reading; /* hazards: see attachment.h */
    netipc_atomic_attachment viewing;
    uint32_t lease, lease_offset; /* index of its lease word, and where that is in a session's line */
    netipc_atomic_u64 *held;      /* the view's lease; NULL: it has none, and the region does not change any more */
    struct netipc_ring_snapshot view;
    const unsigned char *view_bytes;
    uint64_t known_incarnation[2]; /* its user's generations belong to this one; 0, 0: to none yet */
    struct netipc_pace pace;       /* of the publications that its waits have seen */
    struct netipc_read_totals totals;
};

struct netipc_subscriber {
    struct netipc_subscriber_front front; /* the hot word in hot_window, for polls outside of the library */
    struct netipc_fork_guard fork_guard;
    struct netipc_log log;
    char *run_dir, *service;
    uint64_t max_region_size, connect_timeout_ns, reconnect_ns, grace_ns, spin_ns;
    bool spin_is_fixed;
    uint32_t leases;
    uint32_t placement; /* NETIPC_PLACE_… */

    /* What any thread may touch: two windows whose addresses never change, so that no attachment can be pulled from
     * under a thread or a signal handler. */
    void *hot_window;  /* the first page of the region at hand */
    void *line_window; /* the session's page */
    netipc_atomic_u32 line_offset;
    netipc_atomic_u32 aborts; /* odd while an abort is in force; so each abort is seen, even if it is over already */
    netipc_atomic_u32 news; /* counts aborts and changes of session or region; sleepers without a session wait on it */
    int cancel;

    netipc_atomic_attachment current; /* NULL before the first; replaced by the owner */
    bool light_barrier_is_fence;

    pthread_mutex_t readers_lock; /* for opening and closing readers, and for going through them */
    netipc_reader *readers;
    netipc_atomic_u32 reader_count;
    struct netipc_read_totals closed_totals; /* of readers that were closed */
    netipc_reader own;                       /* the owner's; not in the list */

    pthread_mutex_t session_lock;      /* for the next two, which the owner sets and other threads poll */
    int watched_socket, watched_pidfd; /* of a session with a region; -1: none */

    /* The owner's. */
    struct netipc_subscription client; /* the session, if its socket is open */
    uint64_t session_ordinal;          /* of the region attached in this session; 0: none yet */
    bool superseded_told;
    struct netipc_attachment *old;                 /* wait to be unmapped */
    uint64_t seen_incarnation[2], seen_generation; /* at the last refresh */
    uint64_t connected_ns;                         /* when the last connect began */
    netipc_subscriber_state state;
    netipc_status last_error;
    uint64_t connects, attaches, publishers_gone;
};

static_assert(offsetof(struct netipc_subscriber, front) == 0, "compiled into programs");

static inline bool netipc_subscriber_usable(const netipc_subscriber *subscriber)
{
    return subscriber != NULL && !netipc_fork_guard_forked(&subscriber->fork_guard);
}

/* Why it is not. */
netipc_status netipc_subscriber_refuse(const netipc_subscriber *subscriber) __attribute__((cold));

static inline netipc_status netipc_subscriber_check(const netipc_subscriber *subscriber)
{
    return netipc_subscriber_usable(subscriber) ? NETIPC_OK : netipc_subscriber_refuse(subscriber);
}

/* Uses the attachment at hand by one of the reader's hazards: H1 to H4 of attachment.h. NULL: never attached. */
static inline struct netipc_attachment *netipc_reader_pin(netipc_subscriber *subscriber,
                                                          netipc_atomic_attachment *hazard)
{
    for (;;) {
        struct netipc_attachment *attachment = netipc_load(&subscriber->current, relaxed); /* H1 */
        netipc_store(hazard, attachment, relaxed);                                         /* H2 */
        if (!LIKELY(!subscriber->light_barrier_is_fence))
            netipc_fence(seq_cst); /* H3 */
        else
            netipc_compiler_fence();
        if (LIKELY(netipc_load(&subscriber->current, acquire) == attachment)) /* H4 */
            return attachment;
    }
}

/* Lets go of it. */
static inline void netipc_reader_unpin(netipc_atomic_attachment *hazard)
{
    netipc_store(hazard, NULL, release); /* H5 */
}

/* The reader's user is told of a generation of this attachment. */
static inline void netipc_reader_know(netipc_reader *reader, const struct netipc_attachment *attachment)
{
    const uint64_t *here = attachment->view.identity.incarnation;
    if (LIKELY(reader->known_incarnation[0] == here[0] && reader->known_incarnation[1] == here[1]))
        return; /* a read has so many stores that each counts */
    reader->known_incarnation[0] = here[0];
    reader->known_incarnation[1] = here[1];
}

/* Notices what has become of the session, if the reader is the owner's: then it may end it. NETIPC_OK: it goes on;
 * *move: to another region. */
netipc_status netipc_subscriber_look(netipc_subscriber *subscriber, bool *move);

bool netipc_subscriber_in_session(const netipc_subscriber *subscriber);

/* The owner's, when its session is over. why: NETIPC_GONE, NETIPC_CLOSED, or what else broke it. The region at hand
 * stays. */
void netipc_subscriber_end_session(netipc_subscriber *subscriber, netipc_status why);

/* The latest hot word of the region at hand. */
static inline uint64_t netipc_subscriber_hot(const netipc_subscriber *subscriber)
{
    const struct netipc_region_header *header = subscriber->hot_window;
    return netipc_load(&header->latest, acquire); /* pairs with P4 of ring_publisher.h */
}

/* Ends every sleep that began before what has changed. Async-signal-safe. */
void netipc_subscriber_tell_news(netipc_subscriber *subscriber);

/* The owner's. */
static inline struct netipc_attachment *netipc_subscriber_at_hand(const netipc_subscriber *subscriber)
{
    return netipc_load(&subscriber->current, relaxed);
}

static inline netipc_status netipc_aborted(void)
{
    return netipc_fail(NETIPC_ABORTED, "an abort is in force");
}

static inline void netipc_add_totals(struct netipc_read_totals *sum, const struct netipc_read_totals *totals)
{
    netipc_count(&sum->reads, (int64_t)netipc_load(&totals->reads, relaxed));
    netipc_count(&sum->read_retries, (int64_t)netipc_load(&totals->read_retries, relaxed));
    netipc_count(&sum->overruns, (int64_t)netipc_load(&totals->overruns, relaxed));
    netipc_count(&sum->sleeps, (int64_t)netipc_load(&totals->sleeps, relaxed));
    netipc_count(&sum->spins, (int64_t)netipc_load(&totals->spins, relaxed));
}

/* sleep.c */
netipc_status netipc_subscriber_sleep(netipc_reader *reader, uint64_t generation, uint64_t timeout_ns);

#endif
