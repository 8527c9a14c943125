/* SPDX-License-Identifier: Apache-2.0 */
/* Aborts and deadlines of connecting and calling: they are final, and end the session. */
#include "tests/client/stage.h"

#include "control/cancel.h"
#include "control/client_state.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOON_MS = 30, LONG_MS = 60000 };

/* --- where a client hangs --- */

/* With nobody who accepts: the backlog takes them all, and then none. */
static size_t fill_backlog(const struct scene *scene, int *sockets, size_t most)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, scene->socket_path);
    for (size_t i = 0; i < most; i++) {
        sockets[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(sockets[i] >= 0);
        if (connect(sockets[i], (struct sockaddr *)&address, sizeof address) != 0) {
            close(sockets[i]);
            return i;
        }
    }
    fail_msg("a backlog without an end");
    return 0;
}

static void accept_and_say_nothing(struct play *play)
{
    if (play_accept(play))
        play_wait_for_end(play);
}

static void take_a_request_and_say_nothing(struct play *play)
{
    while (play_shake_hands(play, 0))
        play_wait_for_end(play);
}

enum where { BACKLOG, LISTENER, HANDSHAKE, CALL, WHERES };

struct hang {
    struct play play;
    int sockets[8];
    size_t socket_count;
    bool played;
    netipc_client *client;
};

static void hang_up_all(struct hang *hang)
{
    netipc_client_close(hang->client);
    if (hang->played)
        play_end(&hang->play);
    for (size_t i = 0; i < hang->socket_count; i++)
        close(hang->sockets[i]);
    play_close(&hang->play);
}

static void prepare(struct hang *hang, const struct scene *scene, enum where where, unsigned connect_ms)
{
    memset(hang, 0, sizeof *hang);
    play_open(&hang->play, scene, 1);
    hang->played = where == HANDSHAKE || where == CALL;
    if (where == BACKLOG)
        hang->socket_count = fill_backlog(scene, hang->sockets, 8);
    if (hang->played)
        play_begin(&hang->play, where == CALL ? take_a_request_and_say_nothing : accept_and_say_nothing, NULL);
    netipc_client_config config = client_config(scene);
    if (connect_ms > 0)
        config.connect_timeout_ns = (uint64_t)connect_ms * 1000000;
    hang->client = open_client(&config);
    if (where == CALL)
        expect_status(netipc_client_refresh(hang->client), NETIPC_OK);
}

static netipc_status hang_there(struct hang *hang, enum where where, unsigned call_ms)
{
    netipc_client_request request;
    return where == CALL ? call_u64(hang->client, 1, 7, call_ms, &request) : netipc_client_refresh(hang->client);
}

/* --- deadlines --- */

static void every_wait_ends_at_its_deadline(void **state)
{
    for (enum where where = BACKLOG; where < WHERES; where++) {
        struct hang hang;
        prepare(&hang, *state, where, where == CALL ? 0 : 100);
        uint64_t start = now_ms();
        expect_status(hang_there(&hang, where, 100), NETIPC_TIMED_OUT);
        assert_in_range(now_ms() - start, 100, slow_ms(5000));
        netipc_client_info info = client_info(hang.client);
        assert_int_equal(info.state, where == CALL ? NETIPC_CLIENT_DISCONNECTED : NETIPC_CLIENT_BROKEN);
        assert_int_equal(info.last_error, NETIPC_TIMED_OUT);
        assert_int_equal(info.resends, 0); /* final */
        hang_up_all(&hang);
    }
}

static void the_calls_of_a_config_have_its_deadline(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, take_a_request_and_say_nothing, NULL);
    netipc_client_config config = client_config(*state);
    config.call_timeout_ns = 80 * 1000000;
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request;
    uint64_t start = now_ms();
    expect_status(call_u64(client, 1, 7, 0, &request), NETIPC_TIMED_OUT);
    assert_in_range(now_ms() - start, 80, slow_ms(5000));
    expect_status(call_u64(client, 1, 7, 0, &request), NETIPC_NOT_READY);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* An answer that comes after the deadline is never taken for that of a later call. */
static void answer_late(struct play *play)
{
    if (!play_shake_hands(play, 0) || !play_receive(play))
        return;
    pause_ms(100);
    const struct netipc_envelope answer = play_answer(play, 8);
    const uint64_t wrong = 4711;
    play_send_message(play, &answer, &wrong, sizeof wrong);
    play_increments(play);
}

static void a_late_answer_is_nobodys(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, answer_late, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request;
    expect_status(call_u64(client, 1, 7, 20, &request), NETIPC_TIMED_OUT);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    for (uint64_t value = 0; value < 20; value++)
        expect_status(call_increment(client, value), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* --- aborts --- */

static void *abort_soon(void *client)
{
    pause_ms(SOON_MS);
    netipc_client_abort(client);
    return NULL;
}

static void expect_aborted(struct hang *hang, enum where where, uint64_t start)
{
    assert_in_range(now_ms() - start, 0, slow_ms(5000));
    assert_int_equal(client_info(hang->client).state, NETIPC_CLIENT_DISCONNECTED);
    assert_int_equal(client_info(hang->client).resends, 0);
    /* It stays in force. */
    uint64_t connects = client_info(hang->client).connects;
    expect_status(netipc_client_refresh(hang->client), NETIPC_ABORTED);
    expect_status(hang_there(hang, CALL, LONG_MS), NETIPC_ABORTED);
    assert_int_equal(client_info(hang->client).connects, connects);
    netipc_client_resume(hang->client);
    expect_status(hang_there(hang, CALL, LONG_MS), NETIPC_NOT_READY);
    if (where == CALL) {
        expect_status(netipc_client_refresh(hang->client), NETIPC_OK);
    } else { /* an abort counts neither for the backoff nor for the breaker */
        assert_int_equal(netipc_client_retry_in(hang->client), 0);
    }
}

static void an_abort_from_another_thread_ends_every_wait(void **state)
{
    for (enum where where = BACKLOG; where < WHERES; where++) {
        struct hang hang;
        pthread_t thread;
        prepare(&hang, *state, where, LONG_MS);
        unsigned descriptors = count_descriptors(getpid());
        uint64_t start = now_ms();
        assert_int_equal(pthread_create(&thread, NULL, abort_soon, hang.client), 0);
        expect_status(hang_there(&hang, where, LONG_MS), NETIPC_ABORTED);
        pthread_join(thread, NULL);
        if (where == BACKLOG || where == LISTENER)
            assert_int_equal(count_descriptors(getpid()), descriptors);
        expect_aborted(&hang, where, start);
        hang_up_all(&hang);
    }
}

static netipc_client *signalled;

static void on_signal(int number)
{
    (void)number;
    netipc_client_abort(signalled);
}

static void an_abort_from_a_signal_handler_ends_every_wait(void **state)
{
    struct sigaction before, action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, &before);
    for (enum where where = BACKLOG; where < WHERES; where++) {
        struct hang hang;
        sigset_t alarms, mask;
        sigemptyset(&alarms);
        sigaddset(&alarms, SIGALRM);
        pthread_sigmask(SIG_BLOCK, &alarms, &mask); /* by the server's thread */
        prepare(&hang, *state, where, LONG_MS);
        pthread_sigmask(SIG_SETMASK, &mask, NULL);
        signalled = hang.client;
        uint64_t start = now_ms();
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = SOON_MS * 1000}, NULL);
        expect_status(hang_there(&hang, where, LONG_MS), NETIPC_ABORTED);
        expect_aborted(&hang, where, start);
        hang_up_all(&hang);
    }
    sigaction(SIGALRM, &before, NULL);
}

static void on_other_signal(int number)
{
    (void)number;
}

static void other_signals_end_no_wait(void **state)
{
    struct sigaction before, action = {.sa_handler = on_other_signal};
    const struct itimerval often = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000}, off = {0};
    sigaction(SIGALRM, &action, &before);
    for (enum where where = BACKLOG; where < WHERES; where++) {
        struct hang hang;
        prepare(&hang, *state, where, where == CALL ? 0 : 100);
        setitimer(ITIMER_REAL, &often, NULL);
        uint64_t start = now_ms();
        expect_status(hang_there(&hang, where, 100), NETIPC_TIMED_OUT);
        setitimer(ITIMER_REAL, &off, NULL);
        assert_true(now_ms() - start >= 100);
        hang_up_all(&hang);
    }
    sigaction(SIGALRM, &before, NULL);
}

static void an_abort_before_a_call_ends_it(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, play_increments, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_abort(client);
    netipc_client_abort(client); /* twice is as good */
    expect_status(call_increment(client, 1), NETIPC_ABORTED);
    expect_status(netipc_client_refresh(client), NETIPC_ABORTED);
    assert_true(netipc_client_ready(client)); /* nothing was under way: the session stands */
    netipc_client_resume(client);
    netipc_client_resume(client);
    expect_status(call_increment(client, 1), NETIPC_OK);
    assert_int_equal(client_info(client).sessions, 1);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* What an abort that is over rings late ends neither a call nor an attempt to connect. */
static void *ring_late(void *context)
{
    const netipc_client *client = context;
    for (int i = 0; i < 10; i++) {
        pause_ms(10);
        netipc_cancel_fire(client->cancel);
    }
    return NULL;
}

static void what_an_abort_leaves_behind_ends_nothing(void **state)
{
    for (enum where where = BACKLOG; where < WHERES; where++) {
        struct hang hang;
        pthread_t thread;
        prepare(&hang, *state, where, where == CALL ? 0 : 200);
        assert_int_equal(pthread_create(&thread, NULL, ring_late, hang.client), 0);
        uint64_t start = now_ms();
        expect_status(hang_there(&hang, where, 200), NETIPC_TIMED_OUT);
        assert_true(now_ms() - start >= 200);
        pthread_join(thread, NULL);
        hang_up_all(&hang);
    }
}

/* --- many aborts at any moment --- */

struct storm {
    netipc_client *client;
    atomic_bool over;
};

static void *abort_often(void *context)
{
    struct storm *storm = context;
    for (unsigned i = 0; !atomic_load(&storm->over); i++) {
        netipc_client_abort(storm->client);
        usleep(50 + i * 37 % 500);
    }
    return NULL;
}

static void aborts_at_any_moment_leave_a_client_that_works(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    struct storm storm = {.client = open_client(&config)};
    pthread_t thread;
    unsigned descriptors = count_descriptors(getpid());
    uint64_t aborted = 0, good = 0;
    assert_int_equal(pthread_create(&thread, NULL, abort_often, &storm), 0);
    for (uint64_t end = now_ms() + slow_ms(1000); now_ms() < end;) {
        netipc_status status = netipc_client_refresh(storm.client);
        if (status == NETIPC_OK)
            status = call_increment(storm.client, good);
        aborted += status == NETIPC_ABORTED;
        good += status == NETIPC_OK;
        /* Of the many that come and go at once one may find no free session. */
        if (status != NETIPC_OK && status != NETIPC_ABORTED && status != NETIPC_BUSY)
            fail_msg("%s (%s)", netipc_status_name(status), netipc_status_detail());
        netipc_client_resume(storm.client);
    }
    atomic_store(&storm.over, true);
    pthread_join(thread, NULL);
    netipc_client_resume(storm.client);
    assert_true(aborted > 0 && good > 0);
    assert_true(server_sessions_become(&server, netipc_client_ready(storm.client)));
    expect_status(netipc_client_refresh(storm.client), NETIPC_OK);
    expect_status(call_increment(storm.client, 1), NETIPC_OK);
    assert_int_equal(count_descriptors(getpid()), descriptors + 2); /* socket and pidfd */
    netipc_client_close(storm.client);
    kill_server(&server);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(every_wait_ends_at_its_deadline),
        test(the_calls_of_a_config_have_its_deadline),
        test(a_late_answer_is_nobodys),
        test(an_abort_from_another_thread_ends_every_wait),
        test(an_abort_from_a_signal_handler_ends_every_wait),
        test(other_signals_end_no_wait),
        test(an_abort_before_a_call_ends_it),
        test(what_an_abort_leaves_behind_ends_nothing),
        test(aborts_at_any_moment_leave_a_client_that_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
