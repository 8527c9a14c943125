/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups of cgroups by servers that lie, or never come to an end. */
#include "tests/client/stage.h"
#include "tests/codec/lookups.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum lie {
    EXCEEDED_FOR_ALL,
    EXCEEDED_BUT_FOR_ONE_A_TIME, /* no lie */
    OVERSIZED_IF_NOT_AMONG_TWO,  /* none either: the published library's servers say so when the others leave no room */
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
    const netipc_cgroup_lookup_answer known = {.name = "name"}, oversized = {.status = NETIPC_CGROUP_OVERSIZED};
    if (tale->lie == A_PATH_LESS)
        request.item_count--;
    if (tale->lie == A_PATH_MORE || (tale->lie == ANOTHER_PATH && request.item_count == 1))
        assert_int_equal(netipc_cgroups_lookup_request_decode(others.data, others.length, &request), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_begin(builder, &request, 3, 60000, 60000), NETIPC_OK);
    bool among_many = tale->lie == OVERSIZED_IF_NOT_AMONG_TWO && request.item_count > 2;
    uint32_t count = UINT32_MAX;
    if (tale->lie == EXCEEDED_FOR_ALL || tale->lie == EXCEEDED_BUT_FOR_ONE_A_TIME || among_many)
        count = tale->lie != EXCEEDED_FOR_ALL;
    for (uint32_t i = 0; i < request.item_count && i < count; i++)
        assert_int_equal(netipc_cgroups_lookup_builder_add(builder, among_many ? &oversized : &known), NETIPC_OK);
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
        netipc_cgroup_lookup_view item;
        assert_int_equal(netipc_cgroups_lookup_result_item(result, i, &item), NETIPC_OK);
        assert_int_equal(item.status, NETIPC_CGROUP_KNOWN);
        assert_string_equal(item.name, "name");
    }
    assert_in_range(atomic_load(&tale.requests), 7, 14);
    netipc_cgroups_lookup_result_free(result);
}

static void what_is_oversized_as_the_first_of_many_is_asked_for_among_fewer(void **state)
{
    struct tale tale = {.lie = OVERSIZED_IF_NOT_AMONG_TWO};
    netipc_cgroups_lookup_result *result;
    expect_status(hear(*state, &tale, 7, slow_ms(20000), &result), NETIPC_OK);
    for (uint32_t i = 0; i < 7; i++) {
        netipc_cgroup_lookup_view item;
        assert_int_equal(netipc_cgroups_lookup_result_item(result, i, &item), NETIPC_OK);
        assert_int_equal(item.status, NETIPC_CGROUP_KNOWN);
    }
    assert_in_range(atomic_load(&tale.requests), 4, 14);
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
    const uint64_t timeout_ns = (uint64_t)slow_ms(20000) * 1000000;
    expect_status(netipc_cgroups_lookup_call(to_abort, paths, 9, timeout_ns, &result), NETIPC_ABORTED);
    assert_null(result);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&tale.requests) < 9);
    netipc_client_close(to_abort);
    play_end(&play);
    play_close(&play);
}

/* --- servers that are replaced in the middle of a call --- */

struct successor {
    const struct scene *scene;
    struct {
        atomic_bool may_come, serves;
    } * board; /* shared with its process */
};

static int be_successor(void *context)
{
    static struct play play;
    struct tale tale = {.lie = EXCEEDED_BUT_FOR_ONE_A_TIME};
    struct successor *successor = context;
    while (!atomic_load(&successor->board->may_come))
        pause_ms(1);
    play_open(&play, successor->scene, 1);
    play.context = &tale;
    atomic_store(&successor->board->serves, true);
    while (atomic_load(&successor->board->serves)) /* until it is killed */
        tell_tale(&play);
    return 0;
}

/* Answers for the first path, and leaves what comes next to a process that has the same generation. */
static void answer_one_and_be_replaced(struct play *play)
{
    struct successor *successor = (struct successor *)(uintptr_t)play->context;
    const struct tale tale = {.lie = EXCEEDED_BUT_FOR_ONE_A_TIME};
    netipc_cgroups_lookup_request_view asked;
    if (!play_shake_hands(play, 0) || !play_receive(play))
        return;
    assert_int_equal(netipc_cgroups_lookup_request_decode(play->got + 32, play->got_length - 32, &asked), NETIPC_OK);
    golden_bytes bytes = tell(&tale, &asked);
    struct netipc_envelope envelope = play_answer(play, (uint32_t)bytes.length);
    play_send_message(play, &envelope, bytes.data, bytes.length);
    free(bytes.data);
    if (!play_receive(play))
        return;
    atomic_store(&successor->board->may_come, true);
    while (!atomic_load(&successor->board->serves))
        pause_ms(1);
    play_hang_up(play);
}

/* Its result is that of the first call, if the second one succeeds. */
static int be_asker(void *scene)
{
    static const char *const paths[] = {"/4", "/5", "/6"};
    const uint64_t timeout_ns = (uint64_t)slow_ms(20000) * 1000000;
    netipc_client_config config = client_config(scene);
    netipc_client *client = open_ready_client(&config);
    netipc_cgroups_lookup_result *result = (void *)client;
    netipc_status status = netipc_cgroups_lookup_call(client, paths, 3, timeout_ns, &result);
    assert_true(result == NULL || status == NETIPC_OK);
    netipc_cgroups_lookup_result_free(result);
    expect_status(netipc_cgroups_lookup_call(client, paths, 3, timeout_ns, &result), NETIPC_OK);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    return (int)status;
}

enum { NO_NAMESPACE = 77 };

/* Sees no pid of a server. */
static int be_asker_elsewhere(void *scene)
{
    if (unshare(CLONE_NEWPID) != 0)
        return NO_NAMESPACE;
    pid_t pid = fork();
    if (pid == 0)
        _exit(be_asker(scene));
    return wait_child(pid, slow_ms(20000));
}

static int ask_two_servers(struct scene *scene, int (*asker)(void *scene))
{
    static struct play play;
    struct successor successor = {.scene = scene};
    successor.board = mmap(NULL, sizeof *successor.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(successor.board != MAP_FAILED);
    play_open(&play, scene, 1);
    pid_t pid = start_child(be_successor, &successor), asking = start_child(asker, scene);
    play_begin(&play, answer_one_and_be_replaced, &successor);
    int status = wait_child(asking, slow_ms(40000));
    play_end(&play);
    play_close(&play);
    kill_and_reap(pid);
    munmap(successor.board, sizeof *successor.board);
    return status;
}

static void parts_of_two_servers_are_not_joined(void **state)
{
    assert_int_equal(ask_two_servers(*state, be_asker), NETIPC_OVERRUN);
}

static void parts_of_two_servers_of_another_pid_namespace_are_not_joined_either(void **state)
{
    int status = ask_two_servers(*state, be_asker_elsewhere);
    if (status == NO_NAMESPACE)
        print_message("skip: this process may not make pid namespaces\n");
    else
        assert_int_equal(status, NETIPC_OVERRUN);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(parts_of_two_servers_are_not_joined),
        test(parts_of_two_servers_of_another_pid_namespace_are_not_joined_either),
        test(a_server_that_lies_is_found_out),
        test(an_answer_for_another_path_is_refused),
        test(one_path_at_a_time_gets_there_too),
        test(what_is_oversized_as_the_first_of_many_is_asked_for_among_fewer),
        test(the_deadline_is_one_for_all_parts),
        test(an_abort_ends_the_whole_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
