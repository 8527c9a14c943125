/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that a server makes of malloc and of the system fails once: the first in the first round, the second in
 * the next one, and so on until an operation makes fewer calls than that. */
#include "tests/publish/failing_calls.h"
#include "tests/rpc/serve.h"

#include "control/chunks.h"
#include "shm/atomics.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLS_MOST = 600, FEWEST_FAILURES = 5 };

struct property {
    unsigned descriptors;
    long blocks;
};

static struct property property(void)
{
    return (struct property){count_descriptors(getpid()), calls_live_blocks()};
}

static void expect_property(struct property before, const char *failed)
{
    struct property now = property();
    if (now.descriptors != before.descriptors || now.blocks != before.blocks)
        fail_msg("after %s failed: %u descriptors, %u before; %ld blocks, %ld before", failed, now.descriptors,
                 before.descriptors, now.blocks, before.blocks);
}

static void opening_adding_and_starting_survive_every_failing_call(void **state)
{
    const struct scene *scene = *state;
    static const uint32_t uids[] = {0, 1};
    for (uint32_t workers = 0; workers <= 3; workers += 3) {
        netipc_server_config config = rpc_server_config(scene);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
        config.workers = workers;
        config.allowed_uids = uids;
        config.allowed_uid_count = 2;
        bool failed = true;
        long number = 0, failures = 0;
        for (; failed && number < CALLS_MOST; number++) {
            struct property before = property();
            netipc_server *server = NULL;
            const char *name;
            calls_arm(number);
            netipc_status status = netipc_server_open(&config, &server);
            assert_true((status == NETIPC_OK) == (server != NULL));
            if (status == NETIPC_OK)
                status = netipc_server_add(server, &service);
            bool added = status == NETIPC_OK;
            if (added)
                status = netipc_server_start(server);
            failed = calls_disarm(&name);
            if (status != NETIPC_OK) {
                assert_true(failed);
                calls_expect_told(status, name);
                if (!added && access(scene->socket_path, F_OK) == 0)
                    fail_msg("%s failed, and left the socket", name);
                failures++;
                if (server != NULL) { /* each may be tried again */
                    if (!added)
                        assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
                    assert_int_equal(netipc_server_start(server), NETIPC_OK);
                }
            }
            if (server != NULL)
                rpc_expect_service(scene);
            netipc_server_close(server);
            assert_int_equal(access(scene->socket_path, F_OK), -1);
            expect_property(before, name);
        }
        assert_false(failed);
        assert_in_range(failures, FEWEST_FAILURES, number);
    }
}

/* --- serving --- */

enum { PACKET = 16384, LONG_REQUEST = 20000, LONG_ANSWER = 400000, ITEMS = 4 };
/* The HELLO_ACK, two answers in a packet each, and one that its socket has no room for. */
enum { PACKETS_EXPECTED = 3 + (LONG_ANSWER - 1) / (PACKET - 32) + 1 };

/* Answers with as many bytes as the first number says. */
static netipc_status so_many(void *context, const netipc_request *request, netipc_answer *answer)
{
    uint64_t wanted;
    void *room;
    size_t capacity;
    (void)context;
    memcpy(&wanted, request->payload, sizeof wanted);
    netipc_status status = netipc_answer_room(answer, (size_t)wanted, &room, &capacity);
    if (status == NETIPC_OK)
        memset(room, 0, (size_t)wanted);
    return status == NETIPC_OK ? netipc_answer_set_length(answer, (size_t)wanted) : status;
}

static void ask_everything(int socket)
{
    static unsigned char payload[LONG_REQUEST] = {8};
    const struct {
        uint32_t directory[ITEMS][2];
        uint64_t numbers[ITEMS];
    } batch = {{{0, 8}, {8, 8}, {16, 8}, {24, 8}}, {1, 2, 3, 4}};
    const uint64_t long_answer = LONG_ANSWER;
    struct netipc_hello hello = rpc_hello();
    hello.max_request_payload_bytes = LONG_REQUEST;
    hello.max_response_payload_bytes = LONG_ANSWER;
    hello.packet_size = PACKET;
    raw_send_hello(socket, &hello);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, LONG_REQUEST), header;
    uint32_t offset, length;
    netipc_chunk_at(&request, PACKET, 1, (unsigned char *)&header, &offset, &length);
    raw_send_message(socket, &request, payload, offset);
    raw_send_message(socket, &header, payload + offset, length);
    request = rpc_request(NETIPC_METHOD_INCREMENT, 2, sizeof batch);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = ITEMS;
    raw_send_message(socket, &request, &batch, sizeof batch);
    request = rpc_request(NETIPC_METHOD_INCREMENT, 3, sizeof long_answer);
    raw_send_message(socket, &request, &long_answer, sizeof long_answer);
}

/* Reads in a thread of its own, where no call fails, and only when the socket has been full for a while. */
struct listener {
    int socket;
    unsigned packets;
    bool failure;
    netipc_atomic_u32 done;
};

static void *listen_to(void *context)
{
    struct listener *listener = context;
    static unsigned char packet[PACKET];
    pause_ms(10);
    while (listener->packets < PACKETS_EXPECTED) {
        ssize_t got = recv(listener->socket, packet, sizeof packet, 0);
        if (got < 0 && errno == ECONNRESET)
            continue;
        if (got <= 0)
            break;
        struct netipc_envelope envelope;
        memcpy(&envelope, packet, sizeof envelope);
        listener->failure =
            listener->failure || (envelope.magic == NETIPC_WIRE_MAGIC && envelope.transport_status != 0);
        listener->packets++;
    }
    netipc_store(&listener->done, 1, release);
    return NULL;
}

static void dispatch_until(netipc_server *server, const netipc_atomic_u32 *done, const char *what)
{
    for (uint64_t end = now_ms() + slow_ms(10000); netipc_load(done, acquire) == 0;) {
        assert_int_equal(netipc_server_dispatch(server, 1000000), NETIPC_OK);
        if (now_ms() > end)
            fail_msg("neither answered nor closed: %s", what);
    }
}

/* Another client, and nothing that fails. */
static void serve_a_bystander(const struct scene *scene, netipc_server *server)
{
    struct listener listener = {.socket = raw_connect(scene)};
    pthread_t thread;
    ask_everything(listener.socket);
    assert_int_equal(pthread_create(&thread, NULL, listen_to, &listener), 0);
    dispatch_until(server, &listener.done, "a bystander");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(listener.packets, PACKETS_EXPECTED);
    assert_false(listener.failure);
    close(listener.socket);
}

static void serve_until_nobody_is_there(netipc_server *server)
{
    uint64_t end = now_ms() + slow_ms(5000);
    while (rpc_info(server).sessions > 0) {
        assert_int_equal(netipc_server_dispatch(server, 1000000), NETIPC_OK);
        assert_true(now_ms() < end);
    }
}

static void serving_survives_every_failing_call(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        bool failed = true;
        long number = 0, cut_off = 0;
        for (; failed && number < CALLS_MOST; number++) {
            struct property before = property();
            netipc_server *server;
            netipc_server_config config = rpc_server_config(scene);
            netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, so_many, NULL);
            config.loop = NETIPC_LOOP_CALLER;
            config.workers = workers;
            assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
            assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
            assert_int_equal(netipc_server_start(server), NETIPC_OK);
            struct listener listener = {.socket = raw_connect(scene)};
            pthread_t thread;
            const char *name;
            ask_everything(listener.socket);
            assert_int_equal(pthread_create(&thread, NULL, listen_to, &listener), 0);
            calls_arm(number);
            dispatch_until(server, &listener.done, "the client");
            failed = calls_disarm(&name);
            assert_int_equal(pthread_join(thread, NULL), 0);
            bool served = listener.packets == PACKETS_EXPECTED && !listener.failure;
            assert_true(served || failed);
            cut_off += !served;
            close(listener.socket);
            serve_until_nobody_is_there(server);
            serve_a_bystander(scene, server);
            netipc_server_close(server);
            expect_property(before, name);
        }
        assert_false(failed);
        assert_in_range(cut_off, FEWEST_FAILURES, number);
        print_message("%u workers: %ld calls, %ld of which are needed\n", workers, number - 1, cut_off);
    }
}

/* --- a forked child --- */

struct copied {
    netipc_server *server;
    long blocks;
};

static int close_copy(void *context)
{
    const struct copied *copied = context;
    netipc_server_close(copied->server);
    return calls_live_blocks() == copied->blocks ? 0 : 1;
}

static void a_forked_childs_close_frees_all_of_its_copy(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 3; workers += 3) {
        struct copied copied = {.blocks = calls_live_blocks()};
        struct rpc_gate gate;
        rpc_gate_init(&gate);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
        copied.server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        if (workers > 0) { /* with a request under way */
            rpc_ask_number(socket, 1, 1);
            assert_true(rpc_gate_has(&gate, 1));
        }
        assert_int_equal(wait_child(start_child(close_copy, &copied), slow_ms(5000)), 0);
        rpc_gate_open(&gate);
        close(socket);
        netipc_server_close(copied.server);
        assert_int_equal(calls_live_blocks(), copied.blocks);
    }
}

#define failing(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        failing(opening_adding_and_starting_survive_every_failing_call),
        failing(serving_survives_every_failing_call),
        failing(a_forked_childs_close_frees_all_of_its_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
