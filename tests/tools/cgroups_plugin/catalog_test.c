/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/catalog.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { READERS = 2, GENERATIONS = 2000 };

/* Generation n has n % 7 cgroups, each called after n. */
static void put(struct catalog *catalog, unsigned generation)
{
    struct record records[7];
    char ids[7][32], name[32];
    snprintf(name, sizeof name, "cgroup_%u", generation);
    struct table table = {.records = records, .count = generation % 7};
    for (size_t i = 0; i < table.count; i++) {
        snprintf(ids[i], sizeof ids[i], "/%zu", i);
        records[i] = (struct record){.id = ids[i], .name = name, .path = ""};
    }
    assert_true(catalog_put(catalog, &table, generation));
}

struct shared {
    struct catalog catalog;
    atomic_bool done;
    atomic_uint wrong;
};

static bool is_whole(const struct catalog_version *version)
{
    char name[32];
    snprintf(name, sizeof name, "%u", (unsigned)version->generation);
    for (unsigned i = 0; i < 7; i++) {
        char id[16];
        snprintf(id, sizeof id, "/%u", i);
        const struct catalog_entry *entry = catalog_find(version, id);
        if ((entry != NULL) != (i < version->generation % 7) || (entry != NULL && strcmp(entry->name, name) != 0))
            return false;
    }
    return true;
}

static void *read_all_the_time(void *argument)
{
    struct shared *shared = argument;
    uint64_t last = 0;
    while (!atomic_load(&shared->done)) {
        struct catalog_version *version = catalog_hold(&shared->catalog);
        if (version == NULL)
            continue;
        if (version->generation < last || !is_whole(version))
            atomic_fetch_add(&shared->wrong, 1);
        last = version->generation;
        catalog_release(&shared->catalog, version);
    }
    return NULL;
}

static void who_holds_a_version_reads_one_generation_whatever_is_put(void **state)
{
    (void)state;
    struct shared shared = {.done = false};
    pthread_t readers[READERS];
    catalog_init(&shared.catalog);
    assert_null(catalog_hold(&shared.catalog));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &shared), 0);
    for (unsigned generation = 1; generation <= GENERATIONS; generation++)
        put(&shared.catalog, generation);
    atomic_store(&shared.done, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    catalog_free(&shared.catalog);
}

static void a_version_that_is_held_outlives_the_next(void **state)
{
    (void)state;
    struct catalog catalog;
    catalog_init(&catalog);
    put(&catalog, 3);
    struct catalog_version *held = catalog_hold(&catalog);
    put(&catalog, 4);
    put(&catalog, 5);
    assert_int_equal(held->generation, 3);
    assert_string_equal(catalog_find(held, "/2")->name, "3");
    assert_null(catalog_find(held, "/3"));
    assert_null(catalog_find(held, ""));
    catalog_release(&catalog, held);
    held = catalog_hold(&catalog);
    assert_int_equal(held->generation, 5);
    catalog_release(&catalog, held);
    catalog_free(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_holds_a_version_reads_one_generation_whatever_is_put),
        cmocka_unit_test(a_version_that_is_held_outlives_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
