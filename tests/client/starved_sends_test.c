/* SPDX-License-Identifier: Apache-2.0 */
/* When the kernel has no memory for a packet, its socket polls writable all the same: whoever sends tries again after a
 * while, and not as often as the processor allows. The linker sends sendmsg() here. */
#include "shm/atomics.h"
#include "tests/client/stage.h"
#include "tests/rpc/serve.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STARVED_MS = 150 };

/* How many packets pass before the famine begins; it lasts from the first that does not. */
static netipc_atomic_u32 armed, let_pass, refused;
static netipc_atomic_u64 began_ms;
static int reason;

ssize_t __real_sendmsg(int socket, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags)
{
    if (netipc_load(&armed, acquire) == 0)
        return __real_sendmsg(socket, message, flags);
    if (netipc_load(&let_pass, relaxed) > 0) {
        netipc_fetch_add(&let_pass, (uint32_t)-1, relaxed);
        return __real_sendmsg(socket, message, flags);
    }
    if (netipc_load(&refused, relaxed) == 0)
        netipc_store(&began_ms, now_ms(), relaxed);
    if (now_ms() - netipc_load(&began_ms, relaxed) >= STARVED_MS)
        return __real_sendmsg(socket, message, flags);
    netipc_fetch_add(&refused, 1, relaxed);
    errno = reason;
    return -1;
}

static void starve(uint32_t passing, int error)
{
    netipc_store(&refused, 0, relaxed);
    netipc_store(&let_pass, passing, relaxed);
    reason = error;
    netipc_store(&armed, 1, release);
}

/* Tried, and less often than every millisecond. */
static void expect_patience(void)
{
    netipc_store(&armed, 0, release);
    assert_in_range(netipc_load(&refused, relaxed), 1, STARVED_MS);
}

static netipc_status starve_then_echo(void *context, const netipc_request *request, netipc_answer *answer)
{
    starve(0, *(const int *)context);
    return rpc_echo(NULL, request, answer);
}

static void a_servers_answer_is_tried_again_after_a_while(void **state)
{
    const struct scene *scene = *state;
    static const int reasons[] = {ENOBUFS, ENOMEM};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        int error = reasons[i];
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, starve_then_echo, &error);
        netipc_server *server = rpc_serve(scene, &service, 0);
        int socket = rpc_open(scene);
        rpc_ask_number(socket, 1, 7);
        rpc_expect_number(socket, 1, 7);
        expect_patience();
        close(socket);
        netipc_server_close(server);
    }
}

static void a_servers_write_timeout_counts_meanwhile(void **state)
{
    const struct scene *scene = *state;
    int error = ENOBUFS;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, starve_then_echo, &error);
    service.write_timeout_ns = STARVED_MS / 2 * UINT64_C(1000000);
    netipc_server *server = rpc_serve(scene, &service, 0);
    int socket = rpc_open(scene);
    rpc_ask_number(socket, 1, 7);
    raw_expect_closed(socket);
    assert_int_equal(rpc_info(server).timed_out, 1);
    expect_patience();
    close(socket);
    netipc_server_close(server);
}

static void a_clients_request_is_tried_again_after_a_while(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    starve(0, ENOBUFS);
    expect_status(call_increment(client, 1), NETIPC_OK);
    expect_patience();
    netipc_client_close(client);
    kill_server(&server);
}

static void a_subscribers_question_is_tried_again_after_a_while(void **state)
{
    struct publisher_process publisher;
    netipc_publisher_config publishes = publisher_config(*state);
    assert_int_equal(start_publisher(&publishes, NULL, NULL, &publisher), NETIPC_OK);
    netipc_subscriber_config config = subscriber_config(*state);
    netipc_status status;
    starve(1, ENOBUFS); /* HELLO passes */
    netipc_subscriber *subscriber = open_subscriber(&config, &status);
    expect_status(status, NETIPC_OK);
    expect_patience();
    netipc_subscriber_close(subscriber);
    order_close(&publisher);
}

static void turn(netipc_session *session, unsigned *turns)
{
    uint64_t wait_ns = netipc_session_retry_in(session);
    struct pollfd polled = {.fd = netipc_session_fd(session), .events = POLLIN};
    assert_true(wait_ns < UINT64_C(1000000000)); /* it says when */
    assert_in_range(poll(&polled, 1, (int)(wait_ns / 1000000) + 1), 0, 1);
    ++*turns;
}

static void a_session_by_hand_says_when_to_try_again(void **state)
{
    const struct scene *scene = *state;
    netipc_session_config config;
    netipc_session_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    netipc_listener *listener;
    netipc_session *calling, *answering;
    assert_int_equal(netipc_listener_open(&config, &listener), NETIPC_OK);
    assert_int_equal(netipc_session_connect(&config, &calling), NETIPC_WOULD_BLOCK);
    assert_int_equal(netipc_listener_accept(listener, &answering), NETIPC_OK);
    assert_int_equal(netipc_session_advance(answering), NETIPC_OK);
    assert_int_equal(netipc_session_advance(calling), NETIPC_OK);
    const netipc_message request = {.size = sizeof request,
                                    .kind = NETIPC_MESSAGE_REQUEST,
                                    .method = 1,
                                    .item_count = 1,
                                    .payload = "x",
                                    .length = 1};
    netipc_message message = {.size = sizeof message};
    unsigned turns = 0;
    starve(0, ENOBUFS);
    assert_int_equal(netipc_session_send(calling, &request), NETIPC_OK);
    do
        turn(calling, &turns);
    while (netipc_session_advance(calling) == NETIPC_WOULD_BLOCK);
    assert_in_range(turns, 1, STARVED_MS);
    expect_patience();
    assert_true(netipc_session_retry_in(calling) == UINT64_MAX);
    assert_int_equal(netipc_session_receive(answering, &message), NETIPC_OK);
    netipc_session_close(calling);
    netipc_session_close(answering);
    netipc_listener_close(listener);
}

#define starved(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        starved(a_servers_answer_is_tried_again_after_a_while),
        starved(a_servers_write_timeout_counts_meanwhile),
        starved(a_clients_request_is_tried_again_after_a_while),
        starved(a_subscribers_question_is_tried_again_after_a_while),
        starved(a_session_by_hand_says_when_to_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
