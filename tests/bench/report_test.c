/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/goals.h"
#include "bench/report/notes.h"
#include "bench/report/tables.h"

#include <fcntl.h>
#include <json-c/json_tokener.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void put(struct results *results, const char *name, const char *document)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"arguments\": \"\", \"document\": %s}", document);
    for (size_t row = 0; row < matrix_count(); row++)
        if (strcmp(matrix_row(row)->name, name) == 0) {
            struct json_object *kept = json_tokener_parse(text);
            assert_non_null(kept);
            results_put(results, row, kept);
            return;
        }
    fail_msg("no row %s", name);
}

static struct verdict judge(const struct results *results, const char *goal)
{
    assert_non_null(goals_find(goal));
    return goals_judge(goals_find(goal), results);
}

static void a_goal_is_met_up_to_its_limit(void **state)
{
    struct results results = {0};
    (void)state;
    assert_false(judge(&results, "publish-64").measured);
    put(&results, "publish-64-1", "{\"stable\": true, \"ratios\": {\"publish_ns_minus_memcpy\": 25}}");
    struct verdict verdict = judge(&results, "publish-64");
    assert_true(verdict.measured && verdict.met && verdict.stable);
    put(&results, "publish-64-1", "{\"stable\": false, \"ratios\": {\"publish_ns_minus_memcpy\": 25.1}}");
    verdict = judge(&results, "publish-64");
    assert_true(verdict.measured && !verdict.met && !verdict.stable);
    put(&results, "publish-64-1", "{\"stable\": true, \"ratios\": {\"publish_ns_minus_memcpy\": null}}");
    assert_false(judge(&results, "publish-64").measured);
    results_free(&results);
}

static void the_farthest_of_several_rows_counts_and_none_may_be_missing(void **state)
{
    struct results results = {0};
    (void)state;
    put(&results, "latency-spin-4k-1000", "{\"stable\": true, \"ratios\": {\"latency_over_handoff\": 1.2}}");
    assert_false(judge(&results, "latency-spin-4k").measured);
    put(&results, "latency-spin-4k-100000", "{\"stable\": true, \"ratios\": {\"latency_over_handoff\": 1.4}}");
    struct verdict verdict = judge(&results, "latency-spin-4k");
    assert_true(verdict.measured && !verdict.met);
    assert_string_equal(verdict.row->name, "latency-spin-4k-100000");
    assert_int_equal(verdict.figures, 2);
    assert_int_equal(verdict.missed, 1);
    results_free(&results);
}

static void a_figure_is_divided_by_that_of_another_row(void **state)
{
    struct results results = {0};
    (void)state;
    put(&results, "read-64-8", "{\"stable\": true, \"ratios\": {\"lease_ns\": 24}}");
    assert_false(judge(&results, "lease-sessions").measured);
    put(&results, "read-64-1", "{\"stable\": false, \"ratios\": {\"lease_ns\": 20}}");
    struct verdict verdict = judge(&results, "lease-sessions");
    assert_true(verdict.measured && !verdict.met && !verdict.stable);
    assert_true(verdict.figure > 1.19 && verdict.figure < 1.21);
    results_free(&results);
}

static void count(const struct row *row, const struct place *place, double figure, void *context)
{
    (void)row;
    assert_string_equal(place->keys[1], "pipe");
    assert_true(figure < 1);
    ++*(int *)context;
}

static void every_transport_counts_but_bare_memory_and_those_that_drop(void **state)
{
    struct results results = {0};
    int missed = 0;
    (void)state;
    const char *const rows[] = {"peers-64", "peers-4k", "peers-64k", "peers-1M"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put(&results, rows[i],
            "{\"stable\": true, \"ratios\": {\"64\": {"
            "\"bare\": {\"spin\": {\"publish_rate_over_peer\": 0.1}}, "
            "\"nng\": {\"spin\": {\"publish_rate_over_peer\": 0.1}}, "
            "\"pipe\": {\"spin\": {\"publish_rate_over_peer\": 0.9}, \"block\": {\"publish_rate_over_peer\": 1.1}}, "
            "\"lmdb\": {\"spin\": {\"publish_rate_over_peer\": 9}, \"read_again_peer_over_netipc\": 0.5}}}}");
    struct verdict verdict = judge(&results, "peers-publish");
    assert_true(verdict.measured && !verdict.met);
    assert_int_equal(verdict.figures, 12);
    assert_string_equal(verdict.place.keys[2], "spin");
    goals_visit_missed(goals_find("peers-publish"), &results, count, &missed);
    assert_int_equal(missed, 4);
    assert_true(judge(&results, "lmdb").met);
    results_free(&results);
}

static void rows_and_goals_have_names_of_their_own_and_belong_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < matrix_count(); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(matrix_row(i)->name, matrix_row(j)->name);
    for (size_t i = 0; i < goals_count(); i++) {
        const struct goal *goal = goals_at(i);
        size_t rows = 0, over = goal->over == NULL;
        for (size_t row = 0; row < matrix_count(); row++) {
            rows += matrix_match(matrix_row(row), goal->rows);
            over += goal->over != NULL && strcmp(matrix_row(row)->name, goal->over) == 0;
        }
        if (rows == 0 || over != 1)
            fail_msg("goal %s: %zu rows, divided by %zu", goal->name, rows, over);
        assert_ptr_equal(goals_find(goal->name), goal);
    }
}

static void numbers_keep_three_digits(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {1.5, "1.50"},
                 {9.994, "9.99"},
                 {9.996, "10.0"},
                 {0.0123, "0.012"},
                 {0.15, "0.15"},
                 {99.94, "99.9"},
                 {99.96, "100"},
                 {999.7, "1,000"},
                 {1234567, "1,234,567"},
                 {-3.25, "-3.25"},
                 {-1234.5, "-1,234"},
                 {1.0 / 0.0, "–"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64] = "";
        FILE *out = fmemopen(text, sizeof text, "w");
        tables_print_number(cases[i].value, out);
        fclose(out);
        assert_string_equal(text, cases[i].text);
    }
}

static bool load(const char *text, struct notes *notes)
{
    char path[] = "report_notes_XXXXXX";
    assert_non_null(mkdtemp(path));
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    int file = openat(directory, NOTES_FILE, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    bool good = notes_load(notes, directory);
    unlinkat(directory, NOTES_FILE, 0);
    close(directory);
    rmdir(path);
    return good;
}

static void a_note_is_the_section_of_its_goal(void **state)
{
    static const char text[] = "# Notes\nBefore.\n\n## poll\n\nOne.\n\nTwo.\n\n### more\n\n## lease\n## rpc\nLast";
    struct notes notes;
    char said[256] = "";
    (void)state;
    assert_true(load(text, &notes));
    FILE *out = fmemopen(said, sizeof said, "w");
    assert_true(notes_print(&notes, "poll", out));
    assert_false(notes_print(&notes, "lease", out));
    assert_true(notes_print(&notes, "rpc", out));
    assert_false(notes_print(&notes, "read-64", out));
    fclose(out);
    assert_string_equal(said, "One.\n\nTwo.\n\n### more\nLast\n");
    notes_free(&notes);
    assert_false(load("## poll\n\n## polls\n", &notes));
    notes_free(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_goal_is_met_up_to_its_limit),
        cmocka_unit_test(the_farthest_of_several_rows_counts_and_none_may_be_missing),
        cmocka_unit_test(a_figure_is_divided_by_that_of_another_row),
        cmocka_unit_test(every_transport_counts_but_bare_memory_and_those_that_drop),
        cmocka_unit_test(rows_and_goals_have_names_of_their_own_and_belong_together),
        cmocka_unit_test(numbers_keep_three_digits),
        cmocka_unit_test(a_note_is_the_section_of_its_goal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
