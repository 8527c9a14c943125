/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CACHE_H
#define NETIPC_CACHE_H

#include <netipc/client.h>
#include <netipc/export.h>
#include <netipc/schema.h>
#include <netipc/status.h>
#include <netipc/subscriber.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A cache holds the items of a service's latest snapshot in memory of this process, for lookups by key and for
 * iteration, by any number of threads. It is rebuilt when the generation has changed, and not before. Readers take no
 * lock and write nothing that another thread reads, so they neither slow each other nor the refresh.
 *
 *     one thread, the owner                          any thread, the owner too
 *     netipc_cache_open(&config, &cache);            if (netipc_cache_enter(cache, &snapshot) == NETIPC_OK) {
 *     for (;;) {                                         item = netipc_cache_find(snapshot, key, length, hash);
 *         netipc_cache_refresh(cache, &changed);         …
 *         netipc_cache_wait(cache, timeout_ns);          netipc_cache_leave(snapshot);
 *     }                                              }
 *
 * The snapshot comes from the region of a publisher. From a server that has none, it is asked for by request
 * (client.h), if the schema has a method for that. Whatever fails (no publisher, another schema, corrupt bytes, no
 * memory), the cache keeps what it has, and the status of the refresh says why.
 *
 * Threads: refresh, wait, arm, fd, resume, changes, status and close from one thread at a time, the owner; enter, leave
 * and what is between them, changed and abort from any. Threads need no registration. In a build without NETIPC_CACHE
 * these functions are missing.
 *
 * After fork() the child's copy is dead: calls return NETIPC_FORKED and find no snapshot, and _close frees the child's
 * copy. A child of a process that has ever opened a cache can open none before it has called exec().
 */
typedef struct netipc_cache netipc_cache;

#define NETIPC_CACHE_CHANGES 1u     /* refresh finds out what has changed, for netipc_cache_changes() */
#define NETIPC_CACHE_NO_REQUESTS 2u /* snapshots from a region only */

typedef struct netipc_cache_config {
    uint32_t size;  /* sizeof(netipc_cache_config), set by _init */
    uint32_t flags; /* NETIPC_CACHE_…; default 0 */

    const netipc_schema *schema; /* of the items; no default. Must outlive the cache. */

    /* Whose snapshots. No default. Copied. One of its leases, if any, makes sure that a refresh is not overtaken by the
     * publisher, see netipc_reader_read(). */
    const netipc_subscriber_config *subscriber;

    /* How to ask by request. Default NULL: with the run_dir, service, token, uids, connect_timeout_ns and log of
     * subscriber, and the defaults. Copied. */
    const netipc_client_config *client;

    uint64_t max_retired_bytes; /* of replaced snapshots that readers may still use, see netipc_cache_refresh(); default
                                 * 64 MiB */
    uint64_t retired_wait_ns;   /* for them to become less, see there; default 100 ms; 0: never */
} netipc_cache_config;

/* Fills in the defaults. The caller sets schema and subscriber. */
NETIPC_API void netipc_cache_config_init_sized(netipc_cache_config *config, size_t size);
#define netipc_cache_config_init(config) netipc_cache_config_init_sized((config), sizeof *(config))

/*
 * Makes a cache, empty, and a thread that frees what refreshes replace. Does not connect and does not block.
 * NETIPC_OK; NETIPC_INVALID_ARGUMENT, NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM, NETIPC_FORKED; *cache is
 * NULL then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cache_open(const netipc_cache_config *config, netipc_cache **cache);

/*
 * Frees everything. No other call may be under way, and no thread may enter any more; for those that have entered it
 * waits until they leave. (For those in other caches of this process too: liburcu knows one kind of reader. The calling
 * thread must have left.) NULL is allowed.
 */
NETIPC_API void netipc_cache_close(netipc_cache *cache);

/*
 * Whether the region at hand has a generation that has not been fetched: two loads. 0 before the first refresh, and for
 * what is asked for by request; and that another publisher has come only refresh finds out. So it saves a loop that
 * polls often the system call of most refreshes, not all. Any thread; async-signal-safe.
 */
NETIPC_API int netipc_cache_changed(const netipc_cache *cache);

/*
 * Brings the cache up to date: netipc_subscriber_refresh(), and when the latest generation is another one than that of
 * the cache, a copy of it is checked whole, indexed and put into its place. Threads inside keep what they have until
 * they leave. By request: netipc_client_call(), and the same when the answer has other bytes. It blocks as those two do
 * and not longer: for connect_timeout_ns and for call_timeout_ns.
 *
 * *changed (may be NULL) becomes 1 when the cache holds another snapshot now than before, whatever the result.
 *
 * A refresh waits for no reader: a replaced snapshot is freed some time after the last thread that was inside has left.
 * Those not freed yet take max_retired_bytes at most, or are four if that is more. With that reached there is no room
 * for another: a refresh waits until some are freed, for retired_wait_ns at most, and then fetches nothing,
 * NETIPC_BUSY. After that none waits, and all are NETIPC_BUSY at once, until some have been freed: so a thread that
 * stays inside costs the owner retired_wait_ns in all.
 *
 * NETIPC_OK: up to date, with an empty cache if nothing was published yet. NETIPC_BUSY. NETIPC_INCOMPATIBLE: the
 * publisher's snapshots are of another schema or version (or as below). NETIPC_CORRUPT: they are not as the schema
 * says. NETIPC_OVERRUN, NETIPC_NO_MEMORY. What netipc_subscriber_refresh() or netipc_client_call() says otherwise; the
 * last snapshot of a publisher that is gone is taken all the same. All may be tried again but NETIPC_FORKED.
 */
NETIPC_API netipc_status netipc_cache_refresh(netipc_cache *cache, int *changed);

/*
 * Waits until there is something for refresh to do: netipc_subscriber_wait(), for a generation that no refresh has
 * tried to fetch. So a loop of both never runs hot. What is asked for by request sends no notice: NETIPC_DISCONNECTED
 * after reconnect_ns of the subscriber, and a refresh asks again.
 */
NETIPC_API netipc_status netipc_cache_wait(netipc_cache *cache, uint64_t timeout_ns);

/* As netipc_subscriber_fd() and netipc_subscriber_arm(), for event loops. */
NETIPC_API int netipc_cache_fd(netipc_cache *cache);
NETIPC_API netipc_status netipc_cache_arm(netipc_cache *cache);

/* As netipc_subscriber_abort() and netipc_subscriber_resume(), for refresh and wait. */
NETIPC_API void netipc_cache_abort(netipc_cache *cache);
NETIPC_API void netipc_cache_resume(netipc_cache *cache);

typedef enum netipc_cache_source {
    NETIPC_CACHE_EMPTY = 0,
    NETIPC_CACHE_REGION = 1, /* of a publisher */
    NETIPC_CACHE_REQUEST = 2 /* a server's answer */
} netipc_cache_source;

/* A snapshot as the cache holds it. */
typedef struct netipc_cache_snapshot {
    uint64_t incarnation[2];  /* of the publisher; 0 by request */
    uint64_t generation;      /* of the region; by request, what the payload itself tells */
    uint64_t publish_time_ns; /* monotonic clock, coarse; 0 by request */
    uint32_t source;          /* netipc_cache_source */
    uint32_t count;           /* of items */
    netipc_items items;       /* the payload, checked whole; its bytes are aligned to 16 */
} netipc_cache_snapshot;

/*
 * Lends the snapshot that the cache holds, until netipc_cache_leave() on the same thread. No lock, no system call (but
 * at a thread's first call, to register it with liburcu), constant time. A thread may enter again before it leaves,
 * also other caches.
 *
 * Meant to be short: what refreshes replace meanwhile is not freed, in all caches of this process but those that only
 * their owner ever enters.
 *
 * NETIPC_OK. NETIPC_EMPTY: there has been no snapshot yet; NETIPC_FORKED, NETIPC_INVALID_ARGUMENT; *snapshot is NULL
 * then, and there is nothing to leave.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cache_enter(netipc_cache *cache,
                                                             const netipc_cache_snapshot **snapshot);

/* The snapshot, and what was found in it, must not be touched any more. */
NETIPC_API void netipc_cache_leave(const netipc_cache_snapshot *snapshot);

/* The first item, in the snapshot's order, with this key. hash: as the publisher stored it, netipc_key_hash() of the
 * key for schemas of this library. NULL: there is none. */
NETIPC_API const netipc_item *netipc_cache_find(const netipc_cache_snapshot *snapshot, const void *key,
                                                size_t key_length, uint32_t hash);

/* The item of that number, in the snapshot's order; all of them, those of one key too. NULL: index is not below
 * snapshot->count. */
NETIPC_API const netipc_item *netipc_cache_item(const netipc_cache_snapshot *snapshot, uint32_t index);

/* before is NULL: an item was added. after is NULL: it was removed. Neither: it has other bytes. */
typedef struct netipc_cache_change {
    const netipc_item *before; /* in the snapshot that was replaced */
    const netipc_item *after;  /* in the one at hand */
} netipc_cache_change;

/*
 * What the last refresh has changed: added and changed items in the order of the new snapshot, then removed ones in the
 * order of the old. Items are compared by key; of several with one key the first is compared with the first, the second
 * with the second and so on. Places in the order are not compared. The first snapshot adds all. *changes and the items
 * stay until the next refresh, for the owner's thread, inside or not.
 *
 * NETIPC_OK: *count changes. NETIPC_LIMIT_EXCEEDED: too many keys have the same hash for a comparison in reasonable
 * time; take everything as new. NETIPC_WRONG_STATE: NETIPC_CACHE_CHANGES was not asked for. NETIPC_INVALID_ARGUMENT,
 * NETIPC_FORKED. *count is 0 then.
 */
NETIPC_API netipc_status netipc_cache_changes(netipc_cache *cache, const netipc_cache_change **changes, size_t *count);

typedef struct netipc_cache_info {
    uint32_t size;       /* sizeof(netipc_cache_info), set by the caller; only so much is written */
    uint32_t source;     /* netipc_cache_source of the snapshot at hand */
    uint32_t count;      /* its items */
    uint32_t last_error; /* netipc_status of the last refresh that failed; 0: none */
    uint64_t incarnation[2];
    uint64_t generation;
    uint64_t payload_bytes;
    uint64_t memory_bytes;  /* that the snapshot at hand takes */
    uint64_t retired;       /* snapshots that were replaced and not freed yet */
    uint64_t retired_bytes; /* that they take */
    uint64_t refreshes;
    uint64_t requests;         /* refreshes that asked by request */
    uint64_t builds;           /* … that changed the cache */
    uint64_t unchanged;        /* … that found it up to date */
    uint64_t failures;         /* … that did not give NETIPC_OK */
    uint64_t busy;             /* … that gave NETIPC_BUSY */
    uint32_t subscriber_state; /* netipc_subscriber_state */
    uint32_t publisher_state;  /* netipc_publisher_state, of the region at hand */
    /* Of the region at hand, fetched or not: with another incarnation than the snapshot's, this publisher has published
     * nothing (0), or nothing that could be fetched. */
    uint64_t region_incarnation[2];
    uint64_t region_generation; /* latest */
} netipc_cache_info;

/* NETIPC_OK, NETIPC_INVALID_ARGUMENT (size is 0), NETIPC_FORKED. No system call. */
NETIPC_API netipc_status netipc_cache_status(netipc_cache *cache, netipc_cache_info *info);

NETIPC_END_DECLS

#endif
