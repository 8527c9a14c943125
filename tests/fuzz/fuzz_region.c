/* SPDX-License-Identifier: Apache-2.0 */
/* Regions that no correct publisher makes, also ones that change under the steps of a read: shm/ring_reader.c is
 * compiled with stepped_atomics.h here. */
#include "tests/fuzz/formats.h"
#include "tests/fuzz/fuzz.h"

#include "shm/fnv.h"
#include "shm/os.h"
#include "shm/ring_publisher.h"
#include "shm/ring_reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { ATTACHED, FORGED, READ, READ_OLD, LEASED, FOUND, REFUSED, UNSOUND, OVERTAKEN, READ_WHILE_IT_CHANGES };
const char *const fuzz_goals[] = {
    "attached", "attached to a forged identity", "read",      "read an older generation", "leased", "found",
    "refused",  "found to be corrupt",           "overtaken", "read beside changes",      NULL};

struct armed {
    uint32_t step;
    uint64_t at, value;
    bool fix;
};

/* The region as its owner sees it. */
static struct {
    int fd;
    uint64_t size;
    unsigned char *bytes; /* writable */
    uint32_t slots;       /* as the owner believes */
    uint64_t stride, data_at;
    struct armed armed[FUZZ_REGION_ARMED_MOST];
    uint32_t armed_count, step;
} owner;

/* --- what the owner writes --- */

static struct netipc_slot_header *slot_at(uint32_t slot)
{
    return (void *)(owner.bytes + NETIPC_HEADER_SIZE + (size_t)slot * NETIPC_SLOT_HEADER_SIZE);
}

static struct netipc_slot_values values_of(const struct netipc_slot_header *slot)
{
    return (struct netipc_slot_values){
        .seq = netipc_load(&slot->seq, relaxed),
        .payload_length = netipc_load(&slot->payload_length, relaxed),
        .annex_length = netipc_load(&slot->annex_length, relaxed),
        .flags = netipc_load(&slot->flags, relaxed),
        .publish_time_ns = netipc_load(&slot->publish_time_ns, relaxed),
        .checksum = netipc_load(&slot->checksum, relaxed),
    };
}

static void fix_slot(uint32_t slot)
{
    struct netipc_slot_values values = values_of(slot_at(slot));
    netipc_store(&slot_at(slot)->check, netipc_slot_check(&values), relaxed);
}

static void fix_identity(void)
{
    struct netipc_region_identity *identity = (void *)owner.bytes;
    identity->check = netipc_fnv1a_64(identity, offsetof(struct netipc_region_identity, check));
}

/* An offset within the region for a place of formats.h. */
static uint64_t place(uint8_t where, uint8_t index, uint8_t at)
{
    uint64_t offset = 0;
    switch (where % FUZZ_PLACES) {
    case FUZZ_AT_IDENTITY:
        offset = at;
        break;
    case FUZZ_AT_HOT:
        offset = offsetof(struct netipc_region_header, latest) + at;
        break;
    case FUZZ_AT_SLOT:
        offset = NETIPC_HEADER_SIZE + index % owner.slots * NETIPC_SLOT_HEADER_SIZE + at;
        break;
    case FUZZ_AT_DATA:
        offset = owner.data_at + index % owner.slots * owner.stride + at;
        break;
    default:
        offset = (uint64_t)index << 8 | at;
    }
    return offset % owner.size;
}

static void write_from(struct fuzz_input *input)
{
    uint8_t bytes[256], where = fuzz_u8(input), index = fuzz_u8(input), at = fuzz_u8(input), length = fuzz_u8(input);
    uint64_t offset = place(where, index, at);
    fuzz_bytes(input, bytes, length);
    memcpy(owner.bytes + offset, bytes, length < owner.size - offset ? length : owner.size - offset);
}

/* What is armed for this moment happens. */
void fuzz_step(void)
{
    owner.step++;
    for (uint32_t i = 0; i < owner.armed_count; i++) {
        const struct armed *armed = &owner.armed[i];
        if (armed->step != owner.step)
            continue;
        netipc_store((netipc_atomic_u64 *)(void *)(owner.bytes + armed->at), armed->value, relaxed);
        uint64_t slot = (armed->at - NETIPC_HEADER_SIZE) / NETIPC_SLOT_HEADER_SIZE;
        if (armed->fix && armed->at >= NETIPC_HEADER_SIZE && slot < owner.slots)
            fix_slot((uint32_t)slot);
    }
}

static void arm(struct fuzz_input *input)
{
    struct armed armed = {.step = 1u + fuzz_u8(input), .fix = fuzz_u8(input) % 2 != 0};
    uint8_t where = fuzz_u8(input), index = fuzz_u8(input), at = fuzz_u8(input);
    armed.at = place(where, index, at) & ~UINT64_C(7);
    armed.value = fuzz_u64(input);
    if (owner.armed_count < FUZZ_REGION_ARMED_MOST)
        owner.armed[owner.armed_count++] = armed;
}

/* --- making it --- */

/* By the shipped writer. */
static void build(uint8_t shape, uint8_t capacity, uint8_t publications)
{
    struct netipc_region_geometry geometry;
    struct netipc_region region;
    struct netipc_session_table nobody = {0};
    struct netipc_ring ring;
    const struct netipc_region_label label = {.incarnation = {11, 12}, .ordinal = 1, .service = "fuzzed"};
    uint32_t slots = NETIPC_SLOTS_LEAST + shape % FUZZ_REGION_SLOTS;
    fuzz_check(netipc_region_plan(slots, 1 + 8 * (capacity % FUZZ_REGION_CAPACITY), UINT64_MAX, &geometry) ==
               NETIPC_OK);
    fuzz_check(netipc_region_create(&geometry, &label, NULL, &region) == NETIPC_OK);
    netipc_ring_start(&ring, &region, 1, &nobody, 0, &(struct netipc_ring_totals){0});
    for (uint8_t i = publications % FUZZ_REGION_PUBLICATIONS; i > 0; i--) {
        memset(netipc_ring_claimed_data(&ring), i, geometry.capacity);
        netipc_ring_publish(&ring, geometry.capacity - i % geometry.capacity % 7, 0);
    }
    owner.size = geometry.region_size;
    owner.slots = slots;
    owner.stride = geometry.slot_stride;
    owner.data_at = geometry.slot_data_offset;
    memcpy(owner.bytes, region.header, owner.size);
    netipc_region_destroy(&region, false);
}

enum { MEMORY_MOST = 1 << 17 };

static int seals_without(uint8_t missing)
{
    static const int each[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE};
    int seals = 0;
    for (int i = 0; i < 4; i++)
        if ((missing >> i & 1) == 0)
            seals |= each[i];
    return seals;
}

/* Moves what was made into an object of its size, seals it, and leaves it mapped for the owner. */
static void hand_over(uint8_t seals)
{
    owner.fd = memfd_create("fuzzed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fuzz_check(owner.fd >= 0);
    fuzz_check(pwrite(owner.fd, owner.bytes, owner.size, 0) == (ssize_t)owner.size);
    if (seals & FUZZ_REGION_PUNCHED) {
        off_t page = (off_t)(4096 * ((seals >> 5) % (owner.size / 4096)));
        fuzz_check(fallocate(owner.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, 4096) == 0);
    }
    void *mapped = mmap(NULL, owner.size, PROT_READ | PROT_WRITE, MAP_SHARED, owner.fd, 0);
    fuzz_check(mapped != MAP_FAILED);
    fuzz_check(fcntl(owner.fd, F_ADD_SEALS, seals_without(seals & FUZZ_REGION_SEALS)) == 0);
    owner.bytes = mapped;
}

/* *announced is what the subscriber is told. */
static uint8_t make_region(struct fuzz_input *input, uint64_t *announced)
{
    static unsigned char memory[MEMORY_MOST] __attribute__((aligned(4096)));
    memset(&owner, 0, sizeof owner);
    memset(memory, 0, sizeof memory);
    owner.bytes = memory;
    uint8_t flags = fuzz_u8(input), shape = fuzz_u8(input), capacity = fuzz_u8(input), publications = fuzz_u8(input);
    uint8_t seals = fuzz_u8(input);
    int8_t pages = (int8_t)fuzz_u8(input);
    if (flags & FUZZ_REGION_BUILT) {
        build(shape, capacity, publications);
    } else {
        owner.size = 4096 * (2 + (uint64_t)shape % FUZZ_REGION_PAGES);
        owner.slots = NETIPC_SLOTS_LEAST + publications % FUZZ_REGION_SLOTS;
        owner.stride = NETIPC_SLOT_DATA_ALIGNMENT;
        owner.data_at = 2 * 4096;
    }
    for (uint8_t writes = fuzz_u8(input) % FUZZ_REGION_WRITES; writes > 0; writes--)
        write_from(input);
    if (flags & FUZZ_REGION_FIX_IDENTITY)
        fix_identity();
    for (uint32_t slot = 0; (flags & FUZZ_REGION_FIX_SLOTS) && slot < owner.slots; slot++)
        fix_slot(slot);
    hand_over(seals);
    *announced = owner.size + (uint64_t)(int64_t)pages * 4096;
    return flags;
}

/* --- what the subscriber must get --- */

#define READ_STATUSES                                                                                                  \
    (FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_EMPTY) | FUZZ_STATUS(NETIPC_EXPIRED) | FUZZ_STATUS(NETIPC_OVERRUN) |  \
     FUZZ_STATUS(NETIPC_CORRUPT))

struct reader {
    struct netipc_region_view view;
    bool changing; /* something was armed for this call */
};

/* Where nothing changed meanwhile, what was delivered is what the slot holds, and the slot says so. */
static void check_sound(const struct reader *reader, const struct netipc_ring_snapshot *snapshot,
                        const unsigned char *bytes)
{
    const struct netipc_region_view *view = &reader->view;
    fuzz_check(snapshot->slot < view->geometry.slot_count);
    fuzz_check(snapshot->length <= view->geometry.capacity);
    fuzz_check(snapshot->retries < NETIPC_READ_TRIES);
    if (reader->changing)
        return;
    struct netipc_slot_values values = values_of(&view->slots[snapshot->slot]);
    fuzz_check(values.seq == snapshot->generation * 2 && (values.flags & NETIPC_FLAGS_TO_KNOW) == 0);
    fuzz_check(netipc_load(&view->slots[snapshot->slot].check, relaxed) == netipc_slot_check(&values));
    fuzz_check(values.payload_length == snapshot->length && values.annex_length == snapshot->annex_length &&
               values.publish_time_ns == snapshot->publish_time_ns);
    fuzz_check(snapshot->length == 0 ||
               memcmp(bytes, view->data + snapshot->slot * view->geometry.slot_stride, snapshot->length) == 0);
    fuzz_check(netipc_ring_still(view, snapshot));
}

/* All of it can be read, and nothing lies outside of the region. */
static void check_in_place(const struct reader *reader, const struct netipc_ring_snapshot *snapshot,
                           const unsigned char *data)
{
    const unsigned char *base = (const unsigned char *)reader->view.header;
    fuzz_check(data >= reader->view.data && data <= base + owner.size);
    fuzz_check(snapshot->length <= (uint64_t)(base + owner.size - data));
    uint64_t left = (uint64_t)(base + owner.size - data), annex_at = (snapshot->length + 7) / 8 * 8;
    fuzz_check(snapshot->annex_length == 0 || (annex_at <= left && snapshot->annex_length <= left - annex_at));
    unsigned char *copy = malloc(snapshot->length + 1);
    fuzz_check(copy != NULL);
    memcpy(copy, data, snapshot->length);
    check_sound(reader, snapshot, copy);
    free(copy);
}

static void count_status(netipc_status status, int reached)
{
    if (status == NETIPC_OK)
        fuzz_reached[reached]++;
    else if (status == NETIPC_CORRUPT)
        fuzz_reached[UNSOUND]++;
    else if (status == NETIPC_OVERRUN)
        fuzz_reached[OVERTAKEN]++;
}

static void read_by_copy(struct reader *reader, uint64_t generation, uint64_t room, bool under_lease)
{
    enum { CANARY = 0xa5, CANARIES = 64 };
    struct netipc_ring_snapshot snapshot;
    unsigned char *buffer = malloc(room + CANARIES);
    fuzz_check(buffer != NULL);
    memset(buffer, CANARY, room + CANARIES);
    netipc_atomic_u64 lease = 0;
    netipc_status status = under_lease
                               ? netipc_ring_read_leased(&reader->view, &lease, generation, buffer, room, &snapshot)
                               : netipc_ring_read(&reader->view, generation, buffer, room, &snapshot);
    fuzz_check(netipc_load(&lease, relaxed) == 0);
    fuzz_check_status(status, READ_STATUSES | FUZZ_STATUS(NETIPC_TOO_SMALL), "read");
    for (size_t i = 0; i < CANARIES; i++)
        fuzz_check(buffer[room + i] == CANARY);
    fuzz_check(snapshot.retries <= NETIPC_READ_TRIES);
    if (status == NETIPC_TOO_SMALL)
        fuzz_check(snapshot.length > room && snapshot.length <= reader->view.geometry.capacity);
    if (status == NETIPC_OK) {
        fuzz_check(snapshot.length <= room);
        /* The last that a read does is to look whether the slot still is what it was. */
        fuzz_check(under_lease ||
                   netipc_load(&reader->view.slots[snapshot.slot].seq, relaxed) == snapshot.generation * 2);
        check_sound(reader, &snapshot, buffer);
        fuzz_reached[READ_WHILE_IT_CHANGES] += reader->changing;
    }
    count_status(status, generation == NETIPC_LATEST ? READ : READ_OLD);
    free(buffer);
}

static void acquire(struct reader *reader, uint64_t generation)
{
    netipc_atomic_u64 lease = 0;
    struct netipc_ring_snapshot snapshot;
    const unsigned char *data = NULL;
    netipc_status status = netipc_ring_acquire(&reader->view, &lease, generation, &data, &snapshot);
    fuzz_check_status(status, READ_STATUSES, "acquire");
    uint64_t word = netipc_load(&lease, relaxed);
    if (status == NETIPC_OK) {
        fuzz_check(word == netipc_lease_word(reader->view.identity.ordinal, snapshot.slot));
        check_in_place(reader, &snapshot, data);
        netipc_ring_release(&lease);
    } else {
        fuzz_check(word == 0 && data == NULL);
    }
    count_status(status, LEASED);
}

static void find(struct reader *reader, uint64_t generation)
{
    struct netipc_ring_snapshot snapshot;
    const unsigned char *data = NULL;
    netipc_status status = netipc_ring_find(&reader->view, generation, &data, &snapshot);
    fuzz_check_status(status, READ_STATUSES & ~FUZZ_STATUS(NETIPC_OVERRUN), "find");
    if (status == NETIPC_OK)
        check_in_place(reader, &snapshot, data);
    else
        fuzz_check(data == NULL);
    count_status(status, FOUND);
}

static void list(struct reader *reader, uint32_t room)
{
    uint64_t *listed = malloc((room + 1) * sizeof *listed);
    fuzz_check(listed != NULL);
    listed[room] = 77;
    uint32_t count = netipc_ring_history(&reader->view, listed, room);
    fuzz_check(count <= room && count <= reader->view.geometry.slot_count && listed[room] == 77);
    for (uint32_t i = 0; i < count; i++)
        fuzz_check(listed[i] != 0 && (i == 0 || listed[i] >= listed[i - 1]));
    free(listed);
}

static void call(struct reader *reader, uint8_t what, uint8_t from, uint8_t room)
{
    uint64_t hot = netipc_load(&reader->view.header->latest, relaxed);
    uint64_t old = netipc_hot_generation(hot) - (uint64_t)(int64_t)(int8_t)from;
    owner.step = 0;
    reader->changing = owner.armed_count > 0;
    if (what == FUZZ_REGION_READ || what == FUZZ_REGION_READ_OLD)
        read_by_copy(reader, what == FUZZ_REGION_READ ? NETIPC_LATEST : old, (uint64_t)room * 8, false);
    else if (what == FUZZ_REGION_READ_LEASED)
        read_by_copy(reader, from == 0 ? NETIPC_LATEST : old, (uint64_t)room * 8, true);
    else if (what == FUZZ_REGION_ACQUIRE || what == FUZZ_REGION_ACQUIRE_OLD)
        acquire(reader, what == FUZZ_REGION_ACQUIRE ? NETIPC_LATEST : old);
    else if (what == FUZZ_REGION_FIND)
        find(reader, old);
    else
        list(reader, room % 40);
    /* Every try loads the hot word, looks at each slot once, and loads a header: no region makes a call longer. */
    fuzz_check(owner.step <= NETIPC_READ_TRIES * (reader->view.geometry.slot_count + 20));
    owner.armed_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct reader reader;
    uint64_t announced;
    unsigned descriptors = fuzz_descriptors(), mappings = fuzz_mappings();
    uint8_t flags = make_region(&input, &announced);
    uint64_t limit = flags & FUZZ_REGION_SMALL_LIMIT ? 8192 : UINT64_MAX;
    netipc_status status = netipc_region_attach(owner.fd, announced, limit, 0, &reader.view);
    fuzz_check_status(status,
                      FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT) | FUZZ_STATUS(NETIPC_INCOMPATIBLE) |
                          FUZZ_STATUS(NETIPC_LIMIT_EXCEEDED),
                      "attach");
    if (status == NETIPC_OK) {
        const struct netipc_region_geometry *geometry = &reader.view.geometry;
        fuzz_reached[ATTACHED]++;
        fuzz_reached[FORGED] += (flags & FUZZ_REGION_FIX_IDENTITY) != 0;
        fuzz_check(announced == owner.size && announced <= limit);
        fuzz_check(geometry->slot_data_offset + geometry->slot_count * geometry->slot_stride <= owner.size);
        fuzz_check(geometry->capacity <= geometry->slot_stride);
        fuzz_check(strnlen(reader.view.identity.service, NETIPC_SERVICE_LABEL_SIZE) < NETIPC_SERVICE_LABEL_SIZE);
        for (int steps = 0; input.left > 0 && steps < FUZZ_REGION_STEPS_MOST; steps++) {
            uint8_t what = fuzz_u8(&input) % FUZZ_REGION_STEPS;
            if (what == FUZZ_REGION_ARM) {
                arm(&input);
                continue;
            }
            uint8_t from = fuzz_u8(&input), room = fuzz_u8(&input);
            call(&reader, what, from, room);
        }
        netipc_region_detach(&reader.view, false);
    } else {
        fuzz_reached[REFUSED]++;
    }
    munmap(owner.bytes, owner.size);
    close(owner.fd);
    fuzz_check(fuzz_descriptors() == descriptors && fuzz_mappings() == mappings);
    return 0;
}
