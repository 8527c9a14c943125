/* SPDX-License-Identifier: Apache-2.0 */
/* Event sources of the user's own in a server's loop. */
#include "tests/rpc/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a source told, and what it is to do then. */
struct source {
    int fd;
    unsigned told;
    uint32_t events;
    netipc_watch *watch;
    netipc_watch **others; /* to be unwatched when this one is told of something */
    unsigned other_count;
};

static void take_and_note(void *context, int fd, uint32_t events)
{
    struct source *source = context;
    unsigned char bytes[256];
    assert_int_equal(fd, source->fd);
    source->told++;
    source->events = events;
    if ((events & NETIPC_WATCH_READABLE) != 0)
        assert_true(read(fd, bytes, sizeof bytes) >= 0);
    for (unsigned i = 0; i < source->other_count; i++) {
        netipc_server_unwatch(source->others[i]);
        source->others[i] = NULL;
    }
}

static netipc_server *open_server(const struct scene *scene)
{
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    config.loop = NETIPC_LOOP_CALLER;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    return server;
}

static void watch(netipc_server *server, struct source *source, int fd, uint32_t events)
{
    assert_return_code(fd, 0);
    *source = (struct source){.fd = fd};
    assert_int_equal(netipc_server_watch(server, fd, events, take_and_note, source, &source->watch), NETIPC_OK);
    assert_non_null(source->watch);
}

static void serve_until_told(netipc_server *server, const struct source *source, unsigned times)
{
    for (uint64_t end = now_ms() + slow_ms(20000); source->told < times && now_ms() < end; pause_ms(1))
        assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK); /* one turn */
    assert_int_equal(source->told, times);
}

static void timers_signals_pipes_and_requests_share_one_loop(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = open_server(scene);
    struct source timer, signals, pipe_end, event;
    int ends[2];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_return_code(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    watch(server, &timer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), NETIPC_WATCH_READABLE);
    watch(server, &signals, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), NETIPC_WATCH_READABLE);
    watch(server, &pipe_end, ends[0], NETIPC_WATCH_READABLE);
    watch(server, &event, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), NETIPC_WATCH_READABLE);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_int_equal(timer.told + signals.told + pipe_end.told + event.told, 0);

    const struct itimerspec soon = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
    assert_return_code(timerfd_settime(timer.fd, 0, &soon, NULL), 0);
    for (unsigned times = 1; times <= 3; times++)
        serve_until_told(server, &timer, times);
    kill(getpid(), SIGUSR1);
    serve_until_told(server, &signals, 1);
    assert_int_equal(write(ends[1], "x", 1), 1);
    serve_until_told(server, &pipe_end, 1);
    assert_int_equal(pipe_end.events, NETIPC_WATCH_READABLE);
    close(ends[1]);
    netipc_server_unwatch(timer.watch);
    while (pipe_end.told == 1)
        assert_int_equal(netipc_server_dispatch(server, 1000000), NETIPC_OK);
    assert_int_equal(pipe_end.events & NETIPC_WATCH_HUNG_UP, NETIPC_WATCH_HUNG_UP);
    netipc_server_unwatch(pipe_end.watch);

    int socket = raw_connect(scene);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    raw_send_hello(socket, &hello);
    assert_int_equal(write(event.fd, &(uint64_t){1}, 8), 8);
    serve_until_told(server, &event, 1);
    assert_int_equal(netipc_server_dispatch(server, 10000000), NETIPC_OK);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    rpc_ask_number(socket, 1, 41);
    assert_int_equal(netipc_server_dispatch(server, 10000000), NETIPC_OK);
    rpc_expect_number(socket, 1, 42);
    close(socket);
    netipc_server_close(server); /* two are watched still */
    close(timer.fd);
    close(signals.fd);
    close(ends[0]);
    close(event.fd);
}

/* Whichever comes first in a turn ends the others, which are ready in the same turn. */
static void what_is_unwatched_in_a_turn_is_told_of_nothing_more_in_it(void **state)
{
    enum { COUNT = 8 };
    netipc_server *server = open_server(*state);
    struct source sources[COUNT];
    netipc_watch *watches[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        watch(server, &sources[i], eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), NETIPC_WATCH_READABLE);
        watches[i] = sources[i].watch;
        sources[i].others = watches;
        sources[i].other_count = COUNT; /* itself too */
    }
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    for (unsigned turns = 0; turns < 4; turns++)
        assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    unsigned told = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        told += sources[i].told;
        close(sources[i].fd);
    }
    assert_int_equal(told, 1);
    netipc_server_close(server);
}

static void a_watch_can_change_what_it_waits_for(void **state)
{
    netipc_server *server = open_server(*state);
    struct source source;
    int pair[2];
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    watch(server, &source, pair[0], NETIPC_WATCH_READABLE);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_int_equal(source.told, 0);
    assert_int_equal(netipc_server_rewatch(source.watch, NETIPC_WATCH_WRITABLE), NETIPC_OK);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_int_equal(source.told, 1); /* once a turn, as long as there is room */
    assert_int_equal(source.events, NETIPC_WATCH_WRITABLE);
    assert_int_equal(netipc_server_rewatch(source.watch, NETIPC_WATCH_READABLE), NETIPC_OK);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_int_equal(source.told, 1);
    netipc_server_close(server);
    close(pair[0]);
    close(pair[1]);
}

/* Pressure stall triggers, cgroup.events and the like tell by POLLPRI alone; so does a byte out of band. */
static void what_is_urgent_can_be_waited_for_alone(void **state)
{
    netipc_server *server = open_server(*state);
    struct source source;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(listener, (struct sockaddr *)&address, sizeof address), errno);
    assert_return_code(listen(listener, 1), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&address, &length), errno);
    assert_return_code(connect(sender, (struct sockaddr *)&address, sizeof address), errno);
    watch(server, &source, accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), NETIPC_WATCH_PRIORITY);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    assert_int_equal(send(sender, "x", 1, 0), 1);
    assert_int_equal(netipc_server_dispatch(server, 20000000), NETIPC_OK);
    assert_int_equal(source.told, 0);
    assert_int_equal(send(sender, "!", 1, MSG_OOB), 1);
    serve_until_told(server, &source, 1);
    assert_int_equal(source.events, NETIPC_WATCH_PRIORITY);
    netipc_server_close(server);
    close(source.fd);
    close(sender);
    close(listener);
}

static void dispatch_and_drain(void *context, int fd, uint32_t events)
{
    netipc_server *server = *(netipc_server **)context;
    uint64_t value;
    assert_int_equal(events, NETIPC_WATCH_READABLE);
    assert_int_equal(read(fd, &value, sizeof value), sizeof value);
    assert_int_equal(netipc_server_drain(server, UINT64_MAX), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_WRONG_STATE);
    *(netipc_server **)context = NULL;
}

/* It would free what the outer turn still has in its hands. */
static void the_loop_cannot_be_run_from_inside_itself(void **state)
{
    netipc_server *server = open_server(*state), *seen = server;
    netipc_watch *watch;
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(netipc_server_watch(server, fd, NETIPC_WATCH_READABLE, dispatch_and_drain, &seen, &watch),
                     NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_null(seen);
    assert_int_equal(netipc_server_drain(server, rpc_ns(5000)), NETIPC_OK);
    netipc_server_close(server);
    close(fd);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    netipc_server *server = open_server(*state);
    struct source source;
    netipc_watch *none = (netipc_watch *)server;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    watch(server, &source, eventfd(0, EFD_CLOEXEC), NETIPC_WATCH_READABLE);
    const struct {
        netipc_server *server;
        int fd;
        uint32_t events;
        netipc_on_event on_event;
    } cases[] = {
        {NULL, source.fd, NETIPC_WATCH_READABLE, take_and_note},
        {server, -1, NETIPC_WATCH_READABLE, take_and_note},
        {server, file, NETIPC_WATCH_READABLE, take_and_note},
        {server, source.fd, NETIPC_WATCH_READABLE, take_and_note}, /* is already */
        {server, source.fd, 0, take_and_note},
        {server, source.fd, NETIPC_WATCH_HUNG_UP, take_and_note},
        {server, source.fd, NETIPC_WATCH_READABLE, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            netipc_server_watch(cases[i].server, cases[i].fd, cases[i].events, cases[i].on_event, &source, &none),
            NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_server_watch(server, source.fd, NETIPC_WATCH_READABLE, take_and_note, &source, NULL),
                     NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_server_rewatch(source.watch, 0), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_server_rewatch(NULL, NETIPC_WATCH_READABLE), NETIPC_INVALID_ARGUMENT);
    netipc_server_unwatch(NULL);
    netipc_server_close(server);
    close(source.fd);
    close(file);
}

static void a_forked_childs_copy_watches_nothing(void **state)
{
    netipc_server *server = open_server(*state);
    struct source source;
    watch(server, &source, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), NETIPC_WATCH_READABLE);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    pid_t child = fork();
    if (child == 0) {
        netipc_watch *more;
        bool forked =
            netipc_server_watch(server, 0, NETIPC_WATCH_READABLE, take_and_note, &source, &more) == NETIPC_FORKED &&
            netipc_server_rewatch(source.watch, NETIPC_WATCH_WRITABLE) == NETIPC_FORKED;
        netipc_server_unwatch(source.watch); /* frees the copy, and leaves the parent's */
        netipc_server_close(server);
        _exit(!forked);
    }
    int exited;
    assert_int_equal(waitpid(child, &exited, 0), child);
    assert_int_equal(exited, 0);
    serve_until_told(server, &source, 1);
    netipc_server_close(server);
    close(source.fd);
}

#define watching(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        watching(timers_signals_pipes_and_requests_share_one_loop),
        watching(what_is_unwatched_in_a_turn_is_told_of_nothing_more_in_it),
        watching(a_watch_can_change_what_it_waits_for),
        watching(what_is_urgent_can_be_waited_for_alone),
        watching(the_loop_cannot_be_run_from_inside_itself),
        watching(what_cannot_be_watched_is_refused),
        watching(a_forked_childs_copy_watches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
