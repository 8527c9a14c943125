/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/index.h>

#include "publish/codec/index_search.h"
#include "shm/checked.h"
#include "shm/payload_copy.h"

/* Half full at most: a power of two, at least twice the number of items. */
static uint64_t buckets_for(uint32_t count)
{
    uint64_t buckets = NETIPC_INDEX_BUCKETS_LEAST;
    while (buckets < (uint64_t)count * NETIPC_INDEX_BUCKETS_A_FULL_ONE)
        buckets *= 2;
    return buckets;
}

static uint32_t shift_for(uint64_t buckets)
{
    uint32_t shift = 32;
    for (; buckets > 1; buckets /= 2)
        shift--;
    return shift;
}

/* Neither product nor sum can pass 2^36. */
static uint64_t length_of(uint64_t buckets, uint32_t count)
{
    return sizeof(struct netipc_index_header) + buckets * sizeof(struct netipc_index_bucket) +
           (uint64_t)count * sizeof(uint32_t);
}

uint64_t netipc_index_length(uint32_t count)
{
    return count <= NETIPC_INDEX_ITEMS_MOST ? length_of(buckets_for(count), count) : 0;
}

/* From the last item to the first, each in front of its chain: no search for a place, and so the same time whatever the
 * hashes are. The bytes may be those of a claimed slot, so all go through the door of payloads. */
static netipc_status chain_items(const netipc_schema *schema, const netipc_items *items, unsigned char *buckets,
                                 unsigned char *next, uint32_t shift)
{
    for (uint32_t ordinal = items->count; ordinal > 0; ordinal--) {
        netipc_item item;
        netipc_status status = schema->item(items, ordinal - 1, &item);
        if (status != NETIPC_OK)
            return status;
        struct netipc_index_bucket bucket;
        unsigned char *at = buckets + netipc_index_bucket_of(item.hash, shift) * sizeof bucket;
        memcpy(&bucket, at, sizeof bucket);
        netipc_payload_copy_in(next + (size_t)(ordinal - 1) * sizeof ordinal, &bucket.first, sizeof bucket.first);
        bucket = (struct netipc_index_bucket){.hash = item.hash, .first = ordinal};
        netipc_payload_copy_in(at, &bucket, sizeof bucket);
    }
    return NETIPC_OK;
}

netipc_status netipc_index_build(const netipc_schema *schema, const netipc_items *items, void *index, size_t capacity,
                                 size_t *length)
{
    uint64_t needed = netipc_index_length(items->count);
    size_t size;
    if (needed == 0 || !netipc_to_size(needed, &size))
        return netipc_fail(NETIPC_TOO_LARGE, "no index can be made of %" PRIu32 " items", items->count);
    if (length != NULL)
        *length = size;
    if (capacity < size)
        return netipc_fail(NETIPC_TOO_SMALL, "the index of %" PRIu32 " items needs %zu bytes, the buffer has %zu",
                           items->count, size, capacity);
    const uint64_t buckets = buckets_for(items->count);
    const size_t buckets_length = (size_t)buckets * sizeof(struct netipc_index_bucket);
    const struct netipc_index_header header = {
        .magic = NETIPC_INDEX_MAGIC,
        .version = NETIPC_INDEX_VERSION,
        .header_size = sizeof header,
        .item_count = items->count,
        .bucket_count = (uint32_t)buckets,
    };
    unsigned char *at = index;
    netipc_payload_copy_in(at, &header, sizeof header);
    netipc_payload_clear(at + sizeof header, buckets_length);
    return chain_items(schema, items, at + sizeof header, at + sizeof header + buckets_length, shift_for(buckets));
}

static netipc_status check_header(const struct netipc_index_header *header, uint32_t item_count, size_t length)
{
    if (header->magic != NETIPC_INDEX_MAGIC || header->version != NETIPC_INDEX_VERSION)
        return netipc_fail(NETIPC_UNSUPPORTED,
                           "no index of version %d: magic 0x%08" PRIx32 " and version %u instead of 0x%08" PRIx32,
                           NETIPC_INDEX_VERSION, header->magic, header->version, NETIPC_INDEX_MAGIC);
    if (header->header_size != sizeof *header)
        return netipc_fail(NETIPC_CORRUPT, "an index with a header of %u bytes, not %zu", header->header_size,
                           sizeof *header);
    if (header->item_count != item_count)
        return netipc_fail(NETIPC_CORRUPT, "an index of %" PRIu32 " items behind a payload of %" PRIu32,
                           header->item_count, item_count);
    uint32_t buckets = header->bucket_count;
    if (buckets < NETIPC_INDEX_BUCKETS_LEAST || (buckets & (buckets - 1)) != 0)
        return netipc_fail(NETIPC_CORRUPT, "an index of %" PRIu32 " buckets, no power of two from %d on", buckets,
                           NETIPC_INDEX_BUCKETS_LEAST);
    if (length_of(buckets, item_count) > length)
        return netipc_fail(NETIPC_CORRUPT,
                           "an index of %" PRIu32 " items and %" PRIu32 " buckets does not fit into %zu bytes",
                           item_count, buckets, length);
    return NETIPC_OK;
}

netipc_status netipc_index_open(const netipc_schema *schema, const netipc_items *items, const void *bytes,
                                size_t length, netipc_index *index)
{
    struct netipc_index_header header;
    if (length < sizeof header)
        return netipc_fail(NETIPC_UNSUPPORTED, "no index: %zu bytes, its header alone has %zu", length, sizeof header);
    const unsigned char *at = bytes;
    netipc_load_once(&header, at, sizeof header);
    netipc_status status = check_header(&header, items->count, length);
    if (status != NETIPC_OK)
        return status;
    const unsigned char *buckets = at + sizeof header;
    *index = (netipc_index){
        .schema = schema,
        .items = *items,
        .buckets = buckets,
        .next = buckets + (size_t)header.bucket_count * sizeof(struct netipc_index_bucket),
        .shift = shift_for(header.bucket_count),
    };
    return NETIPC_OK;
}

static inline netipc_status look_at(const netipc_index *index, uint32_t number, const void *key, size_t key_length,
                                    uint32_t hash, void *found)
{
    netipc_item *item = found;
    netipc_status status = index->schema->item(&index->items, number, item);
    if (status == NETIPC_OK && !netipc_item_has_key(item, key, key_length, hash))
        return NETIPC_NOT_FOUND;
    return status;
}

netipc_status netipc_index_find(const netipc_index *index, const void *key, size_t key_length, uint32_t hash,
                                netipc_item *item)
{
    return netipc_index_search(index, look_at, key, key_length, hash, item);
}
