/* SPDX-License-Identifier: Apache-2.0 */
/* The regions of a publisher: the first, and larger ones that supersede it. */
#include "publish/placement_notes.h"
#include "publish/publisher_state.h"
#include "shm/probes.h"

#include <stdio.h>

struct netipc_server_offer netipc_publisher_offer(const netipc_publisher *publisher, const struct netipc_region *region)
{
    const struct netipc_region_label *label = &publisher->label;
    return (struct netipc_server_offer){
        .fd = region->fd,
        .region_size = region->geometry.region_size,
        .ordinal = label->ordinal,
        .incarnation = {label->incarnation[0], label->incarnation[1]},
        .lease_quota = netipc_ring_quota(region->geometry.slot_count, publisher->history + publisher->own_leases),
    };
}

static netipc_status make_region(const netipc_publisher *publisher, const struct netipc_region_geometry *geometry,
                                 const struct netipc_region_label *label, struct netipc_region *region)
{
    netipc_status status = netipc_region_create(geometry, label, &publisher->placement, region);
    if (status == NETIPC_OK)
        netipc_placement_log(&publisher->log, &region->placement, label->ordinal, geometry->region_size);
    return status;
}

netipc_status netipc_publisher_make_region(netipc_publisher *publisher, const netipc_publisher_config *config)
{
    struct netipc_region_geometry geometry;
    netipc_status status = netipc_region_plan(config->slots, config->capacity, config->ceiling, &geometry);
    if (status == NETIPC_OK)
        status = netipc_os_random(publisher->label.incarnation, sizeof publisher->label.incarnation);
    if (status != NETIPC_OK)
        return status;
    snprintf(publisher->service, sizeof publisher->service, "%s", config->service);
    publisher->label.service = publisher->service;
    publisher->label.ordinal = 1;
    status = make_region(publisher, &geometry, &publisher->label, &publisher->region);
    if (status == NETIPC_OK)
        netipc_ring_start(&publisher->ring, &publisher->region, publisher->label.ordinal, &publisher->table, 0,
                          &(struct netipc_ring_totals){0});
    if (status == NETIPC_OK)
        netipc_latest_show(&publisher->latest, &publisher->region, publisher->label.ordinal);
    return status;
}

/* --- growth --- */

/* The geometry for snapshots of length bytes, index included: twice the capacity if that is enough, as many slots as
 * wanted, and of both what the ceiling allows. */
static netipc_status plan_growth(const netipc_publisher *publisher, uint64_t length,
                                 struct netipc_region_geometry *geometry)
{
    uint64_t doubled = publisher->region.geometry.capacity * 2;
    uint32_t least = publisher->history + publisher->own_leases + 2;
    if (least < NETIPC_SLOTS_MIN)
        least = NETIPC_SLOTS_MIN;
    const uint64_t capacities[] = {doubled > length ? doubled : length, length};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        uint64_t capacity = capacities[i];
        if (capacity > NETIPC_CAPACITY_LIMIT)
            continue;
        uint64_t affordable = publisher->ceiling / capacity;
        uint32_t slots = affordable < publisher->slots ? (uint32_t)affordable : publisher->slots;
        /* The headers and the rounding take a little: one slot fewer makes room for them. */
        for (; slots >= least; slots--)
            if (netipc_region_plan(slots, capacity, publisher->ceiling, geometry) == NETIPC_OK)
                return NETIPC_OK;
    }
    return netipc_fail(NETIPC_TOO_LARGE,
                       "a snapshot of %llu bytes needs %u slots of that size; the ceiling of the region is %llu bytes",
                       (unsigned long long)length, least, (unsigned long long)publisher->ceiling);
}

netipc_status netipc_publisher_grow(netipc_publisher *publisher, uint64_t length)
{
    struct netipc_region_geometry geometry;
    netipc_status status = plan_growth(publisher, length, &geometry);
    if (status != NETIPC_OK)
        return status;
    struct netipc_region_label label = publisher->label;
    struct netipc_region region;
    label.ordinal++;
    status = make_region(publisher, &geometry, &label, &region);
    if (status != NETIPC_OK)
        return status;
    publisher->next_region = region;
    netipc_ring_start(&publisher->next_ring, &publisher->next_region, label.ordinal, &publisher->table,
                      publisher->ring.generation, &publisher->ring.totals);
    publisher->growing = true;
    return NETIPC_OK;
}

void netipc_publisher_abandon(netipc_publisher *publisher)
{
    if (!publisher->growing)
        return;
    netipc_region_destroy(&publisher->next_region, false);
    publisher->growing = false;
}

/*
 * Supersede. The new region holds its first generation before anybody can get it; it is what new sessions get before
 * the old region says SUPERSEDED; so whoever reads that word and asks is given the new one. Requests are answered from
 * the new region before it is offered, so that no answer is behind what a subscriber has read.
 *
 * If killed: before the offer is replaced, the old region is the last word; after it, sessions that attached meanwhile
 * have the new one, the others the old one, each whole; all learn of the death.
 */
void netipc_publisher_supersede(netipc_publisher *publisher, uint64_t length, uint64_t annex_length)
{
    netipc_ring_publish(&publisher->next_ring, length, annex_length);
    publisher->label.ordinal++;
    netipc_latest_show(&publisher->latest, &publisher->next_region, publisher->label.ordinal);
    struct netipc_server_offer offer = netipc_publisher_offer(publisher, &publisher->next_region);
    netipc_service_replace_offer(publisher->endpoint, &offer);
    publisher->ring.totals = publisher->next_ring.totals;
    netipc_ring_end(&publisher->ring, NETIPC_REGION_SUPERSEDED);
    publisher->next_ring.totals = publisher->ring.totals;
    netipc_latest_retire(&publisher->latest);
    publisher->region = publisher->next_region;
    publisher->ring = publisher->next_ring;
    publisher->ring.region = &publisher->region;
    publisher->growing = false;
    netipc_probe_supersede(publisher->service, publisher->label.ordinal, publisher->ring.generation,
                           publisher->region.geometry.capacity, publisher->region.geometry.region_size);
}
