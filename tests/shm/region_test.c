/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_reader.h"
#include "tests/shm/made_region.h"

#include "shm/fnv.h"
#include "shm/session_page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static netipc_status plan(uint32_t slots, uint64_t capacity, uint64_t limit)
{
    struct netipc_region_geometry geometry;
    return netipc_region_plan(slots, capacity, limit, &geometry);
}

static void a_plan_takes_what_is_within_its_limits_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(plan(3, 1, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(0, 1, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(4, 1, UINT64_MAX), NETIPC_OK);
    assert_int_equal(plan(1024, 1, UINT64_MAX), NETIPC_OK);
    assert_int_equal(plan(1025, 1, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(UINT32_MAX, 1, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(4, 0, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(1024, UINT64_C(1) << 40, UINT64_MAX), NETIPC_OK);
    assert_int_equal(plan(4, (UINT64_C(1) << 40) + 1, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(4, UINT64_MAX, UINT64_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(plan(4, 1, 0), NETIPC_TOO_LARGE);
}

static void a_plan_fits_its_limit_to_the_byte(void **state)
{
    (void)state;
    struct netipc_region_geometry geometry;
    assert_int_equal(netipc_region_plan(8, 10000, UINT64_MAX, &geometry), NETIPC_OK);
    assert_int_equal(plan(8, 10000, geometry.region_size), NETIPC_OK);
    assert_int_equal(plan(8, 10000, geometry.region_size - 1), NETIPC_TOO_LARGE);
}

static void a_plan_has_room_for_every_slot_and_aligns_it(void **state)
{
    (void)state;
    static const uint64_t capacities[] = {1, 63, 64, 127, 128, 129, 4095, 4096, 4097, 65536, 1000003};
    static const uint32_t slot_counts[] = {4, 5, 63, 64, 65, 1024};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
        for (size_t j = 0; j < sizeof slot_counts / sizeof *slot_counts; j++) {
            struct netipc_region_geometry geometry;
            assert_int_equal(netipc_region_plan(slot_counts[j], capacities[i], UINT64_MAX, &geometry), NETIPC_OK);
            assert_int_equal(geometry.slot_count, slot_counts[j]);
            assert_int_equal(geometry.capacity, capacities[i]);
            assert_int_equal(geometry.slot_stride % 128, 0);
            assert_in_range(geometry.slot_stride, capacities[i], capacities[i] + 127);
            assert_int_equal(geometry.slot_headers_offset, 4096);
            assert_int_equal(geometry.slot_data_offset % 4096, 0);
            assert_true(geometry.slot_data_offset >= 4096 + 64 * (uint64_t)slot_counts[j]);
            assert_int_equal(geometry.region_size % 4096, 0);
            assert_true(geometry.region_size >= geometry.slot_data_offset + geometry.slot_stride * slot_counts[j]);
        }
}

static void the_fingerprint_is_that_of_the_layout_as_it_is(void **state)
{
    (void)state;
    static const char *const written =
        "netipc region 1: identity 0 240, latest 512, counters 640, header 4096; slot header 64: seq 0, "
        "payload_length 8, annex_length 16, flags 24, publish_time_ns 32, checksum 40, check 48; slot data 128";
    assert_true(netipc_fnv1a_64(written, strlen(written)) == NETIPC_ABI_FINGERPRINT);
    char real[512];
    snprintf(real, sizeof real,
             "netipc region %u: identity %zu %zu, latest %zu, counters %zu, header %zu; slot header %zu: seq %zu, "
             "payload_length %zu, annex_length %zu, flags %zu, publish_time_ns %zu, checksum %zu, check %zu; "
             "slot data %d",
             NETIPC_LAYOUT_MAJOR, offsetof(struct netipc_region_header, identity),
             sizeof(struct netipc_region_identity), offsetof(struct netipc_region_header, latest),
             offsetof(struct netipc_region_header, counters), sizeof(struct netipc_region_header),
             sizeof(struct netipc_slot_header), offsetof(struct netipc_slot_header, seq),
             offsetof(struct netipc_slot_header, payload_length), offsetof(struct netipc_slot_header, annex_length),
             offsetof(struct netipc_slot_header, flags), offsetof(struct netipc_slot_header, publish_time_ns),
             offsetof(struct netipc_slot_header, checksum), offsetof(struct netipc_slot_header, check),
             NETIPC_SLOT_DATA_ALIGNMENT);
    assert_string_equal(real, written);
}

static void a_hash_is_fnv_1a(void **state)
{
    (void)state;
    assert_true(netipc_fnv1a_64("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(netipc_fnv1a_64("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(netipc_fnv1a_64("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static void what_is_created_is_what_is_attached(void **state)
{
    (void)state;
    struct netipc_region_geometry geometry;
    struct netipc_region region;
    struct netipc_region_view view;
    const struct netipc_region_label label = {
        .incarnation = {11, 22}, .ordinal = 33, .schema_id = 44, .schema_version = 55, .service = "a-service"};
    assert_int_equal(netipc_region_plan(7, 5000, UINT64_MAX, &geometry), NETIPC_OK);
    assert_int_equal(netipc_region_create(&geometry, &label, NULL, &region), NETIPC_OK);
    assert_int_equal(fcntl(region.fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(netipc_region_attach(region.fd, geometry.region_size, geometry.region_size, 0, &view), NETIPC_OK);
    assert_memory_equal(&view.geometry.capacity, &geometry.capacity, sizeof geometry - 8);
    assert_int_equal(view.geometry.slot_count, 7);
    assert_true(view.identity.incarnation[0] == 11 && view.identity.incarnation[1] == 22);
    assert_int_equal(view.identity.ordinal, 33);
    assert_int_equal(view.identity.schema_id, 44);
    assert_int_equal(view.identity.schema_version, 55);
    assert_int_equal(view.identity.publisher_pid, getpid());
    assert_string_equal(view.identity.service, "a-service");
    for (uint32_t slot = 0; slot < 7; slot++) {
        memset(netipc_region_slot_data(&region, slot), (int)slot + 1, 5000);
        assert_int_equal(view.data[slot * geometry.slot_stride], slot + 1);
        assert_int_equal(view.data[slot * geometry.slot_stride + 4999], slot + 1);
    }
    /* Whoever maps it keeps it. */
    netipc_region_destroy(&region, false);
    assert_int_equal(view.data[0], 1);
    netipc_region_detach(&view, false);
    assert_null(view.header);
}

static void a_name_that_fills_its_label_is_cut_and_ended(void **state)
{
    (void)state;
    struct netipc_region_geometry geometry;
    struct netipc_region region;
    struct netipc_region_view view;
    char name[101];
    memset(name, 'n', 100);
    name[100] = '\0';
    const struct netipc_region_label label = {.ordinal = 1, .service = name};
    assert_int_equal(netipc_region_plan(4, 1, UINT64_MAX, &geometry), NETIPC_OK);
    assert_int_equal(netipc_region_create(&geometry, &label, NULL, &region), NETIPC_OK);
    assert_int_equal(netipc_region_attach(region.fd, geometry.region_size, UINT64_MAX, 0, &view), NETIPC_OK);
    assert_int_equal(strlen(view.identity.service), 63);
    netipc_region_detach(&view, false);
    netipc_region_destroy(&region, false);
}

/* --- damaged and forged ones --- */

/* The bytes of a small region of 4 slots of 1 byte. */
static unsigned char *bytes_of_region(size_t *length)
{
    struct made_ring made;
    make_ring(&made, 4, 1);
    publish_pattern(&made, 1);
    *length = made.region.geometry.region_size;
    unsigned char *bytes = malloc(*length);
    assert_non_null(bytes);
    memcpy(bytes, made.region.header, *length);
    unmake_ring(&made);
    return bytes;
}

static netipc_status attach_bytes(const unsigned char *bytes, size_t length, struct netipc_region_view *view)
{
    int fd = make_memory(bytes, length, SEALS_WANTED);
    netipc_status status = netipc_region_attach(fd, length, UINT64_MAX, 0, view);
    close(fd);
    return status;
}

static bool is_refusal(netipc_status status)
{
    return status == NETIPC_CORRUPT || status == NETIPC_INCOMPATIBLE;
}

static void every_flipped_bit_of_the_identity_is_found(void **state)
{
    (void)state;
    size_t length;
    struct netipc_region_view view;
    unsigned char *bytes = bytes_of_region(&length);
    assert_int_equal(attach_bytes(bytes, length, &view), NETIPC_OK);
    netipc_region_detach(&view, false);
    for (size_t bit = 0; bit < sizeof(struct netipc_region_identity) * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_true(is_refusal(attach_bytes(bytes, length, &view)));
        assert_null(view.header);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
}

static bool is_label(size_t byte)
{
    return (byte >= 14 && byte < 16) || /* layout minor: a newer one is readable */
           (byte >= 40 && byte < 76) || /* incarnation, ordinal, time, pid */
           (byte >= 112 && byte < 232); /* schema, service, reserved */
}

static void a_forged_identity_gives_sound_bounds_or_none(void **state)
{
    (void)state;
    size_t length;
    unsigned char *bytes = bytes_of_region(&length);
    for (size_t bit = 0; bit < offsetof(struct netipc_region_identity, check) * 8; bit++) {
        struct netipc_region_view view;
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        uint64_t check = netipc_fnv1a_64(bytes, offsetof(struct netipc_region_identity, check));
        memcpy(bytes + offsetof(struct netipc_region_identity, check), &check, sizeof check);
        netipc_status status = attach_bytes(bytes, length, &view);
        if (is_label(bit / 8))
            assert_int_equal(status, NETIPC_OK);
        if (status == NETIPC_OK) {
            const struct netipc_region_geometry *geometry = &view.geometry;
            /* Beside labels, only slots, a capacity and distances that have room in the object come through. */
            assert_true(is_label(bit / 8) || (bit / 8 >= 76 && bit / 8 < 96) || (bit / 8 >= 104 && bit / 8 < 112));
            assert_int_equal(geometry->slot_data_offset % 4096, 0);
            assert_int_equal(geometry->slot_stride % 128, 0);
            assert_true(geometry->slot_data_offset >= 4096 + 64 * (uint64_t)geometry->slot_count);
            assert_true(geometry->capacity <= geometry->slot_stride);
            assert_true(geometry->slot_data_offset + geometry->slot_count * geometry->slot_stride <= length);
            assert_true(strnlen(view.identity.service, 64) < 64);
            netipc_region_detach(&view, false);
        } else {
            assert_true(is_refusal(status));
        }
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
}

/* How much more room there is than needed is the publisher's choice. */
static void slots_further_apart_than_they_need_are_read_where_they_are(void **state)
{
    (void)state;
    enum { SLOTS = 4, LENGTH = 100, STRIDE = 1024, DATA = 12288 };
    struct made_ring made;
    make_ring(&made, SLOTS, LENGTH);
    for (int i = 0; i < SLOTS; i++)
        publish_pattern(&made, LENGTH);
    const struct netipc_region_geometry *tight = &made.region.geometry;
    size_t size = DATA + SLOTS * STRIDE;
    unsigned char *bytes = calloc(1, size), *loose = (unsigned char *)made.region.header;
    assert_non_null(bytes);
    memcpy(bytes, loose, tight->slot_data_offset);
    for (size_t slot = 0; slot < SLOTS; slot++)
        memcpy(bytes + DATA + slot * STRIDE, loose + tight->slot_data_offset + slot * tight->slot_stride, LENGTH);
    struct netipc_region_identity identity;
    memcpy(&identity, bytes, sizeof identity);
    identity.slot_stride = STRIDE;
    identity.slot_data_offset = DATA;
    identity.region_size = size;
    identity.check = netipc_fnv1a_64(&identity, offsetof(struct netipc_region_identity, check));
    memcpy(bytes, &identity, sizeof identity);
    struct netipc_region_view view;
    assert_int_equal(attach_bytes(bytes, size, &view), NETIPC_OK);
    for (uint64_t generation = 2; generation <= SLOTS; generation++) {
        unsigned char read[LENGTH];
        struct netipc_ring_snapshot snapshot;
        assert_int_equal(netipc_ring_read(&view, generation, read, sizeof read, &snapshot), NETIPC_OK);
        assert_true(pattern_is(read, LENGTH, generation));
    }
    netipc_region_detach(&view, false);
    unmake_ring(&made);
    free(bytes);
}

static void memory_that_lacks_a_seal_is_refused(void **state)
{
    (void)state;
    size_t length;
    struct netipc_region_view view;
    unsigned char *bytes = bytes_of_region(&length);
    for (int missing = 0; missing < 16; missing++) {
        int seals = 0;
        static const int each[] = {0x0001, 0x0002, 0x0004, 0x0010};
        for (int i = 0; i < 4; i++)
            if (!(missing & 1 << i))
                seals |= each[i];
        int fd = make_memory(bytes, length, seals);
        netipc_status status = netipc_region_attach(fd, length, UINT64_MAX, 0, &view);
        assert_int_equal(status, missing == 0 ? NETIPC_OK : NETIPC_CORRUPT);
        if (missing == 0)
            netipc_region_detach(&view, false);
        close(fd);
    }
    /* More seals than are demanded do no harm. */
    int fd = make_memory(bytes, length, SEALS_WANTED | F_SEAL_WRITE);
    assert_int_equal(netipc_region_attach(fd, length, UINT64_MAX, 0, &view), NETIPC_OK);
    netipc_region_detach(&view, false);
    close(fd);
    free(bytes);
}

/* F25 */
static void sparse_memory_is_refused(void **state)
{
    (void)state;
    size_t length;
    struct netipc_region_view view;
    unsigned char *bytes = bytes_of_region(&length);
    for (size_t page = 0; page < length / 4096; page++) {
        int fd = make_memory(bytes, length, 0);
        assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * 4096), 4096), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS_WANTED), 0);
        assert_int_equal(netipc_region_attach(fd, length, UINT64_MAX, 0, &view), NETIPC_CORRUPT);
        close(fd);
    }
    free(bytes);
}

static void memory_of_another_size_than_announced_is_refused(void **state)
{
    (void)state;
    size_t length;
    struct netipc_region_view view;
    unsigned char *bytes = bytes_of_region(&length);
    unsigned char *longer = calloc(1, length + 8192);
    assert_non_null(longer);
    memcpy(longer, bytes, length);
    const struct {
        size_t real, announced;
    } cases[] = {{length, length + 4096},
                 {length, length - 4096},
                 {length, length - 1},
                 {length, length + 1},
                 {length, 0},
                 {length, 4095},
                 {length, 1},
                 {length + 4096, length},
                 {length + 4096, length + 4096},
                 {length - 4096, length - 4096},
                 {4096, 4096},
                 {239, 239}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = make_memory(longer, cases[i].real, SEALS_WANTED);
        assert_int_equal(netipc_region_attach(fd, cases[i].announced, UINT64_MAX, 0, &view), NETIPC_CORRUPT);
        close(fd);
    }
    free(longer);
    free(bytes);
}

static void a_region_above_the_limit_is_refused_unseen(void **state)
{
    (void)state;
    struct netipc_region_view view;
    assert_int_equal(netipc_region_attach(-1, 8193, 8192, 0, &view), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(netipc_region_attach(-1, UINT64_MAX, UINT64_MAX - 1, 0, &view), NETIPC_LIMIT_EXCEEDED);
}

static void what_is_no_shared_memory_is_refused(void **state)
{
    (void)state;
    struct netipc_region_view view;
    char path[] = "/tmp/netipc-region-XXXXXX";
    unsigned char zeros[8192] = {0};
    int file = mkstemp(path), ends[2];
    assert_true(file >= 0);
    unlink(path);
    assert_int_equal(write(file, zeros, sizeof zeros), sizeof zeros);
    assert_int_equal(pipe(ends), 0);
    const int fds[] = {file, ends[0], ends[1], -1};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(netipc_region_attach(fds[i], sizeof zeros, UINT64_MAX, 0, &view), NETIPC_CORRUPT);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

/* --- the limits of the system --- */

static volatile sig_atomic_t signalled;

static void note_signal(int number)
{
    (void)number;
    signalled = 1;
}

static void a_limit_on_file_sizes_is_an_error_and_no_signal(void **state)
{
    (void)state;
    struct rlimit before, limit;
    struct netipc_region_geometry geometry;
    struct netipc_region region;
    const struct netipc_region_label label = {.ordinal = 1, .service = "s"};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(netipc_region_plan(4, 65536, UINT64_MAX, &geometry), NETIPC_OK);
    void (*old)(int) = signal(SIGXFSZ, note_signal);
    limit = before;
    limit.rlim_cur = geometry.region_size - 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    netipc_status refused = netipc_region_create(&geometry, &label, NULL, &region);
    limit.rlim_cur = geometry.region_size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    netipc_status made = netipc_region_create(&geometry, &label, NULL, &region);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, old);
    assert_int_equal(refused, NETIPC_TOO_LARGE);
    assert_int_equal(made, NETIPC_OK);
    assert_int_equal(signalled, 0);
    netipc_region_destroy(&region, false);
}

static void an_announced_session_line_lies_within_its_page(void **state)
{
    (void)state;
    uint64_t bytes = netipc_session_page_bytes();
    for (uint64_t number = 0; number < 1000; number++)
        assert_true(netipc_session_page_announced_ok(netipc_session_line_offset(number), bytes));
    assert_true(netipc_session_page_announced_ok(netipc_session_line_offset(UINT64_MAX), bytes));
    assert_int_equal(netipc_session_line_offset(0), netipc_session_line_offset(60));
    assert_int_not_equal(netipc_session_line_offset(0), netipc_session_line_offset(59));
    for (uint32_t offset = 0; offset < 10000; offset++)
        assert_int_equal(netipc_session_page_announced_ok(offset, bytes), offset % 64 == 0 && offset <= 4096 - 256);
    assert_false(netipc_session_page_announced_ok(UINT32_MAX - 63, bytes));
    assert_false(netipc_session_page_announced_ok(0, 0));
    assert_false(netipc_session_page_announced_ok(0, bytes - 1));
    assert_false(netipc_session_page_announced_ok(0, bytes * 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_takes_what_is_within_its_limits_and_nothing_else),
        cmocka_unit_test(a_plan_fits_its_limit_to_the_byte),
        cmocka_unit_test(a_plan_has_room_for_every_slot_and_aligns_it),
        cmocka_unit_test(the_fingerprint_is_that_of_the_layout_as_it_is),
        cmocka_unit_test(a_hash_is_fnv_1a),
        cmocka_unit_test(what_is_created_is_what_is_attached),
        cmocka_unit_test(a_name_that_fills_its_label_is_cut_and_ended),
        cmocka_unit_test(every_flipped_bit_of_the_identity_is_found),
        cmocka_unit_test(a_forged_identity_gives_sound_bounds_or_none),
        cmocka_unit_test(slots_further_apart_than_they_need_are_read_where_they_are),
        cmocka_unit_test(memory_that_lacks_a_seal_is_refused),
        cmocka_unit_test(sparse_memory_is_refused),
        cmocka_unit_test(memory_of_another_size_than_announced_is_refused),
        cmocka_unit_test(a_region_above_the_limit_is_refused_unseen),
        cmocka_unit_test(what_is_no_shared_memory_is_refused),
        cmocka_unit_test(a_limit_on_file_sizes_is_an_error_and_no_signal),
        cmocka_unit_test(an_announced_session_line_lies_within_its_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
