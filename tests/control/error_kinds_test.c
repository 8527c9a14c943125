/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of failure that docs/status.md lists: each has its status, and a detail with its numbers. */
#include "tests/control/raw_client.h"
#include "tests/control/relay.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { METHOD = 7, REQUEST_MAX = 1000, TIMEOUT_MS = 20 };

static unsigned char bytes[REQUEST_MAX + 1];

/* Does as the first byte says. */
enum { ECHO, TAKES_LONG, CANNOT_DECODE };

static netipc_status handle(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    unsigned char first = request->length > 0 ? *(const unsigned char *)request->payload : ECHO;
    if (first == TAKES_LONG)
        pause_ms(4 * TIMEOUT_MS);
    return first == CANNOT_DECODE ? NETIPC_CORRUPT : netipc_answer_write(answer, request->payload, request->length);
}

static netipc_server *serve(const struct scene *scene)
{
    netipc_server *server;
    netipc_server_config config;
    netipc_service_config service;
    netipc_server_config_init(&config);
    netipc_service_config_init(&service);
    config.run_dir = scene->run_dir;
    service.service = SCENE_SERVICE;
    service.method = METHOD;
    service.handler = handle;
    service.checksum = NETIPC_CHECKSUM_IEEE;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    return server;
}

static netipc_client *open_client(const char *run_dir, const char *service)
{
    netipc_client *client;
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = run_dir;
    config.service = service;
    config.max_request_payload = REQUEST_MAX;
    config.checksum = NETIPC_CHECKSUM_IEEE;
    assert_int_equal(netipc_client_open(&config, &client), NETIPC_OK);
    return client;
}

static netipc_status call(netipc_client *client, unsigned char first, size_t length, uint64_t timeout_ns)
{
    bytes[0] = first;
    netipc_client_request request = {.size = sizeof request,
                                     .method = METHOD,
                                     .payload = bytes,
                                     .length = length,
                                     .item_count = 1,
                                     .timeout_ns = timeout_ns};
    return netipc_client_call(client, &request);
}

/* One call of a new client to a new server, perhaps through the relay, which turns a bit of the answer over. */
static netipc_status call_once(const struct scene *scene, bool flip, unsigned char first, size_t length,
                               uint64_t timeout_ns, char *detail)
{
    static struct relay relay;
    netipc_server *server = serve(scene);
    if (flip) {
        relay_open(&relay, scene, NETIPC_CHECKSUM_IEEE);
        relay_flip(&relay, (struct relay_flip){RELAY_TO_CLIENT, 0, 34, 1});
    }
    netipc_client *client = open_client(scene->run_dir, flip ? RELAY_SERVICE : SCENE_SERVICE);
    assert_int_equal(netipc_client_refresh(client), NETIPC_OK);
    netipc_status status = call(client, first, length, timeout_ns);
    strcpy(detail, netipc_status_detail());
    netipc_client_close(client);
    if (flip) {
        assert_true(relay_told(&relay, detail));
        relay_close(&relay);
    }
    netipc_server_close(server);
    return status;
}

static netipc_status time_out(const struct scene *scene, char *detail)
{
    return call_once(scene, false, TAKES_LONG, 8, TIMEOUT_MS * UINT64_C(1000000), detail);
}

static netipc_status be_too_large(const struct scene *scene, char *detail)
{
    return call_once(scene, false, ECHO, REQUEST_MAX + 1, 0, detail);
}

static netipc_status publish_too_much(const struct scene *scene, char *detail)
{
    static unsigned char large[1 << 16];
    netipc_publisher *publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.ceiling = 100000;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_status status = netipc_publish(publisher, large, sizeof large, NULL);
    strcpy(detail, netipc_status_detail());
    netipc_publisher_close(publisher);
    return status;
}

static netipc_status change_on_the_way(const struct scene *scene, char *detail)
{
    return call_once(scene, true, ECHO, 8, 0, detail);
}

static netipc_status fail_to_decode_there(const struct scene *scene, char *detail)
{
    return call_once(scene, false, CANNOT_DECODE, 8, 0, detail);
}

static netipc_status fail_to_decode_here(const struct scene *scene, char *detail)
{
    uint64_t value;
    (void)scene;
    netipc_status status = netipc_increment_decode(bytes, 7, &value);
    strcpy(detail, netipc_status_detail());
    return status;
}

static netipc_status fail_to_encode(const struct scene *scene, char *detail)
{
    size_t length;
    (void)scene;
    netipc_status status = netipc_increment_encode(1, bytes, 5, &length);
    strcpy(detail, netipc_status_detail());
    return status;
}

/* A directory that leads to itself. */
static netipc_status fail_to_read(const struct scene *scene, char *detail)
{
    char loop[sizeof scene->run_dir + 8];
    snprintf(loop, sizeof loop, "%s/loop", scene->run_dir);
    assert_int_equal(symlink("loop", loop), 0);
    netipc_client *client = open_client(loop, SCENE_SERVICE);
    netipc_status status = netipc_client_refresh(client);
    strcpy(detail, netipc_status_detail());
    netipc_client_close(client);
    unlink(loop);
    return status;
}

/* What a session by hand says to a peer that shakes hands, sends so many bytes of an envelope, if any, and hangs up. */
static netipc_status receive_from(const struct scene *scene, size_t length, char *detail)
{
    netipc_session_config config;
    netipc_listener *listener;
    netipc_session *session;
    netipc_session_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    assert_int_equal(netipc_listener_open(&config, &listener), NETIPC_OK);
    const struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    assert_int_equal(netipc_listener_accept(listener, &session), NETIPC_OK);
    assert_int_equal(netipc_session_advance(session), NETIPC_OK);
    if (length > 0)
        raw_send(socket, bytes, length);
    close(socket);
    netipc_message message = {.size = sizeof message};
    netipc_status status = netipc_session_receive(session, &message);
    strcpy(detail, netipc_status_detail());
    netipc_session_close(session);
    netipc_listener_close(listener);
    return status;
}

static netipc_status be_hung_up_on(const struct scene *scene, char *detail)
{
    return receive_from(scene, 0, detail);
}

static netipc_status get_a_wrong_length(const struct scene *scene, char *detail)
{
    return receive_from(scene, 17, detail);
}

static char own_pid[16];

static const struct {
    const char *kind;
    netipc_status (*provoke)(const struct scene *scene, char *detail);
    netipc_status status;
    const char *numbers[3];
} kinds[] = {
    {"timeout", time_out, NETIPC_TIMED_OUT, {"20 ms"}},
    {"too large", be_too_large, NETIPC_LIMIT_EXCEEDED, {"1001 bytes", "1000"}},
    {"too large a snapshot", publish_too_much, NETIPC_TOO_LARGE, {"100000"}},
    {"checksum mismatch", change_on_the_way, NETIPC_CHECKSUM_MISMATCH, {"44 bytes", "expected ", "actual "}},
    {"I/O", fail_to_read, NETIPC_SYSTEM, {"loop/" SCENE_SERVICE ".sock", "symbolic links"}},
    {"decode", fail_to_decode_here, NETIPC_CORRUPT, {"7 bytes", "8"}},
    {"decode, by a server", fail_to_decode_there, NETIPC_CORRUPT, {SCENE_SERVICE}},
    {"encode", fail_to_encode, NETIPC_TOO_SMALL, {"8 bytes", "5"}},
    {"peer closed", be_hung_up_on, NETIPC_DISCONNECTED, {own_pid}},
    {"invalid length", get_a_wrong_length, NETIPC_PROTOCOL, {"17 bytes"}},
};

static void every_kind_of_failure_has_its_status_and_its_numbers(void **state)
{
    snprintf(own_pid, sizeof own_pid, "process %d", (int)getpid());
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char detail[256];
        netipc_status status = kinds[i].provoke(*state, detail);
        if (status != kinds[i].status)
            fail_msg("%s: %s (%s)", kinds[i].kind, netipc_status_name(status), detail);
        for (size_t n = 0; n < 3 && kinds[i].numbers[n] != NULL; n++)
            if (strstr(detail, kinds[i].numbers[n]) == NULL)
                fail_msg("%s: no \"%s\" in \"%s\"", kinds[i].kind, kinds[i].numbers[n], detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_of_failure_has_its_status_and_its_numbers, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
