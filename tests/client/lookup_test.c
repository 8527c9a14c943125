/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups of cgroups by their paths: whole, in parts, and with each call failing. */
#include "tests/client/stage.h"
#include "tests/codec/lookups.h"
#include "tests/corpus/cgroups.h"
#include "tests/publish/failing_calls.h"
#include "tests/rpc/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a service --- */

/* What a service of these tests does. */
struct shelf {
    atomic_ullong generation, begun, found, ended;
    bool moves;    /* to another generation with each request */
    int fail;      /* netipc_status of begin … */
    int fail_find; /* … and of find for the second path of a request */
    uint32_t say;  /* status of every path, if not 0 */
};

/* What a request holds: so that the end can be told from others'. */
struct asking {
    struct shelf *shelf;
    unsigned found;
};

static netipc_status begin(void *context, const netipc_request *request, uint64_t *generation, void **asked)
{
    struct shelf *shelf = context;
    assert_null(*asked);
    assert_true(request->max_answer <= request->max_answer_ever);
    if (shelf->fail != NETIPC_OK)
        return (netipc_status)shelf->fail;
    struct asking *asking = calloc(1, sizeof *asking);
    asking->shelf = shelf;
    *asked = asking;
    *generation = atomic_load(&shelf->generation);
    if (shelf->moves)
        atomic_fetch_add(&shelf->generation, 1);
    atomic_fetch_add(&shelf->begun, 1);
    return NETIPC_OK;
}

/* Lasts until the next path or the end: the library may not look at it later. */
static _Thread_local char name[1000001];

/* "/make/N" is called by N bytes; what is not in the corpus is unknown for good. */
static netipc_status find(void *context, void *asked, const char *path, uint32_t path_length,
                          netipc_cgroup_lookup_answer *answer)
{
    struct shelf *shelf = context;
    struct asking *asking = asked;
    assert_ptr_equal(asking->shelf, shelf);
    assert_int_equal(strlen(path), path_length);
    assert_int_equal(answer->status, NETIPC_CGROUP_UNKNOWN_NOW);
    atomic_fetch_add(&shelf->found, 1);
    if (asking->found++ == 1 && shelf->fail_find != NETIPC_OK)
        return (netipc_status)shelf->fail_find;
    answer->status = shelf->say != 0 ? shelf->say : NETIPC_CGROUP_UNKNOWN_FOR_GOOD;
    memset(name, 'x', 100);
    if (strncmp(path, "/make/", 6) == 0) {
        size_t length = strtoul(path + 6, NULL, 10);
        memset(name, 'n', length);
        name[length] = '\0';
        *answer = (netipc_cgroup_lookup_answer){.name = name};
    }
    for (size_t i = 0; i < corpus_cgroup_count; i++)
        if (strcmp(corpus_cgroups[i].id, path) == 0) {
            memcpy(name, corpus_cgroups[i].name, strlen(corpus_cgroups[i].name) + 1);
            *answer = (netipc_cgroup_lookup_answer){.orchestrator = corpus_cgroups[i].orchestrator, .name = name};
        }
    return NETIPC_OK;
}

static void end(void *context, void *asked)
{
    struct shelf *shelf = context;
    free(asked);
    memset(name, 'y', 100);
    atomic_fetch_add(&shelf->ended, 1);
}

struct library {
    struct shelf shelf;
    netipc_cgroups_lookup_service service;
    netipc_server *server;
};

/* most: the largest answer of all; 0: the default. */
static void open_library(struct library *library, const struct scene *scene, uint32_t first, uint32_t most,
                         uint32_t workers)
{
    library->service = (netipc_cgroups_lookup_service){
        .size = sizeof library->service, .context = &library->shelf, .begin = begin, .find = find, .end = end};
    netipc_service_config config =
        rpc_service_config(NETIPC_METHOD_CGROUPS_LOOKUP, netipc_cgroups_lookup_handle, &library->service);
    if (first > 0)
        config.response_payload = first;
    if (most > 0)
        config.max_response_payload = most;
    library->server = rpc_serve(scene, &config, workers);
}

static void close_library(struct library *library)
{
    netipc_server_close(library->server);
    assert_int_equal(atomic_load(&library->shelf.begun), atomic_load(&library->shelf.ended));
}

/* --- what is asked --- */

static netipc_status look_up(netipc_client *client, const char *const *paths, uint32_t count,
                             netipc_cgroups_lookup_result **result)
{
    return netipc_cgroups_lookup_call(client, paths, count, rpc_ns(20000), result);
}

static netipc_cgroup_lookup_view item_of(const netipc_cgroups_lookup_result *result, uint32_t index)
{
    netipc_cgroup_lookup_view item;
    assert_int_equal(netipc_cgroups_lookup_result_item(result, index, &item), NETIPC_OK);
    assert_int_equal(strlen(item.path), item.path_length);
    assert_int_equal(strlen(item.name), item.name_length);
    return item;
}

static uint32_t whole_corpus(const char ***ids)
{
    *ids = calloc(corpus_cgroup_count, sizeof **ids);
    assert_non_null(*ids);
    for (size_t i = 0; i < corpus_cgroup_count; i++)
        (*ids)[i] = corpus_cgroups[i].id;
    return (uint32_t)corpus_cgroup_count;
}

/* All is known, but what needs more than so many bytes, alone. */
static void expect_corpus(const netipc_cgroups_lookup_result *result, size_t most)
{
    assert_int_equal(netipc_cgroups_lookup_result_count(result), corpus_cgroup_count);
    for (uint32_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        netipc_cgroup_lookup_view item = item_of(result, i);
        bool fits = 16 + 8 + 30 + strlen(cgroup->id) + strlen(cgroup->name) <= most;
        assert_string_equal(item.path, cgroup->id);
        assert_int_equal(item.status, fits ? NETIPC_CGROUP_KNOWN : NETIPC_CGROUP_OVERSIZED);
        assert_string_equal(item.name, fits ? cgroup->name : "");
        assert_int_equal(item.orchestrator, fits ? cgroup->orchestrator : 0);
    }
}

static void look_up_corpus(netipc_client *client, size_t most, uint64_t generation)
{
    const char **ids;
    netipc_cgroups_lookup_result *result;
    uint32_t count = whole_corpus(&ids);
    expect_status(look_up(client, ids, count, &result), NETIPC_OK);
    free(ids); /* the result has its own */
    expect_corpus(result, most);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), generation);
    netipc_cgroups_lookup_result_free(result);
}

/* --- tests --- */

static void everything_that_fits_is_answered_at_once(void **state)
{
    for (uint32_t workers = 0; workers < 3; workers += 2) {
        static struct library library;
        library = (struct library){.shelf = {.generation = 5}};
        open_library(&library, *state, 0, 0, workers);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        look_up_corpus(client, SIZE_MAX, 5);
        assert_int_equal(client_info(client).calls, 1);
        assert_int_equal(atomic_load(&library.shelf.found), corpus_cgroup_count);
        netipc_client_close(client);
        close_library(&library);
    }
}

static void answers_that_do_not_fit_are_asked_for_in_parts_and_joined(void **state)
{
    static const uint32_t rooms[] = {10000, 9000, 8300};
    for (size_t i = 0; i < 3; i++) {
        static struct library library;
        library = (struct library){.shelf = {.generation = 6}};
        open_library(&library, *state, rooms[i], rooms[i], 0);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        look_up_corpus(client, SIZE_MAX, 6);
        assert_true(client_info(client).calls > 2);
        assert_int_equal(client_info(client).sessions, 1);
        assert_int_equal(client_info(client).failures, 0);
        netipc_client_close(client);
        close_library(&library);
    }
}

static void what_no_answer_of_the_server_holds_is_oversized_and_nothing_else(void **state)
{
    static const uint32_t rooms[] = {8000, 3000, 600};
    for (size_t i = 0; i < 3; i++) {
        static struct library library;
        library = (struct library){.shelf = {.generation = 7}};
        open_library(&library, *state, rooms[i], rooms[i], 0);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        look_up_corpus(client, rooms[i], 7);
        netipc_client_close(client);
        close_library(&library);
    }
}

static void requests_that_do_not_fit_are_split(void **state)
{
    static struct library library;
    const char *paths[100];
    static char texts[100][64];
    library = (struct library){.shelf = {.generation = 8}};
    open_library(&library, *state, 0, 0, 0);
    netipc_client_config config = client_config(*state);
    config.max_request_payload = 80; /* one or two of them */
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result;
    for (int i = 0; i < 100; i++) {
        /* Every tenth alone is one byte too long, the next one fits exactly. */
        int length = i % 10 == 3 ? 56 : i % 10 == 4 ? 55 : i % 20 + 2;
        snprintf(texts[i], sizeof texts[i], "/%0*d", length - 1, i);
        paths[i] = texts[i];
    }
    expect_status(look_up(client, paths, 100, &result), NETIPC_OK);
    for (uint32_t i = 0; i < 100; i++) {
        netipc_cgroup_lookup_view item = item_of(result, i);
        assert_int_equal(item.status, i % 10 == 3 ? NETIPC_CGROUP_OVERSIZED : NETIPC_CGROUP_UNKNOWN_FOR_GOOD);
        assert_string_equal(item.path, texts[i]);
    }
    assert_true(client_info(client).calls >= 40);
    assert_int_equal(client_info(client).sessions, 1);
    netipc_cgroups_lookup_result_free(result);
    /* Nothing to ask for is left, but the generation. */
    expect_status(look_up(client, &paths[3], 1, &result), NETIPC_OK);
    assert_int_equal(item_of(result, 0).status, NETIPC_CGROUP_OVERSIZED);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), 8);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    close_library(&library);
}

static void a_larger_answer_is_agreed_on_when_one_item_needs_it(void **state)
{
    static const char *const paths[] = {"/make/10", "/make/700000", "/make/20", "/make/300000", "/make/30"};
    static const size_t lengths[] = {10, 700000, 20, 300000, 30};
    static struct library library;
    library = (struct library){.shelf = {.generation = 9}};
    open_library(&library, *state, 65536, 1 << 20, 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result;
    expect_status(look_up(client, paths, 5, &result), NETIPC_OK);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(item_of(result, i).status, NETIPC_CGROUP_KNOWN);
        assert_int_equal(item_of(result, i).name_length, lengths[i]);
    }
    assert_true(client_info(client).growths >= 4);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    close_library(&library);
}

static void what_the_client_has_no_room_for_is_oversized_and_the_rest_goes_on(void **state)
{
    static const char *const paths[] = {"/make/700001", "/make/10", "/make/700000", "/make/20",
                                        "/make/50000",  "/make/30", "/make/700002"};
    static struct library library;
    library = (struct library){.shelf = {.generation = 10}};
    open_library(&library, *state, 1000, 1 << 20, 0);
    netipc_client_config config = client_config(*state);
    config.response_payload = 1000;
    config.max_response_payload = 100000;
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result;
    expect_status(look_up(client, paths, 7, &result), NETIPC_OK);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(item_of(result, i).status,
                         strlen(paths[i]) == 12 ? NETIPC_CGROUP_OVERSIZED : NETIPC_CGROUP_KNOWN);
    assert_true(netipc_client_ready(client));
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    close_library(&library);
}

static void no_path_is_a_probe_for_the_generation(void **state)
{
    static struct library library;
    library = (struct library){.shelf = {.generation = UINT64_MAX}};
    open_library(&library, *state, 0, 0, 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    netipc_cgroups_lookup_result *result = (void *)client;
    expect_status(look_up(client, NULL, 0, &result), NETIPC_NOT_READY);
    assert_null(result);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(look_up(client, NULL, 0, &result), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), UINT64_MAX);
    assert_int_equal(netipc_cgroups_lookup_result_count(result), 0);
    assert_int_equal(netipc_cgroups_lookup_result_item(result, 0, &(netipc_cgroup_lookup_view){0}),
                     NETIPC_INVALID_ARGUMENT);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    close_library(&library);
}

static void a_generation_that_changes_between_parts_fails_the_whole_call(void **state)
{
    static struct library library;
    const char **ids;
    uint32_t count = whole_corpus(&ids);
    library = (struct library){.shelf = {.generation = 41, .moves = true}};
    open_library(&library, *state, 10000, 10000, 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result = (void *)ids;
    expect_status(look_up(client, ids, count, &result), NETIPC_OVERRUN);
    assert_non_null(strstr(netipc_status_detail(), "41 to 42"));
    assert_null(result);
    /* One part is of one generation, and the session still stands. */
    expect_status(look_up(client, ids, 3, &result), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), 43);
    assert_int_equal(client_info(client).sessions, 1);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    close_library(&library);
    free(ids);
}

static void what_no_path_is_is_refused_before_anything_is_sent(void **state)
{
    static const char *const empty[] = {"/a", ""}, *const none[] = {"/a", NULL};
    static struct library library;
    library = (struct library){.shelf = {.generation = 1}};
    open_library(&library, *state, 0, 0, 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result = (void *)client;
    expect_status(look_up(client, empty, 2, &result), NETIPC_INVALID_ARGUMENT);
    assert_non_null(strstr(netipc_status_detail(), "path 1 is empty"));
    assert_null(result);
    expect_status(look_up(client, none, 2, &result), NETIPC_INVALID_ARGUMENT);
    expect_status(look_up(client, NULL, 1, &result), NETIPC_INVALID_ARGUMENT);
    expect_status(look_up(client, empty, 1, NULL), NETIPC_INVALID_ARGUMENT);
    expect_status(look_up(NULL, empty, 1, &result), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(client_info(client).calls, 0);
    netipc_cgroups_lookup_result_free(NULL);
    netipc_client_close(client);
    close_library(&library);
}

static void what_a_service_fails_with_is_told(void **state)
{
    static const char *const paths[] = {"/a", "/b", "/c"};
    static const struct {
        struct shelf shelf;
        netipc_status told;
        unsigned ended;
    } failures[] = {
        {{.fail = NETIPC_NO_MEMORY}, NETIPC_REQUEST_FAILED, 0},
        {{.fail_find = NETIPC_SYSTEM}, NETIPC_REQUEST_FAILED, 1},
        {{.say = NETIPC_CGROUP_EXCEEDED}, NETIPC_REQUEST_FAILED, 1},
        {{.say = 5}, NETIPC_REQUEST_FAILED, 1},
    };
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        static struct library library;
        memcpy(&library.shelf, &failures[i].shelf, sizeof library.shelf);
        open_library(&library, *state, 0, 0, 0);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        netipc_cgroups_lookup_result *result = (void *)client;
        expect_status(look_up(client, paths, 3, &result), failures[i].told);
        assert_null(result);
        assert_int_equal(atomic_load(&library.shelf.ended), failures[i].ended);
        netipc_client_close(client);
        close_library(&library);
    }
}

static void a_request_that_is_none_is_told_so(void **state)
{
    static struct library library;
    library = (struct library){.shelf = {.generation = 1}};
    open_library(&library, *state, 0, 0, 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request = {
        .size = sizeof request, .method = NETIPC_METHOD_CGROUPS_LOOKUP, .payload = "x", .length = 1, .item_count = 1};
    expect_status(netipc_client_call(client, &request), NETIPC_CORRUPT);
    assert_int_equal(atomic_load(&library.shelf.begun), 0);
    netipc_client_close(client);
    close_library(&library);
}

static void a_handler_without_a_service_fails(void **state)
{
    static const netipc_cgroups_lookup_service wrong[] = {
        {.begin = begin, .find = find}, {.size = sizeof *wrong, .find = find}, {.size = sizeof *wrong, .begin = begin}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        netipc_cgroups_lookup_service service = wrong[i];
        assert_int_equal(netipc_cgroups_lookup_handle(&service, NULL, NULL), NETIPC_INVALID_ARGUMENT);
    }
    assert_int_equal(netipc_cgroups_lookup_handle(NULL, NULL, NULL), NETIPC_INVALID_ARGUMENT);
}

/* --- no memory --- */

static void a_call_survives_every_failing_call(void **state)
{
    enum { CALLS_MOST = 400 };
    static const char *const paths[] = {"/make/10", "/make/90000", "/lxc/web", "/make/400000", "/nobody"};
    static struct library library;
    library = (struct library){.shelf = {.generation = 2}};
    open_library(&library, *state, 1000, 200000, 0);
    bool failed = true;
    long number = 0, failures = 0;
    for (; failed && number < CALLS_MOST; number++) {
        netipc_client_config config = client_config(*state);
        config.max_request_payload = 60;
        config.response_payload = 50000;
        netipc_client *client = open_ready_client(&config);
        netipc_cgroups_lookup_result *result = (void *)client;
        const char *call;
        calls_arm(number);
        netipc_status status = look_up(client, paths, 5, &result);
        failed = calls_disarm(&call);
        if (status != NETIPC_OK) {
            assert_true(failed);
            assert_null(result);
            assert_string_not_equal(netipc_status_detail(), "");
            failures++;
        } else {
            assert_int_equal(item_of(result, 1).name_length, 90000);
            assert_int_equal(item_of(result, 3).status, NETIPC_CGROUP_OVERSIZED);
        }
        netipc_cgroups_lookup_result_free(result);
        netipc_client_close(client);
    }
    assert_false(failed);
    assert_in_range(failures, 10, number);
    close_library(&library);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(everything_that_fits_is_answered_at_once),
        test(answers_that_do_not_fit_are_asked_for_in_parts_and_joined),
        test(what_no_answer_of_the_server_holds_is_oversized_and_nothing_else),
        test(requests_that_do_not_fit_are_split),
        test(a_larger_answer_is_agreed_on_when_one_item_needs_it),
        test(what_the_client_has_no_room_for_is_oversized_and_the_rest_goes_on),
        test(no_path_is_a_probe_for_the_generation),
        test(a_generation_that_changes_between_parts_fails_the_whole_call),
        test(what_no_path_is_is_refused_before_anything_is_sent),
        test(what_a_service_fails_with_is_told),
        test(a_request_that_is_none_is_told_so),
        cmocka_unit_test(a_handler_without_a_service_fails),
        test(a_call_survives_every_failing_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
