/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_INDEX_LAYOUT_H
#define NETIPC_PUBLISH_CODEC_INDEX_LAYOUT_H

/*
 * The bytes of an index, version 1, in host byte order (docs/region-format.md says the same):
 *
 *   header | bucket_count buckets | item_count u32: the next item of the same bucket
 *
 * Items are named by their ordinal, which is their index + 1; 0: none. The items of a bucket are chained in the order
 * of the snapshot, so ordinals rise along a chain: whoever follows one that does not has an end all the same. Bytes
 * have no alignment for who reads; these structs are only ever copied.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define NETIPC_INDEX_MAGIC UINT32_C(0x3158444e) /* "NDX1" in little-endian memory */

enum {
    NETIPC_INDEX_VERSION = 1,
    NETIPC_INDEX_BUCKETS_LEAST = 2, /* so that the shift stays below 32 */
    NETIPC_INDEX_BUCKETS_A_FULL_ONE = 2
};

#define NETIPC_INDEX_ITEMS_MOST (UINT32_C(1) << 30)

struct netipc_index_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_size;
    uint32_t item_count;
    uint32_t bucket_count; /* a power of two */
    uint64_t reserved[2];
};
static_assert(offsetof(struct netipc_index_header, version) == 4, "index layout");
static_assert(offsetof(struct netipc_index_header, header_size) == 6, "index layout");
static_assert(offsetof(struct netipc_index_header, item_count) == 8, "index layout");
static_assert(offsetof(struct netipc_index_header, bucket_count) == 12, "index layout");
static_assert(offsetof(struct netipc_index_header, reserved) == 16, "index layout");
static_assert(sizeof(struct netipc_index_header) == 32, "index layout");

struct netipc_index_bucket {
    uint32_t hash; /* of the first item's key */
    uint32_t first;
};
static_assert(offsetof(struct netipc_index_bucket, first) == 4, "index layout");
static_assert(sizeof(struct netipc_index_bucket) == 8, "index layout");

/* Which bucket a hash belongs to: the upper bits of its product with 2^32 divided by the golden ratio, since nothing is
 * known of how well the lower bits of a hash are spread. shift: 32 less the logarithm of the number of buckets. */
static inline uint32_t netipc_index_bucket_of(uint32_t hash, uint32_t shift)
{
    return hash * UINT32_C(0x9e3779b1) >> shift;
}

#endif
