/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that ask a publisher, packet by packet: one that has the region too, one that never reads, one whose
 * publisher is killed. */
#include "tests/publish/asking.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/raw_client.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SNAPSHOT = NETIPC_METHOD_CGROUPS_SNAPSHOT };

static struct netipc_envelope snapshot_request(uint64_t id)
{
    return (struct netipc_envelope){
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .code = SNAPSHOT,
        .payload_len = NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH,
        .item_count = 1,
        .message_id = id,
    };
}

static bool send_snapshot_request(int socket, uint64_t id)
{
    struct netipc_envelope envelope = snapshot_request(id);
    unsigned char packet[sizeof envelope + NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH];
    memcpy(packet, &envelope, sizeof envelope);
    assert_int_equal(
        netipc_cgroups_snapshot_request_encode(packet + sizeof envelope, sizeof packet - sizeof envelope, NULL),
        NETIPC_OK);
    return send(socket, packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof packet;
}

/* The next packet, which begins with an answer. */
static struct netipc_envelope receive_answer(int socket, unsigned char *packet, size_t capacity)
{
    struct netipc_envelope envelope = {0};
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)(patience_ns(30) / 1000000)), 1);
    ssize_t got = recv(socket, packet, capacity, 0);
    assert_true(got >= (ssize_t)sizeof envelope);
    memcpy(&envelope, packet, sizeof envelope);
    assert_int_equal(envelope.kind, NETIPC_KIND_RESPONSE);
    return envelope;
}

static void a_session_that_has_the_region_may_ask_as_well(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher *publisher = asking_publisher(&requests);
    unsigned char packet[8192];
    struct raw_region region;
    service_publish(publisher, 1000, 1);
    int socket = raw_connect();
    for (uint64_t id = 1; id <= 2; id++) { /* before it has attached, and after */
        assert_true(send_snapshot_request(socket, id));
        struct netipc_envelope answer = receive_answer(socket, packet, sizeof packet);
        assert_int_equal(answer.transport_status, NETIPC_TRANSPORT_OK);
        assert_int_equal(answer.message_id, id);
        assert_int_equal(answer.payload_len, 1000);
        assert_true(pattern_ok(packet + sizeof answer, 1000, 1));
        if (id == 1) {
            raw_attach(socket, &region);
            assert_true(raw_confirm(socket, &region));
        }
    }
    netipc_publisher_info info = asking_info(publisher);
    assert_int_equal(info.attached, 1);
    assert_int_equal(info.request_sessions, 0);
    close(region.region);
    close(region.page);
    close(socket);
    netipc_publisher_close(publisher);
}

/* What comes and goes unanswered is bounded; who asks and does not read ends, with its deadline. */
static void who_asks_and_never_reads_holds_up_nobody(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(SNAPSHOT);
    requests.write_timeout_ns = UINT64_C(300000000);
    requests.response_payload = 4 << 20;
    netipc_publisher *publisher = asking_publisher(&requests);
    netipc_client *client = asking_client();
    uint64_t generation = 1;
    service_publish(publisher, 4 << 20, generation);
    int socket = raw_connect();
    struct raw_region region;
    raw_attach(socket, &region);
    assert_true(raw_confirm(socket, &region));
    for (uint64_t id = 1; id <= 1000 && send_snapshot_request(socket, id); id++)
        ;
    struct pollfd answered = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&answered, 1, (int)(patience_ns(30) / 1000000)), 1);
    for (int i = 0; i < 50; i++) {
        service_publish(publisher, 1000, ++generation);
        asking_expect(client, SNAPSHOT, generation, 1000);
    }
    /* One answer waits, and nothing else is taken from that peer. */
    assert_true(asking_info(publisher).requests <= 52);
    uint64_t end = now_ns() + patience_ns(30);
    while (asking_info(publisher).attached > 0 && now_ns() < end) {
        service_publish(publisher, 1000, ++generation);
        asking_expect(client, SNAPSHOT, generation, 1000);
    }
    assert_int_equal(asking_info(publisher).attached, 0);
    assert_int_equal(asking_info(publisher).timed_out, 1);
    close(region.region);
    close(region.page);
    close(socket);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

/* --- a publisher that is killed --- */

static pid_t start_publisher_with(size_t length)
{
    int ready[2];
    char byte;
    assert_return_code(pipe(ready), errno);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
        netipc_service_config requests = asking_requests(SNAPSHOT);
        requests.response_payload = (uint32_t)length;
        netipc_publisher_config config = service_publisher_config();
        netipc_publisher *publisher;
        unsigned char *bytes = malloc(length);
        config.requests = &requests;
        pattern_fill(bytes, length, 1);
        if (netipc_publisher_open(&config, &publisher) != NETIPC_OK ||
            netipc_publish(publisher, bytes, length, NULL) != NETIPC_OK || write(ready[1], "+", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void a_publisher_killed_in_the_middle_of_an_answer_ends_the_call_and_the_next_one_answers(void **state)
{
    (void)state;
    enum { LENGTH = 5 << 20 };
    pid_t child = start_publisher_with(LENGTH);
    netipc_client *client = asking_client();
    netipc_client_request request;
    unsigned char packet[4096];
    asking_expect(client, SNAPSHOT, 1, LENGTH);

    /* Of a session that reads one packet of 4096 bytes the rest waits in the publisher. */
    int socket = raw_connect();
    assert_true(send_snapshot_request(socket, 1));
    assert_int_equal(receive_answer(socket, packet, sizeof packet).payload_len, LENGTH);
    assert_return_code(kill(child, SIGKILL), errno);
    assert_int_equal(waitpid(child, NULL, 0), child);
    size_t got = sizeof packet;
    for (ssize_t more = 1; more > 0; got += more > 0 ? (size_t)more : 0) {
        struct pollfd polled = {.fd = socket, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, (int)(patience_ns(30) / 1000000)), 1);
        more = recv(socket, packet, sizeof packet, 0);
    }
    assert_true(got < LENGTH);
    close(socket);

    netipc_status status = asking_try(client, SNAPSHOT, &request);
    assert_true(status == NETIPC_NOT_FOUND || status == NETIPC_GONE || status == NETIPC_DISCONNECTED);
    netipc_service_config requests = asking_requests(SNAPSHOT);
    netipc_publisher *publisher = asking_publisher(&requests);
    service_publish(publisher, 10, 1);
    asking_expect(client, SNAPSHOT, 1, 10);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

#define asking(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        asking(a_session_that_has_the_region_may_ask_as_well),
        asking(who_asks_and_never_reads_holds_up_nobody),
        asking(a_publisher_killed_in_the_middle_of_an_answer_ends_the_call_and_the_next_one_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
