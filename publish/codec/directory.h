/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_DIRECTORY_H
#define NETIPC_PUBLISH_CODEC_DIRECTORY_H

/*
 * What every payload of several items looks like, in host byte order:
 *
 *   header | directory: one entry an item | packed area: items, each at a multiple of 8
 *
 * Offsets count from the packed area; items go upwards without touching each other, and what is between them is zero.
 * Nothing has an alignment in memory: it is only ever copied from and to.
 */

#include "publish/codec/bytes.h"
#include "shm/detail.h"

#include <assert.h>
#include <inttypes.h>

#define NETIPC_ITEM_ALIGNMENT 8

/* A message's length is a u32 on the wire, so a payload's is one as well, and with it every offset and count. */
#define NETIPC_ITEMS_PAYLOAD_MAX UINT32_MAX

struct netipc_wire_entry {
    uint32_t offset;
    uint32_t length; /* without the padding up to the next item */
};
static_assert(offsetof(struct netipc_wire_entry, length) == 4, "wire format");
static_assert(sizeof(struct netipc_wire_entry) == 8, "wire format");

/* --- read --- */

struct netipc_directory {
    const unsigned char *entries;
    const unsigned char *items;
    size_t items_length;
    uint32_t count;
};

/* An item's bytes, and where it was found. */
struct netipc_wire_item {
    const unsigned char *bytes;
    uint32_t index, offset, length;
};

/* header_length is not more than length. NETIPC_OK; NETIPC_CORRUPT: the directory does not fit into the payload. */
netipc_status netipc_directory_open(const unsigned char *payload, size_t length, size_t header_length, uint32_t count,
                                    struct netipc_directory *directory);

/* index is below count, least what the item's header alone takes. NETIPC_OK; NETIPC_CORRUPT: its entry is at fault. */
netipc_status netipc_directory_item(const struct netipc_directory *directory, uint32_t index, size_t least,
                                    struct netipc_wire_item *item);

/* To be called for all items in order, with *end 0 before the first, and then _check_end. NETIPC_OK; NETIPC_CORRUPT:
 * the item is not behind the one before, or what is between is not zero. */
static inline netipc_status netipc_directory_check_order(const struct netipc_directory *directory,
                                                         const struct netipc_wire_item *item, size_t *end)
{
    if (item->offset < *end)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", the one before it ends at %zu",
                           item->index, item->offset, *end);
    size_t gap = item->offset - *end;
    const unsigned char *at = directory->items + *end;
    /* Behind a gap is the item: there a word can be read. */
    bool is_zero = gap <= 8 && item->length >= 8 ? netipc_word_is_zero(at, gap) : netipc_bytes_are_zero(at, gap);
    if (!is_zero)
        return netipc_fail(NETIPC_CORRUPT, "the padding in front of item %" PRIu32 " is not zero", item->index);
    *end = (size_t)item->offset + item->length;
    return NETIPC_OK;
}

/* What is behind the last item, from end on, is zero. NETIPC_OK; NETIPC_CORRUPT. */
netipc_status netipc_directory_check_end(const struct netipc_directory *directory, size_t end);

/* --- built --- */

/* Both parts as they are written, ready to be copied behind a header. All zero: no item. */
struct netipc_pack {
    struct netipc_bytes directory;
    struct netipc_bytes items; /* no padding behind the last one */
    uint32_t count;
};

void netipc_pack_free(struct netipc_pack *pack);
/* Forgets all items and keeps the memory. */
void netipc_pack_reset(struct netipc_pack *pack);

/* Of the payload, with a header of header_length bytes. */
size_t netipc_pack_length(const struct netipc_pack *pack, size_t header_length);
/* … with one more item. false: more than most bytes, or than a payload can have. */
bool netipc_pack_has_room(const struct netipc_pack *pack, size_t header_length, uint64_t item_length, uint64_t most);

/* For an item there is room for. NETIPC_OK; NETIPC_NO_MEMORY, and nothing has changed. */
netipc_status netipc_pack_reserve(struct netipc_pack *pack, size_t item_length);
/* Appends an item for which memory was reserved: where its bytes go. */
unsigned char *netipc_pack_add(struct netipc_pack *pack, size_t item_length);

/* Writes header, directory and items; buffer has room for them. */
void netipc_pack_write(const struct netipc_pack *pack, const void *header, size_t header_length, void *buffer);

/* How many bytes are missing from length to the next multiple of 8. */
static inline size_t netipc_padding(uint64_t length)
{
    return (size_t)(-length & (NETIPC_ITEM_ALIGNMENT - 1));
}

#endif
