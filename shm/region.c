/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/region.h"

#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/fnv.h"
#include "shm/os.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

netipc_status netipc_region_plan(uint32_t slot_count, uint64_t capacity, uint64_t limit,
                                 struct netipc_region_geometry *geometry)
{
    if (slot_count < NETIPC_SLOTS_LEAST || slot_count > NETIPC_SLOTS_MOST)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u slots, %d to %d are possible", slot_count, NETIPC_SLOTS_LEAST,
                           NETIPC_SLOTS_MOST);
    if (capacity < 1 || capacity > NETIPC_CAPACITY_LIMIT)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "capacity of %llu bytes, 1 to %llu are possible",
                           (unsigned long long)capacity, (unsigned long long)NETIPC_CAPACITY_LIMIT);
    uint64_t stride, headers_end, data_offset, data_size, size, page = netipc_os_page_size();
    if (page < 4096)
        page = 4096;
    if (netipc_align_overflows(capacity, NETIPC_SLOT_DATA_ALIGNMENT, &stride) ||
        netipc_add_overflows(NETIPC_HEADER_SIZE, (uint64_t)slot_count * NETIPC_SLOT_HEADER_SIZE, &headers_end) ||
        netipc_align_overflows(headers_end, 4096, &data_offset) ||
        netipc_multiply_overflows(stride, slot_count, &data_size) ||
        netipc_add_overflows(data_offset, data_size, &size) || netipc_align_overflows(size, page, &size))
        return netipc_fail(NETIPC_TOO_LARGE, "%u slots of %llu bytes are more than 64 bits can count", slot_count,
                           (unsigned long long)capacity);
    if (size > limit)
        return netipc_fail(NETIPC_TOO_LARGE, "%u slots of %llu bytes need a region of %llu bytes, the ceiling is %llu",
                           slot_count, (unsigned long long)capacity, (unsigned long long)size,
                           (unsigned long long)limit);
    *geometry = (struct netipc_region_geometry){
        .slot_count = slot_count,
        .capacity = capacity,
        .slot_stride = stride,
        .slot_headers_offset = NETIPC_HEADER_SIZE,
        .slot_data_offset = data_offset,
        .region_size = size,
    };
    return NETIPC_OK;
}

static uint64_t identity_check(const struct netipc_region_identity *identity)
{
    return netipc_fnv1a_64(identity, offsetof(struct netipc_region_identity, check));
}

static void write_identity(const struct netipc_region_geometry *geometry, const struct netipc_region_label *label,
                           struct netipc_region_identity *identity)
{
    *identity = (struct netipc_region_identity){
        .magic = NETIPC_REGION_MAGIC,
        .order_mark = NETIPC_ORDER_MARK,
        .layout_major = NETIPC_LAYOUT_MAJOR,
        .layout_minor = NETIPC_LAYOUT_MINOR,
        .abi_fingerprint = NETIPC_ABI_FINGERPRINT,
        .header_size = NETIPC_HEADER_SIZE,
        .slot_header_size = NETIPC_SLOT_HEADER_SIZE,
        .region_size = geometry->region_size,
        .incarnation = {label->incarnation[0], label->incarnation[1]},
        .ordinal = label->ordinal,
        .open_time_ns = netipc_os_realtime_ns(),
        .publisher_pid = netipc_os_pid(),
        .slot_count = geometry->slot_count,
        .capacity = geometry->capacity,
        .slot_stride = geometry->slot_stride,
        .slot_headers_offset = geometry->slot_headers_offset,
        .slot_data_offset = geometry->slot_data_offset,
        .schema_id = label->schema_id,
        .schema_version = label->schema_version,
    };
    size_t length = strnlen(label->service, NETIPC_SERVICE_LABEL_SIZE - 1);
    memcpy(identity->service, label->service, length);
    identity->check = identity_check(identity);
}

/* What the address is to be a multiple of. */
static uint64_t alignment_for(uint32_t placement, uint64_t size)
{
    uint64_t huge = netipc_os_huge_page_size();
    return (placement & NETIPC_PLACE_HUGE_PAGES) != 0 && size >= huge ? huge : netipc_os_page_size();
}

/* Maps a new object and makes it resident where it is wanted. *base may be set when it fails. */
static netipc_status fill_memory(int fd, uint64_t size, struct netipc_placement *placement, void **base)
{
    netipc_status status = netipc_os_memory_map_writable(fd, size, alignment_for(placement->wanted, size), base);
    if (status != NETIPC_OK)
        return status;
    netipc_os_place_empty(*base, size, placement);
    status = netipc_os_memory_reserve(fd, size);
    if (status == NETIPC_OK)
        status = netipc_os_memory_populate(fd, *base, size);
    if (status == NETIPC_OK)
        netipc_os_place_populated(*base, size, placement);
    return status;
}

netipc_status netipc_region_create(const struct netipc_region_geometry *geometry,
                                   const struct netipc_region_label *label, const struct netipc_placement_wish *wish,
                                   struct netipc_region *region)
{
    char name[NETIPC_SERVICE_LABEL_SIZE + 16];
    snprintf(name, sizeof name, "netipc:%s", label->service);
    int fd;
    netipc_status status = netipc_os_memory_create(name, geometry->region_size, &fd);
    if (status != NETIPC_OK)
        return status;
    void *base = NULL;
    struct netipc_placement placement;
    netipc_placement_begin(&placement, wish);
    status = fill_memory(fd, geometry->region_size, &placement, &base);
    if (status == NETIPC_OK)
        status = netipc_os_memory_seal(fd);
    if (status != NETIPC_OK) {
        if (base != NULL)
            netipc_os_memory_unmap(base, geometry->region_size);
        close(fd);
        return status;
    }
    unsigned char *bytes = base;
    *region = (struct netipc_region){
        .geometry = *geometry,
        .header = base,
        .slots = (struct netipc_slot_header *)(void *)(bytes + geometry->slot_headers_offset),
        .data = bytes + geometry->slot_data_offset,
        .fd = fd,
        .placement = placement,
    };
    write_identity(geometry, label, &region->header->identity);
    netipc_store(&region->header->latest, netipc_hot_word(0, NETIPC_REGION_LIVE, 0), relaxed);
    return NETIPC_OK;
}

void netipc_region_destroy(struct netipc_region *region, bool forked)
{
    if (!forked)
        netipc_os_memory_unmap(region->header, region->geometry.region_size);
    close(region->fd);
    *region = (struct netipc_region){.fd = -1};
}

/* The rungs in the order in which each makes the next one meaningful. identity is a private copy. */
static netipc_status check_identity(const struct netipc_region_identity *identity, uint64_t size,
                                    struct netipc_region_geometry *geometry)
{
    if (identity->magic != NETIPC_REGION_MAGIC)
        return netipc_fail(NETIPC_CORRUPT, "region magic 0x%llx wanted, 0x%llx found",
                           (unsigned long long)NETIPC_REGION_MAGIC, (unsigned long long)identity->magic);
    if (identity->order_mark != NETIPC_ORDER_MARK)
        return netipc_fail(NETIPC_INCOMPATIBLE, "region is in another byte order (mark 0x%08x)", identity->order_mark);
    if (identity->layout_major != NETIPC_LAYOUT_MAJOR)
        return netipc_fail(NETIPC_INCOMPATIBLE, "region layout %u wanted, %u found", NETIPC_LAYOUT_MAJOR,
                           identity->layout_major);
    if (identity->check != identity_check(identity))
        return netipc_fail(NETIPC_CORRUPT, "region identity does not match its check word");
    if (identity->abi_fingerprint != NETIPC_ABI_FINGERPRINT)
        return netipc_fail(NETIPC_INCOMPATIBLE, "region ABI 0x%llx wanted, 0x%llx found",
                           (unsigned long long)NETIPC_ABI_FINGERPRINT, (unsigned long long)identity->abi_fingerprint);
    netipc_status status = netipc_region_plan(identity->slot_count, identity->capacity, UINT64_MAX, geometry);
    if (status != NETIPC_OK)
        return netipc_fail_within(NETIPC_CORRUPT, "region identity");
    /* That is the least that so many slots need. How much more there is, is the publisher's choice. */
    if (identity->header_size != NETIPC_HEADER_SIZE || identity->slot_header_size != NETIPC_SLOT_HEADER_SIZE ||
        identity->slot_headers_offset != geometry->slot_headers_offset ||
        identity->slot_stride < geometry->slot_stride || identity->slot_stride % NETIPC_SLOT_DATA_ALIGNMENT != 0 ||
        identity->slot_data_offset < geometry->slot_data_offset || identity->slot_data_offset % 4096 != 0 ||
        identity->region_size != size || size % 4096 != 0 ||
        !netipc_array_ok(identity->slot_data_offset, identity->slot_count, identity->slot_stride, size))
        return netipc_fail(NETIPC_CORRUPT, "region offsets do not fit %u slots of %llu bytes", identity->slot_count,
                           (unsigned long long)identity->capacity);
    geometry->slot_stride = identity->slot_stride;
    geometry->slot_data_offset = identity->slot_data_offset;
    geometry->region_size = size;
    return NETIPC_OK;
}

netipc_status netipc_region_attach(int fd, uint64_t announced_size, uint64_t limit, uint32_t placement,
                                   struct netipc_region_view *view)
{
    if (announced_size > limit)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "region of %llu bytes, this subscriber accepts %llu",
                           (unsigned long long)announced_size, (unsigned long long)limit);
    if (announced_size < NETIPC_HEADER_SIZE)
        return netipc_fail(NETIPC_CORRUPT, "region of %llu bytes has no room for its header",
                           (unsigned long long)announced_size);
    netipc_status status = netipc_os_memory_verify(fd, announced_size);
    if (status != NETIPC_OK)
        return status;
    const void *base;
    status = netipc_os_memory_map_readable(fd, announced_size, alignment_for(placement, announced_size), &base);
    if (status != NETIPC_OK)
        return status;
    const unsigned char *bytes = base;
    *view = (struct netipc_region_view){.header = base};
    memcpy(&view->identity, bytes, sizeof view->identity);
    status = check_identity(&view->identity, announced_size, &view->geometry);
    if (status != NETIPC_OK) {
        netipc_os_memory_unmap(base, announced_size);
        *view = (struct netipc_region_view){0};
        return status;
    }
    const struct netipc_placement_wish wish = {placement, NETIPC_NUMA_NODE_ANY};
    netipc_placement_begin(&view->placement, &wish);
    netipc_os_place_readable(base, announced_size, &view->placement);
    view->identity.service[NETIPC_SERVICE_LABEL_SIZE - 1] = '\0';
    view->slots = (const struct netipc_slot_header *)(const void *)(bytes + view->geometry.slot_headers_offset);
    view->data = bytes + view->geometry.slot_data_offset;
    return NETIPC_OK;
}

void netipc_region_detach(struct netipc_region_view *view, bool forked)
{
    if (!forked)
        netipc_os_memory_unmap(view->header, view->geometry.region_size);
    *view = (struct netipc_region_view){0};
}
