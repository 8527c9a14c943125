/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscriber can do to the memory that it is given. Run as root too: none of it depends on permissions. */

#include "tests/publish/peers.h"
#include "tests/publish/raw_client.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static netipc_publisher *publisher;
static netipc_subscriber *witness;
static int session;
static struct raw_region given;

static int setup(void **state)
{
    if (peers_setup(state) != 0)
        return -1;
    publisher = service_publisher();
    witness = service_subscriber();
    service_publish(publisher, 4000, 1);
    session = raw_connect();
    raw_attach(session, &given);
    return netipc_subscriber_refresh(witness, NULL) == NETIPC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    close(given.region);
    close(given.page);
    close(session);
    netipc_subscriber_close(witness);
    netipc_publisher_close(publisher);
    return peers_teardown(state);
}

static void expect_nothing_happened(void)
{
    service_expect(witness, 1, 4000, NETIPC_PUBLISHER_LIVE);
    for (uint64_t generation = 2; generation <= 10; generation++) {
        service_publish(publisher, 4096, generation);
        service_expect(witness, generation, 4096, NETIPC_PUBLISHER_LIVE);
    }
}

#define expect_refused(call, expected_errno)                                                                           \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        assert_true((intptr_t)(call) == -1);                                                                           \
        assert_int_equal(errno, expected_errno);                                                                       \
    } while (0)

/* All that would change the bytes or the size of an object through this descriptor. */
static void expect_sealed(int fd, size_t size)
{
    expect_refused(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    expect_refused(mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    expect_refused(pwrite(fd, "x", 1, 0), EPERM);
    expect_refused(ftruncate(fd, 0), EPERM);
    expect_refused(ftruncate(fd, (off_t)size - 4096), EPERM);
    expect_refused(ftruncate(fd, (off_t)size + 4096), EPERM);
    expect_refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
    expect_refused(fallocate(fd, 0, (off_t)size, 4096), EPERM);
    expect_refused(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
}

static void expect_sealed_mapping(int fd, size_t size)
{
    void *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(mapped, MAP_FAILED);
    expect_refused(mprotect(mapped, size, PROT_READ | PROT_WRITE), EACCES);
    expect_refused(madvise(mapped, size, MADV_REMOVE), EACCES);
    munmap(mapped, size);
}

static int reopen(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC);
}

static void a_subscriber_can_change_nothing_in_the_region(void **state)
{
    (void)state;
    expect_sealed(given.region, given.offer.region_size);
    expect_sealed_mapping(given.region, given.offer.region_size);
    expect_nothing_happened();
}

static void reopening_the_region_for_writing_gives_no_more(void **state)
{
    (void)state;
    const int flags[] = {O_RDWR, O_WRONLY, O_RDWR | O_TRUNC};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = reopen(given.region, flags[i]);
        if (fd < 0)
            continue; /* refused is as good */
        if (flags[i] == O_RDWR)
            expect_sealed(fd, given.offer.region_size);
        else
            expect_refused(pwrite(fd, "x", 1, 0), EPERM);
        close(fd);
    }
    expect_nothing_happened();
}

static void a_private_mapping_changes_only_the_subscribers_own_copy(void **state)
{
    (void)state;
    void *mapped = mmap(NULL, given.offer.region_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, given.region, 0);
    assert_ptr_not_equal(mapped, MAP_FAILED);
    memset(mapped, 0xff, given.offer.region_size);
    expect_nothing_happened();
    munmap(mapped, given.offer.region_size);
}

static void the_session_page_cannot_be_taken_away_once_ready(void **state)
{
    (void)state;
    size_t size = given.offer.page_size;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, given.page, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_true(raw_confirm(session, &given));
    expect_sealed(given.page, size);
    expect_refused(madvise(page, size, MADV_REMOVE), EPERM);
    int fd = reopen(given.page, O_RDWR);
    if (fd >= 0) {
        expect_sealed(fd, size);
        close(fd);
    }
    munmap(page, size);
    expect_nothing_happened();
}

static void a_session_page_that_was_taken_away_before_costs_only_its_owner(void **state)
{
    (void)state;
    size_t size = given.offer.page_size;
    expect_refused(ftruncate(given.page, 0), EPERM);
    assert_return_code(fallocate(given.page, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size), errno);
    raw_confirm(session, &given);
    expect_nothing_happened();
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_true(info.attached >= 1);
}

static void a_session_page_sealed_by_the_subscriber_ends_only_its_session(void **state)
{
    (void)state;
    assert_return_code(fcntl(given.page, F_ADD_SEALS, F_SEAL_SEAL), errno);
    assert_false(raw_confirm(session, &given));
    expect_nothing_happened();
}

static void garbage_in_the_session_page_harms_nobody(void **state)
{
    (void)state;
    size_t size = given.offer.page_size;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, given.page, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    memset(page, 0xff, size);
    assert_true(raw_confirm(session, &given));
    memset(page, 0xff, size);
    expect_nothing_happened();
    memset(page, 0xaa, size);
    service_publish(publisher, 4096, 11);
    service_publish(publisher, 100000, 12); /* grows */
    assert_int_equal(netipc_subscriber_refresh(witness, NULL), NETIPC_OK);
    service_expect(witness, 12, 100000, NETIPC_PUBLISHER_LIVE);
    munmap(page, size);
}

/* Lines of the maps of a process that name memory of the library: counts those with and without the permissions. */
static void count_maps(pid_t pid, const char *name, const char *permissions, size_t *with, size_t *without)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    assert_non_null(maps);
    *with = *without = 0;
    while (fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, name) != NULL)
            ++*(strstr(line, permissions) != NULL ? with : without);
    fclose(maps);
}

static void a_subscriber_maps_regions_for_reading_only(void **state)
{
    (void)state;
    struct peer *subscriber = subscriber_start(1000);
    uint64_t attached[3];
    size_t with, without;
    for (uint64_t generation = 2; generation <= 3; generation++) {
        peer_ask(subscriber, attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        count_maps(subscriber->pid, "memfd:netipc:" SERVICE_NAME, " r--s ", &with, &without);
        assert_true(with >= 1);
        assert_int_equal(without, 0);
        count_maps(subscriber->pid, "memfd:netipc:session", " rw-s ", &with, &without);
        assert_int_equal(with, 2); /* one that stays where it is, one with the attachment */
        assert_int_equal(without, 0);
        service_publish(publisher, 50000 * generation, generation); /* grows */
    }
    peer_end(subscriber);
}

#define trying(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        trying(a_subscriber_can_change_nothing_in_the_region),
        trying(reopening_the_region_for_writing_gives_no_more),
        trying(a_private_mapping_changes_only_the_subscribers_own_copy),
        trying(the_session_page_cannot_be_taken_away_once_ready),
        trying(a_session_page_that_was_taken_away_before_costs_only_its_owner),
        trying(a_session_page_sealed_by_the_subscriber_ends_only_its_session),
        trying(garbage_in_the_session_page_harms_nobody),
        trying(a_subscriber_maps_regions_for_reading_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
