/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/known.h"
#include "bench/peers/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- transports that do what they must not: pipes, with something in between --- */

enum { LOSES_ONE_IN = 5, SIZE = 4096 * 2 + 13, RUNS = 3, READERS = 2 };
#define PART_NS UINT64_C(2000000)
#define PATIENCE_NS UINT64_C(60000000000)

static void publish_but_one_in_five(void *publisher, const void *bytes)
{
    static unsigned published;
    if (++published % LOSES_ONE_IN != 0)
        peer_pipe.publish(publisher, bytes);
}

static bool read_with_a_wrong_byte(void *reader, enum peer_way way, void *buffer)
{
    static unsigned read;
    bool there = peer_pipe.read(reader, way, buffer);
    if (there && ++read == 10)
        ((unsigned char *)buffer)[SIZE - 1] ^= 1;
    return there;
}

static bool read_one_again(void *reader, enum peer_way way, void *buffer)
{
    static unsigned char kept[SIZE];
    static unsigned read;
    if (!peer_pipe.read(reader, way, buffer))
        return false;
    if (++read == 10)
        memcpy(kept, buffer, SIZE);
    if (read == 12)
        memcpy(buffer, kept, SIZE);
    return true;
}

/* The first CPUs that this process may use; the last one again where there are fewer. */
static unsigned cpu_number(unsigned place)
{
    cpu_set_t allowed;
    unsigned found = 0;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            found = cpu;
            if (place-- == 0)
                break;
        }
    return found;
}

/* The processes of a measurement; gives what it ends in. */
static int take_turns(const struct peer *peer, struct turns **turns)
{
    const struct turns_plan plan = {
        .size = SIZE, .readers = READERS, .ways = peer->ways, .runs = RUNS, .part_ns = PART_NS, .hz = 2000};
    struct crew crew = {0};
    *turns = turns_make(peer, &plan);
    assert_non_null(*turns);
    assert_int_equal(peer->prepare(&(*turns)->link), PEER_READY);
    bool good =
        crew_add(&crew, "publisher", cpu_number(0), turns_publish, *turns) && crew_meet(&crew, 0, 1, PATIENCE_NS);
    for (unsigned i = 0; good && i < READERS; i++)
        good = crew_add(&crew, "reader", cpu_number(1), turns_read, *turns);
    /* That they are open, all parts, and that they are over. */
    good = good && crew_meet(&crew, 1, READERS, PATIENCE_NS) && crew_meet(&crew, 0, 1, PATIENCE_NS);
    for (unsigned part = 0; good && part < RUNS * turns_parts(peer, peer->ways) + 1; part++)
        good = crew_meet(&crew, 0, 1 + READERS, PATIENCE_NS);
    good = good && crew_finish(&crew, PATIENCE_NS);
    int failure = crew.failure;
    crew_dismiss(&crew);
    peer->clear(&(*turns)->link);
    return good ? 0 : failure;
}

static uint64_t missed(const struct turns *turns)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)READERS * PEER_WAYS; i++)
        sum += turns->readings[i].flat_out.missed + turns->readings[i].at_rate.missed;
    return sum;
}

static void a_transport_that_brings_each_message_passes(void **state)
{
    (void)state;
    struct turns *turns;
    assert_int_equal(take_turns(&peer_pipe, &turns), 0);
    assert_int_equal(missed(turns), 0);
    for (unsigned way = 0; way < PEER_WAYS; way++) {
        assert_int_equal(turns->publishing[way].per_second.count, RUNS);
        for (size_t i = 0; i < READERS; i++) {
            const struct turns_reading *reading = &turns->readings[i * PEER_WAYS + way];
            assert_int_equal(reading->flat_out.messages, turns->publishing[way].flat_out.messages);
            assert_int_equal(reading->at_rate.messages, turns->publishing[way].at_rate.messages);
            assert_int_equal(reading->latency_ns.n, reading->at_rate.messages);
        }
    }
    turns_free(turns);
}

static void a_lost_message_is_noticed(void **state)
{
    (void)state;
    struct turns *turns;
    struct peer losing = peer_pipe;
    losing.publish = publish_but_one_in_five;
    assert_int_equal(take_turns(&losing, &turns), NETIPC_CORRUPT);
    turns_free(turns);
}

static void a_transport_that_says_that_it_loses_messages_comes_to_an_end(void **state)
{
    (void)state;
    struct turns *turns;
    struct peer losing = peer_pipe;
    losing.publish = publish_but_one_in_five;
    losing.delivery = PEER_SOME;
    assert_int_equal(take_turns(&losing, &turns), 0);
    assert_true(missed(turns) > 0);
    turns_free(turns);
}

static void a_wrong_byte_is_noticed(void **state)
{
    (void)state;
    struct turns *turns;
    struct peer wrong = peer_pipe;
    wrong.read = read_with_a_wrong_byte;
    assert_int_equal(take_turns(&wrong, &turns), NETIPC_CORRUPT);
    turns_free(turns);
}

static void an_older_message_is_noticed(void **state)
{
    (void)state;
    struct turns *turns;
    struct peer repeating = peer_pipe;
    repeating.read = read_one_again;
    for (int delivery = PEER_EACH; delivery <= PEER_LATEST; delivery++) {
        repeating.delivery = (enum peer_delivery)delivery;
        assert_int_equal(take_turns(&repeating, &turns), NETIPC_CORRUPT);
        turns_free(turns);
    }
}

static void a_message_queue_has_no_name_once_it_is_ready(void **state)
{
    (void)state;
    char name[48];
    struct peer_link link = {.size = 64, .readers = READERS};
    enum peer_ready ready = peer_mq.prepare(&link);
    if (ready == PEER_UNABLE) {
        assert_non_null(strstr(link.why, "this kernel has no message queues"));
        skip();
    }
    assert_int_equal(ready, PEER_READY);
    for (int i = 0; i < READERS; i++) {
        snprintf(name, sizeof name, "/shmbench-%ld-%d", (long)getpid(), i);
        assert_int_equal(mq_open(name, O_RDONLY), -1);
        assert_int_equal(errno, ENOENT);
    }
    peer_mq.clear(&link);
}

/* --- names --- */

static const struct known some[] = {
    {"pipe", &peer_pipe, NULL}, {"mq", &peer_mq, NULL}, {"far", NULL, "libfar-dev"}, {NULL, NULL, NULL}};

/* What is said on stderr. */
static size_t pick(const char *names, const struct peer *picked[KNOWN_MOST], char *said, size_t room)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    size_t count = known_pick(some, names, picked);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    size_t got = fread(said, 1, room - 1, file);
    said[got] = '\0';
    fclose(file);
    return count;
}

static void what_is_built_in_is_picked_by_name(void **state)
{
    (void)state;
    const struct peer *picked[KNOWN_MOST];
    char said[256];
    assert_int_equal(pick(NULL, picked, said, sizeof said), 2);
    assert_ptr_equal(picked[0], &peer_pipe);
    assert_ptr_equal(picked[1], &peer_mq);
    assert_int_equal(pick("mq,mq,pipe", picked, said, sizeof said), 2);
    assert_ptr_equal(picked[1], &peer_mq);
    assert_int_equal(pick("pipe", picked, said, sizeof said), 1);
    assert_string_equal(said, "");
}

static void what_is_not_is_refused_with_what_to_do(void **state)
{
    (void)state;
    const struct peer *picked[KNOWN_MOST];
    char said[256];
    assert_int_equal(pick("mq,far", picked, said, sizeof said), 0);
    assert_non_null(strstr(said, "far is not built in; install libfar-dev"));
    for (const char **name = (const char *[]){"fast", "m", "mqs", "mq,", ",mq", "", NULL}; *name != NULL; name++) {
        assert_int_equal(pick(*name, picked, said, sizeof said), 0);
        assert_non_null(strstr(said, "there is no '"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transport_that_brings_each_message_passes),
        cmocka_unit_test(a_lost_message_is_noticed),
        cmocka_unit_test(a_transport_that_says_that_it_loses_messages_comes_to_an_end),
        cmocka_unit_test(a_wrong_byte_is_noticed),
        cmocka_unit_test(an_older_message_is_noticed),
        cmocka_unit_test(a_message_queue_has_no_name_once_it_is_ready),
        cmocka_unit_test(what_is_built_in_is_picked_by_name),
        cmocka_unit_test(what_is_not_is_refused_with_what_to_do),
    };
    crew_watch_signals();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
