/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int new_builder(void **state)
{
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    *state = builder;
    return 0;
}

static int free_builder(void **state)
{
    netipc_cgroups_snapshot_builder_free(*state);
    return 0;
}

static void add(netipc_cgroups_snapshot_builder *builder, uint32_t hash, const char *name, const char *path)
{
    assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, hash, hash % 16, hash % 2, name, path), NETIPC_OK);
}

/* What builder writes into a buffer of exactly its length, full of filler before. */
static golden_bytes written(const netipc_cgroups_snapshot_builder *builder, int filler)
{
    golden_bytes bytes = {.length = netipc_cgroups_snapshot_builder_length(builder)};
    size_t length = 0;
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    memset(bytes.data, filler, bytes.length);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(builder, 7, 1, bytes.data, bytes.length, &length),
                     NETIPC_OK);
    assert_int_equal(length, bytes.length);
    return bytes;
}

static netipc_cgroups_snapshot_view decoded(const golden_bytes *bytes)
{
    netipc_cgroups_snapshot_view view;
    assert_int_equal(netipc_cgroups_snapshot_decode(bytes->data, bytes->length, &view), NETIPC_OK);
    read_whole_snapshot(&view);
    return view;
}

static void assert_item(const netipc_cgroups_snapshot_view *view, uint32_t index, uint32_t hash, const char *name,
                        const char *path)
{
    netipc_cgroup_view item;
    assert_int_equal(netipc_cgroups_snapshot_item(view, index, &item), NETIPC_OK);
    assert_int_equal(item.hash, hash);
    assert_int_equal(item.options, hash % 16);
    assert_int_equal(item.enabled, hash % 2);
    assert_string_equal(item.name, name);
    assert_string_equal(item.path, path);
}

static void a_new_builder_writes_an_empty_snapshot(void **state)
{
    assert_int_equal(netipc_cgroups_snapshot_builder_length(*state), 24);
    golden_bytes bytes = written(*state, 0xff);
    netipc_cgroups_snapshot_view view = decoded(&bytes);
    assert_int_equal(view.item_count, 0);
    assert_int_equal(view.generation, 7);
    assert_int_equal(view.systemd_enabled, 1);
    free(bytes.data);
}

static void names_may_repeat_and_items_keep_their_order(void **state)
{
    add(*state, 3, "same", "/b");
    add(*state, 3, "same", "/a");
    add(*state, 3, "same", "/b");
    golden_bytes bytes = written(*state, 0);
    netipc_cgroups_snapshot_view view = decoded(&bytes);
    assert_int_equal(view.item_count, 3);
    assert_item(&view, 0, 3, "same", "/b");
    assert_item(&view, 1, 3, "same", "/a");
    assert_item(&view, 2, 3, "same", "/b");
    free(bytes.data);
}

static void names_and_paths_of_any_length_come_back_whole(void **state)
{
    static const size_t lengths[] = {0, 1, 7, 8, 9, 255, 256, 257, 4095, 4096, 65535, 65536, 1048577};
    enum { COUNT = sizeof lengths / sizeof *lengths };
    char *text = malloc(lengths[COUNT - 1] + 1);
    assert_non_null(text);
    memset(text, 'n', lengths[COUNT - 1]);
    text[lengths[COUNT - 1]] = '\0';
    for (uint32_t i = 0; i < COUNT; i++)
        add(*state, i, text + lengths[COUNT - 1] - lengths[i], text + lengths[i]);
    golden_bytes bytes = written(*state, 0x55);
    netipc_cgroups_snapshot_view view = decoded(&bytes);
    assert_int_equal(view.item_count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_item(&view, i, i, text + lengths[COUNT - 1] - lengths[i], text + lengths[i]);
    free(bytes.data);
    free(text);
}

static void names_may_hold_any_byte_but_nul(void **state)
{
    char every[256];
    for (int i = 0; i < 255; i++)
        every[i] = (char)(i + 1);
    every[255] = '\0';
    add(*state, 1, every, "\xff\n\t\x01");
    golden_bytes bytes = written(*state, 0);
    netipc_cgroups_snapshot_view view = decoded(&bytes);
    assert_item(&view, 0, 1, every, "\xff\n\t\x01");
    free(bytes.data);
}

static void a_hundred_thousand_items_come_back(void **state)
{
    enum { COUNT = 100000 };
    char name[64], path[64];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%.*scgroup-%u", (int)(i % 16), "----------------", i);
        snprintf(path, sizeof path, "/sys/fs/cgroup/%u.scope", i);
        add(*state, i, name, path);
    }
    golden_bytes bytes = written(*state, 0xff);
    netipc_cgroups_snapshot_view view = decoded(&bytes);
    assert_int_equal(view.item_count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%.*scgroup-%u", (int)(i % 16), "----------------", i);
        snprintf(path, sizeof path, "/sys/fs/cgroup/%u.scope", i);
        assert_item(&view, i, i, name, path);
    }
    free(bytes.data);
}

static void add_padded_items(netipc_cgroups_snapshot_builder *builder)
{
    char name[16];
    for (uint32_t i = 0; i < 9; i++) {
        memset(name, 'a', i);
        name[i] = '\0';
        add(builder, i, name, "/");
    }
}

static void what_is_written_depends_on_nothing_but_the_items(void **state)
{
    add_padded_items(*state);
    golden_bytes first = written(*state, 0xaa);
    /* Memory that held other bytes must not shine through as padding. */
    netipc_cgroups_snapshot_builder_reset(*state);
    char filler[2048];
    memset(filler, 0xff, sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    add(*state, UINT32_MAX, filler, filler);
    netipc_cgroups_snapshot_builder_reset(*state);
    add_padded_items(*state);
    golden_bytes second = written(*state, 0x55);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    decoded(&first);
    free(first.data);
    free(second.data);
}

static void reset_forgets_all_items(void **state)
{
    add(*state, 1, "name", "/path");
    netipc_cgroups_snapshot_builder_reset(*state);
    assert_int_equal(netipc_cgroups_snapshot_builder_length(*state), 24);
    golden_bytes bytes = written(*state, 0xff);
    assert_int_equal(decoded(&bytes).item_count, 0);
    free(bytes.data);
}

static void a_buffer_one_byte_short_is_left_alone_and_the_length_is_told(void **state)
{
    add(*state, 1, "name", "/path");
    size_t needed = netipc_cgroups_snapshot_builder_length(*state), length = 0;
    unsigned char *buffer = malloc(needed);
    unsigned char *before = malloc(needed);
    assert_non_null(buffer);
    assert_non_null(before);
    memset(buffer, 0x5a, needed);
    memset(before, 0x5a, needed);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(*state, 1, 0, buffer, needed - 1, &length),
                     NETIPC_TOO_SMALL);
    assert_int_equal(length, needed);
    assert_memory_equal(buffer, before, needed);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(*state, 1, 0, NULL, 0, &length), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(*state, 1, 0, buffer, needed, NULL), NETIPC_OK);
    free(buffer);
    free(before);
}

static void a_larger_buffer_is_written_only_up_to_the_length(void **state)
{
    add(*state, 1, "name", "/path");
    unsigned char buffer[256];
    memset(buffer, 0x5a, sizeof buffer);
    size_t length = 0;
    assert_int_equal(netipc_cgroups_snapshot_builder_write(*state, 1, 0, buffer, sizeof buffer, &length), NETIPC_OK);
    assert_int_equal(length, netipc_cgroups_snapshot_builder_length(*state));
    for (size_t i = length; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0x5a);
}

static void a_cgroup_without_name_or_path_is_refused(void **state)
{
    assert_int_equal(netipc_cgroups_snapshot_builder_add(*state, 1, 0, 1, NULL, "/path"), NETIPC_INVALID_ARGUMENT);
    assert_non_null(strstr(netipc_status_detail(), "without a name"));
    assert_int_equal(netipc_cgroups_snapshot_builder_add(*state, 1, 0, 1, "name", NULL), NETIPC_INVALID_ARGUMENT);
    assert_non_null(strstr(netipc_status_detail(), "without a path"));
    assert_int_equal(netipc_cgroups_snapshot_builder_length(*state), 24);
}

/* A string of length bytes that costs one block of memory: the block is mapped again and again. */
static char *map_long_string(size_t length)
{
    enum { BLOCK = 64 << 20 };
    assert_int_equal(length % BLOCK, 0);
    int block = memfd_create("long string", MFD_CLOEXEC);
    assert_true(block >= 0);
    assert_int_equal(ftruncate(block, BLOCK), 0);
    char *text = mmap(NULL, length + BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(text, MAP_FAILED);
    for (size_t at = 0; at < length; at += BLOCK) {
        int protection = at == 0 ? PROT_READ | PROT_WRITE : PROT_READ;
        assert_ptr_not_equal(mmap(text + at, BLOCK, protection, MAP_SHARED | MAP_FIXED, block, 0), MAP_FAILED);
    }
    memset(text, 'x', BLOCK);
    close(block);
    return text;
}

/* Under the thread sanitizer each of these bytes costs several of shadow memory, for nothing: there is one thread. */
#if defined(__SANITIZE_THREAD__)
#define SHADOWED_BY_THREADS 1
#elif defined(__has_feature)
#define SHADOWED_BY_THREADS __has_feature(thread_sanitizer)
#else
#define SHADOWED_BY_THREADS 0
#endif

static void a_payload_that_would_pass_32_bits_is_refused(void **state)
{
    if (SHADOWED_BY_THREADS) {
        print_message("skip: ThreadSanitizer shadows a string of 2 GiB with four times as much\n");
        skip();
    }
    const size_t length = (size_t)2 << 30;
    add(*state, 1, "name", "/path");
    size_t before = netipc_cgroups_snapshot_builder_length(*state);
    char *text = map_long_string(length);
    assert_int_equal(netipc_cgroups_snapshot_builder_add(*state, 2, 0, 1, text, text), NETIPC_TOO_LARGE);
    assert_non_null(strstr(netipc_status_detail(), "2147483648"));
    assert_int_equal(netipc_cgroups_snapshot_builder_length(*state), before);
    munmap(text, length + (64 << 20));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, new_builder, free_builder)
    const struct CMUnitTest tests[] = {
        test(a_new_builder_writes_an_empty_snapshot),
        test(names_may_repeat_and_items_keep_their_order),
        test(names_and_paths_of_any_length_come_back_whole),
        test(names_may_hold_any_byte_but_nul),
        test(a_hundred_thousand_items_come_back),
        test(what_is_written_depends_on_nothing_but_the_items),
        test(reset_forgets_all_items),
        test(a_buffer_one_byte_short_is_left_alone_and_the_length_is_told),
        test(a_larger_buffer_is_written_only_up_to_the_length),
        test(a_cgroup_without_name_or_path_is_refused),
        test(a_payload_that_would_pass_32_bits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
