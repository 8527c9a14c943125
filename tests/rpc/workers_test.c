/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers in the loop and on workers: every request is answered once, with what belongs to it, whatever else runs. */
#include "shm/atomics.h"
#include "tests/rpc/serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint32_t worker_counts[] = {0, 1, 4};
enum { WORKER_COUNTS = 3 };

/* --- batches --- */

/* Answers with as many bytes as the item's number says, each of them following from it, and notes who was asked. */
struct asked {
    netipc_atomic_u32 items, wrong;
    pthread_t threads[1024]; /* by item */
};

static netipc_status repeat(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct asked *asked = context;
    uint64_t number;
    unsigned char bytes[64];
    if (request->length != sizeof number || (uintptr_t)request->payload % 8 != 0)
        netipc_fetch_add(&asked->wrong, 1, relaxed);
    memcpy(&number, request->payload, sizeof number);
    if (number != request->item || request->method != NETIPC_METHOD_INCREMENT || request->id != 3 ||
        request->session == 0 || request->peer_pid != (uint32_t)getpid() || request->peer_uid != geteuid())
        netipc_fetch_add(&asked->wrong, 1, relaxed);
    asked->threads[request->item] = pthread_self();
    netipc_fetch_add(&asked->items, 1, relaxed);
    memset(bytes, (int)(number & 0xff), sizeof bytes);
    return netipc_answer_write(answer, bytes, number % sizeof bytes);
}

static void ask_items(const struct scene *scene, uint32_t items)
{
    static unsigned char asked[1 << 17], answered[1 << 17];
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    netipc_batch_builder request_builder, answer_builder;
    size_t length, answer_length;
    hello.max_request_batch_items = 1024;
    hello.max_request_payload_bytes = 65536;
    hello.packet_size = 200000;
    assert_int_equal(netipc_batch_builder_init(&request_builder, items, asked, sizeof asked), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_init(&answer_builder, items, answered, sizeof answered), NETIPC_OK);
    for (uint64_t i = 0; i < items; i++) {
        unsigned char bytes[64];
        memset(bytes, (int)(i & 0xff), sizeof bytes);
        assert_int_equal(netipc_batch_builder_add(&request_builder, &i, sizeof i), NETIPC_OK);
        assert_int_equal(netipc_batch_builder_add(&answer_builder, bytes, i % sizeof bytes), NETIPC_OK);
    }
    assert_int_equal(netipc_batch_builder_finish(&request_builder, &length), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_finish(&answer_builder, &answer_length), NETIPC_OK);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 3, length);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = items;
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, answer_length);
    int socket = rpc_open_with(scene, &hello, &ack);
    raw_send_message(socket, &request, asked, length);
    rpc_expect(socket, &response, answered);
    close(socket);
}

/* Contiguous parts, so a thread has its items in a row. */
static unsigned changes_of_thread(const struct asked *asked, uint32_t items)
{
    unsigned changes = 0;
    for (uint32_t i = 1; i < items; i++)
        changes += !pthread_equal(asked->threads[i - 1], asked->threads[i]);
    return changes;
}

static void a_batch_is_split_and_answered_in_order(void **state)
{
    const struct scene *scene = *state;
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 7, 64, 1000};
    for (size_t i = 0; i < WORKER_COUNTS; i++) {
        static struct asked asked;
        memset(&asked, 0, sizeof asked);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, repeat, &asked);
        netipc_server *server = rpc_serve(scene, &service, worker_counts[i]);
        uint32_t items = 0;
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            ask_items(scene, counts[j]);
            items += counts[j];
            assert_int_equal(netipc_load(&asked.items, acquire), items);
            assert_in_range(changes_of_thread(&asked, counts[j]), 0, worker_counts[i] > 0 ? worker_counts[i] - 1 : 0);
        }
        assert_int_equal(netipc_load(&asked.wrong, relaxed), 0);
        assert_int_equal(rpc_info(server).items, items);
        assert_int_equal(rpc_info(server).requests, sizeof counts / sizeof *counts);
        netipc_server_close(server);
    }
}

/* Waits until as many items run at once as there are workers. */
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned here, wanted;
};

static netipc_status meet(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct meeting *meeting = context;
    const uint64_t end = now_ms() + slow_ms(5000);
    pthread_mutex_lock(&meeting->lock);
    meeting->here++;
    pthread_mutex_unlock(&meeting->lock);
    for (bool all = false; !all; pause_ms(1)) {
        pthread_mutex_lock(&meeting->lock);
        all = meeting->here >= meeting->wanted;
        pthread_mutex_unlock(&meeting->lock);
        if (now_ms() > end)
            return NETIPC_TIMED_OUT;
    }
    return netipc_answer_write(answer, request->payload, request->length);
}

static void the_parts_of_a_batch_run_at_the_same_time(void **state)
{
    const struct scene *scene = *state;
    enum { WORKERS = 4 };
    struct meeting meeting = {.wanted = WORKERS};
    struct {
        uint32_t directory[WORKERS][2];
        uint64_t numbers[WORKERS];
    } batch = {.directory = {{0, 8}, {8, 8}, {16, 8}, {24, 8}}, .numbers = {1, 2, 3, 4}};
    pthread_mutex_init(&meeting.lock, NULL);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, meet, &meeting);
    netipc_server *server = rpc_serve(scene, &service, WORKERS);
    int socket = rpc_open(scene);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, sizeof batch);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = WORKERS;
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof batch);
    raw_send_message(socket, &request, &batch, sizeof batch);
    rpc_expect(socket, &response, &batch);
    close(socket);
    netipc_server_close(server);
}

/* --- many requests before any answer --- */

enum { PIPELINED = 200 };

static void pipelined_requests_are_each_answered_once_with_their_id(void **state)
{
    const struct scene *scene = *state;
    for (size_t i = 0; i < WORKER_COUNTS; i++) {
        netipc_server *server = rpc_serve_increment(scene, worker_counts[i]);
        int socket = rpc_open(scene);
        bool answered[PIPELINED] = {false};
        for (uint64_t at = 0, asked = 0; at < PIPELINED; at++) {
            struct {
                struct netipc_envelope envelope;
                uint64_t number;
            } answer;
            for (; asked < PIPELINED && asked < at + 50; asked++)
                rpc_ask_number(socket, asked, asked * 1000);
            assert_int_equal(raw_receive(socket, &answer, sizeof answer, slow_ms(5000)), sizeof answer);
            uint64_t id = answer.envelope.message_id;
            assert_true(id < PIPELINED && !answered[id]);
            assert_int_equal(answer.envelope.transport_status, NETIPC_TRANSPORT_OK);
            assert_true(answer.number == id * 1000 + 1);
            assert_true(worker_counts[i] > 1 || id == at); /* one at a time: in order */
            answered[id] = true;
        }
        netipc_service_info info = rpc_info(server);
        assert_int_equal(info.requests, PIPELINED);
        assert_int_equal(info.answers, PIPELINED);
        assert_int_equal(info.bytes_in, 8 * PIPELINED);
        assert_int_equal(info.bytes_out, 8 * PIPELINED);
        close(socket);
        netipc_server_close(server);
    }
}

/* --- handlers that take their time --- */

static netipc_server *serve_gated(const struct scene *scene, struct rpc_gate *gate, uint32_t workers)
{
    rpc_gate_init(gate);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, gate);
    return rpc_serve(scene, &service, workers);
}

static void a_slow_handler_on_a_worker_holds_up_nobody_else(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    netipc_server *server = serve_gated(scene, &gate, 2);
    int slow = rpc_open(scene), other = rpc_open(scene);
    rpc_ask_number(slow, 1, 1);
    assert_true(rpc_gate_has(&gate, 1));
    for (uint64_t i = 0; i < 100; i++) {
        rpc_ask_number(other, i, 2 * i);
        rpc_expect_number(other, i, 2 * i + 1);
    }
    rpc_ask_number(slow, 2, 40); /* nor its own session */
    rpc_expect_number(slow, 2, 41);
    assert_true(rpc_gate_has(&gate, 1));
    rpc_gate_open(&gate);
    rpc_expect_number(slow, 1, 2);
    close(slow);
    close(other);
    netipc_server_close(server);
}

/* The loop goes on while the only worker is busy: sessions come, are refused, and go. */
static void a_busy_worker_does_not_stop_the_loop(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    netipc_server *server = serve_gated(scene, &gate, 1);
    int slow = rpc_open(scene), broken = rpc_open(scene);
    rpc_ask_number(slow, 1, 1);
    assert_true(rpc_gate_has(&gate, 1));
    close(rpc_open(scene));
    raw_send(broken, "x", 1);
    raw_expect_closed(broken);
    struct netipc_envelope unknown = rpc_request(99, 2, 0);
    raw_send_message(slow, &unknown, NULL, 0);
    rpc_expect_status(slow, &unknown, NETIPC_TRANSPORT_UNSUPPORTED);
    rpc_gate_open(&gate);
    rpc_expect_number(slow, 1, 2);
    close(slow);
    close(broken);
    netipc_server_close(server);
}

static void sessions_that_end_while_their_handlers_run_are_cleared_away(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
    rpc_gate_init(&gate);
    service.max_sessions = 2;
    netipc_server *server = rpc_serve(scene, &service, 4);
    unsigned descriptors = count_descriptors(getpid());
    int leaving = rpc_open(scene), broken = rpc_open(scene);
    rpc_ask_number(leaving, 1, 1);
    rpc_ask_number(leaving, 2, 3);
    rpc_ask_number(broken, 1, 5);
    assert_true(rpc_gate_has(&gate, 3));
    close(leaving);
    raw_send(broken, "x", 1);
    raw_expect_closed(broken);
    close(broken);
    assert_true(rpc_sessions_become(server, 0));
    /* Their places are not free before their handlers have returned. */
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    int busy = raw_connect(scene);
    raw_send_hello(busy, &hello);
    assert_int_equal(raw_receive_ack(busy, &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    close(busy);
    rpc_gate_open(&gate);
    for (uint64_t end = now_ms() + slow_ms(5000);; pause_ms(1)) {
        assert_true(now_ms() < end);
        int socket = raw_connect(scene);
        raw_send_hello(socket, &hello);
        uint16_t status = raw_receive_ack(socket, &ack);
        close(socket);
        if (status == NETIPC_TRANSPORT_OK)
            break;
    }
    assert_true(rpc_sessions_become(server, 0));
    rpc_expect_service(scene);
    assert_true(rpc_sessions_become(server, 0));
    netipc_service_info info = rpc_info(server);
    assert_int_equal(info.requests, 4);
    assert_int_equal(info.answers, 1);
    for (uint64_t end = now_ms() + slow_ms(5000); count_descriptors(getpid()) != descriptors; pause_ms(1))
        assert_true(now_ms() < end);
    netipc_server_close(server);
}

/* What came before a request that ends the session is answered all the same. */
static void requests_under_way_are_answered_before_a_refusal_closes(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    netipc_server *server = serve_gated(scene, &gate, 4);
    int socket = rpc_open(scene);
    static const unsigned char large[RPC_REQUEST_MAX + 1];
    struct netipc_envelope too_large = rpc_request(NETIPC_METHOD_INCREMENT, 3, sizeof large);
    rpc_ask_number(socket, 1, 1);
    rpc_ask_number(socket, 2, 3);
    assert_true(rpc_gate_has(&gate, 2));
    raw_send_message(socket, &too_large, large, sizeof large);
    rpc_expect_status(socket, &too_large, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    rpc_ask_number(socket, 4, 4); /* not read any more */
    pause_ms(20);
    rpc_gate_open(&gate);
    bool answered[2] = {false};
    for (int i = 0; i < 2; i++) {
        struct {
            struct netipc_envelope envelope;
            uint64_t number;
        } answer;
        assert_int_equal(raw_receive(socket, &answer, sizeof answer, slow_ms(5000)), sizeof answer);
        assert_in_range(answer.envelope.message_id, 1, 2);
        assert_false(answered[answer.envelope.message_id - 1]);
        answered[answer.envelope.message_id - 1] = true;
        assert_int_equal(answer.number, 2 * answer.envelope.message_id);
    }
    raw_expect_closed(socket);
    close(socket);
    assert_int_equal(rpc_info(server).requests, 3);
    netipc_server_close(server);
}

/* Who says that no more will come still waits for what it has asked; all of it in flight, or more than may be. */
static void who_shuts_down_its_sending_half_gets_the_answers_under_way(void **state)
{
    const struct scene *scene = *state;
    enum { ASKED = 20 };
    for (size_t i = 0; i < 2 * WORKER_COUNTS; i++) {
        struct rpc_gate gate;
        rpc_gate_init(&gate);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
        const uint32_t workers = worker_counts[i / 2];
        service.max_in_flight = i % 2 == 0 ? 2 * ASKED : ASKED / 2;
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        for (uint64_t id = 0; id < ASKED; id++)
            rpc_ask_number(socket, id, 1);
        struct netipc_envelope half = rpc_request(NETIPC_METHOD_INCREMENT, ASKED, 100);
        raw_send_message(socket, &half, "half", 4);
        assert_int_equal(shutdown(socket, SHUT_WR), 0);
        assert_true(rpc_gate_has(&gate, workers > 0 ? workers : 1));
        pause_ms(20);
        rpc_gate_open(&gate);
        for (uint64_t id = 0; id < ASKED; id++) {
            unsigned char packet[64];
            assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), 40);
        }
        raw_expect_closed(socket);
        assert_true(rpc_sessions_become(server, 0));
        assert_int_equal(rpc_info(server).answers, ASKED);
        close(socket);
        netipc_server_close(server);
    }
}

static void who_hangs_up_altogether_is_gone_although_its_request_runs(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    netipc_server *server = serve_gated(scene, &gate, 1);
    int socket = rpc_open(scene);
    rpc_ask_number(socket, 1, 1);
    assert_true(rpc_gate_has(&gate, 1));
    assert_int_equal(shutdown(socket, SHUT_WR), 0);
    pause_ms(20);
    assert_int_equal(rpc_info(server).sessions, 1);
    close(socket);
    assert_true(rpc_sessions_become(server, 0));
    rpc_gate_open(&gate);
    netipc_server_close(server);
}

/* --- turns --- */

/* An odd number is answered when a permit is there for it: one slow request at a time. The context. */
struct permits {
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned given, ended;
};

static netipc_status permitted(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct permits *permits = context;
    if (*(const unsigned char *)request->payload % 2 != 0) {
        pthread_mutex_lock(&permits->lock);
        while (permits->given == permits->ended)
            pthread_cond_wait(&permits->change, &permits->lock);
        permits->ended++;
        pthread_mutex_unlock(&permits->lock);
    }
    return rpc_echo(NULL, request, answer);
}

static void permit(struct permits *permits, unsigned count)
{
    pthread_mutex_lock(&permits->lock);
    permits->given += count;
    pthread_cond_broadcast(&permits->change);
    pthread_mutex_unlock(&permits->lock);
}

static bool requests_become(const netipc_server *server, uint64_t requests)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(1))
        if (rpc_info(server).requests == requests)
            return true;
    return false;
}

enum { SLOW = 16, POLITE = 3 };

/* All workers are busy with one session, and many more of its requests wait. When two of them have been permitted to
 * end, everybody else is answered, in front of all the others. */
static void sessions_take_turns_whoever_has_asked_first(void **state)
{
    const struct scene *scene = *state;
    static const uint32_t workers[] = {1, 4};
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        struct permits permits = {0};
        pthread_mutex_init(&permits.lock, NULL);
        pthread_cond_init(&permits.change, NULL);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, permitted, &permits);
        netipc_server *server = rpc_serve(scene, &service, workers[i]);
        int greedy = rpc_open(scene), polite[POLITE];
        for (uint64_t id = 0; id < SLOW; id++)
            rpc_ask_number(greedy, id, 2 * id + 1);
        assert_true(requests_become(server, SLOW));
        for (unsigned each = 0; each < POLITE; each++) {
            polite[each] = rpc_open(scene);
            rpc_ask_number(polite[each], 1, 2);
        }
        assert_true(requests_become(server, SLOW + POLITE));
        permit(&permits, 2);
        for (unsigned each = 0; each < POLITE; each++)
            rpc_expect_number(polite[each], 1, 2);
        /* And again, at most one of the others' goes first. */
        for (uint64_t id = 2; id < 5; id++) {
            uint64_t before = rpc_info(server).requests;
            rpc_ask_number(polite[0], id, 2 * id);
            assert_true(requests_become(server, before + 1));
            permit(&permits, 2);
            rpc_expect_number(polite[0], id, 2 * id);
        }
        permit(&permits, SLOW);
        for (unsigned each = 0; each < SLOW; each++) {
            unsigned char packet[64];
            assert_int_equal(raw_receive(greedy, packet, sizeof packet, slow_ms(5000)), 40);
        }
        netipc_server_close(server);
        close(greedy);
        for (unsigned each = 0; each < POLITE; each++)
            close(polite[each]);
    }
}

/* Handlers in the loop: takes a while for each number that is odd, and notes how many came before one that is even. */
struct order {
    struct rpc_gate gate;
    netipc_atomic_u32 odd, odd_before_even;
};

static netipc_status slow_when_odd(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct order *order = context;
    uint64_t number;
    netipc_status status = netipc_increment_decode(request->payload, request->length, &number);
    assert_int_equal(status, NETIPC_OK);
    if (number % 2 == 0) {
        netipc_store(&order->odd_before_even, netipc_load(&order->odd, relaxed), relaxed);
    } else {
        netipc_fetch_add(&order->odd, 1, relaxed);
        pause_ms(2);
    }
    return rpc_gated(&order->gate, request, answer);
}

/* Of a session with many slow requests, those go first that are under way and one more, if they had come before. */
static void slow_requests_in_the_loop_are_not_answered_in_a_row(void **state)
{
    const struct scene *scene = *state;
    struct order order = {0};
    rpc_gate_init(&order.gate);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, slow_when_odd, &order);
    netipc_server *server = rpc_serve(scene, &service, 0);
    int greedy = rpc_open(scene), polite = rpc_open(scene);
    rpc_ask_number(greedy, 0, 1);
    assert_true(rpc_gate_has(&order.gate, 1));
    for (uint64_t id = 1; id < SLOW; id++)
        rpc_ask_number(greedy, id, 1);
    rpc_ask_number(polite, 1, 2);
    rpc_gate_open(&order.gate);
    rpc_expect_number(polite, 1, 3);
    assert_true(netipc_load(&order.odd_before_even, relaxed) <= 2);
    for (uint64_t id = 0; id < SLOW; id++)
        rpc_expect_number(greedy, id, 2);
    netipc_server_close(server);
    close(greedy);
    close(polite);
}

/* --- closing --- */

static void *close_server(void *server)
{
    netipc_server_close(server);
    return NULL;
}

static void closing_waits_for_the_handlers_that_run_and_drops_what_has_not_begun(void **state)
{
    const struct scene *scene = *state;
    for (size_t i = 0; i < WORKER_COUNTS; i++) {
        struct rpc_gate gate;
        netipc_server *server = serve_gated(scene, &gate, worker_counts[i]);
        int sockets[4];
        for (int each = 0; each < 4; each++)
            sockets[each] = rpc_open(scene);
        for (int each = 0; each < 4; each++)
            rpc_ask_number(sockets[each], 1, 1);
        unsigned running = worker_counts[i] > 0 ? worker_counts[i] : 1;
        assert_true(rpc_gate_has(&gate, running));
        pthread_t closer;
        assert_int_equal(pthread_create(&closer, NULL, close_server, server), 0);
        pause_ms(50);
        assert_true(rpc_gate_has(&gate, running)); /* it is still there */
        rpc_gate_open(&gate);
        assert_int_equal(pthread_join(closer, NULL), 0);
        assert_in_range(gate.most, running, running + 3);
        for (int each = 0; each < 4; each++) {
            unsigned char packet[256];
            int length = raw_receive(sockets[each], packet, sizeof packet, slow_ms(5000));
            if (length > 0) { /* an answer that was there in time */
                assert_int_equal(length, 40);
                length = raw_receive(sockets[each], packet, sizeof packet, slow_ms(5000));
            }
            assert_int_equal(length, RAW_CLOSED);
            close(sockets[each]);
        }
        assert_int_equal(access(scene->socket_path, F_OK), -1);
    }
}

#define working(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        working(a_batch_is_split_and_answered_in_order),
        working(the_parts_of_a_batch_run_at_the_same_time),
        working(pipelined_requests_are_each_answered_once_with_their_id),
        working(a_slow_handler_on_a_worker_holds_up_nobody_else),
        working(a_busy_worker_does_not_stop_the_loop),
        working(sessions_that_end_while_their_handlers_run_are_cleared_away),
        working(requests_under_way_are_answered_before_a_refusal_closes),
        working(who_shuts_down_its_sending_half_gets_the_answers_under_way),
        working(who_hangs_up_altogether_is_gone_although_its_request_runs),
        working(sessions_take_turns_whoever_has_asked_first),
        working(slow_requests_in_the_loop_are_not_answered_in_a_row),
        working(closing_waits_for_the_handlers_that_run_and_drops_what_has_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
