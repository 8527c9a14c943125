/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that break the rules of attaching, and of the one page that they can write. A publisher and a subscriber that
 * keeps them go on beside them. */
#include "tests/control/raw_client.h"

#include "shm/session_page.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

struct stage {
    struct publisher_process publisher;
    netipc_subscriber *witness;
    uint64_t seed;
};

static struct stage set_up(const struct scene *scene)
{
    struct stage stage = {.seed = 1};
    netipc_status status;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &stage.publisher), NETIPC_OK);
    netipc_subscriber_config reader = subscriber_config(scene);
    stage.witness = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    return stage;
}

/* The publisher publishes, and the witness reads what it published, in the same session as ever. */
static void expect_business_as_usual(struct stage *stage)
{
    unsigned char bytes[4096];
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_subscriber_info session = {.size = sizeof session};
    uint64_t seed;
    assert_int_equal(order_publish(&stage->publisher, stage->seed, 3, 1000), NETIPC_OK);
    stage->seed += 3;
    assert_int_equal(netipc_subscriber_refresh(stage->witness, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_read(stage->witness, bytes, sizeof bytes, &info), NETIPC_OK);
    assert_true(info.length == 1000 && snapshot_is_whole(bytes, 1000));
    memcpy(&seed, bytes, sizeof seed);
    assert_int_equal(seed, stage->seed - 1);
    assert_int_equal(netipc_subscriber_status(stage->witness, &session), NETIPC_OK);
    assert_int_equal(session.connects, 1);
}

static void take_down(struct stage *stage)
{
    assert_true(sessions_become(&stage->publisher, 1, 1));
    netipc_subscriber_close(stage->witness);
    order_close(&stage->publisher);
}

static void close_region(const struct raw_region *region)
{
    close(region->region_fd);
    if (region->page_fd >= 0)
        close(region->page_fd);
}

static void a_peer_that_attaches_out_of_turn_is_ended(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    struct raw_region region;
    struct netipc_attach attach = {.layout_version = NETIPC_WIRE_LAYOUT, .max_region_size = UINT64_MAX};
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT};
    for (int wrong = 0; wrong < 11; wrong++) {
        int socket = raw_open_session(scene);
        if (wrong < 6) {
            raw_send_attach(socket, 1, 0);
            raw_receive_region(socket, &region);
            close_region(&region);
        }
        struct netipc_note attached = note;
        attached.ordinal = region.offer.ordinal;
        struct netipc_attach ask = attach;
        switch (wrong) {
        case 0: /* twice */
            raw_send_attach(socket, 2, 0);
            break;
        case 1:
            raw_send_attached(socket, 2, region.offer.ordinal + 1);
            break;
        case 2:
            raw_send_attached(socket, 2, 0);
            break;
        case 3:
            attached.flags = 1;
            raw_send_control(socket, NETIPC_OP_ATTACHED, 2, &attached, sizeof attached);
            break;
        case 4:
            attached.layout_version = 2;
            raw_send_control(socket, NETIPC_OP_ATTACHED, 2, &attached, sizeof attached);
            break;
        case 5: /* "I could not" */
            attached.status = NETIPC_NO_MEMORY;
            raw_send_control(socket, NETIPC_OP_ATTACHED, 2, &attached, sizeof attached);
            break;
        case 6: /* before REGION */
            raw_send_attached(socket, 1, 1);
            break;
        case 7: /* a region that it cannot have */
            raw_send_attach(socket, 1, 1);
            break;
        case 8:
            ask.flags = 1;
            raw_send_control(socket, NETIPC_OP_ATTACH, 1, &ask, sizeof ask);
            break;
        case 9:
            ask.layout_version = 2;
            raw_send_control(socket, NETIPC_OP_ATTACH, 1, &ask, sizeof ask);
            break;
        default: /* too short */
            raw_send_control(socket, NETIPC_OP_ATTACH, 1, &ask, sizeof ask - 8);
            break;
        }
        raw_expect_closed(socket);
        close(socket);
        expect_business_as_usual(&stage);
    }
    take_down(&stage);
}

static void an_attached_peer_that_asks_again_is_told_that_it_has_the_latest(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    struct raw_region region;
    struct netipc_note note;
    int fds[2];
    int socket = raw_open_session(scene);
    raw_attach(socket, &region);
    close(region.page_fd);
    for (uint64_t id = 10; id < 13; id++) {
        raw_send_attach(socket, id, region.offer.ordinal);
        assert_int_equal(raw_receive_control(socket, &note, sizeof note, fds), NETIPC_OP_READY);
        assert_int_equal(note.ordinal, region.offer.ordinal);
        assert_int_equal(fds[0], -1);
    }
    raw_send_attach(socket, 20, 0); /* as if it had nothing */
    raw_expect_closed(socket);
    close(socket);
    expect_business_as_usual(&stage);
    take_down(&stage);
}

static void a_peer_that_takes_small_packets_only_attaches_all_the_same(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    static const uint32_t sizes[] = {33, 55, 56, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct netipc_hello hello = raw_hello(NETIPC_PROFILE_PUBLICATION, 0);
        struct netipc_hello_ack ack;
        struct raw_region region;
        int socket = raw_connect(scene);
        hello.packet_size = sizes[i];
        raw_send_hello(socket, &hello);
        assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
        assert_int_equal(ack.packet_size, sizes[i]);
        raw_attach(socket, &region);
        close(region.page_fd);
        close(socket);
    }
    expect_business_as_usual(&stage);
    take_down(&stage);
}

static void a_region_above_the_subscribers_limit_is_not_handed_over(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    netipc_subscriber_config config = subscriber_config(scene);
    config.max_region_size = 4096;
    netipc_status status;
    netipc_subscriber_close(open_subscriber(&config, &status));
    assert_int_equal(status, NETIPC_LIMIT_EXCEEDED);
    expect_business_as_usual(&stage);
    take_down(&stage);
}

/* F16: the descriptor of the region can be neither written nor reopened for it, nor its memory taken away. */
static void a_peer_can_do_nothing_to_the_region(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    struct raw_region region;
    int socket = raw_open_session(scene);
    raw_send_attach(socket, 1, 0);
    raw_receive_region(socket, &region);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", region.region_fd);
    int reopened = open(path, O_RDWR | O_CLOEXEC);
    int fds[] = {region.region_fd, reopened};
    for (int i = 0; i < 2; i++) {
        if (fds[i] < 0)
            continue;
        assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0), MAP_FAILED);
        assert_int_equal(pwrite(fds[i], "x", 1, 0), -1);
        assert_int_equal(ftruncate(fds[i], 0), -1);
        assert_int_equal(fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
        void *readable = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[i], 0);
        assert_ptr_not_equal(readable, MAP_FAILED);
        assert_int_equal(mprotect(readable, 4096, PROT_READ | PROT_WRITE), -1);
        munmap(readable, 4096);
    }
    if (reopened >= 0)
        close(reopened);
    close_region(&region);
    close(socket);
    expect_business_as_usual(&stage);
    take_down(&stage);
}

static void a_session_page_punched_away_before_attached_is_put_back(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    struct raw_region region;
    struct netipc_note note;
    int fds[2];
    int socket = raw_open_session(scene);
    raw_send_attach(socket, 1, 0);
    raw_receive_region(socket, &region);
    /* Its size is sealed from the start, its content is not yet. */
    assert_int_equal(ftruncate(region.page_fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(region.page_fd, 1 << 20), -1);
    assert_int_equal(fallocate(region.page_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, region.offer.page_size),
                     0);
    struct stat status;
    assert_int_equal(fstat(region.page_fd, &status), 0);
    assert_int_equal(status.st_blocks, 0);
    raw_send_attached(socket, 2, region.offer.ordinal);
    assert_int_equal(raw_receive_control(socket, &note, sizeof note, fds), NETIPC_OP_READY);
    assert_int_equal(fstat(region.page_fd, &status), 0);
    assert_true(status.st_blocks > 0);
    expect_business_as_usual(&stage);
    /* From now on it is sealed. */
    int seals = fcntl(region.page_fd, F_GET_SEALS);
    assert_int_equal(seals & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
    assert_int_equal(fallocate(region.page_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(ftruncate(region.page_fd, 0), -1);
    expect_business_as_usual(&stage);
    close_region(&region);
    close(socket);
    take_down(&stage);
}

static void a_session_page_that_the_peer_has_sealed_against_sealing_ends_the_session(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    static const int seals[] = {F_SEAL_SEAL, F_SEAL_SEAL | F_SEAL_FUTURE_WRITE};
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
        struct raw_region region;
        int socket = raw_open_session(scene);
        raw_send_attach(socket, 1, 0);
        raw_receive_region(socket, &region);
        assert_int_equal(fcntl(region.page_fd, F_ADD_SEALS, seals[i]), 0);
        raw_send_attached(socket, 2, region.offer.ordinal);
        raw_expect_closed(socket);
        close_region(&region);
        close(socket);
        expect_business_as_usual(&stage);
    }
    take_down(&stage);
}

/* --- the page in use --- */

struct vandal {
    _Atomic(uint32_t) *words;
    size_t count;
    atomic_bool stop;
};

static void *write_random_words(void *context)
{
    struct vandal *vandal = context;
    uint64_t random = 88172645463325252u;
    while (!atomic_load_explicit(&vandal->stop, memory_order_relaxed))
        for (size_t i = 0; i < vandal->count; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            atomic_store_explicit(&vandal->words[i], (uint32_t)random, memory_order_relaxed);
        }
    return NULL;
}

enum { PUBLICATIONS = 100000, LENGTH = 2000 };

static void random_words_in_a_session_page_disturb_nobody_else(void **state)
{
    const struct scene *scene = *state;
    struct stage stage = set_up(scene);
    struct raw_region region;
    int socket = raw_open_session(scene);
    raw_attach(socket, &region);
    void *page = mmap(NULL, region.offer.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, region.page_fd, 0);
    assert_ptr_equal(page, MAP_FAILED); /* sealed: who did not map it before cannot now */
    close(socket);
    close(region.page_fd);

    struct netipc_note note;
    int fds[2];
    socket = raw_open_session(scene);
    raw_send_attach(socket, 1, 0);
    raw_receive_region(socket, &region);
    page = mmap(NULL, region.offer.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, region.page_fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    raw_send_attached(socket, 2, region.offer.ordinal);
    assert_int_equal(raw_receive_control(socket, &note, sizeof note, fds), NETIPC_OP_READY);

    struct vandal vandal = {.words = page, .count = region.offer.page_size / sizeof(uint32_t)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_random_words, &vandal), 0);
    order_publish_begin(&stage.publisher, 1, PUBLICATIONS, LENGTH);

    uint64_t generation = 0, reads = 0, end = now_ms() + slow_ms(60000);
    unsigned char bytes[4096];
    bool whole = true, in_time = true, known = true;
    while (generation < PUBLICATIONS && whole && in_time && known) {
        netipc_snapshot_info info = {.size = sizeof info};
        netipc_status waited = netipc_subscriber_wait(stage.witness, generation, UINT64_C(1000000000));
        netipc_status status = netipc_subscriber_read(stage.witness, bytes, sizeof bytes, &info);
        known = (waited == NETIPC_OK || waited == NETIPC_TIMED_OUT) &&
                (status == NETIPC_OK || status == NETIPC_OVERRUN || status == NETIPC_EMPTY);
        if (status == NETIPC_OK) {
            uint64_t seed;
            memcpy(&seed, bytes, sizeof seed);
            whole = info.length == LENGTH && snapshot_is_whole(bytes, LENGTH) && seed == info.generation &&
                    info.generation >= generation;
            generation = info.generation;
            reads++;
        }
        in_time = now_ms() < end;
    }
    netipc_status published = order_wait(&stage.publisher);
    netipc_publisher_info info = order_info(&stage.publisher);
    atomic_store(&vandal.stop, true);
    pthread_join(thread, NULL);
    assert_true(known);
    assert_true(whole);
    assert_true(in_time);
    assert_int_equal(published, NETIPC_OK);
    assert_int_equal(info.generation, PUBLICATIONS);
    assert_int_equal(info.attached, 2);
    assert_true(info.wakes_sent > 0);
    assert_true(info.wakes_sent + info.wakes_saved <= 2ull * PUBLICATIONS);
    print_message("%llu reads, %llu wakes sent\n", (unsigned long long)reads, (unsigned long long)info.wakes_sent);

    stage.seed = PUBLICATIONS + 1;
    expect_business_as_usual(&stage);
    munmap(page, region.offer.page_size);
    close_region(&region);
    close(socket);
    take_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_peer_that_attaches_out_of_turn_is_ended, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(an_attached_peer_that_asks_again_is_told_that_it_has_the_latest, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_peer_that_takes_small_packets_only_attaches_all_the_same, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_region_above_the_subscribers_limit_is_not_handed_over, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_peer_can_do_nothing_to_the_region, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_session_page_punched_away_before_attached_is_put_back, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_session_page_that_the_peer_has_sealed_against_sealing_ends_the_session,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(random_words_in_a_session_page_disturb_nobody_else, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
