/* SPDX-License-Identifier: Apache-2.0 */
/* Fifty polite clients beside one that floods and one that is stopped: the polite ones are all served, and those that
 * read no answers are dropped at their deadline, having cost no more than their queues. */
#include "tests/client/stage.h"
#include "tests/control/raw_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { POLITE = 50, CALLS = 100, ALL = POLITE * CALLS, WRITE_TIMEOUT_MS = 400 };

struct crowd {
    const struct scene *scene;
    atomic_uint next;              /* place in latencies */
    atomic_ullong floods, rude;    /* requests sent by the flooding one; sessions that it has lost */
    atomic_uint least_ms, most_ms; /* how long these lasted */
    atomic_bool unread;            /* the one to be stopped has more answers than it may leave unread */
    uint32_t latencies[ALL];       /* us */
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int be_polite(void *context)
{
    struct crowd *crowd = context;
    netipc_client_config config = client_config(crowd->scene);
    netipc_client *client;
    if (netipc_client_open(&config, &client) != NETIPC_OK || netipc_client_refresh(client) != NETIPC_OK)
        return 1;
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t start = now_us();
        if (call_increment(client, i) != NETIPC_OK)
            return 2;
        crowd->latencies[atomic_fetch_add(&crowd->next, 1)] = (uint32_t)(now_us() - start);
        pause_ms(1);
    }
    netipc_client_info info = client_info(client);
    if (info.sessions != 1 || info.resends != 0 || info.answers != CALLS)
        return 3;
    netipc_client_close(client);
    return 0;
}

static int open_rude_session(const struct scene *scene)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    return raw_receive_ack(socket, &ack) == NETIPC_TRANSPORT_OK ? socket : -1;
}

/* Sends as many requests as the socket takes, whenever it takes some, until it is closed; reads nothing. *full, if not
 * NULL, becomes true when it has taken none for a while. */
static void flood(int socket, atomic_ullong *sent, atomic_bool *full)
{
    struct {
        struct netipc_envelope envelope;
        uint64_t value;
    } request = {.envelope = {.magic = NETIPC_WIRE_MAGIC,
                              .version = NETIPC_WIRE_VERSION,
                              .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                              .kind = NETIPC_KIND_REQUEST,
                              .code = NETIPC_METHOD_INCREMENT,
                              .payload_len = 8,
                              .item_count = 1}};
    static_assert(sizeof request == 40, "without padding");
    for (;; request.envelope.message_id++) {
        while (send(socket, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof request)
            atomic_fetch_add(sent, 1);
        if (errno != EAGAIN)
            return;
        struct pollfd polled = {.fd = socket, .events = POLLOUT};
        if (poll(&polled, 1, WRITE_TIMEOUT_MS / 2) == 0 && full != NULL)
            atomic_store(full, true);
    }
}

static int be_flooding(void *context)
{
    struct crowd *crowd = context;
    for (;;) {
        int socket = open_rude_session(crowd->scene);
        if (socket < 0)
            return 1;
        uint64_t start = now_ms();
        flood(socket, &crowd->floods, NULL);
        close(socket);
        unsigned ms = (unsigned)(now_ms() - start);
        if (atomic_load(&crowd->rude) == 0 || ms < atomic_load(&crowd->least_ms))
            atomic_store(&crowd->least_ms, ms);
        if (ms > atomic_load(&crowd->most_ms))
            atomic_store(&crowd->most_ms, ms);
        atomic_fetch_add(&crowd->rude, 1);
    }
}

/* Begins like that one; the test stops it then. */
static int be_stopped(void *context)
{
    struct crowd *crowd = context;
    int socket = open_rude_session(crowd->scene);
    if (socket < 0)
        return 1;
    flood(socket, &crowd->floods, &crowd->unread);
    return pause();
}

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static uint32_t percentile_99(struct crowd *crowd)
{
    qsort(crowd->latencies, ALL, sizeof *crowd->latencies, compare);
    return crowd->latencies[ALL * 99 / 100];
}

/* All polite clients come, call and go. */
static uint32_t run_polite(struct crowd *crowd)
{
    pid_t pids[POLITE];
    atomic_store(&crowd->next, 0);
    for (int i = 0; i < POLITE; i++)
        pids[i] = start_child(be_polite, crowd);
    for (int i = 0; i < POLITE; i++)
        assert_int_equal(wait_child(pids[i], slow_ms(60000)), 0);
    assert_int_equal(atomic_load(&crowd->next), ALL);
    return percentile_99(crowd);
}

static void polite_clients_are_served_beside_a_flooding_and_a_stopped_one(void **state)
{
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        struct server_process server;
        struct server_plan plan = server_plan();
        plan.max_sessions = POLITE + 4;
        plan.workers = workers;
        plan.write_timeout_ms = WRITE_TIMEOUT_MS;
        start_server(*state, &plan, &server);
        struct crowd *crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(crowd != MAP_FAILED);
        crowd->scene = *state;
        uint32_t alone = run_polite(crowd);
        uint64_t resident = resident_bytes(server.pid), handled = atomic_load(&server.board->handled);
        assert_int_equal(handled, ALL);
        pid_t flooding = start_child(be_flooding, crowd), stopped = start_child(be_stopped, crowd);
        for (uint64_t end = now_ms() + slow_ms(20000); !atomic_load(&crowd->unread); pause_ms(1))
            assert_true(now_ms() < end);
        kill(stopped, SIGSTOP);
        uint32_t beside = run_polite(crowd);
        /* Both have been dropped: the stopped one has not noticed, the flooding one comes again and again. */
        for (uint64_t end = now_ms() + slow_ms(20000);
             atomic_load(&server.board->timed_out) < 3 || atomic_load(&crowd->rude) < 1; pause_ms(2))
            assert_true(now_ms() < end);
        assert_in_range(atomic_load(&crowd->least_ms), WRITE_TIMEOUT_MS, atomic_load(&crowd->most_ms));
        assert_in_range(atomic_load(&crowd->most_ms), WRITE_TIMEOUT_MS, slow_ms(4000));
        assert_true(atomic_load(&server.board->handled) >= 2 * ALL);
        assert_false(resident_has_grown(server.pid, resident, UINT64_C(2) << 20));
        kill_and_reap(flooding);
        /* A server that was late had not answered all that was sent: then there may be room for the answers. */
        for (uint64_t end = now_ms() + slow_ms(20000); atomic_load(&server.board->sessions) > 0 && now_ms() < end;) {
            kill(stopped, SIGCONT);
            pause_ms(WRITE_TIMEOUT_MS / 4);
            kill(stopped, SIGSTOP);
            pause_ms(2 * WRITE_TIMEOUT_MS);
        }
        assert_true(server_sessions_become(&server, 0));
        kill_and_reap(stopped);
        print_message("workers %u: 99%% of polite calls within %u us alone, %u us beside %llu requests of a flood\n",
                      workers, alone, beside, (unsigned long long)atomic_load(&crowd->floods));
        munmap(crowd, sizeof *crowd);
        kill_server(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(polite_clients_are_served_beside_a_flooding_and_a_stopped_one, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
