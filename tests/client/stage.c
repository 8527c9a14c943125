/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/client/stage.h"

#include "tests/publish/scale.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- clients --- */

netipc_client_config client_config(const struct scene *scene)
{
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    config.connect_timeout_ns = (uint64_t)slow_ms(10000) * 1000000;
    config.backoff_first_ns = config.backoff_most_ns = 0;
    config.breaker_failures = 0;
    return config;
}

netipc_client *open_client(const netipc_client_config *config)
{
    netipc_client *client;
    expect_status(netipc_client_open(config, &client), NETIPC_OK);
    return client;
}

netipc_client *open_ready_client(const netipc_client_config *config)
{
    netipc_client *client = open_client(config);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    return client;
}

netipc_client_info client_info(netipc_client *client)
{
    netipc_client_info info = {.size = sizeof info};
    assert_int_equal(netipc_client_status(client, &info), NETIPC_OK);
    return info;
}

netipc_status call_u64(netipc_client *client, uint16_t method, uint64_t value, unsigned timeout_ms,
                       netipc_client_request *request)
{
    *request = (netipc_client_request){
        .size = sizeof *request,
        .method = method,
        .payload = &value,
        .length = sizeof value,
        .item_count = 1,
        .timeout_ns = (uint64_t)timeout_ms * 1000000,
    };
    return netipc_client_call(client, request);
}

netipc_status call_increment(netipc_client *client, uint64_t value)
{
    netipc_client_request request;
    netipc_status status = call_u64(client, NETIPC_METHOD_INCREMENT, value, slow_ms(20000), &request);
    if (status == NETIPC_OK) {
        uint64_t answer;
        assert_int_equal(request.answer_length, sizeof answer);
        memcpy(&answer, request.answer, sizeof answer);
        assert_int_equal(answer, value + 1);
    }
    return status;
}

/* --- a server that a test writes --- */

void play_open(struct play *play, const struct scene *scene, int backlog)
{
    memset(play, 0, sizeof *play);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", scene->socket_path);
    unlink(scene->socket_path);
    play->connection = -1;
    play->bell = eventfd(0, EFD_CLOEXEC);
    play->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(play->listener >= 0);
    assert_int_equal(bind(play->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(play->listener, backlog), 0);
}

void play_close(struct play *play)
{
    play_hang_up(play);
    close(play->listener);
    close(play->bell);
}

static void *run_part(void *context)
{
    struct play *play = context;
    play->part(play);
    return NULL;
}

void play_begin(struct play *play, void (*part)(struct play *play), const void *context)
{
    play->part = part;
    play->context = context;
    uint64_t rung;
    if (atomic_exchange(&play->over, false))
        assert_int_equal(read(play->bell, &rung, sizeof rung), sizeof rung);
    assert_int_equal(pthread_create(&play->thread, NULL, run_part, play), 0);
}

void play_end(struct play *play)
{
    const uint64_t one = 1;
    atomic_store(&play->over, true);
    assert_int_equal(write(play->bell, &one, sizeof one), sizeof one);
    pthread_join(play->thread, NULL);
}

/* What came before it was over is still there to be read. */
static bool await_readable(struct play *play, int fd)
{
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = play->bell, .events = POLLIN}};
    return poll(polled, 2, -1) > 0 && polled[0].revents != 0;
}

void play_hang_up(struct play *play)
{
    if (play->connection >= 0)
        close(play->connection);
    play->connection = -1;
}

bool play_accept(struct play *play)
{
    play_hang_up(play);
    if (!await_readable(play, play->listener))
        return false;
    play->connection = accept4(play->listener, NULL, NULL, SOCK_CLOEXEC);
    play->connections += play->connection >= 0;
    return play->connection >= 0;
}

bool play_receive(struct play *play)
{
    if (!await_readable(play, play->connection))
        return false;
    ssize_t length = recv(play->connection, play->got, sizeof play->got, 0);
    if (length <= 0)
        return false;
    play->got_length = (size_t)length;
    if (play->got_length >= sizeof play->request)
        memcpy(&play->request, play->got, sizeof play->request);
    return true;
}

bool play_send(struct play *play, const void *packet, size_t length)
{
    return send(play->connection, packet, length, MSG_NOSIGNAL) == (ssize_t)length;
}

void play_wait_for_end(struct play *play)
{
    while (play_receive(play))
        ;
}

struct netipc_hello_ack play_ack(const struct play *play)
{
    return (struct netipc_hello_ack){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_BASELINE,
        .intersection_profiles = NETIPC_PROFILE_BASELINE,
        .selected_profile = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = play->hello.max_request_payload_bytes,
        .max_request_batch_items = play->hello.max_request_batch_items,
        .max_response_payload_bytes = play->hello.max_response_payload_bytes,
        .max_response_batch_items = play->hello.max_response_batch_items,
        .packet_size = play->hello.packet_size,
        .session_id = play->connections,
    };
}

bool play_send_ack(struct play *play, const struct netipc_hello_ack *ack, uint16_t transport_status)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length =
        netipc_wire_control(NETIPC_OP_HELLO_ACK, transport_status, play->request.message_id, ack, sizeof *ack, packet);
    return play_send(play, packet, length);
}

bool play_shake_hands(struct play *play, uint32_t packet_size)
{
    if (!play_accept(play) || !play_receive(play) || play->got_length != 32 + NETIPC_WIRE_HELLO_SIZE)
        return false;
    memcpy(&play->hello, play->got + 32, NETIPC_WIRE_HELLO_SIZE);
    struct netipc_hello_ack ack = play_ack(play);
    if (packet_size > 0)
        ack.packet_size = packet_size;
    return play_send_ack(play, &ack, NETIPC_TRANSPORT_OK);
}

struct netipc_envelope play_answer(const struct play *play, uint32_t payload_len)
{
    struct netipc_envelope answer = play->request;
    answer.kind = NETIPC_KIND_RESPONSE;
    answer.payload_len = payload_len;
    return answer;
}

bool play_send_message(struct play *play, const struct netipc_envelope *envelope, const void *payload, size_t length)
{
    static _Thread_local unsigned char packet[1 << 16];
    memcpy(packet, envelope, sizeof *envelope);
    if (length > 0)
        memcpy(packet + sizeof *envelope, payload, length);
    return play_send(play, packet, sizeof *envelope + length);
}

static void serve_increments(struct play *play)
{
    while (play_receive(play) && play->got_length == 40) {
        uint64_t value;
        memcpy(&value, play->got + 32, sizeof value);
        value++;
        struct netipc_envelope answer = play_answer(play, sizeof value);
        play->requests++;
        if (!play_send_message(play, &answer, &value, sizeof value))
            return;
    }
}

void play_increments(struct play *play)
{
    while (!atomic_load(&play->over))
        if (play_shake_hands(play, 0))
            serve_increments(play);
}

/* --- a server of ours --- */

struct server_plan server_plan(void)
{
    return (struct server_plan){.method = NETIPC_METHOD_INCREMENT, .token = SCENE_TOKEN};
}

unsigned char made_byte(uint64_t length, size_t at)
{
    return (unsigned char)(at * 13 + (at >> 9) + length);
}

static const struct server_plan *served_plan;
static struct server_board *served_board;

static netipc_status on_increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    uint64_t value;
    if (request->length != sizeof value)
        return NETIPC_CORRUPT;
    if (served_plan->delay_ms > 0)
        pause_ms(served_plan->delay_ms);
    memcpy(&value, request->payload, sizeof value);
    value++;
    atomic_fetch_add(&served_board->handled, 1);
    return netipc_answer_write(answer, &value, sizeof value);
}

static netipc_status on_make(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    uint64_t length;
    void *data;
    size_t capacity;
    if (request->length != sizeof length)
        return NETIPC_CORRUPT;
    memcpy(&length, request->payload, sizeof length);
    atomic_fetch_add(&served_board->handled, 1);
    netipc_status status = netipc_answer_room(answer, (size_t)length, &data, &capacity);
    if (status != NETIPC_OK)
        return status;
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)data)[i] = made_byte(length, i);
    return netipc_answer_set_length(answer, (size_t)length);
}

struct stage_order {
    const struct scene *scene;
    const struct server_plan *plan;
    struct server_board *board;
};

static netipc_status open_service(const struct stage_order *order, netipc_server **server)
{
    netipc_server_config config;
    netipc_service_config service;
    const struct server_plan *plan = order->plan;
    netipc_server_config_init(&config);
    config.run_dir = order->scene->run_dir;
    config.workers = plan->workers;
    netipc_service_config_init(&service);
    service.service = SCENE_SERVICE;
    service.method = plan->method;
    service.handler = plan->method == METHOD_MAKE ? on_make : on_increment;
    service.token = plan->token;
    if (plan->max_sessions > 0)
        service.max_sessions = plan->max_sessions;
    if (plan->response_payload > 0)
        service.response_payload = plan->response_payload;
    if (plan->max_response_payload > 0)
        service.max_response_payload = plan->max_response_payload;
    if (plan->write_timeout_ms > 0)
        service.write_timeout_ns = plan->write_timeout_ms * 1000000;
    netipc_status status = netipc_server_open(&config, server);
    if (status == NETIPC_OK)
        status = netipc_server_add(*server, &service);
    if (status == NETIPC_OK)
        status = netipc_server_start(*server);
    return status;
}

static void tell(const netipc_server *server, struct server_board *board)
{
    netipc_service_info info = {.size = sizeof info};
    if (netipc_server_stats(server, SCENE_SERVICE, &info) != NETIPC_OK)
        return;
    atomic_store(&board->refused_busy, info.refused_busy);
    atomic_store(&board->timed_out, info.timed_out);
    atomic_store(&board->answers, info.answers);
    atomic_store(&board->broken, info.broken);
    atomic_store(&board->sessions, info.sessions);
}

static int be_server(void *context)
{
    const struct stage_order *order = context;
    netipc_server *server;
    served_plan = order->plan;
    served_board = order->board;
    netipc_status status = open_service(order, &server);
    atomic_store(&order->board->state, status == NETIPC_OK ? 1 : 2 + (int)status);
    if (status != NETIPC_OK)
        return 0;
    for (;;) {
        tell(server, order->board);
        pause_ms(2);
    }
}

netipc_status try_server(const struct scene *scene, const struct server_plan *plan, struct server_process *server)
{
    struct server_board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(board != MAP_FAILED);
    struct stage_order order = {scene, plan, board};
    *server = (struct server_process){start_child(be_server, &order), board};
    for (uint64_t end = now_ms() + slow_ms(20000); atomic_load(&board->state) == 0; pause_ms(1))
        assert_true(now_ms() < end);
    int state = atomic_load(&board->state);
    return state == 1 ? NETIPC_OK : (netipc_status)(state - 2);
}

void start_server(const struct scene *scene, const struct server_plan *plan, struct server_process *server)
{
    expect_status(try_server(scene, plan, server), NETIPC_OK);
}

void kill_server(struct server_process *server)
{
    kill_and_reap(server->pid);
    munmap(server->board, sizeof *server->board);
}

bool server_sessions_become(const struct server_process *server, uint64_t sessions)
{
    for (uint64_t end = now_ms() + slow_ms(10000); now_ms() < end; pause_ms(2))
        if (atomic_load(&server->board->sessions) == sessions)
            return true;
    return false;
}

uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long size, resident;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool resident_has_grown(pid_t pid, uint64_t before, uint64_t by)
{
    uint64_t grown = resident_bytes(pid) - before;
    return SCALED(true, false) && grown > by && grown < UINT64_MAX / 2;
}
