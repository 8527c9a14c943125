/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of items, each of which tells its generation: published without pause, and searched in place. */
#include "tests/publish/peer.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/publisher.h>
#include <netipc/reader.h>

#include "tests/publish/patience.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SEARCHES_A_VIEW = 16, COUNTS = 7 };

static size_t name_item(char name[32], uint64_t k)
{
    return (size_t)snprintf(name, 32, "item-%" PRIu64, k);
}

/* Their number changes from one generation to the next, so that indexes lie where payloads were. */
static uint64_t items_of(uint64_t generation, uint64_t most)
{
    return most - generation % COUNTS;
}

static netipc_status publish_items(netipc_publisher *publisher, netipc_cgroups_snapshot_builder *builder, uint64_t most,
                                   uint64_t generation)
{
    char name[32];
    void *data;
    size_t capacity, length;
    netipc_cgroups_snapshot_builder_reset(builder);
    for (uint64_t k = 0; k < items_of(generation, most); k++) {
        size_t name_length = name_item(name, k);
        if (netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, name_length), (uint32_t)generation, 1,
                                                name, "/") != NETIPC_OK)
            peer_fail("no item");
    }
    netipc_status status =
        netipc_publish_begin(publisher, netipc_cgroups_snapshot_builder_length(builder), &data, &capacity);
    if (status == NETIPC_OK)
        status = netipc_cgroups_snapshot_builder_write(builder, generation, 0, data, capacity, &length);
    return status == NETIPC_OK ? netipc_publish_commit(publisher, length, NULL) : status;
}

void peer_items(netipc_publisher *publisher, uint64_t most, uint64_t *generation)
{
    netipc_cgroups_snapshot_builder *builder;
    netipc_status status = netipc_cgroups_snapshot_builder_new(&builder);
    while (status == NETIPC_OK && !peer_is_called()) {
        status = publish_items(publisher, builder, most, *generation + 1);
        *generation += status == NETIPC_OK;
    }
    netipc_cgroups_snapshot_builder_free(builder);
    char name[32];
    uint64_t ignored[PEER_ARGUMENTS];
    peer_command(name, ignored);
    peer_answer("%d %" PRIu64, (int)status, *generation);
}

/* Whether a search gives what the generation has; key k may be one that it has not. */
static bool search_is_right(const netipc_index *index, uint64_t generation, uint64_t most, uint64_t k)
{
    char name[32];
    netipc_cgroup_view cgroup;
    size_t length = name_item(name, k);
    netipc_status status = netipc_cgroups_find(index, name, length, netipc_key_hash(name, length), &cgroup);
    if (k >= items_of(generation, most))
        return status == NETIPC_NOT_FOUND;
    return status == NETIPC_OK && cgroup.options == (uint32_t)generation && cgroup.name_length == length &&
           memcmp(cgroup.name, name, length) == 0;
}

/* find MOST COUNT: in view after view, until there were so many generations → generations wrong */
void peer_find(netipc_subscriber *subscriber, const uint64_t arguments[PEER_ARGUMENTS])
{
    netipc_reader *reader;
    const void *data;
    uint64_t most = arguments[0], end = now_ns() + patience_ns(60), seen = 0, last = 0, wrong = 0, k = 0;
    netipc_snapshot_info info = {.size = sizeof info};
    if (netipc_reader_open(subscriber, &reader) != NETIPC_OK)
        peer_fail("no reader");
    while (seen < arguments[1] && now_ns() < end) {
        netipc_index index;
        netipc_status status = netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info);
        if (status != NETIPC_OK)
            peer_fail("an acquire gave %s: %s", netipc_status_name(status), netipc_status_detail());
        status = netipc_reader_index(reader, netipc_cgroups_schema(), &index);
        if (status != NETIPC_OK)
            peer_fail("an index gave %s: %s", netipc_status_name(status), netipc_status_detail());
        wrong += index.items.generation != info.generation;
        for (int i = 0; i < SEARCHES_A_VIEW; i++)
            wrong += !search_is_right(&index, info.generation, most, k++ % (most + COUNTS));
        seen += info.generation != last;
        last = info.generation;
        if (netipc_reader_release(reader) != NETIPC_OK)
            peer_fail("a release failed: %s", netipc_status_detail());
    }
    netipc_reader_close(reader);
    peer_answer("%" PRIu64 " %" PRIu64, seen, wrong);
}
