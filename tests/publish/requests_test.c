/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher that answers requests, as its clients and its subscribers see it. */
#include "shm/atomics.h"
#include "tests/publish/asking.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/scale.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SNAPSHOT = NETIPC_METHOD_CGROUPS_SNAPSHOT, OWN = ASKING_OWN_METHOD };
static const uint32_t methods[] = {SNAPSHOT, OWN};

/* --- the same bytes --- */

static void every_publication_is_answered_as_it_is_read(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 100, 5 << 20, 100 << 10, 0, 4096, 65536, 65537, 5 << 20};
    for (int m = 0; m < 2; m++) {
        netipc_service_config requests = asking_requests(methods[m]);
        netipc_publisher *publisher = asking_publisher(&requests);
        netipc_subscriber *subscriber = service_subscriber();
        netipc_client *client = asking_client();
        uint64_t bytes = 0;
        for (uint64_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            service_publish(publisher, lengths[i], i + 1);
            asking_expect(client, methods[m], i + 1, lengths[i]);
            assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
            service_expect(subscriber, i + 1, lengths[i], NETIPC_PUBLISHER_LIVE);
            bytes += lengths[i];
        }
        netipc_publisher_info info = asking_info(publisher);
        netipc_client_info asked = {.size = sizeof asked};
        assert_int_equal(netipc_client_status(client, &asked), NETIPC_OK);
        assert_int_equal(info.answers, info.requests);
        assert_int_equal(info.answers - info.failures, sizeof lengths / sizeof *lengths);
        assert_int_equal(info.failures, asked.growths);
        assert_int_equal(info.bytes_out, bytes + (m == 0 ? 0 : 8 * sizeof lengths / sizeof *lengths));
        assert_int_equal(info.bytes_in, asked.bytes_out);
        assert_int_equal(info.request_sessions, 1);
        assert_int_equal(info.attached, 1);
        netipc_client_close(client);
        netipc_subscriber_close(subscriber);
        netipc_publisher_close(publisher);
    }
}

static void before_the_first_publication_a_request_fails_and_says_so(void **state)
{
    (void)state;
    netipc_client_request request;
    for (int m = 0; m < 2; m++) {
        netipc_service_config requests = asking_requests(methods[m]);
        netipc_publisher *publisher = asking_publisher(&requests);
        netipc_client *client = asking_client();
        if (methods[m] == SNAPSHOT) {
            assert_int_equal(asking_try(client, SNAPSHOT, &request), NETIPC_REQUEST_FAILED);
            assert_false(netipc_client_ready(client));
        } else {
            uint32_t outcome;
            assert_int_equal(asking_try(client, OWN, &request), NETIPC_OK);
            assert_int_equal(request.answer_length, 8);
            memcpy(&outcome, request.answer, sizeof outcome);
            assert_int_equal(outcome, NETIPC_EMPTY);
            assert_true(netipc_client_ready(client));
        }
        service_publish(publisher, 0, 1); /* an empty snapshot is one */
        asking_expect(client, methods[m], 1, 0);
        netipc_client_close(client);
        netipc_publisher_close(publisher);
    }
}

static void a_snapshot_of_one_generation_begun_and_aborted_is_not_answered(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher *publisher = asking_publisher(&requests);
    netipc_client *client = asking_client();
    void *data;
    size_t capacity;
    service_publish(publisher, 1000, 1);
    assert_int_equal(netipc_publish_begin(publisher, 1 << 20, &data, &capacity), NETIPC_OK);
    memset(data, 0xee, capacity);
    asking_expect(client, SNAPSHOT, 1, 1000);
    assert_int_equal(netipc_publish_abort(publisher), NETIPC_OK);
    asking_expect(client, SNAPSHOT, 1, 1000);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

/* --- flat out --- */

enum {
    ASKERS = 3,
    ROUNDS = SCALED(12, 4),
    SMALLEST = 64,
    LARGEST = SCALED(1 << 20, 1 << 18),
    PER_LENGTH = SCALED(200, 80)
};

struct crowd_member {
    pthread_t thread;
    netipc_client *client;
    netipc_atomic_u32 *stop;
    uint64_t asked, last;
    const char *wrong;
};

/* The generation is in front, since an answer does not tell it. */
static uint64_t generation_of(const unsigned char *bytes)
{
    uint64_t generation;
    memcpy(&generation, bytes, sizeof generation);
    return generation;
}

static void *ask_without_pause(void *context)
{
    struct crowd_member *member = context;
    while (netipc_load(member->stop, acquire) == 0 && member->wrong == NULL) {
        netipc_client_request request;
        if (asking_try(member->client, SNAPSHOT, &request) != NETIPC_OK) {
            member->wrong = "no answer";
            break;
        }
        const unsigned char *bytes = request.answer;
        uint64_t generation = generation_of(bytes);
        if (generation < member->last)
            member->wrong = "it goes back";
        if (!pattern_ok(bytes + 8, request.answer_length - 8, generation))
            member->wrong = "bytes of more than one generation";
        member->last = generation;
        member->asked++;
    }
    return NULL;
}

static void publish_numbered(netipc_publisher *publisher, size_t length, uint64_t generation)
{
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish_begin(publisher, length, &data, &capacity), NETIPC_OK);
    memcpy(data, &generation, sizeof generation);
    pattern_fill((unsigned char *)data + 8, length - 8, generation);
    assert_int_equal(netipc_publish_commit(publisher, length, NULL), NETIPC_OK);
}

static uint64_t asked_by(const struct crowd_member *members)
{
    uint64_t asked = 0;
    for (int i = 0; i < ASKERS; i++)
        asked += members[i].asked;
    return asked;
}

static void answers_beside_a_publisher_flat_out_that_grows_are_whole_and_never_go_back(void **state)
{
    (void)state;
    uint64_t asked = 0;
    for (int round = 0; round < ROUNDS; round++) {
        netipc_service_config requests = asking_requests(SNAPSHOT);
        requests.response_payload = LARGEST; /* or half of the time went into asking for more */
        netipc_publisher_config config = service_publisher_config();
        netipc_publisher *publisher;
        config.capacity = SMALLEST;
        config.slots = round % 2 == 0 ? 5 : 8;
        config.requests = &requests;
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
        struct crowd_member members[ASKERS];
        netipc_atomic_u32 stop = 0;
        uint64_t generation = 1;
        publish_numbered(publisher, SMALLEST, generation);
        for (int i = 0; i < ASKERS; i++) {
            members[i] = (struct crowd_member){.client = asking_client(), .stop = &stop};
            assert_int_equal(pthread_create(&members[i].thread, NULL, ask_without_pause, &members[i]), 0);
        }
        /* Who copies the first of two large ones, while the second is made, is overtaken by the small ones behind it.
         */
        for (size_t length = SMALLEST; length <= LARGEST; length *= 2)
            for (int i = 0; i < PER_LENGTH; i++)
                publish_numbered(publisher, i % 8 < 2 ? length : SMALLEST + (size_t)i, ++generation);
        netipc_store(&stop, 1, release);
        for (int i = 0; i < ASKERS; i++) {
            assert_int_equal(pthread_join(members[i].thread, NULL), 0);
            if (members[i].wrong != NULL)
                fail_msg("%s after generation %llu", members[i].wrong, (unsigned long long)members[i].last);
            netipc_client_request request;
            assert_int_equal(asking_try(members[i].client, SNAPSHOT, &request), NETIPC_OK);
            assert_int_equal(generation_of(request.answer), generation);
            netipc_client_close(members[i].client);
        }
        asked += asked_by(members);
        assert_true(asking_info(publisher).ordinal >= 12);
        netipc_publisher_close(publisher);
    }
    assert_true(asked > ROUNDS);
}

/* --- places --- */

enum { REQUEST_SESSIONS = 16, PUBLICATION_SESSIONS = 3 };

static void request_sessions_and_publication_sessions_take_no_places_of_each_other(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    netipc_client *clients[REQUEST_SESSIONS + 1];
    netipc_subscriber *subscribers[PUBLICATION_SESSIONS + 1];
    config.requests = &requests;
    config.max_sessions = PUBLICATION_SESSIONS;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    service_publish(publisher, 100, 1);
    for (int i = 0; i <= REQUEST_SESSIONS; i++) {
        clients[i] = asking_client();
        assert_int_equal(netipc_client_refresh(clients[i]), i < REQUEST_SESSIONS ? NETIPC_OK : NETIPC_BUSY);
    }
    for (int i = 0; i <= PUBLICATION_SESSIONS; i++) {
        subscribers[i] = service_subscriber();
        assert_int_equal(netipc_subscriber_refresh(subscribers[i], NULL),
                         i < PUBLICATION_SESSIONS ? NETIPC_OK : NETIPC_BUSY);
    }
    netipc_publisher_info info = asking_info(publisher);
    assert_int_equal(info.sessions, REQUEST_SESSIONS + PUBLICATION_SESSIONS);
    assert_int_equal(info.request_sessions, REQUEST_SESSIONS);
    assert_int_equal(info.attached, PUBLICATION_SESSIONS);
    assert_int_equal(info.refused_busy, 2);
    assert_int_equal(netipc_client_refresh(clients[REQUEST_SESSIONS]), NETIPC_BUSY);

    /* Each place that becomes free is one for its own kind, at once. */
    for (int i = 0; i < 100; i++) {
        int next = i % (REQUEST_SESSIONS + 1), last = (i + REQUEST_SESSIONS) % (REQUEST_SESSIONS + 1);
        netipc_client_close(clients[next]);
        clients[next] = asking_client();
        assert_int_equal(netipc_client_refresh(clients[last]), NETIPC_OK);
        assert_int_equal(netipc_client_refresh(clients[next]), NETIPC_BUSY);
    }
    netipc_subscriber_close(subscribers[0]);
    subscribers[0] = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscribers[PUBLICATION_SESSIONS], NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscribers[0], NULL), NETIPC_BUSY);
    for (int i = 0; i <= REQUEST_SESSIONS; i++)
        netipc_client_close(clients[i]);
    for (int i = 0; i <= PUBLICATION_SESSIONS; i++)
        netipc_subscriber_close(subscribers[i]);
    netipc_publisher_close(publisher);
}

/* --- what is asked otherwise --- */

static netipc_status call(netipc_client *client, uint32_t method, const void *payload, size_t length,
                          uint32_t item_count)
{
    netipc_client_request request = {
        .size = sizeof request, .method = method, .payload = payload, .length = length, .item_count = item_count};
    assert_int_equal(netipc_client_refresh(client), NETIPC_OK);
    return netipc_client_call(client, &request);
}

static void requests_that_are_no_request_for_a_snapshot_are_refused(void **state)
{
    (void)state;
    static const uint16_t layout_2[2] = {2, 0}, flags[2] = {1, 1}, good[2] = {1, 0};
    static const unsigned char one;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher *publisher = asking_publisher(&requests);
    netipc_client *client = asking_client();
    service_publish(publisher, 1000, 1);
    assert_int_equal(call(client, SNAPSHOT, layout_2, sizeof layout_2, 1), NETIPC_CORRUPT);
    assert_int_equal(call(client, SNAPSHOT, flags, sizeof flags, 1), NETIPC_CORRUPT);
    assert_int_equal(call(client, SNAPSHOT, good, sizeof good - 1, 1), NETIPC_CORRUPT);
    assert_int_equal(call(client, SNAPSHOT, NULL, 0, 1), NETIPC_CORRUPT);
    assert_int_equal(call(client, NETIPC_METHOD_INCREMENT, good, sizeof good, 1), NETIPC_UNSUPPORTED);
    assert_int_equal(call(client, OWN, NULL, 0, 1), NETIPC_UNSUPPORTED);
    assert_true(netipc_client_ready(client));

    /* Two snapshots at a time. */
    unsigned char batch[256];
    netipc_batch_builder builder;
    size_t length;
    assert_int_equal(netipc_batch_builder_init(&builder, 2, batch, sizeof batch), NETIPC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(netipc_batch_builder_add(&builder, good, sizeof good), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
    assert_int_equal(call(client, SNAPSHOT, batch, length, 2), NETIPC_REQUEST_FAILED);
    asking_expect(client, SNAPSHOT, 1, 1000);
    netipc_publisher_close(publisher);

    requests = asking_requests(OWN);
    publisher = asking_publisher(&requests);
    service_publish(publisher, 1000, 1);
    netipc_client_request request = {
        .size = sizeof request, .method = OWN, .payload = &one, .length = 1, .item_count = 1};
    uint32_t outcome;
    assert_int_equal(netipc_client_refresh(client), NETIPC_OK);
    assert_int_equal(netipc_client_call(client, &request), NETIPC_OK);
    memcpy(&outcome, request.answer, sizeof outcome);
    assert_int_equal(outcome, NETIPC_CORRUPT);
    asking_expect(client, OWN, 1, 1000);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

static void a_snapshot_above_the_largest_answer_is_told_so_and_smaller_ones_are_answered(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    requests.response_payload = requests.max_response_payload = 1000;
    netipc_publisher *publisher = asking_publisher(&requests);
    netipc_client *client = asking_client();
    netipc_client_request request;
    service_publish(publisher, 1001, 1);
    assert_int_equal(asking_try(client, SNAPSHOT, &request), NETIPC_LIMIT_EXCEEDED);
    service_publish(publisher, 1000, 2);
    asking_expect(client, SNAPSHOT, 2, 1000);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

/* --- whose loop, whose handler --- */

static netipc_status answer_42(void *context, const netipc_request *request, netipc_answer *answer)
{
    static const unsigned char byte = 42;
    (void)request;
    ++*(unsigned *)context;
    return netipc_answer_write(answer, &byte, 1);
}

static void *ask_once(void *context)
{
    struct crowd_member *member = context;
    netipc_client_request request;
    if (asking_try(member->client, SNAPSHOT, &request) == NETIPC_OK)
        member->asked = request.answer_length;
    netipc_store(member->stop, 1, release);
    return NULL;
}

/* The publishing thread serves; the answer's length. */
static uint64_t ask_the_callers_loop(netipc_publisher *publisher)
{
    netipc_atomic_u32 stop = 0;
    struct crowd_member member = {.client = asking_client(), .stop = &stop};
    assert_int_equal(pthread_create(&member.thread, NULL, ask_once, &member), 0);
    for (uint64_t end = now_ns() + patience_ns(30); netipc_load(&stop, acquire) == 0 && now_ns() < end;)
        assert_int_equal(netipc_publisher_dispatch(publisher, 1000000), NETIPC_OK);
    assert_int_equal(pthread_join(member.thread, NULL), 0);
    netipc_client_close(member.client);
    return member.asked;
}

static void the_publishing_thread_itself_may_serve_and_with_a_handler_of_the_users(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    unsigned calls = 0;
    config.requests = &requests;
    config.loop = NETIPC_LOOP_CALLER;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    for (uint64_t generation = 1; generation <= 3; generation++) {
        service_publish(publisher, (size_t)10000 << generation, generation);
        assert_int_equal(ask_the_callers_loop(publisher), 10000 << generation);
    }
    assert_int_equal(library_mappings(), 1);
    netipc_publisher_close(publisher);

    requests.handler = answer_42;
    requests.context = &calls;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(ask_the_callers_loop(publisher), 1);
    assert_int_equal(calls, 1);
    netipc_publisher_close(publisher);
}

static void without_requests_in_its_config_a_publisher_refuses_them(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_client *client = asking_client();
    netipc_client_request request;
    assert_int_equal(asking_try(client, SNAPSHOT, &request), NETIPC_UNSUPPORTED);
    assert_int_equal(asking_info(publisher).failures, 1);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

static netipc_status open_with(const netipc_service_config *requests, uint32_t slots)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    config.requests = requests;
    config.slots = slots;
    netipc_status status = netipc_publisher_open(&config, &publisher);
    netipc_publisher_close(publisher);
    return status;
}

static void requests_that_cannot_be_served_as_configured_are_an_error_of_open(void **state)
{
    (void)state;
    netipc_service_config good = asking_requests(SNAPSHOT), bad;
    assert_int_equal(open_with(&good, 5), NETIPC_OK);
    assert_int_equal(open_with(&good, 4), NETIPC_INVALID_ARGUMENT); /* a history of 2, and no slot for an answer */
    bad = good;
    bad.handler = answer_42;
    assert_int_equal(open_with(&bad, 4), NETIPC_OK); /* which then needs none */
    bad = good;
    bad.method = 0;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad.method = NETIPC_METHOD_INCREMENT;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad = good;
    bad.service = SERVICE_NAME;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad = good;
    bad.token = 1;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad = good;
    bad.max_request_payload = 4095;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad = good;
    bad.max_sessions = 0;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad.max_sessions = NETIPC_SESSIONS_MAX + 1;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
    bad = good;
    bad.size = 0;
    assert_int_equal(open_with(&bad, 8), NETIPC_INVALID_ARGUMENT);
}

static void a_subscriber_that_asks_nothing_is_not_idle(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    requests.idle_timeout_ns = UINT64_C(20000000);
    netipc_publisher *publisher = asking_publisher(&requests);
    netipc_subscriber *subscriber = service_subscriber();
    netipc_client *client = asking_client();
    service_publish(publisher, 100, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    asking_expect(client, SNAPSHOT, 1, 100);
    for (uint64_t end = now_ns() + patience_ns(30); asking_info(publisher).request_sessions > 0 && now_ns() < end;)
        pause_ms(1);
    netipc_publisher_info info = asking_info(publisher);
    assert_int_equal(info.request_sessions, 0);
    assert_int_equal(info.timed_out, 1);
    assert_int_equal(info.attached, 1);
    netipc_client_close(client);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

#define asking(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        asking(every_publication_is_answered_as_it_is_read),
        asking(before_the_first_publication_a_request_fails_and_says_so),
        asking(a_snapshot_of_one_generation_begun_and_aborted_is_not_answered),
        asking(answers_beside_a_publisher_flat_out_that_grows_are_whole_and_never_go_back),
        asking(request_sessions_and_publication_sessions_take_no_places_of_each_other),
        asking(requests_that_are_no_request_for_a_snapshot_are_refused),
        asking(a_snapshot_above_the_largest_answer_is_told_so_and_smaller_ones_are_answered),
        asking(the_publishing_thread_itself_may_serve_and_with_a_handler_of_the_users),
        asking(without_requests_in_its_config_a_publisher_refuses_them),
        asking(requests_that_cannot_be_served_as_configured_are_an_error_of_open),
        asking(a_subscriber_that_asks_nothing_is_not_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
