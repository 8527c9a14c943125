/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of the ring, stopped after single instructions by ptrace. */
#include "tests/shm/made_region.h"

#include "shm/ring_reader.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SLOTS = 4,
    CAPACITY = 256,
    STEPPED_PUBLICATIONS = 6,
    STEPPED_LENGTH = 24,
    STEPS_MAX = 2000000,
    STEPS_ENOUGH = 60000
};

/* What a traced child and the test tell each other. */
struct stepped {
    int region_fd;                           /* of the publisher */
    atomic_int done;                         /* the publisher is through */
    atomic_uint reads, whole, torn, retries; /* of the reader */
    struct netipc_session_line line;         /* of the session whose leases the publisher honours */
};

static struct stepped *share_stepped(void)
{
    struct stepped *stepped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stepped, MAP_FAILED);
    return stepped;
}

/* In the child: stops until the test lets it go on, one instruction at a time. */
static void let_oneself_be_stepped(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(77);
    raise(SIGSTOP);
}

/* Whether the child has come so far. */
static bool is_being_stepped(pid_t pid)
{
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    return WIFSTOPPED(how);
}

static bool step(pid_t pid)
{
    int how;
    return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && waitpid(pid, &how, 0) == pid && WIFSTOPPED(how);
}

static void kill_stepped(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static _Noreturn void publish_under_observation(struct stepped *stepped)
{
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    publish_pattern(&made, STEPPED_LENGTH);
    stepped->region_fd = made.region.fd;
    let_oneself_be_stepped();
    for (int i = 1; i < STEPPED_PUBLICATIONS; i++)
        publish_pattern(&made, STEPPED_LENGTH);
    netipc_ring_end(&made.ring, NETIPC_REGION_CLOSED);
    atomic_store(&stepped->done, 1);
    for (;;)
        pause();
}

static netipc_status read_whole(const struct netipc_region_view *view, struct netipc_ring_snapshot *snapshot)
{
    unsigned char bytes[CAPACITY];
    netipc_status status = netipc_ring_read(view, NETIPC_LATEST, bytes, sizeof bytes, snapshot);
    if (status == NETIPC_OK &&
        (snapshot->length != STEPPED_LENGTH || !pattern_is(bytes, STEPPED_LENGTH, snapshot->generation)))
        return NETIPC_CORRUPT;
    return status;
}

/* A slot whose sequence is even is a whole generation, whether the hot word names it or not. */
static bool even_slots_are_whole(const struct netipc_region_view *view)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct netipc_slot_header *slot = &view->slots[i];
        struct netipc_slot_values values = {
            .seq = netipc_load(&slot->seq, acquire),
            .payload_length = netipc_load(&slot->payload_length, relaxed),
            .annex_length = netipc_load(&slot->annex_length, relaxed),
            .flags = netipc_load(&slot->flags, relaxed),
            .publish_time_ns = netipc_load(&slot->publish_time_ns, relaxed),
            .checksum = netipc_load(&slot->checksum, relaxed),
        };
        if (values.seq == 0 || values.seq % 2 != 0)
            continue;
        if (netipc_load(&slot->check, relaxed) != netipc_slot_check(&values) ||
            values.payload_length != STEPPED_LENGTH ||
            !pattern_is(view->data + i * view->geometry.slot_stride, STEPPED_LENGTH, values.seq / 2))
            return false;
    }
    return true;
}

/* A child that publishes, to be stepped, and a view of its region; skips the test where nobody may trace it. */
static pid_t start_stepped(struct stepped *stepped, void (*publish)(struct stepped *stepped),
                           struct netipc_region_view *view)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        publish(stepped);
    if (!is_being_stepped(pid)) {
        munmap(stepped, 4096);
        puts("skip: this system lets nobody trace a child");
        skip();
    }
    char path[64];
    struct netipc_region_geometry geometry;
    assert_int_equal(netipc_region_plan(SLOTS, CAPACITY, UINT64_MAX, &geometry), NETIPC_OK);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, stepped->region_fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(netipc_region_attach(fd, geometry.region_size, UINT64_MAX, 0, view), NETIPC_OK);
    close(fd);
    return pid;
}

/*
 * The publisher is stopped after each single instruction, which for a reader is the same as killed there: every time
 * the last whole snapshot must be there, of the same generation as before or of the next.
 */
static void a_publisher_killed_after_any_instruction_leaves_the_last_whole_snapshot(void **state)
{
    (void)state;
    struct stepped *stepped = share_stepped();
    struct netipc_region_view view;
    pid_t pid = start_stepped(stepped, publish_under_observation, &view);
    struct netipc_ring_snapshot snapshot;
    uint64_t generation = 1;
    uint32_t steps = 0;
    bool good = true;
    while (good && atomic_load(&stepped->done) == 0 && steps++ < STEPS_MAX) {
        good = step(pid) && read_whole(&view, &snapshot) == NETIPC_OK &&
               (snapshot.generation == generation || snapshot.generation == generation + 1) &&
               even_slots_are_whole(&view);
        generation = snapshot.generation;
    }
    kill_stepped(pid);
    assert_true(good);
    assert_in_range(steps, 100, STEPS_MAX - 1);
    assert_int_equal(read_whole(&view, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot.generation, STEPPED_PUBLICATIONS);
    assert_int_equal(snapshot.state, NETIPC_REGION_CLOSED);
    print_message("stopped after each of %u instructions\n", steps);
    netipc_region_detach(&view, false);
    munmap(stepped, 4096);
}

static _Noreturn void read_under_observation(struct stepped *stepped, int region_fd, uint64_t region_size)
{
    struct netipc_region_view view;
    if (netipc_region_attach(region_fd, region_size, UINT64_MAX, 0, &view) != NETIPC_OK)
        _exit(1);
    let_oneself_be_stepped();
    for (;;) {
        struct netipc_ring_snapshot snapshot;
        netipc_status status = read_whole(&view, &snapshot);
        atomic_fetch_add(&stepped->reads, 1);
        atomic_fetch_add(&stepped->retries, snapshot.retries);
        if (status == NETIPC_OK)
            atomic_fetch_add(&stepped->whole, 1);
        else if (status != NETIPC_OVERRUN)
            atomic_fetch_add(&stepped->torn, 1);
    }
}

/*
 * The reader is stopped somewhere within a read; meanwhile some generations are published, and the next one is half
 * written. Whatever it delivers then is whole.
 */
static void a_reader_stopped_at_any_instruction_delivers_whole_snapshots_only(void **state)
{
    (void)state;
    struct stepped *stepped = share_stepped();
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    publish_pattern(&made, STEPPED_LENGTH);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        read_under_observation(stepped, made.region.fd, made.region.geometry.region_size);
    if (!is_being_stepped(pid)) {
        unmake_ring(&made);
        munmap(stepped, 4096);
        puts("skip: this system lets nobody trace a child");
        skip();
    }
    bool good = true;
    uint64_t random = 1, whole_read = 0; /* in instructions, which sanitizers multiply */
    for (unsigned reads = 0; good && reads < 2; reads = atomic_load(&stepped->reads)) {
        whole_read += reads == 1;
        good = step(pid);
    }
    uint64_t budget = whole_read * 15 > STEPS_ENOUGH ? whole_read * 15 : STEPS_ENOUGH;
    while (good && budget > 0) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        for (uint64_t steps = (random >> 33) % whole_read; good && budget > 0 && steps > 0; steps--, budget--)
            good = step(pid);
        for (uint64_t i = 0; i < (random >> 20) % (SLOTS + 2); i++)
            publish_pattern(&made, STEPPED_LENGTH);
        memset(netipc_ring_claimed_data(&made.ring), 0xee, STEPPED_LENGTH);
    }
    kill_stepped(pid);
    assert_true(good);
    assert_int_equal(atomic_load(&stepped->torn), 0);
    assert_true(atomic_load(&stepped->whole) > 0);
    assert_true(atomic_load(&stepped->retries) > 0);
    print_message("%u whole, overtaken %u times\n", atomic_load(&stepped->whole), atomic_load(&stepped->retries));
    unmake_ring(&made);
    munmap(stepped, 4096);
}

/* --- leases --- */

enum { QUOTA = SLOTS - 2, LEASED_PUBLICATIONS = 20, LEASE_STEPS = 100000 };

/* The ring honours the leases in stepped->line. */
static void make_ring_with_leases(struct made_ring *made, struct stepped *stepped)
{
    make_ring(made, SLOTS, CAPACITY);
    netipc_session_table_grant(&made->sessions, 0, 1, QUOTA);
    netipc_session_table_insert(&made->sessions, 0, &stepped->line);
    publish_pattern(made, STEPPED_LENGTH);
}

static void publish_over_other_bytes(struct made_ring *made)
{
    memset(netipc_ring_claimed_data(&made->ring), 0xee, STEPPED_LENGTH);
    publish_pattern(made, STEPPED_LENGTH);
}

static _Noreturn void publish_beside_leases_under_observation(struct stepped *stepped)
{
    struct made_ring made;
    make_ring_with_leases(&made, stepped);
    stepped->region_fd = made.region.fd;
    let_oneself_be_stepped();
    for (int i = 1; i < LEASED_PUBLICATIONS; i++)
        publish_over_other_bytes(&made);
    atomic_store(&stepped->done, 1);
    for (;;)
        pause();
}

struct stepped_lease {
    struct netipc_ring_snapshot snapshot;
    const unsigned char *data; /* NULL: none */
    uint32_t stops_left;
};

struct stepped_leases {
    const struct netipc_region_view *view;
    struct netipc_session_line *line;
    struct stepped_lease leases[QUOTA];
    uint32_t taken, given_back, condemned;
};

/* At one stop of the publisher: what is leased is as it was, some lease ends, another begins. */
static bool lease_at_a_stop(struct stepped_leases *all, uint32_t hold_stops, uint64_t random)
{
    for (uint32_t i = 0; i < QUOTA; i++) {
        struct stepped_lease *lease = &all->leases[i];
        if (lease->data != NULL) {
            if (!pattern_is(lease->data, STEPPED_LENGTH, lease->snapshot.generation) ||
                !netipc_ring_still(all->view, &lease->snapshot))
                return false;
            all->condemned += netipc_load(&all->view->slots[lease->snapshot.slot].seq, relaxed) % 2 != 0;
            if (lease->stops_left-- == 0) {
                netipc_ring_release(netipc_line_lease(all->line, i));
                lease->data = NULL;
                all->given_back++;
            }
        } else if (random >> i * 8 & 1) {
            uint64_t latest = netipc_hot_generation(netipc_load(&all->view->header->latest, relaxed));
            uint64_t back = (random >> 40) % SLOTS;
            netipc_status status = netipc_ring_acquire(all->view, netipc_line_lease(all->line, i),
                                                       back == 0 || back >= latest ? NETIPC_LATEST : latest - back,
                                                       &lease->data, &lease->snapshot);
            if (status != NETIPC_OK && status != NETIPC_EXPIRED)
                return false;
            all->taken += status == NETIPC_OK;
            lease->stops_left = (uint32_t)((random >> 20) % hold_stops);
        }
    }
    return true;
}

/*
 * The publisher is stopped after each single instruction, and leases are taken and given back at the stops. Whatever it
 * was in the middle of, what was leased stays as it is.
 */
static void a_lease_taken_after_any_instruction_of_the_publisher_holds(void **state)
{
    (void)state;
    struct stepped *stepped = share_stepped();
    struct netipc_region_view view;
    pid_t pid = start_stepped(stepped, publish_beside_leases_under_observation, &view);
    struct stepped_leases leases = {.view = &view, .line = &stepped->line};
    struct netipc_ring_snapshot snapshot;
    uint64_t random = 1;
    uint32_t steps = 0, first_round = 0;
    bool good = true;
    while (good && atomic_load(&stepped->done) == 0 && steps++ < STEPS_MAX) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        if (first_round == 0 && netipc_hot_generation(netipc_load(&view.header->latest, relaxed)) > 1)
            first_round = steps;
        /* From no time to some publications. */
        uint32_t hold = first_round == 0 ? 1 : first_round * 6;
        good = step(pid) && lease_at_a_stop(&leases, random >> 60 < 8 ? 8 : hold, random >> 4) &&
               read_whole(&view, &snapshot) == NETIPC_OK && even_slots_are_whole(&view);
    }
    kill_stepped(pid);
    print_message("%u stops, %u leases taken, %u given back, %u looks at condemned slots\n", steps, leases.taken,
                  leases.given_back, leases.condemned);
    assert_true(good);
    assert_in_range(steps, 100, STEPS_MAX - 1);
    assert_true(leases.taken > LEASED_PUBLICATIONS && leases.given_back > 0 && leases.condemned > 0);
    assert_int_equal(netipc_hot_generation(netipc_load(&view.header->latest, relaxed)), LEASED_PUBLICATIONS);
    netipc_region_detach(&view, false);
    munmap(stepped, 4096);
}

static _Noreturn void lease_under_observation(struct stepped *stepped, int region_fd, uint64_t region_size)
{
    struct netipc_region_view view;
    if (netipc_region_attach(region_fd, region_size, UINT64_MAX, 0, &view) != NETIPC_OK)
        _exit(1);
    let_oneself_be_stepped();
    for (;;) {
        struct netipc_ring_snapshot snapshot;
        const unsigned char *data;
        netipc_status status =
            netipc_ring_acquire(&view, netipc_line_lease(&stepped->line, 0), NETIPC_LATEST, &data, &snapshot);
        atomic_fetch_add(&stepped->retries, snapshot.retries);
        if (status == NETIPC_OK) {
            atomic_fetch_add(&stepped->whole, 1);
            if (snapshot.length != STEPPED_LENGTH || !pattern_is(data, STEPPED_LENGTH, snapshot.generation) ||
                !netipc_ring_still(&view, &snapshot))
                atomic_fetch_add(&stepped->torn, 1);
            netipc_ring_release(netipc_line_lease(&stepped->line, 0));
        } else if (status != NETIPC_OVERRUN) {
            atomic_fetch_add(&stepped->torn, 1);
        }
        atomic_fetch_add(&stepped->reads, 1);
    }
}

/*
 * The reader is stopped after each instruction of taking a lease, looking at the bytes and giving it back, and at many
 * of these stops the publisher goes round the ring and half writes the next generation. What the reader was lent is
 * whole.
 */
static void a_reader_stopped_at_any_instruction_of_a_lease_sees_no_byte_change(void **state)
{
    (void)state;
    struct stepped *stepped = share_stepped();
    struct made_ring made;
    make_ring_with_leases(&made, stepped);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        lease_under_observation(stepped, made.region.fd, made.region.geometry.region_size);
    if (!is_being_stepped(pid)) {
        unmake_ring(&made);
        munmap(stepped, 4096);
        puts("skip: this system lets nobody trace a child");
        skip();
    }
    bool good = true;
    uint64_t random = 1, whole_lease = 0; /* in instructions, which sanitizers multiply */
    for (unsigned reads = 0; good && reads < 2; reads = atomic_load(&stepped->reads)) {
        whole_lease += reads == 1;
        good = step(pid);
    }
    uint64_t budget = whole_lease * 12 > LEASE_STEPS ? whole_lease * 12 : LEASE_STEPS;
    for (; good && budget > 0; budget--) {
        good = step(pid);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        if ((random >> 40) % (whole_lease / 24 + 1) != 0)
            continue;
        for (uint64_t i = 0; i < (random >> 20) % (SLOTS + 2); i++)
            publish_over_other_bytes(&made);
        memset(netipc_ring_claimed_data(&made.ring), 0xee, STEPPED_LENGTH);
    }
    kill_stepped(pid);
    print_message("%u leases, overtaken %u times, %llu slots condemned\n", atomic_load(&stepped->whole),
                  atomic_load(&stepped->retries), (unsigned long long)made.ring.totals.condemned);
    assert_true(good);
    assert_int_equal(atomic_load(&stepped->torn), 0);
    assert_true(atomic_load(&stepped->whole) > 0);
    assert_true(atomic_load(&stepped->retries) > 0);
    assert_true(made.ring.totals.condemned > 0);
    unmake_ring(&made);
    munmap(stepped, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publisher_killed_after_any_instruction_leaves_the_last_whole_snapshot),
        cmocka_unit_test(a_reader_stopped_at_any_instruction_delivers_whole_snapshots_only),
        cmocka_unit_test(a_lease_taken_after_any_instruction_of_the_publisher_holds),
        cmocka_unit_test(a_reader_stopped_at_any_instruction_of_a_lease_sees_no_byte_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
