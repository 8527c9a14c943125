/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one list of test functions that are left out under qemu's user emulation, with the reasons. All of them test
 * what the kernel does for the library, and qemu 7.2 does not hand on. Each is counted as skipped.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char no_dontfork[] = "qemu ignores MADV_DONTFORK: children inherit the mappings";
static const char no_remove[] = "qemu ignores MADV_REMOVE, which the kernel would refuse";
static const char no_truncation[] = "qemu drops MSG_CTRUNC, and keeps descriptors that found no room";
static const char no_placement[] = "qemu ignores MADV_COLLAPSE and MADV_POPULATE_READ";
#ifdef __s390x__
static const char no_calls[] = "qemu has neither mbind nor move_pages, so too few refusals can be seen";
#endif
static const char no_wipeonfork[] = "qemu ignores MADV_WIPEONFORK, and the child has its parent's pid";
static const char no_refusals[] = "qemu has neither seccomp filters nor PR_SET_THP_DISABLE";

static const struct left_out {
    const char *program, *test, *reason;
} list[] = {
#ifdef __s390x__
    {"publish_failing_calls_test", "placing_regions_survives_every_failing_call", no_calls},
#endif
    {"publish_fork_test", "a_child_inherits_no_writable_memory", no_dontfork},
    {"publish_reader_test", "a_child_is_told_so_and_its_close_ends_no_view_of_the_parent", no_dontfork},
    {"publish_limits_test", "too_few_descriptors_make_a_refresh_fail_until_there_are_enough", no_dontfork},
    {"publish_cache_readers_test", "a_forked_child_with_the_pid_of_its_parent_has_none_either", no_wipeonfork},
    {"shm_placement_test", "a_region_is_of_huge_pages_on_both_sides", no_placement},
    {"shm_placement_test", "a_view_is_resident_before_anybody_reads_of_it", no_placement},
    {"shm_placement_test", "a_view_is_resident_also_where_the_kernel_cannot_populate", no_refusals},
    {"shm_placement_test", "a_process_without_huge_pages_gets_a_region_of_ordinary_ones", no_refusals},
    {"shm_placement_test", "a_mapping_that_fails_leaves_no_addresses_behind", no_refusals},
    {"shm_placement_test", "a_refused_prefault_is_told", no_refusals},
    {"shm_placement_test", "what_is_refused_together_is_told_one_by_one", no_refusals},
    {"publish_placement_test", "refused_wishes_fail_nothing_and_are_noted", no_refusals},
    {"publish_access_test", "a_subscriber_can_change_nothing_in_the_region", no_remove},
    {"publish_access_test", "the_session_page_cannot_be_taken_away_once_ready", no_remove},
    {"control_descriptors_test", "a_packet_received_without_room_for_descriptors_brings_none", no_truncation},
    {"publish_fake_conversation_test", "a_region_without_its_page_or_with_too_much_is_refused", no_truncation},
};

/* In whatever program: some are built twice. */
static const char *reason_of(const char *test)
{
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(list[i].test, test) == 0)
            return list[i].reason;
    return NULL;
}

static void leave_out(void **state)
{
    printf("skip: %s\n", (const char *)*state);
    fflush(stdout);
    skip();
}

/* A name in the list that is no test any more would leave out nothing, unnoticed. */
static bool list_is_up_to_date(const struct CMUnitTest *tests, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        bool found = strcmp(list[i].program, program_invocation_short_name) != 0;
        for (size_t j = 0; j < count && !found; j++)
            found = strcmp(list[i].test, tests[j].name) == 0;
        if (!found)
            fprintf(stderr, "%s: no test %s, see %s\n", list[i].program, list[i].test, __FILE__);
        good = good && found;
    }
    return good;
}

int __real__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    struct CMUnitTest *chosen = calloc(count, sizeof *chosen);
    if (chosen == NULL || !list_is_up_to_date(tests, count)) {
        free(chosen);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *reason = reason_of(tests[i].name);
        chosen[i] = tests[i];
        if (reason != NULL)
            chosen[i] = (struct CMUnitTest){
                .name = tests[i].name, .test_func = leave_out, .initial_state = (void *)(uintptr_t)reason};
    }
    int failures = __real__cmocka_run_group_tests(name, chosen, count, setup, teardown);
    free(chosen);
    return failures;
}
