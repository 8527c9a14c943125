/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_DIFF_H
#define EBPF_PLUGIN_DIFF_H

#include <netipc/cache.h>

#include <stdbool.h>

/*
 * A cgroup is known by its hash and name, of any length. Several of one name are told apart by all that is told of
 * them, the path first of all: those that are on both sides are unchanged, and of the others as many have changed as
 * there are on both sides.
 */
struct diff {
    size_t added;   /* now, and not before */
    size_t changed; /* both, with another path, options or enabled */
    size_t removed; /* before, and not now */
};

/*
 * Counts what a cache has found changed. The cache goes by places among those of one name, so that with the first of
 * them gone all have changed: here they are put together by what they hold. False without memory: *diff is all zero.
 */
bool diff_count(const netipc_cache_change *changes, size_t count, struct diff *diff);

#endif
