/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are processes of their own ask as fast as they can: what they count is what the server counts. */
#include "tests/rpc/serve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MOST = 256, REQUESTS = 24000, AHEAD = 8 };

/* One for each client, in memory that all processes share. */
struct client {
    uint64_t seed, wanted;       /* what it is to ask */
    uint64_t asked, answered;    /* what it has */
    uint64_t questions, answers; /* sums of the numbers */
};

struct crowd {
    const struct scene *scene;
    struct client *client;
};

struct number_packet {
    struct netipc_envelope envelope;
    uint64_t number;
};

/* Waits for the server to start. */
static int enter(const struct scene *scene)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    for (uint64_t end = now_ms() + slow_ms(30000); now_ms() < end; pause_ms(1))
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
    return -1;
}

static bool shake_hands(int fd)
{
    struct netipc_hello hello = rpc_hello();
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    struct netipc_envelope envelope;
    size_t length =
        netipc_wire_control(NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
    if (send(fd, packet, length, MSG_NOSIGNAL) != (ssize_t)length || recv(fd, packet, sizeof packet, 0) != 80)
        return false;
    memcpy(&envelope, packet, sizeof envelope);
    return envelope.transport_status == NETIPC_TRANSPORT_OK;
}

static uint64_t number_at(const struct client *client, uint64_t id)
{
    return (client->seed + id) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool ask(int fd, struct client *client)
{
    struct number_packet packet = {rpc_request(NETIPC_METHOD_INCREMENT, client->asked, sizeof packet.number),
                                   number_at(client, client->asked)};
    client->asked++;
    client->questions += packet.number;
    return send(fd, &packet, sizeof packet, MSG_NOSIGNAL) == sizeof packet;
}

/* Whether it is the answer to a request that waits for one; waiting has a bit for each of the last AHEAD. */
static bool hear(int fd, struct client *client, bool *waiting)
{
    struct number_packet packet;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    if (poll(&polled, 1, (int)slow_ms(30000)) != 1 || recv(fd, &packet, sizeof packet, 0) != sizeof packet)
        return false;
    uint64_t id = packet.envelope.message_id;
    if (packet.envelope.kind != NETIPC_KIND_RESPONSE || packet.envelope.transport_status != NETIPC_TRANSPORT_OK ||
        id >= client->asked || !waiting[id] || packet.number != number_at(client, id) + 1)
        return false;
    waiting[id] = false;
    client->answered++;
    client->answers += packet.number;
    return true;
}

static int be_client(void *context)
{
    const struct crowd *crowd = context;
    struct client *client = crowd->client;
    static bool waiting[REQUESTS];
    int fd = enter(crowd->scene);
    if (fd < 0 || !shake_hands(fd))
        return 1;
    while (client->answered < client->wanted) {
        while (client->asked < client->wanted && client->asked - client->answered < AHEAD) {
            waiting[client->asked] = true;
            if (!ask(fd, client))
                return 2;
        }
        if (!hear(fd, client, waiting))
            return 3;
    }
    return 0;
}

static void play(const struct scene *scene, unsigned clients, uint32_t workers)
{
    static pid_t pids[CLIENTS_MOST];
    struct client *all =
        mmap(NULL, CLIENTS_MOST * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    for (unsigned i = 0; i < clients; i++) {
        struct crowd crowd = {scene, &all[i]};
        all[i].seed = i * 1000003;
        all[i].wanted = REQUESTS / clients;
        pids[i] = start_child(be_client, &crowd);
    }
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    service.max_sessions = clients;
    service.handshake_timeout_ns = rpc_ns(60000);
    netipc_server *server = rpc_serve(scene, &service, workers);
    uint64_t asked = 0, sum = 0;
    for (unsigned i = 0; i < clients; i++)
        assert_int_equal(wait_child(pids[i], slow_ms(60000)), 0);
    for (unsigned i = 0; i < clients; i++) {
        assert_int_equal(all[i].asked, REQUESTS / clients);
        assert_int_equal(all[i].answered, all[i].asked);
        asked += all[i].asked;
        sum += all[i].answers - all[i].questions;
    }
    assert_int_equal(sum, asked); /* each answer is its question + 1 */
    assert_true(rpc_sessions_become(server, 0));
    netipc_service_info info = rpc_info(server);
    assert_int_equal(info.sessions_total, clients);
    assert_int_equal(info.requests, asked);
    assert_int_equal(info.items, asked);
    assert_int_equal(info.answers, asked);
    assert_int_equal(info.bytes_in, 8 * asked);
    assert_int_equal(info.bytes_out, 8 * asked);
    assert_int_equal(info.failures + info.broken + info.timed_out + info.refused_busy + info.refused_other, 0);
    netipc_server_close(server);
    munmap(all, CLIENTS_MOST * sizeof *all);
}

static void the_counts_of_clients_and_server_agree(void **state)
{
    static const unsigned clients[] = {1, 8, 64, 256};
    for (size_t i = 0; i < 4; i++)
        play(*state, clients[i], 0);
}

static void the_counts_of_clients_and_workers_agree(void **state)
{
    static const unsigned clients[] = {1, 8, 64, 256};
    for (size_t i = 0; i < 4; i++)
        play(*state, clients[i], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_counts_of_clients_and_server_agree, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(the_counts_of_clients_and_workers_agree, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
