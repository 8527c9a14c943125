/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISHER_H
#define NETIPC_PUBLISHER_H

#include <netipc/checksum.h>
#include <netipc/export.h>
#include <netipc/log.h>
#include <netipc/loop.h>
#include <netipc/placement.h>
#include <netipc/profile.h>
#include <netipc/schema.h>
#include <netipc/server.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A publisher owns one service of one run directory: its endpoint <run_dir>/<service>.sock and the
 * shared-memory region that subscribers map.
 *
 * Threads: publish, begin, commit, abort, stats and close from one thread at a time. Two publishers
 * are independent of each other. After fork() the child's copy is dead: every call on it returns
 * NETIPC_FORKED, except _close, which frees the child's copy and leaves the parent's service alone.
 */
typedef struct netipc_publisher netipc_publisher;

enum {
    NETIPC_SLOTS_MIN = 4,
    NETIPC_SLOTS_MAX = 1024,
    NETIPC_SESSIONS_MAX = 4096,
    NETIPC_SERVICE_NAME_MAX = 63 /* bytes, without the NUL */
};

/* publisher_config.flags */
#define NETIPC_PUBLISH_ON_CHANGE 1u /* a snapshot equal to the latest one gives NETIPC_UNCHANGED */

typedef struct netipc_publisher_config {
    uint32_t size; /* sizeof(netipc_publisher_config), set by _init */
    uint32_t loop; /* netipc_loop; default NETIPC_LOOP_OWN_THREAD */

    /* Existing directory, or one to create in an existing parent. It must belong to the effective uid
     * (or root) and be writable by nobody else. No default. */
    const char *run_dir;
    /* 1 to NETIPC_SERVICE_NAME_MAX of A-Z a-z 0-9 . _ - and not starting with a dot. No default. */
    const char *service;
    /* What a subscriber must present in its HELLO. Default 0. */
    uint64_t token;

    /* Who may connect. Default NULL and 0: the effective uid and root. The overflow uid (65534) is
     * refused here, since every unmapped uid looks like it. Copied by _open. */
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count; /* 0 to 1024 */

    uint32_t slots;        /* NETIPC_SLOTS_MIN to NETIPC_SLOTS_MAX; default 8 */
    uint32_t history;      /* generations behind the latest that are kept whatever subscribers lease, which is also how
                            * many publications a copying read survives; 0 to slots - 2; default 2. What is left,
                            * slots - 2 - history, are lease words for subscribers, first come, first served */
    uint64_t capacity;     /* bytes a slot holds at first; 1 to 2^40; default 65,536 */
    uint64_t ceiling;      /* largest size of a region, in bytes; default 1 GiB */
    uint32_t max_sessions; /* 1 to NETIPC_SESSIONS_MAX; default 256; the next one is told "busy"; see requests, too */
    uint32_t flags;        /* NETIPC_PUBLISH_ON_CHANGE; default 0 */

    uint32_t schema_id;      /* labels for what the snapshots are; default 0 */
    uint32_t schema_version; /* default 0 */

    uint32_t directory_mode; /* of a directory that _open creates; default 0700 */
    uint32_t socket_mode;    /* default 0600 */

    uint64_t handshake_timeout_ns; /* for each step of a handshake; default 5 s */
    uint64_t lock_timeout_ns;      /* for the lock on the run directory; default 5 s */

    netipc_log_fn log; /* default NULL */
    void *log_context;

    uint32_t placement; /* NETIPC_PLACE_… of placement.h, but NETIPC_PLACE_NUMA_NODE; default 0 */
    int32_t numa_node;  /* 0 to NETIPC_NUMA_NODE_MAX; default NETIPC_NUMA_NODE_ANY */

    /*
     * What is asked over the same endpoint by those who know no regions (docs/rpc.md); default NULL: every request is
     * refused as unsupported. Filled in by netipc_publisher_requests_init(); borrowed during _open.
     *
     * method has to be set. With a handler of NULL, for NETIPC_METHOD_CGROUPS_SNAPSHOT and methods from
     * NETIPC_METHOD_OWN on, the answer is the latest snapshot, byte for byte; before the first publication the request
     * fails, with NETIPC_EMPTY. That takes one of the lease words, so slots must be at least history + 3. A handler of
     * the user's own is called by the thread that serves the control channel: the library's, or that of _dispatch.
     *
     * max_sessions of requests (default 16) is for sessions that do not select the publication profile, max_sessions of
     * the publisher for those that do; neither takes places of the other. max_request_payload has to be 4096 at least,
     * as subscribers offer that. The others count as for a service of a server, but that service, token and
     * checksum must be NULL and 0, and handshake_timeout_ns is not looked at: these are the publisher's.
     */
    const netipc_service_config *requests;

    /* What the snapshots are: each is looked through and published with an index (index.h) behind it, so that
     * subscribers find items in place by key (netipc_reader_index()). The index shares the slot with the snapshot:
     * capacity and ceiling are for both. schema_id and schema_version are then the schema's, and 0 or the same here.
     * Copied by _open. Default NULL: any bytes, no index. */
    const netipc_schema *schema;

    uint32_t checksum; /* of packets, offered to all who connect: NETIPC_CHECKSUM_… of checksum.h; default 0 */
    uint32_t reserved; /* 0 */

    const netipc_profile *profile; /* of this machine: slow_wake_ns is looked at; copied by _open; default NULL: none */
} netipc_publisher_config;

/* Fills in the defaults. The caller sets run_dir and service at least. */
NETIPC_API void netipc_publisher_config_init_sized(netipc_publisher_config *config, size_t size);
#define netipc_publisher_config_init(config) netipc_publisher_config_init_sized((config), sizeof *(config))

/* Fills in the defaults for requests: those of netipc_service_config_init(), but answers of up to NETIPC_PAYLOAD_MAX,
 * so that whoever asks for enough gets what a region holds. The caller sets method. */
NETIPC_API void netipc_publisher_requests_init_sized(netipc_service_config *requests, size_t size);
#define netipc_publisher_requests_init(requests) netipc_publisher_requests_init_sized((requests), sizeof *(requests))

/*
 * Reserves the memory, claims the endpoint and starts to serve. Nothing in config is kept.
 *
 * Memory is allocated and populated here and at growth, never later: what the kernel reports as an
 * error is an error here. (A memory cgroup that is too small does not report: it kills, and then it
 * does so here or at growth.)
 *
 * NETIPC_INVALID_ARGUMENT, NETIPC_ADDRESS_IN_USE (a live publisher, in this process too),
 * NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED, NETIPC_NOT_FOUND (the parent directory),
 * NETIPC_TIMED_OUT (the lock on the run directory), NETIPC_TOO_LARGE (slots times capacity against the ceiling or
 * RLIMIT_FSIZE), NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM. *publisher is NULL then, and
 * nothing is left behind but a directory that was created.
 *
 * Blocks for the lock (lock_timeout_ns) and for populating memory.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_publisher_open(const netipc_publisher_config *config,
                                                                netipc_publisher **publisher);

/*
 * Marks the region CLOSED, wakes and tells every subscriber, removes the endpoint and frees
 * everything. Subscribers keep the last snapshot. NULL is allowed. Blocks for the lock
 * (lock_timeout_ns at most; then the socket's file stays and the next publisher reclaims it) and for
 * the library's thread to end.
 */
NETIPC_API void netipc_publisher_close(netipc_publisher *publisher);

/*
 * Publishes a copy of length bytes (bytes may be NULL when length is 0; an empty snapshot is a
 * snapshot). On NETIPC_OK and NETIPC_UNCHANGED *generation, if not NULL, is that of the latest
 * snapshot, counted from 1 over the life of the publisher.
 *
 * Wait-free but for growth: no lock, no allocation, and no system call but one wake for each
 * subscriber that sleeps, and now and then two looks at a clock beside it. A snapshot larger than a slot moves
 * everybody to a larger region first, which allocates it; then NETIPC_TOO_LARGE, NETIPC_NO_MEMORY,
 * NETIPC_NO_DESCRIPTORS and NETIPC_SYSTEM are possible, and the previous snapshot stays published. NETIPC_WRONG_STATE:
 * between _begin and _commit. NETIPC_FORKED. NETIPC_INVALID_ARGUMENT. NETIPC_CORRUPT: the
 * publisher's schema does not find the items and their keys in the bytes; nothing is published. Its check, of every
 * string and byte of padding, is for readers, and not made here.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_publish(netipc_publisher *publisher, const void *bytes, size_t length,
                                                         uint64_t *generation);

/*
 * Lends the slot that the next snapshot will be in, to be built in place: *data points to *capacity
 * (at least minimum) writable bytes, aligned to 128, with arbitrary content, until _commit or _abort. Who writes them
 * around the order of memory (non-temporal stores), or from other threads, orders that before _commit (a store fence,
 * a join).
 * Errors as for netipc_publish; nothing is lent then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_publish_begin(netipc_publisher *publisher, size_t minimum, void **data,
                                                               size_t *capacity);

/*
 * Publishes the first length bytes of what was lent; otherwise as netipc_publish. Where the index of a publisher with a
 * schema finds no room behind them, they are moved to a larger region.
 * NETIPC_INVALID_ARGUMENT when length is above the capacity lent: the loan goes on.
 * NETIPC_WRONG_STATE without _begin. With every other result the loan has ended.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_publish_commit(netipc_publisher *publisher, size_t length,
                                                                uint64_t *generation);

/* Ends the loan without publishing. NETIPC_WRONG_STATE without _begin. NETIPC_FORKED. */
NETIPC_API netipc_status netipc_publish_abort(netipc_publisher *publisher);

/*
 * With NETIPC_LOOP_CALLER: a descriptor that polls readable when _dispatch has something to do, owned
 * by the publisher. -1 with NETIPC_LOOP_OWN_THREAD. Any thread.
 */
NETIPC_API int netipc_publisher_fd(const netipc_publisher *publisher);

/*
 * With NETIPC_LOOP_CALLER: serves the control channel until the timeout (0: only what is ready now).
 * Must be called while netipc_publisher_fd() is readable, or nobody can connect. From the publishing
 * thread, or from one other. NETIPC_OK, NETIPC_WRONG_STATE (own thread), NETIPC_FORKED, NETIPC_SYSTEM.
 */
NETIPC_API netipc_status netipc_publisher_dispatch(netipc_publisher *publisher, uint64_t timeout_ns);

typedef struct netipc_publisher_info {
    uint32_t size; /* sizeof(netipc_publisher_info), set by the caller; only so much is written */
    uint32_t slots;
    uint64_t generation; /* of the latest snapshot; 0: none yet */
    uint64_t incarnation[2];
    uint64_t ordinal;      /* of the region: 1, and one more with each growth */
    uint64_t capacity;     /* bytes a slot holds now */
    uint64_t region_size;  /* bytes */
    uint64_t publications; /* new generations */
    uint64_t unchanged;    /* NETIPC_UNCHANGED results */
    uint64_t bytes;        /* published */
    uint64_t wakes_sent;   /* wake-up system calls */
    uint64_t wakes_saved;  /* attached sessions that needed none, and answers under way, summed over publications */
    uint64_t sessions;     /* connected now */
    uint64_t attached;     /* of these, with the region mapped */
    uint64_t sessions_total;
    uint64_t refused_auth; /* wrong uid or token */
    uint64_t refused_busy; /* over max_sessions, of either kind */
    uint64_t refused_other;
    uint64_t timed_out; /* sessions ended by a handshake deadline */
    /* NETIPC_PLACE_… of placement.h, for the region at hand. */
    uint32_t placement_wanted;
    uint32_t placement_in_force;
    uint32_t placement_refused; /* the rest of what is wanted */
    uint32_t placement_error;   /* netipc_status of the last refusal; 0: none */
    uint64_t request_sessions;  /* of sessions, those that did not select the publication profile */
    uint64_t requests;          /* taken */
    uint64_t answers;           /* sent, failures included */
    uint64_t failures;          /* answers that told of one */
    uint64_t bytes_in;          /* payload of requests */
    uint64_t bytes_out;         /* … and of answers */
    uint64_t streamed; /* of publications: copied past the caches, which is tried now and then and kept up while it
                        * costs less, with snapshots of 4 KiB and more (where the architecture can) */
} netipc_publisher_info;

/* NETIPC_OK, NETIPC_INVALID_ARGUMENT (size is 0), NETIPC_FORKED. Never blocks. */
NETIPC_API netipc_status netipc_publisher_stats(netipc_publisher *publisher, netipc_publisher_info *info);

NETIPC_END_DECLS

#endif
