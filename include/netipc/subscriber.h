/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SUBSCRIBER_H
#define NETIPC_SUBSCRIBER_H

#include <netipc/checksum.h>
#include <netipc/export.h>
#include <netipc/log.h>
#include <netipc/placement.h>
#include <netipc/profile.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A subscriber follows one service of one run directory. It needs no publisher to exist: it is opened
 * first, and netipc_subscriber_refresh() connects when somebody is there, and again after that
 * publisher has been replaced.
 *
 *     netipc_subscriber_open(&config, &subscriber);
 *     for (;;) {
 *         int changed;
 *         netipc_subscriber_refresh(subscriber, &changed);
 *         if (changed)
 *             netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info);
 *         netipc_subscriber_wait(subscriber, info.generation, timeout_ns);
 *     }
 *
 * Threads: refresh, read, wait, arm, fd, resume, status and close from one thread at a time, the owner; _generation and
 * _abort from any thread or signal handler at any time before close. After fork() the child's copy is dead: calls
 * return NETIPC_FORKED, _abort does nothing, _generation may go on to tell the parent's, and _close frees the child's
 * copy.
 */
typedef struct netipc_subscriber netipc_subscriber;

/*
 *                    refresh
 *   DISCONNECTED ──────────────► CONNECTING ──────► READY ──► (publisher dies or closes) DISCONNECTED
 *        ▲                            │
 *        └── next refresh ── NOT_FOUND, AUTH_FAILED, INCOMPATIBLE, BROKEN
 *
 * Only refresh, read and wait move it, and only refresh to READY.
 */
typedef enum netipc_subscriber_state {
    NETIPC_STATE_DISCONNECTED = 0, /* no session now */
    NETIPC_STATE_CONNECTING = 1,   /* inside refresh */
    NETIPC_STATE_READY = 2,        /* attached to a live publisher */
    NETIPC_STATE_NOT_FOUND = 3,    /* the last attempt found no publisher */
    NETIPC_STATE_AUTH_FAILED = 4,  /* … was refused for its uid or token, or did not trust the publisher's */
    NETIPC_STATE_INCOMPATIBLE = 5, /* … found another layout or protocol, or no publication profile */
    NETIPC_STATE_BROKEN = 6        /* … failed otherwise; the status and detail of refresh say how */
} netipc_subscriber_state;

/* What the publisher of the data at hand is doing. */
typedef enum netipc_publisher_state {
    NETIPC_PUBLISHER_NONE = 0, /* never attached */
    NETIPC_PUBLISHER_LIVE = 1,
    NETIPC_PUBLISHER_CLOSED = 2,     /* it said good-bye; its last snapshot stays readable */
    NETIPC_PUBLISHER_SUPERSEDED = 3, /* it has moved to a larger region; refresh follows */
    NETIPC_PUBLISHER_GONE = 4        /* it died; its last whole snapshot stays readable */
} netipc_publisher_state;

/* How a wait spends the time before it sleeps. A sleep and a wake-up take 5 us on bare metal, and up to 50 us in a
 * virtual machine, so a spin is worth that much. */
typedef enum netipc_spin {
    NETIPC_SPIN_ADAPTIVE = 0, /* learns how often snapshots come: spins, spin_ns at most, when the next one is expected
                               * within spin_ns, else sleeps at once */
    NETIPC_SPIN_FIXED = 1     /* spins for spin_ns each time */
} netipc_spin;

typedef struct netipc_subscriber_config {
    uint32_t size;   /* sizeof(netipc_subscriber_config), set by _init */
    uint32_t leases; /* lease words to ask for, one a reader (reader.h) that holds snapshots in place; 0 to 28;
                      * default 0 */

    const char *run_dir; /* as the publisher's; copied */
    const char *service; /* as the publisher's; copied */
    uint64_t token;      /* as the publisher's; default 0 */

    /* Uids that may own the run directory and be the publisher. Default NULL and 0: the effective uid
     * and root. Copied. */
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count; /* 0 to 1024 */
    uint32_t spin;              /* netipc_spin; default NETIPC_SPIN_ADAPTIVE */

    uint64_t max_region_size;    /* bytes; larger regions are refused, unmapped; default 16 GiB */
    uint64_t connect_timeout_ns; /* for one refresh: connect, handshake and attach together; default 5 s */
    uint64_t reconnect_ns;       /* a wait with nobody attached lasts no longer; default 250 ms */
    uint64_t grace_ns;           /* a sleeping wait looks so often whether the publisher lives;
                                  * at least 1 ms; default 1 s */
    uint64_t spin_ns;            /* a wait spins no longer before it sleeps, see spin; 0: never; at most 1 s;
                                  * default 50 us */

    netipc_log_fn log; /* default NULL */
    void *log_context;

    uint32_t placement; /* NETIPC_PLACE_… of placement.h, but NETIPC_PLACE_NUMA_NODE; default 0 */
    uint32_t checksum;  /* of packets, offered to the publisher: NETIPC_CHECKSUM_… of checksum.h; default 0 */

    const netipc_profile *profile; /* of this machine: its spin and spin_ns, where they are there, stand before those
                                    * above; copied by _open; default NULL: none */
} netipc_subscriber_config;

/* Fills in the defaults. The caller sets run_dir and service. */
NETIPC_API void netipc_subscriber_config_init_sized(netipc_subscriber_config *config, size_t size);
#define netipc_subscriber_config_init(config) netipc_subscriber_config_init_sized((config), sizeof *(config))

/*
 * Makes a subscriber. Touches neither the run directory nor the publisher and does not block.
 * NETIPC_INVALID_ARGUMENT, NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM; *subscriber is
 * NULL then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_subscriber_open(const netipc_subscriber_config *config,
                                                                 netipc_subscriber **subscriber);

/* Leaves the publisher and frees everything. No other call may be under way. NULL is allowed. */
NETIPC_API void netipc_subscriber_close(netipc_subscriber *subscriber);

/*
 * Brings the attachment up to date: connects when there is no session, notices that the publisher
 * died or closed, moves to the region that superseded the one at hand. When nothing is to do it costs
 * one system call. Data at hand stays readable until another region has been attached.
 *
 * *changed (may be NULL) becomes 1 when the latest snapshot is another one than at the previous
 * refresh, in (incarnation, generation), and 0 otherwise, whatever the result.
 *
 * NETIPC_OK: attached to a live publisher. NETIPC_NOT_FOUND: none is there. NETIPC_AUTH_FAILED,
 * NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED, NETIPC_BUSY, NETIPC_INCOMPATIBLE, NETIPC_UNSUPPORTED,
 * NETIPC_LIMIT_EXCEEDED (max_region_size), NETIPC_PROTOCOL, NETIPC_CHECKSUM_MISMATCH, NETIPC_CORRUPT, NETIPC_TIMED_OUT,
 * NETIPC_ABORTED, NETIPC_GONE and NETIPC_CLOSED (during the handshake), NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS,
 * NETIPC_FORKED, NETIPC_SYSTEM. All may be tried again.
 *
 * Blocks for connect_timeout_ns at most, and only when there is something to do.
 */
NETIPC_API netipc_status netipc_subscriber_refresh(netipc_subscriber *subscriber, int *changed);

/*
 * The latest generation in the region at hand: one load. 0: nothing published, or never attached.
 * After a refresh that changed the incarnation, generations start anew. While a refresh attaches another region, other
 * threads may for a moment poll a generation of that one and still read from the one before: the latest there, or
 * NETIPC_EMPTY by number. Any thread; async-signal-safe.
 *
 * Inline, since the load takes less than a call. The library has it too, for other languages and for its address.
 */
#ifdef NETIPC_INLINE
/* What a subscriber begins with: where the latest generation is, in the upper 50 bits of a word. The address is the
 * same until close, whatever is attached there. Programs have this compiled in, so it changes with the library's SONAME
 * only. */
struct netipc_subscriber_front {
    const uint64_t *latest;
};

NETIPC_API NETIPC_INLINE uint64_t netipc_subscriber_generation(const netipc_subscriber *subscriber)
{
    struct netipc_subscriber_front front; /* copied out: C and C++ have no cast in common that no program warns of */
    __builtin_memcpy(&front, subscriber, sizeof front);
    return __atomic_load_n(front.latest, __ATOMIC_ACQUIRE) >> 14;
}
#else
NETIPC_API uint64_t netipc_subscriber_generation(const netipc_subscriber *subscriber);
#endif

typedef struct netipc_snapshot_info {
    uint32_t size;            /* sizeof(netipc_snapshot_info), set by the caller; only so much is written */
    uint32_t publisher_state; /* netipc_publisher_state */
    uint64_t incarnation[2];  /* of the publisher */
    uint64_t generation;
    uint64_t length;          /* of the snapshot, in bytes, also with NETIPC_TOO_SMALL */
    uint64_t publish_time_ns; /* monotonic clock, coarse (some ms) */
} netipc_snapshot_info;

/*
 * Copies the latest snapshot, whole, into buffer (capacity bytes; NULL when capacity is 0).
 * Never blocks, never connects, no system call.
 *
 * NETIPC_OK: info->length bytes of generation info->generation. NETIPC_EMPTY: nothing published.
 * NETIPC_DISCONNECTED: never attached. NETIPC_TOO_SMALL: info->length is needed (it may grow until
 * the next call). NETIPC_OVERRUN: the publisher went round the whole ring during each of a fixed
 * number of tries. NETIPC_CORRUPT, NETIPC_INVALID_ARGUMENT, NETIPC_FORKED. With all but NETIPC_OK the
 * content of buffer is unspecified. info may be NULL.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_subscriber_read(netipc_subscriber *subscriber, void *buffer,
                                                                 size_t capacity, netipc_snapshot_info *info);

/*
 * Waits until there is something for read or refresh to do: spins as configured, then sleeps.
 *
 * generation is what the caller has seen of the publisher that it was last told of. When refresh has attached to
 * another publisher since, without saying "changed", every generation is new, once.
 *
 * NETIPC_OK: the latest generation is neither `generation` nor 0. NETIPC_SUPERSEDED, NETIPC_CLOSED, NETIPC_GONE:
 * it is, and the publisher is in that state: refresh. NETIPC_DISCONNECTED: there was no session, and it has slept for
 * reconnect_ns or the timeout, whichever is shorter; or the publisher ended the session. NETIPC_TIMED_OUT.
 * NETIPC_ABORTED. NETIPC_FORKED. NETIPC_PROTOCOL, NETIPC_CHECKSUM_MISMATCH and NETIPC_SYSTEM: the session broke;
 * refresh makes another.
 *
 * Blocks for timeout_ns at most, and up to 100 ms more when the publisher hangs up just then and it is to be told
 * whether it died. A publisher that died is noticed within grace_ns, or spin_ns later by who spins first. After a GONE
 * or CLOSED, or a refresh that failed, a wait behaves as without a session, so a loop of refresh and wait never runs
 * hot.
 */
NETIPC_API netipc_status netipc_subscriber_wait(netipc_subscriber *subscriber, uint64_t generation,
                                                uint64_t timeout_ns);

/*
 * For event loops: a descriptor, owned by the subscriber, that polls readable when the publisher has sent something
 * (a doorbell, a larger region, its good-bye) or has died. Then call refresh, which takes what was sent. The same one
 * for the life of the subscriber, through all its sessions. Without a session it is never readable: let a timer call
 * refresh. -1: no descriptor could be made, or the subscriber is a forked copy. The owner's thread.
 */
NETIPC_API int netipc_subscriber_fd(netipc_subscriber *subscriber);

/*
 * Asks for one doorbell: netipc_subscriber_fd() becomes readable at the next publication. Before each sleep in the
 * loop:
 *
 *     while (netipc_subscriber_arm(subscriber, info.generation) == NETIPC_OK)
 *         read …
 *     poll netipc_subscriber_fd() …, then refresh
 *
 * NETIPC_UNCHANGED: nothing is newer than generation (as in _wait); armed. NETIPC_OK: there is something newer to read
 * now. NETIPC_CLOSED, NETIPC_SUPERSEDED: refresh. NETIPC_DISCONNECTED: no session; refresh by and by. NETIPC_FORKED,
 * NETIPC_INVALID_ARGUMENT. Does not block; no system call but to leave a publisher that closed. The owner's thread. The
 * publisher's doorbell is sent by its event loop, so with NETIPC_LOOP_CALLER when that is dispatched.
 */
NETIPC_API netipc_status netipc_subscriber_arm(netipc_subscriber *subscriber, uint64_t generation);

/*
 * Ends the refresh or wait under way on another thread, and every later one, with NETIPC_ABORTED,
 * until netipc_subscriber_resume(). Any thread; does not block.
 */
NETIPC_API void netipc_subscriber_abort(netipc_subscriber *subscriber);

/* Ends what netipc_subscriber_abort() began. The owner's thread. */
NETIPC_API void netipc_subscriber_resume(netipc_subscriber *subscriber);

typedef struct netipc_subscriber_info {
    uint32_t size;            /* sizeof(netipc_subscriber_info), set by the caller; only so much is written */
    uint32_t state;           /* netipc_subscriber_state */
    uint32_t publisher_state; /* netipc_publisher_state, of the data at hand */
    uint32_t publisher_pid;   /* as the kernel told it; 0: none */
    uint64_t incarnation[2];
    uint64_t ordinal;
    uint64_t generation; /* latest in the region at hand */
    uint64_t region_size;
    uint64_t capacity;
    uint32_t slots;
    uint32_t schema_id;
    uint32_t schema_version;
    uint32_t leases;       /* lease words granted in the region at hand */
    uint32_t last_error;   /* netipc_status of the last refresh that failed; 0: none */
    uint32_t checksum;     /* NETIPC_CHECKSUM_… of the session's packets */
    uint64_t connects;     /* attempts */
    uint64_t attaches;     /* regions mapped */
    uint64_t reads;        /* whole snapshots delivered */
    uint64_t read_retries; /* tries that the publisher overtook */
    uint64_t overruns;     /* reads that gave NETIPC_OVERRUN */
    uint64_t sleeps;       /* times that a wait went to sleep */
    uint64_t spins;        /* times that a wait spun, with success or not */
    uint64_t publishers_gone;
    /* NETIPC_PLACE_… of placement.h, for the region at hand; 0 without one. */
    uint32_t placement_wanted;
    uint32_t placement_in_force;
    uint32_t placement_refused; /* the rest of what is wanted */
    uint32_t placement_error;   /* netipc_status of the last refusal; 0: none */
} netipc_subscriber_info;

/* NETIPC_OK, NETIPC_INVALID_ARGUMENT (size is 0), NETIPC_FORKED. No system call. */
NETIPC_API netipc_status netipc_subscriber_status(netipc_subscriber *subscriber, netipc_subscriber_info *info);

/* Static text: "READY" and so on; "unknown" for other values. */
NETIPC_API const char *netipc_subscriber_state_name(netipc_subscriber_state state);
NETIPC_API const char *netipc_publisher_state_name(netipc_publisher_state state);

NETIPC_END_DECLS

#endif
