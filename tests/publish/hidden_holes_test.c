/* SPDX-License-Identifier: Apache-2.0 */
/* Objects with as many blocks as their size, some of them beyond their end: a hole before it would be filled at the
 * reader's cost, or fault. */

#include "tests/publish/fake_publisher.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define ALL_SEALS (SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* The first length of size bytes are there, and size bytes more behind the end. */
static int object_with_blocks_beyond(const void *bytes, size_t length, size_t size, int seals)
{
    struct stat status;
    int fd = fake_object(bytes, length, size, 0);
    assert_return_code(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)size, (off_t)size), errno);
    assert_return_code(fcntl(fd, F_ADD_SEALS, seals), errno);
    assert_return_code(fstat(fd, &status), errno);
    assert_int_equal(status.st_size, size);
    assert_true((uint64_t)status.st_blocks * 512 >= size);
    return fd;
}

static void a_region_with_a_hole_and_blocks_beyond_its_end_is_refused(void **state)
{
    (void)state;
    const size_t kept[] = {8192, 0}; /* all headers, no data; nothing */
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        int fd = object_with_blocks_beyond(fake.region.header, kept[i], fake.offer.region_size, ALL_SEALS);
        fake.fds[0] = fd;
        fake_expect_refused(&fake, NETIPC_CORRUPT);
        close(fd);
    }
}

static void a_session_page_that_is_a_hole_with_blocks_beyond_its_end_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    close(fake.page.fd);
    fake.page.fd = fake.fds[1] = object_with_blocks_beyond("", 0, netipc_session_page_bytes(), SIZE_SEALS);
    fake_expect_refused(&fake, NETIPC_CORRUPT);
}

static void punch_and_seal(struct fake_publisher *fake)
{
    (void)fallocate(fake->page.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)netipc_session_page_bytes());
    (void)fcntl(fake->page.fd, F_ADD_SEALS, ALL_SEALS);
}

static void a_session_page_punched_away_after_it_was_mapped_is_refused(void **state)
{
    (void)state;
    static const unsigned char zeros[65536];
    struct fake_publisher fake;
    fake_prepare(&fake);
    close(fake.page.fd);
    size_t size = netipc_session_page_bytes();
    fake.page.fd = fake.fds[1] = object_with_blocks_beyond(zeros, size, size, SIZE_SEALS);
    fake.leaves_page_unsealed = true;
    fake.before_ready = punch_and_seal;
    fake_expect_refused(&fake, NETIPC_CORRUPT);
}

#define lying(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lying(a_region_with_a_hole_and_blocks_beyond_its_end_is_refused),
        lying(a_session_page_that_is_a_hole_with_blocks_beyond_its_end_is_refused),
        lying(a_session_page_punched_away_after_it_was_mapped_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
