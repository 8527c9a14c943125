/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/lookups.h"
#include "tests/codec/snapshots.h"

#include <netipc/increment.h>
#include <netipc/string_reverse.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * The linker sends this program's and the library's calls of malloc and the like here (-Wl,--wrap). Only those made
 * while armed are counted and can fail; live is checked over a whole life of a builder.
 */
static bool armed;
static long calls;     /* while armed */
static long fail_call; /* the call, from 0, that fails; -1 for none */
static long live;      /* allocations made less those freed, while armed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static bool call_fails(void)
{
    return armed && calls++ == fail_call;
}

static void *made(void *memory)
{
    if (armed && memory)
        live++;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return call_fails() ? NULL : made(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return call_fails() ? NULL : made(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (call_fails())
        return NULL;
    return memory ? __real_realloc(memory, size) : made(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    if (armed && memory)
        live--;
    __real_free(memory);
}

static void arm(long call)
{
    calls = 0;
    live = 0;
    fail_call = call;
    armed = true;
}

enum { ITEMS = 700, PAYLOAD_MOST = 128 * 1024 };

struct payload {
    size_t length;
    unsigned char bytes[PAYLOAD_MOST];
};

static void write_payload(const netipc_cgroups_snapshot_builder *builder, struct payload *payload)
{
    assert_int_equal(
        netipc_cgroups_snapshot_builder_write(builder, 1, 1, payload->bytes, sizeof payload->bytes, &payload->length),
        NETIPC_OK);
}

static void assert_same(const struct payload *a, const struct payload *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->bytes, b->bytes, a->length);
}

static netipc_status add_item(netipc_cgroups_snapshot_builder *builder, uint32_t i)
{
    char name[64], path[64];
    snprintf(name, sizeof name, "%.*s%u", (int)(i % 24), "aaaaaaaaaaaaaaaaaaaaaaaa", i);
    snprintf(path, sizeof path, "/sys/fs/cgroup/%u", i);
    return netipc_cgroups_snapshot_builder_add(builder, i, i, i, name, path);
}

/* Builds the same snapshot with one failing allocation; the number of failures that were seen. */
static int build_with_failure(struct payload *payload)
{
    static struct payload before, after;
    netipc_cgroups_snapshot_builder *builder;
    int failures = 0;
    netipc_status status = netipc_cgroups_snapshot_builder_new(&builder);
    if (status != NETIPC_OK) {
        assert_int_equal(status, NETIPC_NO_MEMORY);
        assert_null(builder);
        failures++;
        assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        write_payload(builder, &before);
        status = add_item(builder, i);
        if (status == NETIPC_OK)
            continue;
        assert_int_equal(status, NETIPC_NO_MEMORY);
        failures++;
        write_payload(builder, &after);
        assert_same(&before, &after);
        assert_int_equal(add_item(builder, i), NETIPC_OK);
    }
    write_payload(builder, payload);
    netipc_cgroups_snapshot_builder_free(builder);
    return failures;
}

static void a_failed_allocation_leaves_the_builder_as_it_was_and_leaks_nothing(void **state)
{
    (void)state;
    static struct payload wanted, built;
    arm(-1);
    assert_int_equal(build_with_failure(&wanted), 0);
    long allocations = calls;
    assert_int_equal(live, 0);
    assert_true(allocations >= 6); /* the builder, and both of its parts more than once */
    for (long call = 0; call < allocations; call++) {
        arm(call);
        assert_int_equal(build_with_failure(&built), 1);
        assert_int_equal(live, 0);
        assert_same(&wanted, &built);
    }
    armed = false;
}

static void growth_takes_few_allocations_and_a_second_snapshot_none(void **state)
{
    (void)state;
    netipc_cgroups_snapshot_builder *builder;
    arm(-1);
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(add_item(builder, i), NETIPC_OK);
    assert_true(calls < 40);
    netipc_cgroups_snapshot_builder_reset(builder);
    calls = 0;
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(add_item(builder, i), NETIPC_OK);
    assert_int_equal(calls, 0);
    netipc_cgroups_snapshot_builder_free(builder);
    assert_int_equal(live, 0);
    armed = false;
}

static void decoding_and_reading_allocate_nothing(void **state)
{
    (void)state;
    static struct payload payload;
    netipc_cgroups_snapshot_view view;
    armed = false;
    build_with_failure(&payload);
    arm(0);
    assert_int_equal(netipc_cgroups_snapshot_decode(payload.bytes, payload.length, &view), NETIPC_OK);
    assert_int_equal(view.item_count, ITEMS);
    read_whole_snapshot(&view);
    payload.bytes[0] ^= 0xff;
    assert_int_equal(netipc_cgroups_snapshot_decode(payload.bytes, payload.length, &view), NETIPC_CORRUPT);
    assert_int_equal(calls, 0);
    armed = false;
}

static void the_methods_to_try_out_allocate_nothing_but_copies(void **state)
{
    (void)state;
    unsigned char bytes[64], answer[64];
    size_t length;
    uint64_t value;
    netipc_string_reverse_view view;
    char *copy = NULL;
    arm(0);
    assert_int_equal(netipc_increment_encode(41, bytes, sizeof bytes, &length), NETIPC_OK);
    assert_int_equal(netipc_increment_decode(bytes, length, &value), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_encode("abc", 3, bytes, sizeof bytes, &length), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_decode(bytes, length, &view), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_answer(&view, answer, sizeof answer, &length), NETIPC_OK);
    assert_int_equal(calls, 0);
    copy = (char *)bytes;
    assert_int_equal(netipc_string_reverse_copy(&view, &copy), NETIPC_NO_MEMORY);
    assert_null(copy);
    assert_int_equal(netipc_string_reverse_copy(&view, &copy), NETIPC_OK);
    assert_int_equal(calls, 2);
    free(copy);
    assert_int_equal(live, 0);
    armed = false;
}

/* --- lookups --- */

enum { PATHS = 200 };

/* A path, and what is answered to it. */
static netipc_cgroup_lookup_answer lookup_answer(uint32_t i, char *path, size_t path_room)
{
    static const netipc_label labels[] = {{"first label", "value"}, {"second", ""}};
    snprintf(path, path_room, "/path/%.*s%u", (int)(i % 24), "pppppppppppppppppppppppp", i);
    return (netipc_cgroup_lookup_answer){.name = "a name", .labels = labels, .label_count = i % 3};
}

/* Builds the same request and answer with one failing allocation; the number of failures that were seen. */
static int look_up_with_failure(struct payload *asked, struct payload *answered)
{
    netipc_cgroups_lookup_request_builder *request;
    netipc_cgroups_lookup_builder *builder;
    netipc_cgroups_lookup_request_view view;
    char path[64];
    int failures = 0;
    while (netipc_cgroups_lookup_request_builder_new(&request) != NETIPC_OK)
        failures++;
    for (uint32_t i = 0; i < PATHS; i++) {
        lookup_answer(i, path, sizeof path);
        size_t length = netipc_cgroups_lookup_request_builder_length(request);
        if (netipc_cgroups_lookup_request_builder_add(request, path, UINT32_MAX) == NETIPC_OK)
            continue;
        failures++;
        assert_int_equal(netipc_cgroups_lookup_request_builder_length(request), length);
        assert_int_equal(netipc_cgroups_lookup_request_builder_add(request, path, UINT32_MAX), NETIPC_OK);
    }
    assert_int_equal(netipc_cgroups_lookup_request_builder_write(request, asked->bytes, PAYLOAD_MOST, &asked->length),
                     NETIPC_OK);
    netipc_cgroups_lookup_request_builder_free(request);
    assert_int_equal(netipc_cgroups_lookup_request_decode(asked->bytes, asked->length, &view), NETIPC_OK);
    while (netipc_cgroups_lookup_builder_new(&builder) != NETIPC_OK)
        failures++;
    assert_int_equal(netipc_cgroups_lookup_builder_begin(builder, &view, 1, PAYLOAD_MOST, PAYLOAD_MOST), NETIPC_OK);
    for (uint32_t i = 0; i < PATHS; i++) {
        const netipc_cgroup_lookup_answer answer = lookup_answer(i, path, sizeof path);
        size_t length = netipc_cgroups_lookup_builder_length(builder);
        netipc_status status = netipc_cgroups_lookup_builder_add(builder, &answer);
        if (status == NETIPC_OK)
            continue;
        assert_int_equal(status, NETIPC_NO_MEMORY);
        failures++;
        assert_int_equal(netipc_cgroups_lookup_builder_open_count(builder), PATHS - i);
        assert_int_equal(netipc_cgroups_lookup_builder_length(builder), length);
        assert_int_equal(netipc_cgroups_lookup_builder_add(builder, &answer), NETIPC_OK);
    }
    assert_int_equal(netipc_cgroups_lookup_builder_write(builder, answered->bytes, PAYLOAD_MOST, &answered->length),
                     NETIPC_OK);
    netipc_cgroups_lookup_builder_free(builder);
    return failures;
}

static void a_failed_allocation_leaves_the_builders_of_lookups_as_they_were(void **state)
{
    (void)state;
    static struct payload asked_before, before, asked, answered;
    arm(-1);
    assert_int_equal(look_up_with_failure(&asked_before, &before), 0);
    long allocations = calls;
    assert_int_equal(live, 0);
    assert_true(allocations >= 10); /* both builders, and each of their parts more than once */
    for (long call = 0; call < allocations; call++) {
        arm(call);
        assert_int_equal(look_up_with_failure(&asked, &answered), 1);
        assert_int_equal(live, 0);
        assert_same(&asked_before, &asked);
        assert_same(&before, &answered);
    }
    armed = false;
}

static void reading_lookups_allocates_nothing_but_copies(void **state)
{
    (void)state;
    static struct payload asked, answered;
    netipc_cgroups_lookup_request_view request;
    netipc_cgroups_lookup_view view;
    netipc_cgroup_lookup_view item;
    netipc_cgroup_lookup_copy *copy = (void *)&asked;
    armed = false;
    look_up_with_failure(&asked, &answered);
    arm(0);
    assert_int_equal(netipc_cgroups_lookup_request_decode(asked.bytes, asked.length, &request), NETIPC_OK);
    read_whole_request(&request);
    assert_int_equal(netipc_cgroups_lookup_decode(answered.bytes, answered.length, &view), NETIPC_OK);
    read_whole_answer(&view);
    assert_int_equal(netipc_cgroups_lookup_item(&view, 2, &item), NETIPC_OK);
    assert_int_equal(calls, 0);
    assert_int_equal(netipc_cgroup_lookup_copy_of(&item, &copy), NETIPC_NO_MEMORY);
    assert_null(copy);
    assert_int_equal(netipc_cgroup_lookup_copy_of(&item, &copy), NETIPC_OK);
    assert_int_equal(calls, 2);
    free(copy);
    assert_int_equal(live, 0);
    armed = false;
}

static void a_builder_that_never_was_can_be_freed(void **state)
{
    (void)state;
    netipc_cgroups_snapshot_builder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_allocation_leaves_the_builder_as_it_was_and_leaks_nothing),
        cmocka_unit_test(growth_takes_few_allocations_and_a_second_snapshot_none),
        cmocka_unit_test(decoding_and_reading_allocate_nothing),
        cmocka_unit_test(a_failed_allocation_leaves_the_builders_of_lookups_as_they_were),
        cmocka_unit_test(reading_lookups_allocates_nothing_but_copies),
        cmocka_unit_test(the_methods_to_try_out_allocate_nothing_but_copies),
        cmocka_unit_test(a_builder_that_never_was_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
