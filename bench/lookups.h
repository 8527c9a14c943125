/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOOKUPS_H
#define BENCH_LOOKUPS_H

/*
 * The lookups that are measured. Keys are asked for one after the other, each once in a round, in an order that looks
 * like none; they lie in an array, each in a line of its own with its hash, as a caller has a key at hand.
 */

#include "bench/cgroups.h"
#include "bench/crew.h"

#include <netipc/cache.h>
#include <netipc/index.h>

#include <stdalign.h>

struct lookups_key {
    alignas(64) uint32_t length;
    uint32_t hash, index, options; /* of the item that it finds; index NOBODY: none */
    char name[CGROUPS_NAME_MOST + 1];
};

#define LOOKUPS_NOBODY UINT32_MAX

struct lookups_keys {
    struct lookups_key *keys;
    size_t count;
};

/* What a program would make for itself: chains of private copies. No one may change it while it is used. */
struct lookups_entry {
    const char *name;
    uint32_t length, hash, index, next;
};
struct lookups_table {
    struct lookups_entry *entries;
    uint32_t *buckets; /* numbers from 1; 0: empty */
    char *names;
    uint32_t mask;
};

/* One thread's. */
struct lookups {
    const struct station *station;
    const struct lookups_keys *keys;
    size_t at; /* of the next key */
    netipc_cache *cache;
    const struct lookups_table *table;
    const netipc_index *index;
    uint32_t wrong; /* not 0: something else was found than should be */
    uint64_t made;
};

typedef void (*lookups_function)(void *lookups, uint64_t times);

void lookups_cached(void *lookups, uint64_t times);        /* enter, find, leave */
void lookups_cached_within(void *lookups, uint64_t times); /* one enter and leave for all */
void lookups_index(void *lookups, uint64_t times);         /* netipc_index_find() */
void lookups_cgroups(void *lookups, uint64_t times);       /* netipc_cgroups_find() */
void lookups_bare(void *lookups, uint64_t times);

/* Of a batch: fails the worker when one was wrong. */
void lookups_check(void *lookups, uint64_t times);

void lookups_prepare(const struct station *station, const struct cgroups *cgroups, struct lookups_keys *hits,
                     struct lookups_keys *misses, struct lookups_table *table);
/* The generation whose items are found from now on. */
void lookups_expect(struct lookups_keys *hits, uint64_t generation);
void lookups_forget(struct lookups_keys *hits, struct lookups_keys *misses, struct lookups_table *table);

#endif
