/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups of cgroups by their paths: whole, in parts, against servers of ours and against those that lie. */
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

/* --- servers that lie --- */

enum lie {
    EXCEEDED_FOR_ALL,
    EXCEEDED_BUT_FOR_ONE_A_TIME, /* no lie */
    ANOTHER_PATH,
    A_PATH_MORE,
    A_PATH_LESS,
    NOTHING,
    GARBAGE,
    KNOWN_BEHIND_EXCEEDED
};

struct tale {
    enum lie lie;
    unsigned delay_ms;
    atomic_uint requests;
};

/* An answer to the request that came, as the tale goes. */
static golden_bytes tell(const struct tale *tale, const netipc_cgroups_lookup_request_view *asked)
{
    static const char *const other[] = {"/other"};
    netipc_cgroups_lookup_request_view request = *asked;
    netipc_cgroups_lookup_builder *builder;
    golden_bytes bytes = {.data = NULL}, others = request_for(other, 1);
    const netipc_cgroup_lookup_answer known = {.name = "name"};
    if (tale->lie == A_PATH_LESS)
        request.item_count--;
    if (tale->lie == A_PATH_MORE || (tale->lie == ANOTHER_PATH && request.item_count == 1))
        assert_int_equal(netipc_cgroups_lookup_request_decode(others.data, others.length, &request), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_begin(builder, &request, 3, 60000, 60000), NETIPC_OK);
    uint32_t count = tale->lie == EXCEEDED_FOR_ALL ? 0 : tale->lie == EXCEEDED_BUT_FOR_ONE_A_TIME ? 1 : UINT32_MAX;
    for (uint32_t i = 0; i < request.item_count && i < count; i++)
        assert_int_equal(netipc_cgroups_lookup_builder_add(builder, &known), NETIPC_OK);
    bytes = written_answer(builder, 0);
    if (tale->lie == GARBAGE)
        bytes.data[0] = 9;
    netipc_cgroups_lookup_builder_free(builder);
    free(others.data);
    return bytes;
}

static void tell_tale(struct play *play)
{
    struct tale *tale = (struct tale *)(uintptr_t)play->context;
    while (play_shake_hands(play, 0))
        while (play_receive(play)) {
            netipc_cgroups_lookup_request_view asked;
            atomic_fetch_add(&tale->requests, 1);
            assert_int_equal(netipc_cgroups_lookup_request_decode(play->got + 32, play->got_length - 32, &asked),
                             NETIPC_OK);
            golden_bytes bytes = tell(tale, &asked);
            if (tale->lie == NOTHING)
                bytes.length = 0;
            if (tale->lie == KNOWN_BEHIND_EXCEEDED) {
                netipc_cgroups_lookup_view view;
                uint16_t exceeded = NETIPC_CGROUP_EXCEEDED;
                /* The first item, whose name is cut off. */
                assert_int_equal(netipc_cgroups_lookup_decode(bytes.data, bytes.length, &view), NETIPC_OK);
                unsigned char *item = bytes.data + (view.items - bytes.data);
                memcpy(item + 2, &exceeded, 2);
                memset(item + 20, 0, 4);
                uint32_t name_at;
                memcpy(&name_at, item + 16, 4);
                memset(item + name_at, 0, 4);
            }
            pause_ms(tale->delay_ms);
            struct netipc_envelope envelope = play_answer(play, (uint32_t)bytes.length);
            play_send_message(play, &envelope, bytes.data, bytes.length);
            free(bytes.data);
        }
}

static netipc_status hear(const struct scene *scene, struct tale *tale, uint32_t count, unsigned timeout_ms,
                          netipc_cgroups_lookup_result **result)
{
    static const char *const paths[] = {"/1", "/2", "/3", "/4", "/5", "/6", "/7"};
    struct play play;
    play_open(&play, scene, 1);
    play_begin(&play, tell_tale, tale);
    netipc_client_config config = client_config(scene);
    netipc_client *client = open_ready_client(&config);
    *result = (void *)client;
    netipc_status status = netipc_cgroups_lookup_call(client, paths, count, (uint64_t)timeout_ms * 1000000, result);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
    return status;
}

static void a_server_that_lies_is_found_out(void **state)
{
    static const struct {
        enum lie lie;
        unsigned requests;
        const char *detail;
    } lies[] = {
        {EXCEEDED_FOR_ALL, 3, "no room in an answer to one key"}, /* for 7, 3 and 1 */
        {A_PATH_MORE, 1, "1 items to a request for 7"},
        {A_PATH_LESS, 1, "6 items to a request for 7"},
        {NOTHING, 1, "the answer: a lookup's answer of 0 bytes"},
        {GARBAGE, 1, "layout 9"},
        {KNOWN_BEHIND_EXCEEDED, 1, "item 1 of the answer is there, but one before it had no room"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct tale tale = {.lie = lies[i].lie};
        netipc_cgroups_lookup_result *result;
        expect_status(hear(*state, &tale, 7, slow_ms(20000), &result), NETIPC_PROTOCOL);
        if (strstr(netipc_status_detail(), lies[i].detail) == NULL)
            fail_msg("wanted \"%s\" in \"%s\"", lies[i].detail, netipc_status_detail());
        assert_null(result);
        assert_int_equal(atomic_load(&tale.requests), lies[i].requests);
    }
}

static void an_answer_for_another_path_is_refused(void **state)
{
    struct tale tale = {.lie = ANOTHER_PATH};
    netipc_cgroups_lookup_result *result;
    expect_status(hear(*state, &tale, 1, slow_ms(20000), &result), NETIPC_PROTOCOL);
    assert_non_null(strstr(netipc_status_detail(), "for another path"));
    assert_null(result);
}

static void one_path_at_a_time_gets_there_too(void **state)
{
    struct tale tale = {.lie = EXCEEDED_BUT_FOR_ONE_A_TIME};
    netipc_cgroups_lookup_result *result;
    expect_status(hear(*state, &tale, 7, slow_ms(20000), &result), NETIPC_OK);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(item_of(result, i).status, NETIPC_CGROUP_KNOWN);
        assert_string_equal(item_of(result, i).name, "name");
    }
    assert_in_range(atomic_load(&tale.requests), 7, 14);
    netipc_cgroups_lookup_result_free(result);
}

static void the_deadline_is_one_for_all_parts(void **state)
{
    enum { PART_MS = 100, DEADLINE_MS = 250 };
    struct tale tale = {.lie = EXCEEDED_BUT_FOR_ONE_A_TIME, .delay_ms = slow_ms(PART_MS)};
    netipc_cgroups_lookup_result *result;
    uint64_t begun = now_ms();
    expect_status(hear(*state, &tale, 7, slow_ms(DEADLINE_MS), &result), NETIPC_TIMED_OUT);
    assert_null(result);
    assert_true(now_ms() - begun >= slow_ms(DEADLINE_MS));
    assert_in_range(atomic_load(&tale.requests), 1, 4); /* of at least seven */
    /* … and for the first one, too. */
    tale = (struct tale){.lie = EXCEEDED_BUT_FOR_ONE_A_TIME, .delay_ms = slow_ms(3 * DEADLINE_MS)};
    expect_status(hear(*state, &tale, 1, slow_ms(DEADLINE_MS), &result), NETIPC_TIMED_OUT);
}

static netipc_client *to_abort;

static void *abort_soon(void *tale)
{
    while (atomic_load(&((struct tale *)tale)->requests) < 3)
        pause_ms(1);
    netipc_client_abort(to_abort);
    return NULL;
}

static void an_abort_ends_the_whole_call(void **state)
{
    static const char *const paths[] = {"/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"};
    struct tale tale = {.lie = EXCEEDED_BUT_FOR_ONE_A_TIME, .delay_ms = slow_ms(100)};
    struct play play;
    pthread_t thread;
    netipc_cgroups_lookup_result *result;
    play_open(&play, *state, 1);
    play_begin(&play, tell_tale, &tale);
    netipc_client_config config = client_config(*state);
    to_abort = open_ready_client(&config);
    assert_int_equal(pthread_create(&thread, NULL, abort_soon, &tale), 0);
    expect_status(look_up(to_abort, paths, 9, &result), NETIPC_ABORTED);
    assert_null(result);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&tale.requests) < 9);
    netipc_client_close(to_abort);
    play_end(&play);
    play_close(&play);
}

/* --- processes --- */

struct office {
    uint64_t generation;
    bool moves;
    unsigned begun, ended;
};

static netipc_status begin_office(void *context, const netipc_request *request, uint64_t *generation, void **asked)
{
    struct office *office = context;
    (void)request;
    *generation = office->generation;
    office->generation += office->moves;
    office->begun++;
    *asked = office;
    return NETIPC_OK;
}

/* Every third is unknown; the others have a path of as many bytes as their pid says. */
static netipc_status find_process(void *context, void *asked, uint32_t pid, netipc_app_lookup_answer *answer)
{
    assert_ptr_equal(context, asked);
    assert_int_equal(answer->status, NETIPC_APP_UNKNOWN);
    if (pid % 3 == 0)
        return NETIPC_OK;
    memset(name, 'p', pid);
    name[pid] = '\0';
    *answer = (netipc_app_lookup_answer){.uid = pid, .comm = "comm", .cgroup_path = name, .cgroup_name = "c"};
    return NETIPC_OK;
}

static void end_office(void *context, void *asked)
{
    (void)asked;
    ((struct office *)context)->ended++;
}

static netipc_server *open_office(struct office *office, netipc_apps_lookup_service *service, const struct scene *scene,
                                  uint32_t first, uint32_t most)
{
    *service = (netipc_apps_lookup_service){
        .size = sizeof *service, .context = office, .begin = begin_office, .find = find_process, .end = end_office};
    netipc_service_config config = rpc_service_config(NETIPC_METHOD_APPS_LOOKUP, netipc_apps_lookup_handle, service);
    config.response_payload = first;
    config.max_response_payload = most;
    return rpc_serve(scene, &config, 0);
}

static void processes_are_asked_for_in_parts_and_joined(void **state)
{
    enum { PIDS = 1000, MOST = 900 };
    static struct office office;
    static netipc_apps_lookup_service service;
    static uint32_t pids[PIDS];
    for (uint32_t request = 32; request <= 65536; request *= 45) {
        uint32_t first = request == 32 ? 50 : 500; /* 50 hold no answer at all: it grows from there */
        office = (struct office){.generation = 4};
        netipc_server *server = open_office(&office, &service, *state, first, MOST);
        netipc_client_config config = client_config(*state);
        config.max_request_payload = request;
        config.response_payload = first;
        netipc_client *client = open_ready_client(&config);
        netipc_apps_lookup_result *result;
        for (uint32_t i = 0; i < PIDS; i++)
            pids[i] = i * 7 % PIDS + 1;
        expect_status(netipc_apps_lookup_call(client, pids, PIDS, rpc_ns(20000), &result), NETIPC_OK);
        for (uint32_t i = 0; i < PIDS; i++) {
            netipc_app_lookup_view item;
            assert_int_equal(netipc_apps_lookup_result_item(result, i, &item), NETIPC_OK);
            assert_int_equal(item.pid, pids[i]);
            bool fits = 16 + 8 + 63 + 5 + pids[i] <= MOST;
            assert_int_equal(item.status, pids[i] % 3 == 0 ? NETIPC_APP_UNKNOWN
                                          : fits           ? NETIPC_APP_KNOWN
                                                           : NETIPC_APP_OVERSIZED);
            assert_int_equal(item.cgroup_path_length, item.status == NETIPC_APP_KNOWN ? pids[i] : 0);
            assert_int_equal(strlen(item.cgroup_path), item.cgroup_path_length);
            assert_int_equal(item.uid, item.status == NETIPC_APP_KNOWN ? pids[i] : NETIPC_UID_UNSET);
        }
        assert_int_equal(netipc_apps_lookup_result_generation(result), 4);
        netipc_apps_lookup_result_free(result);
        netipc_client_close(client);
        netipc_server_close(server);
        assert_true(office.begun > 100);
        assert_int_equal(office.begun, office.ended);
    }
}

static void processes_of_two_generations_are_not_joined(void **state)
{
    static const uint32_t pids[] = {200, 200, 200};
    static struct office office;
    static netipc_apps_lookup_service service;
    office = (struct office){.generation = 4, .moves = true};
    netipc_server *server = open_office(&office, &service, *state, 500, 500);
    netipc_client_config config = client_config(*state);
    config.response_payload = 500;
    netipc_client *client = open_ready_client(&config);
    netipc_apps_lookup_result *result;
    expect_status(netipc_apps_lookup_call(client, pids, 3, rpc_ns(20000), &result), NETIPC_OVERRUN);
    assert_null(result);
    expect_status(netipc_apps_lookup_call(client, NULL, 0, rpc_ns(20000), &result), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_result_count(result), 0);
    netipc_apps_lookup_result_free(result);
    expect_status(netipc_apps_lookup_call(client, NULL, 1, 0, &result), NETIPC_INVALID_ARGUMENT);
    expect_status(netipc_apps_lookup_call(client, pids, 1, 0, NULL), NETIPC_INVALID_ARGUMENT);
    netipc_client_close(client);
    netipc_server_close(server);
}

/* No request is larger than was agreed on, and none asks for more than the least answer has room for: so no session
 * ends for want of it. */
static void no_more_processes_are_asked_for_than_a_request_and_its_answer_hold(void **state)
{
    enum { PIDS = 100, ASKED = 7, ANSWERED = 20 };
    static struct office office;
    static netipc_apps_lookup_service service;
    static uint32_t pids[PIDS];
    for (uint32_t i = 0; i < PIDS; i++)
        pids[i] = 3 * i;
    for (int few = 0; few < 2; few++) {
        office = (struct office){.generation = 4};
        netipc_server *server = open_office(&office, &service, *state, 16 + ANSWERED * 72, 16 + ANSWERED * 72);
        netipc_client_config config = client_config(*state);
        if (few)
            config.max_request_payload = 16 + ASKED * 16;
        netipc_client *client = open_ready_client(&config);
        netipc_apps_lookup_result *result;
        expect_status(netipc_apps_lookup_call(client, pids, PIDS, rpc_ns(20000), &result), NETIPC_OK);
        netipc_apps_lookup_result_free(result);
        assert_int_equal(client_info(client).calls, few ? (PIDS + ASKED - 1) / ASKED : PIDS / ANSWERED);
        assert_int_equal(client_info(client).failures, 0);
        assert_int_equal(client_info(client).sessions, 1);
        netipc_client_close(client);
        netipc_server_close(server);
    }
}

/* Answers for the processes with the next higher pids, or, if the number says so, for none. */
static void answer_for_others(struct play *play)
{
    while (play_shake_hands(play, 0))
        while (play_receive(play)) {
            netipc_apps_lookup_request_view asked;
            netipc_apps_lookup_builder *builder;
            const netipc_app_lookup_answer unknown = {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET};
            unsigned char bytes[1000];
            size_t length;
            uint32_t pid;
            assert_int_equal(netipc_apps_lookup_request_decode(play->got + 32, play->got_length - 32, &asked),
                             NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_begin(builder, &asked, 3, 1000, 1000), NETIPC_OK);
            for (uint32_t i = 0; i < asked.item_count && play->number == 0; i++)
                assert_int_equal(netipc_apps_lookup_builder_add(builder, &unknown), NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_write(builder, bytes, sizeof bytes, &length), NETIPC_OK);
            netipc_apps_lookup_builder_free(builder);
            for (uint32_t i = 0; i < asked.item_count; i++) {
                unsigned char *item = bytes + 16 + asked.item_count * 8 + i * 64;
                memcpy(&pid, item + 8, sizeof pid);
                pid += play->number == 0;
                memcpy(item + 8, &pid, sizeof pid);
            }
            play->requests++;
            struct netipc_envelope envelope = play_answer(play, (uint32_t)length);
            play_send_message(play, &envelope, bytes, length);
        }
}

static void a_server_that_answers_for_other_processes_or_for_none_is_found_out(void **state)
{
    static const char *const details[] = {"for process 6, not 5", "no room in an answer to one key"};
    static const uint32_t pids[] = {5, 6, 7};
    for (uint64_t none = 0; none < 2; none++) {
        static struct play play;
        netipc_apps_lookup_result *result;
        play_open(&play, *state, 1);
        play.number = none;
        play_begin(&play, answer_for_others, NULL);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        expect_status(netipc_apps_lookup_call(client, pids, 3, rpc_ns(20000), &result), NETIPC_PROTOCOL);
        assert_non_null(strstr(netipc_status_detail(), details[none]));
        assert_null(result);
        netipc_client_close(client);
        play_end(&play);
        play_close(&play);
        assert_int_equal(play.requests, none + 1);
    }
}

static void a_request_without_room_for_a_pid_gives_it_up(void **state)
{
    static const uint32_t pids[] = {1, 3};
    static struct office office;
    static netipc_apps_lookup_service service;
    office = (struct office){.generation = 4};
    netipc_server *server = open_office(&office, &service, *state, 500, 500);
    netipc_client_config config = client_config(*state);
    config.max_request_payload = 31;
    netipc_client *client = open_ready_client(&config);
    netipc_apps_lookup_result *result;
    netipc_app_lookup_view item;
    expect_status(netipc_apps_lookup_call(client, pids, 2, rpc_ns(20000), &result), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_result_generation(result), 4);
    assert_int_equal(netipc_apps_lookup_result_item(result, 1, &item), NETIPC_OK);
    assert_int_equal(item.status, NETIPC_APP_OVERSIZED);
    assert_int_equal(item.pid, 3);
    assert_string_equal(item.comm, "");
    netipc_apps_lookup_result_free(result);
    netipc_client_close(client);
    netipc_server_close(server);
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
        test(a_server_that_lies_is_found_out),
        test(an_answer_for_another_path_is_refused),
        test(one_path_at_a_time_gets_there_too),
        test(the_deadline_is_one_for_all_parts),
        test(an_abort_ends_the_whole_call),
        test(processes_are_asked_for_in_parts_and_joined),
        test(processes_of_two_generations_are_not_joined),
        test(no_more_processes_are_asked_for_than_a_request_and_its_answer_hold),
        test(a_server_that_answers_for_other_processes_or_for_none_is_found_out),
        test(a_request_without_room_for_a_pid_gives_it_up),
        test(a_call_survives_every_failing_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
