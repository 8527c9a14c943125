/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers of cgroups-lookup, as they are built: whole, and within a budget. */
#include "tests/codec/lookups.h"
#include "tests/corpus/cgroups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADER = 16, ENTRY = 8, BARE = 30 }; /* of an answer; of an item: what it takes besides its strings */

/* A builder, and a request for some paths that it answers. */
struct desk {
    netipc_cgroups_lookup_builder *builder;
    golden_bytes asked;
    netipc_cgroups_lookup_request_view request;
};

static void ask_for(struct desk *desk, const char *const *paths, uint32_t count)
{
    free(desk->asked.data);
    desk->asked = request_for(paths, count);
    assert_int_equal(netipc_cgroups_lookup_request_decode(desk->asked.data, desk->asked.length, &desk->request),
                     NETIPC_OK);
    assert_int_equal(desk->request.item_count, count);
}

static int open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    assert_non_null(desk);
    assert_int_equal(netipc_cgroups_lookup_builder_new(&desk->builder), NETIPC_OK);
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;
    netipc_cgroups_lookup_builder_free(desk->builder);
    free(desk->asked.data);
    free(desk);
    return 0;
}

static netipc_status begin(struct desk *desk, uint64_t budget, uint64_t most)
{
    return netipc_cgroups_lookup_builder_begin(desk->builder, &desk->request, 7, budget, most);
}

static netipc_status add(struct desk *desk, const netipc_cgroup_lookup_answer *answer)
{
    return netipc_cgroups_lookup_builder_add(desk->builder, answer);
}

static netipc_status add_known(struct desk *desk, const char *name)
{
    const netipc_cgroup_lookup_answer answer = {.orchestrator = NETIPC_ORCHESTRATOR_LXC, .name = name};
    return add(desk, &answer);
}

/* Of what builder has now, whose bytes the caller frees. */
static netipc_cgroups_lookup_view written(const struct desk *desk, golden_bytes *bytes)
{
    netipc_cgroups_lookup_view view;
    *bytes = written_answer(desk->builder, 0x5a);
    assert_int_equal(netipc_cgroups_lookup_decode(bytes->data, bytes->length, &view), NETIPC_OK);
    read_whole_answer(&view);
    assert_int_equal(view.generation, 7);
    assert_int_equal(view.item_count, desk->request.item_count);
    return view;
}

static netipc_cgroup_lookup_view item_of(const netipc_cgroups_lookup_view *view, uint32_t index)
{
    netipc_cgroup_lookup_view item;
    assert_int_equal(netipc_cgroups_lookup_item(view, index, &item), NETIPC_OK);
    return item;
}

/* --- requests --- */

static void a_request_takes_no_more_than_it_may(void **state)
{
    (void)state;
    netipc_cgroups_lookup_request_builder *builder;
    assert_int_equal(netipc_cgroups_lookup_request_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_request_builder_length(builder), HEADER);
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, "/abc", HEADER + ENTRY + 4), NETIPC_TOO_LARGE);
    assert_int_equal(netipc_cgroups_lookup_request_builder_length(builder), HEADER);
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, "/abc", HEADER + ENTRY + 5), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_request_builder_length(builder), HEADER + ENTRY + 5);
    /* The second one begins at the next multiple of 8. */
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, "x", HEADER + 2 * ENTRY + 9), NETIPC_TOO_LARGE);
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, "x", HEADER + 2 * ENTRY + 10), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, "", UINT32_MAX), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, NULL, UINT32_MAX), NETIPC_INVALID_ARGUMENT);
    unsigned char buffer[64], before[64];
    size_t length = 0;
    memset(buffer, 0x5a, sizeof buffer);
    memset(before, 0x5a, sizeof before);
    assert_int_equal(netipc_cgroups_lookup_request_builder_write(builder, buffer, 41, &length), NETIPC_TOO_SMALL);
    assert_int_equal(length, 42);
    assert_memory_equal(buffer, before, sizeof buffer);
    assert_int_equal(netipc_cgroups_lookup_request_builder_write(builder, NULL, 0, &length), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_cgroups_lookup_request_builder_write(builder, buffer, 42, NULL), NETIPC_OK);
    assert_memory_equal(buffer + 42, before, sizeof buffer - 42);
    netipc_cgroups_lookup_request_builder_reset(builder);
    assert_int_equal(netipc_cgroups_lookup_request_builder_length(builder), HEADER);
    netipc_cgroups_lookup_request_builder_free(builder);
    netipc_cgroups_lookup_request_builder_free(NULL);
}

/* --- answers --- */

static void the_whole_corpus_is_asked_for_and_answered(void **state)
{
    struct desk *desk = *state;
    const char **ids = calloc(corpus_cgroup_count, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < corpus_cgroup_count; i++)
        ids[i] = corpus_cgroups[i].id;
    ask_for(desk, ids, (uint32_t)corpus_cgroup_count);
    free(ids);
    assert_int_equal(begin(desk, UINT32_MAX, UINT32_MAX), NETIPC_OK);
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        const netipc_label labels[] = {{"id", cgroup->id}, {"enabled", cgroup->enabled ? "yes" : ""}};
        const netipc_cgroup_lookup_answer answer = {
            .orchestrator = cgroup->orchestrator, .name = cgroup->name, .labels = labels, .label_count = 2};
        assert_int_equal(add(desk, &answer), NETIPC_OK);
    }
    golden_bytes bytes;
    netipc_cgroups_lookup_view view = written(desk, &bytes);
    for (uint32_t i = 0; i < corpus_cgroup_count; i++) {
        netipc_cgroup_lookup_view item = item_of(&view, i);
        netipc_label_view label;
        assert_int_equal(item.status, NETIPC_CGROUP_KNOWN);
        assert_int_equal(item.orchestrator, corpus_cgroups[i].orchestrator);
        assert_string_equal(item.path, corpus_cgroups[i].id);
        assert_string_equal(item.name, corpus_cgroups[i].name);
        assert_int_equal(netipc_cgroup_lookup_label(&item, 0, &label), NETIPC_OK);
        assert_string_equal(label.value, corpus_cgroups[i].id);
    }
    free(bytes.data);
}

static void a_thousand_labels_come_back_in_order(void **state)
{
    enum { LABELS = 1000 };
    static char texts[LABELS][2][32];
    struct desk *desk = *state;
    netipc_label labels[LABELS];
    const char *const path = "/x";
    for (int i = 0; i < LABELS; i++) {
        snprintf(texts[i][0], sizeof texts[i][0], "%.*skey%d", i % 9, "kkkkkkkkk", i);
        snprintf(texts[i][1], sizeof texts[i][1], "%.*s", i % 31, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
        labels[i] = (netipc_label){texts[i][0], texts[i][1]};
    }
    const netipc_cgroup_lookup_answer answer = {.name = "", .labels = labels, .label_count = LABELS};
    ask_for(desk, &path, 1);
    assert_int_equal(begin(desk, UINT32_MAX, UINT32_MAX), NETIPC_OK);
    assert_int_equal(add(desk, &answer), NETIPC_OK);
    golden_bytes bytes;
    netipc_cgroups_lookup_view view = written(desk, &bytes);
    netipc_cgroup_lookup_view item = item_of(&view, 0);
    assert_int_equal(item.label_count, LABELS);
    for (uint32_t i = 0; i < LABELS; i++) {
        netipc_label_view label;
        assert_int_equal(netipc_cgroup_lookup_label(&item, i, &label), NETIPC_OK);
        assert_string_equal(label.key, texts[i][0]);
        assert_string_equal(label.value, texts[i][1]);
    }
    free(bytes.data);
}

static void a_request_for_nothing_is_answered_with_the_generation(void **state)
{
    struct desk *desk = *state;
    golden_bytes bytes;
    ask_for(desk, NULL, 0);
    assert_int_equal(begin(desk, HEADER - 1, UINT32_MAX), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(begin(desk, HEADER, HEADER), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_open_count(desk->builder), 0);
    assert_int_equal(add_known(desk, "x"), NETIPC_WRONG_STATE);
    written(desk, &bytes);
    assert_int_equal(bytes.length, HEADER);
    free(bytes.data);
}

/* --- budgets --- */

static const char *const five[] = {"/a", "/a/longer/one", "/b", "/c/d/e/f/g/h", "/z"};
static const char *const names[] = {"", "a name", "a much longer name than that", "n", "another"};

static const netipc_label three_labels[] = {{"k", ""}, {"key", "value"}, {"last", "one"}};

/* Of answers to five, known ones in the end. */
static size_t build_five(struct desk *desk, uint64_t budget)
{
    assert_int_equal(begin(desk, budget, budget), NETIPC_OK);
    for (uint32_t i = 0; i < 5; i++) {
        const netipc_cgroup_lookup_answer answer = {
            .name = names[i], .labels = three_labels, .label_count = i == 2 ? 3 : 0};
        assert_int_equal(add(desk, &answer), NETIPC_OK);
    }
    return netipc_cgroups_lookup_builder_length(desk->builder);
}

/* Items that say more than "exceeded"; all behind the first that does say so. */
static uint32_t count_answered(const netipc_cgroups_lookup_view *view)
{
    uint32_t answered = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_cgroup_lookup_view item = item_of(view, i);
        assert_string_equal(item.path, five[i]);
        if (item.status == NETIPC_CGROUP_EXCEEDED)
            continue;
        assert_int_equal(item.status, NETIPC_CGROUP_KNOWN);
        assert_int_equal(i, answered);
        assert_string_equal(item.name, names[i]);
        answered++;
    }
    return answered;
}

static void every_budget_is_used_and_kept_to(void **state)
{
    struct desk *desk = *state;
    ask_for(desk, five, 5);
    size_t whole = build_five(desk, UINT32_MAX);
    uint32_t before = 0, steps = 0;
    size_t least = whole;
    for (size_t budget = whole; begin(desk, budget, budget) == NETIPC_OK; budget--)
        least = budget;
    for (size_t budget = least; budget <= whole; budget++) {
        golden_bytes bytes;
        size_t length = build_five(desk, budget);
        assert_true(length <= budget);
        netipc_cgroups_lookup_view view = written(desk, &bytes);
        uint32_t answered = count_answered(&view);
        assert_int_equal(netipc_cgroups_lookup_builder_open_count(desk->builder), 0);
        assert_true(answered >= before);
        /* No byte too early: the next item came in with the budget that it takes. */
        if (answered > before)
            assert_int_equal(length, budget);
        steps += answered > before;
        before = answered;
        free(bytes.data);
    }
    assert_int_equal(before, 5);
    assert_int_equal(steps, 4); /* the first needs no more than "exceeded" does */
}

static void the_least_answer_says_exceeded_of_all(void **state)
{
    struct desk *desk = *state;
    golden_bytes bytes;
    ask_for(desk, five, 5);
    assert_int_equal(begin(desk, UINT32_MAX, UINT32_MAX), NETIPC_OK);
    netipc_cgroups_lookup_view view = written(desk, &bytes);
    assert_int_equal(count_answered(&view), 0);
    assert_int_equal(begin(desk, bytes.length, UINT32_MAX), NETIPC_OK);
    assert_int_equal(begin(desk, bytes.length - 1, UINT32_MAX), NETIPC_LIMIT_EXCEEDED);
    assert_non_null(strstr(netipc_status_detail(), "no answer to 5 keys"));
    assert_int_equal(netipc_cgroups_lookup_builder_length(desk->builder), HEADER);
    assert_int_equal(add_known(desk, "x"), NETIPC_WRONG_STATE);
    free(bytes.data);
}

static void what_no_answer_has_room_for_is_oversized_and_the_rest_goes_on(void **state)
{
    struct desk *desk = *state;
    char name[600];
    golden_bytes bytes;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ask_for(desk, five, 5);
    /* alone it would take 16 + 8 + 30 + 2 + 599 */
    const size_t alone = HEADER + ENTRY + BARE + 2 + sizeof name - 1;
    assert_int_equal(begin(desk, alone - 1, alone - 1), NETIPC_OK);
    assert_int_equal(add_known(desk, name), NETIPC_OK);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(add_known(desk, names[i]), NETIPC_OK);
    netipc_cgroups_lookup_view view = written(desk, &bytes);
    assert_int_equal(item_of(&view, 0).status, NETIPC_CGROUP_OVERSIZED);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(item_of(&view, i).status, NETIPC_CGROUP_KNOWN);
    free(bytes.data);
    /* A byte more, and it can be asked for alone: so it is no longer final. */
    assert_int_equal(begin(desk, alone, alone), NETIPC_OK);
    assert_int_equal(add_known(desk, name), NETIPC_OK);
    view = written(desk, &bytes);
    assert_int_equal(item_of(&view, 0).status, NETIPC_CGROUP_EXCEEDED);
    free(bytes.data);
    ask_for(desk, five, 1);
    assert_int_equal(begin(desk, alone, alone), NETIPC_OK);
    assert_int_equal(add_known(desk, name), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_length(desk->builder), alone);
    view = written(desk, &bytes);
    assert_int_equal(item_of(&view, 0).status, NETIPC_CGROUP_KNOWN);
    free(bytes.data);
}

static void the_first_item_of_all_asks_for_a_larger_session(void **state)
{
    struct desk *desk = *state;
    char name[600];
    golden_bytes bytes;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ask_for(desk, five, 5);
    assert_int_equal(begin(desk, 400, 10000), NETIPC_OK);
    assert_int_equal(add_known(desk, name), NETIPC_LIMIT_EXCEEDED);
    assert_non_null(strstr(netipc_status_detail(), "10000"));
    assert_int_equal(netipc_cgroups_lookup_builder_open_count(desk->builder), 5); /* as it was */
    /* Behind another one it can wait. */
    assert_int_equal(add_known(desk, "first"), NETIPC_OK);
    assert_int_equal(add_known(desk, name), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_open_count(desk->builder), 0);
    assert_int_equal(add_known(desk, "third"), NETIPC_OK); /* and changes nothing */
    netipc_cgroups_lookup_view view = written(desk, &bytes);
    assert_int_equal(item_of(&view, 0).status, NETIPC_CGROUP_KNOWN);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(item_of(&view, i).status, NETIPC_CGROUP_EXCEEDED);
    free(bytes.data);
}

static void what_contradicts_itself_is_refused(void **state)
{
    static const netipc_label empty_key[] = {{"", "v"}}, no_key[] = {{NULL, "v"}}, no_value[] = {{"k", NULL}};
    static const netipc_cgroup_lookup_answer wrong[] = {
        {.status = 5},
        {.status = UINT32_MAX},
        {.orchestrator = 65536},
        {.reserved = 1},
        {.status = NETIPC_CGROUP_UNKNOWN_NOW, .name = "n"},
        {.status = NETIPC_CGROUP_UNKNOWN_FOR_GOOD, .orchestrator = 1},
        {.status = NETIPC_CGROUP_OVERSIZED, .labels = three_labels, .label_count = 3},
        {.status = NETIPC_CGROUP_EXCEEDED, .name = "n"},
        {.labels = empty_key, .label_count = 1},
        {.labels = no_key, .label_count = 1},
        {.labels = no_value, .label_count = 1},
        {.labels = NULL, .label_count = 1},
        {.labels = three_labels, .label_count = 65536},
    };
    struct desk *desk = *state;
    ask_for(desk, five, 5);
    assert_int_equal(begin(desk, 10, 9), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(begin(desk, UINT32_MAX, UINT32_MAX), NETIPC_OK);
    size_t length = netipc_cgroups_lookup_builder_length(desk->builder);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (add(desk, &wrong[i]) != NETIPC_INVALID_ARGUMENT)
            fail_msg("answer %zu is taken", i);
        assert_string_not_equal(netipc_status_detail(), "");
        assert_int_equal(netipc_cgroups_lookup_builder_open_count(desk->builder), 5);
        assert_int_equal(netipc_cgroups_lookup_builder_length(desk->builder), length);
    }
}

static void a_buffer_one_byte_short_is_left_alone_and_the_length_is_told(void **state)
{
    struct desk *desk = *state;
    unsigned char buffer[400], before[400];
    size_t length = 0;
    ask_for(desk, five, 2);
    assert_int_equal(begin(desk, 400, 400), NETIPC_OK);
    assert_int_equal(add_known(desk, "name"), NETIPC_OK);
    memset(buffer, 0x5a, sizeof buffer);
    memset(before, 0x5a, sizeof before);
    size_t needed = netipc_cgroups_lookup_builder_length(desk->builder);
    assert_int_equal(netipc_cgroups_lookup_builder_write(desk->builder, buffer, needed - 1, &length), NETIPC_TOO_SMALL);
    assert_int_equal(length, needed);
    assert_memory_equal(buffer, before, sizeof buffer);
    assert_int_equal(netipc_cgroups_lookup_builder_write(desk->builder, NULL, 0, NULL), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_cgroups_lookup_builder_write(desk->builder, buffer, sizeof buffer, &length), NETIPC_OK);
    assert_int_equal(length, needed);
    assert_memory_equal(buffer + needed, before, sizeof buffer - needed);
}

static void what_is_written_depends_on_nothing_but_the_answers(void **state)
{
    struct desk *desk = *state;
    ask_for(desk, five, 5);
    build_five(desk, 10000);
    golden_bytes first = written_answer(desk->builder, 0xaa);
    build_five(desk, 300);
    golden_bytes between = written_answer(desk->builder, 0xff);
    build_five(desk, 10000);
    golden_bytes second = written_answer(desk->builder, 0x55);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    free(first.data);
    free(between.data);
    free(second.data);
}

/* Requests may lie where a peer can write: what it makes of one entry of the directory, after so many were answered. */
static bool changed_request_is_refused(struct desk *desk, uint32_t answered, const void *entry, size_t at, size_t size)
{
    enum { ROOM = 1000 };
    unsigned char bytes[2 * ROOM], before[2 * ROOM];
    size_t length;
    ask_for(desk, five, 5);
    assert_int_equal(begin(desk, ROOM, ROOM), NETIPC_OK);
    for (uint32_t i = 0; i < answered; i++)
        assert_int_equal(add_known(desk, "n"), NETIPC_OK);
    memmove(desk->asked.data + HEADER + at, entry, size);
    netipc_status status = add_known(desk, "n");
    assert_true(status == NETIPC_OK || status == NETIPC_CORRUPT);
    size_t needed = netipc_cgroups_lookup_builder_length(desk->builder);
    assert_true(needed <= ROOM);
    memset(bytes, 0x5a, sizeof bytes);
    memset(before, 0x5a, sizeof before);
    status = netipc_cgroups_lookup_builder_write(desk->builder, bytes, needed, &length);
    assert_true(status == NETIPC_OK || status == NETIPC_CORRUPT);
    assert_memory_equal(bytes + needed, before, sizeof before - needed);
    return status == NETIPC_CORRUPT;
}

static void a_request_that_changes_meanwhile_is_refused_and_nothing_else_happens(void **state)
{
    static const uint32_t lengths[] = {0, 1, 2, 3, 15, 0xffffffff};
    struct desk *desk = *state;
    unsigned refused = 0;
    for (uint32_t answered = 0; answered < 5; answered++)
        for (uint32_t entry = 0; entry < 5; entry++) {
            for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
                refused += changed_request_is_refused(desk, answered, &lengths[i], entry * ENTRY + 4, 4);
            /* In its place any other path, longer or shorter. */
            for (uint32_t other = 0; other < 5; other++) {
                unsigned char taken[ENTRY];
                ask_for(desk, five, 5);
                memcpy(taken, desk->asked.data + HEADER + other * ENTRY, ENTRY);
                refused += changed_request_is_refused(desk, answered, taken, entry * ENTRY, ENTRY);
            }
        }
    assert_true(refused > 50);
}

static void a_builder_that_never_was_can_be_freed(void **state)
{
    (void)state;
    netipc_cgroups_lookup_builder_free(NULL);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, open_desk, close_desk)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_takes_no_more_than_it_may),
        test(the_whole_corpus_is_asked_for_and_answered),
        test(a_thousand_labels_come_back_in_order),
        test(a_request_for_nothing_is_answered_with_the_generation),
        test(every_budget_is_used_and_kept_to),
        test(the_least_answer_says_exceeded_of_all),
        test(what_no_answer_has_room_for_is_oversized_and_the_rest_goes_on),
        test(the_first_item_of_all_asks_for_a_larger_session),
        test(what_contradicts_itself_is_refused),
        test(a_buffer_one_byte_short_is_left_alone_and_the_length_is_told),
        test(what_is_written_depends_on_nothing_but_the_answers),
        test(a_request_that_changes_meanwhile_is_refused_and_nothing_else_happens),
        cmocka_unit_test(a_builder_that_never_was_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
