/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of a user's own, from NETIPC_METHOD_OWN on: each item's answer begins with its status, and a failure costs
 * nothing but that item, as long as there is room to tell of it. */
#include "tests/rpc/serve.h"

#include <string.h>
#include <unistd.h>

enum { METHOD = NETIPC_METHOD_OWN };

struct outcome {
    uint32_t status, zero;
};

static netipc_server *serve_own(const struct scene *scene, uint32_t workers)
{
    netipc_service_config service = rpc_service_config(METHOD, rpc_obedient, NULL);
    service.response_payload = service.max_response_payload = 4096;
    return rpc_serve(scene, &service, workers);
}

static void expect_outcome(int socket, uint64_t id, const void *asked, size_t length, uint32_t status, uint64_t number)
{
    struct {
        struct outcome outcome;
        uint64_t number;
    } answer = {{status, 0}, number};
    struct netipc_envelope request = rpc_request(METHOD, id, length);
    struct netipc_envelope response =
        rpc_response(&request, NETIPC_TRANSPORT_OK, status == NETIPC_OK ? sizeof answer : sizeof answer.outcome);
    raw_send_message(socket, &request, asked, length);
    rpc_expect(socket, &response, &answer);
}

static void every_failure_is_told_in_the_answer_and_the_session_goes_on(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        netipc_server *server = serve_own(scene, workers);
        int socket = rpc_open(scene);
        static const unsigned char statuses[] = {NETIPC_CORRUPT, NETIPC_NO_MEMORY, NETIPC_TIMED_OUT, 255};
        for (uint64_t i = 0; i < sizeof statuses; i++) {
            const uint64_t number = (i + 1) * 256;
            expect_outcome(socket, 2 * i, &statuses[i], 1, statuses[i], 0);
            expect_outcome(socket, 2 * i + 1, &number, sizeof number, NETIPC_OK, number + 1);
        }
        netipc_service_info info = rpc_info(server);
        assert_int_equal(info.failures, 0);
        assert_int_equal(info.answers, 2 * sizeof statuses);
        close(socket);
        netipc_server_close(server);
    }
}

static void the_items_of_a_batch_fail_each_by_itself(void **state)
{
    const struct scene *scene = *state;
    static const uint32_t worker_counts[] = {0, 1, 4};
    for (size_t w = 0; w < 3; w++) {
        netipc_server *server = serve_own(scene, worker_counts[w]);
        unsigned char asked[1024], answered[1024];
        netipc_batch_builder asking, answering;
        size_t length, answer_length;
        enum { ITEMS = 11 };
        assert_int_equal(netipc_batch_builder_init(&asking, ITEMS, asked, sizeof asked), NETIPC_OK);
        assert_int_equal(netipc_batch_builder_init(&answering, ITEMS, answered, sizeof answered), NETIPC_OK);
        for (uint64_t i = 0; i < ITEMS; i++) {
            const unsigned char failing = NETIPC_CORRUPT;
            const uint64_t number = i * 256;
            const struct {
                struct outcome outcome;
                uint64_t number;
            } good = {{NETIPC_OK, 0}, number + 1};
            const struct outcome bad = {NETIPC_CORRUPT, 0};
            bool fails = i % 3 == 1;
            assert_int_equal(netipc_batch_builder_add(&asking, fails ? &failing : (const void *)&number,
                                                      fails ? sizeof failing : sizeof number),
                             NETIPC_OK);
            assert_int_equal(netipc_batch_builder_add(&answering, fails ? &bad : (const void *)&good,
                                                      fails ? sizeof bad : sizeof good),
                             NETIPC_OK);
        }
        assert_int_equal(netipc_batch_builder_finish(&asking, &length), NETIPC_OK);
        assert_int_equal(netipc_batch_builder_finish(&answering, &answer_length), NETIPC_OK);
        struct netipc_envelope request = rpc_request(METHOD, 1, length);
        request.flags = NETIPC_ENVELOPE_BATCH;
        request.item_count = ITEMS;
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, answer_length);
        int socket = rpc_open(scene);
        raw_send_message(socket, &request, asked, length);
        rpc_expect(socket, &response, answered);
        expect_outcome(socket, 2, "\0\1\0\0\0\0\0\0", 8, NETIPC_OK, 257);
        close(socket);
        netipc_server_close(server);
    }
}

/* Fills what it gets room for, and a byte more if it is asked to. */
static netipc_status fill(void *context, const netipc_request *request, netipc_answer *answer)
{
    void *room;
    size_t capacity, more = *(const unsigned char *)request->payload;
    const size_t granted = 4096 - sizeof(struct outcome);
    (void)context;
    netipc_status status = netipc_answer_room(answer, granted + more, &room, &capacity);
    if (status != NETIPC_OK)
        return status;
    if (netipc_answer_set_length(answer, capacity + 1) != NETIPC_INVALID_ARGUMENT)
        return NETIPC_SYSTEM;
    memset(room, 'x', granted);
    return netipc_answer_set_length(answer, granted);
}

/* What fits is less by the status. An answer that does not fit ends the session, as with every method: in the next one
 * the client may agree on more. */
static void the_status_counts_against_the_ceiling_and_what_is_above_it_closes(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(METHOD, fill, NULL);
    service.response_payload = service.max_response_payload = 4096;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        unsigned char expected[4096] = {0};
        memset(expected + sizeof(struct outcome), 'x', sizeof expected - sizeof(struct outcome));
        struct netipc_envelope request = rpc_request(METHOD, 1, 1);
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof expected);
        raw_send_message(socket, &request, "\0", 1);
        rpc_expect(socket, &response, expected);
        const struct {
            uint32_t directory[2][2];
            uint64_t items[2];
        } batch = {{{0, 1}, {8, 1}}, {0, 0}};
        request = rpc_request(METHOD, 3, sizeof batch);
        request.flags = NETIPC_ENVELOPE_BATCH;
        request.item_count = 2;
        raw_send_message(socket, &request, &batch, sizeof batch); /* no room for the status of the second one */
        rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(socket);
        close(socket);
        socket = rpc_open(scene);
        request = rpc_request(METHOD, 4, 1);
        raw_send_message(socket, &request, "\1", 1);
        rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(socket);
        close(socket);
        netipc_server_close(server);
    }
}

#define own(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        own(every_failure_is_told_in_the_answer_and_the_session_goes_on),
        own(the_items_of_a_batch_fail_each_by_itself),
        own(the_status_counts_against_the_ceiling_and_what_is_above_it_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
