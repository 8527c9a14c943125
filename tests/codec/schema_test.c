/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/snapshots.h"

#include <netipc/schema.h>
#include <netipc/server.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int load_captures(void **state)
{
    static captured_snapshots captured;
    load_captured_snapshots(&captured);
    *state = &captured;
    return 0;
}

static int free_captures(void **state)
{
    free_captured_snapshots(*state);
    return 0;
}

static void the_hash_of_a_key_is_fnv_1a_of_all_its_bytes(void **state)
{
    (void)state;
    assert_int_equal(netipc_key_hash(NULL, 0), 0x811c9dc5);
    assert_int_equal(netipc_key_hash("a", 1), 0xe40c292c);
    assert_int_equal(netipc_key_hash("foobar", 6), 0xbf9cf968);
    assert_int_equal(netipc_key_hash("\0", 1), 0x050c5d1f);
}

static void the_schema_of_cgroups_says_what_publishers_and_servers_use(void **state)
{
    (void)state;
    const netipc_schema *schema = netipc_cgroups_schema();
    const uint16_t request[2] = {1, 0};
    assert_int_equal(schema->size, sizeof *schema);
    assert_int_equal(schema->id, 2);
    assert_int_equal(schema->version, 1);
    assert_int_equal(schema->method, NETIPC_METHOD_CGROUPS_SNAPSHOT);
    assert_string_equal(schema->name, "cgroups-snapshot");
    assert_int_equal(schema->request_length, sizeof request);
    assert_memory_equal(schema->request, request, sizeof request);
}

static void a_schema_and_a_view_tell_the_same_items(void **state)
{
    const netipc_schema *schema = netipc_cgroups_schema();
    const captured_snapshots *captured = *state;
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++) {
        const golden_bytes *payload = &captured->payloads[i];
        netipc_cgroups_snapshot_view view;
        netipc_items items;
        assert_int_equal(netipc_cgroups_snapshot_decode(payload->data, payload->length, &view), NETIPC_OK);
        assert_int_equal(schema->parse(payload->data, payload->length, &items), NETIPC_OK);
        assert_int_equal(schema->check(&items), NETIPC_OK);
        assert_int_equal(items.count, view.item_count);
        assert_true(items.generation == view.generation);
        for (uint32_t index = 0; index < items.count; index++) {
            netipc_cgroup_view cgroup, converted;
            netipc_item item;
            assert_int_equal(netipc_cgroups_snapshot_item(&view, index, &cgroup), NETIPC_OK);
            assert_int_equal(schema->item(&items, index, &item), NETIPC_OK);
            assert_int_equal(item.index, index);
            assert_int_equal(item.hash, cgroup.hash);
            assert_ptr_equal(item.key, cgroup.name);
            assert_int_equal(item.key_length, cgroup.name_length);
            assert_int_equal(netipc_cgroup_of_item(&item, &converted), NETIPC_OK);
            assert_ptr_equal(converted.name, cgroup.name);
            assert_ptr_equal(converted.path, cgroup.path);
            assert_int_equal(converted.path_length, cgroup.path_length);
            assert_int_equal(converted.options, cgroup.options);
            assert_int_equal(converted.enabled, cgroup.enabled);
        }
        netipc_item untouched = {.index = 77};
        assert_int_equal(schema->item(&items, items.count, &untouched), NETIPC_INVALID_ARGUMENT);
        assert_int_equal(untouched.index, 77);
    }
}

static void an_item_of_unchecked_bytes_is_inside_of_them_or_refused(void **state)
{
    const netipc_schema *schema = netipc_cgroups_schema();
    const captured_snapshots *captured = *state;
    const golden_bytes *payload = &captured->payloads[0];
    const unsigned char *end = payload->data + payload->length;
    size_t refused = 0, given = 0;
    for (size_t bit = 0; bit < payload->length * 8; bit++) {
        unsigned char mask = (unsigned char)(1u << bit % 8);
        payload->data[bit / 8] ^= mask;
        netipc_items items;
        netipc_status parsed = schema->parse(payload->data, payload->length, &items);
        assert_true(parsed == NETIPC_OK || (parsed == NETIPC_CORRUPT && items.count == 0));
        for (uint32_t index = 0; index < items.count; index++) {
            netipc_item item;
            netipc_status status = schema->item(&items, index, &item);
            if (status != NETIPC_OK) {
                assert_int_equal(status, NETIPC_CORRUPT);
                refused++;
                continue;
            }
            given++;
            const unsigned char *key = item.key;
            assert_true(key >= payload->data && key <= end && item.key_length <= (size_t)(end - key));
            netipc_cgroup_view cgroup = {.hash = 77};
            status = netipc_cgroup_of_item(&item, &cgroup);
            if (status == NETIPC_OK)
                assert_true(cgroup.name[cgroup.name_length] == 0 && cgroup.path[cgroup.path_length] == 0);
            else
                assert_true(status == NETIPC_CORRUPT && cgroup.hash == 77);
        }
        payload->data[bit / 8] ^= mask;
    }
    assert_true(given > 0);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_of_a_key_is_fnv_1a_of_all_its_bytes),
        cmocka_unit_test(the_schema_of_cgroups_says_what_publishers_and_servers_use),
        cmocka_unit_test(a_schema_and_a_view_tell_the_same_items),
        cmocka_unit_test(an_item_of_unchecked_bytes_is_inside_of_them_or_refused),
    };
    return cmocka_run_group_tests(tests, load_captures, free_captures);
}
