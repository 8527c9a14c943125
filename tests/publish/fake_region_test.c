/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber is handed regions that no correct publisher makes. */

#include "shm/fnv.h"
#include "tests/publish/fake_publisher.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* Instead of the region, something that is closed here. */
static void expect_region_refused(int fd, uint64_t announced, netipc_status expected)
{
    struct fake_publisher fake;
    assert_return_code(fd, errno);
    fake_prepare(&fake);
    fake.fds[0] = fd;
    fake.offer.region_size = announced;
    fake_expect_refused(&fake, expected);
    close(fd);
}

/* Instead of the region, its first length bytes in an object of as many bytes as announced and so many more. */
static void expect_copy_refused(uint64_t length, int64_t more, int seals, netipc_status expected)
{
    struct fake_publisher fake;
    fake_prepare(&fake);
    uint64_t size = fake.offer.region_size;
    int fd = fake_object(fake.region.header, length < size ? length : size, (size_t)((int64_t)size + more), seals);
    fake.fds[0] = fd;
    fake_expect_refused(&fake, expected);
    close(fd);
}

static void a_good_region_is_taken(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake_start(&fake);
    netipc_subscriber *subscriber = fake_subscriber(patience_ns(30));
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    fake_end(&fake);
}

static void a_region_that_is_not_sealed_is_refused(void **state)
{
    (void)state;
    const int seals[] = {0,
                         F_SEAL_SHRINK | F_SEAL_GROW,
                         ALL_SEALS & ~F_SEAL_SHRINK,
                         ALL_SEALS & ~F_SEAL_GROW,
                         ALL_SEALS & ~F_SEAL_FUTURE_WRITE,
                         ALL_SEALS & ~F_SEAL_SEAL};
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++)
        expect_copy_refused(UINT64_MAX, 0, seals[i], NETIPC_CORRUPT);
}

static void a_sparse_region_is_refused(void **state)
{
    (void)state;
    expect_copy_refused(8192, 0, ALL_SEALS, NETIPC_CORRUPT); /* all headers, no data */
    expect_copy_refused(0, 0, ALL_SEALS, NETIPC_CORRUPT);
}

static void a_region_of_another_size_than_announced_is_refused(void **state)
{
    (void)state;
    expect_copy_refused(UINT64_MAX, 4096, ALL_SEALS, NETIPC_CORRUPT);
    expect_copy_refused(8192, -4096, ALL_SEALS, NETIPC_CORRUPT);
    expect_copy_refused(100, -1, ALL_SEALS, NETIPC_CORRUPT);
    static const unsigned char zeros[4096];
    expect_region_refused(fake_object(zeros, 100, 100, ALL_SEALS), 100, NETIPC_CORRUPT);
    expect_region_refused(fake_object(zeros, 4096, 4096, ALL_SEALS), 4096, NETIPC_CORRUPT);
    expect_region_refused(fake_object(zeros, 4096, 4096, ALL_SEALS), 0, NETIPC_CORRUPT);
}

static void a_region_larger_than_the_subscriber_accepts_is_refused(void **state)
{
    (void)state;
    static const unsigned char zeros[4096];
    expect_region_refused(fake_object(zeros, 4096, 4096, ALL_SEALS), (1 << 20) + 1, NETIPC_LIMIT_EXCEEDED);
    expect_region_refused(fake_object(zeros, 4096, 4096, ALL_SEALS), UINT64_MAX, NETIPC_LIMIT_EXCEEDED);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    static unsigned char garbage[65536];
    for (int fill = 0; fill < 256; fill += 85) {
        memset(garbage, fill, sizeof garbage);
        expect_region_refused(fake_object(garbage, sizeof garbage, sizeof garbage, ALL_SEALS), sizeof garbage,
                              NETIPC_CORRUPT);
    }
}

static void what_is_no_shared_memory_is_refused(void **state)
{
    (void)state;
    int ends[2];
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    expect_region_refused(ends[0], 65536, NETIPC_CORRUPT);
    expect_region_refused(ends[1], 65536, NETIPC_CORRUPT);
    expect_region_refused(open("/dev/zero", O_RDWR | O_CLOEXEC), 65536, NETIPC_CORRUPT);
    expect_region_refused(open(service_dir, O_RDONLY | O_CLOEXEC), 65536, NETIPC_CORRUPT);
    expect_region_refused(open("/", O_PATH | O_CLOEXEC), 65536, NETIPC_CORRUPT);
}

/* --- a well-made object whose header lies --- */

#define IDENTITY(field) LIE_IN(netipc_region_identity, field)

static void expect_identity_refused(const struct lie *lie, netipc_status expected)
{
    struct fake_publisher fake;
    fake_prepare(&fake);
    struct netipc_region_identity *identity = &fake.region.header->identity;
    fake_tell(lie, identity);
    identity->check = netipc_fnv1a_64(identity, offsetof(struct netipc_region_identity, check));
    fake_expect_refused(&fake, expected);
}

static void a_region_whose_header_lies_is_refused(void **state)
{
    (void)state;
    const struct lie lies[] = {
        {IDENTITY(magic), 0},
        {IDENTITY(slot_count), 0},
        {IDENTITY(slot_count), UINT32_MAX},
        {IDENTITY(slot_count), 1024},
        {IDENTITY(capacity), 0},
        {IDENTITY(capacity), UINT64_MAX},
        {IDENTITY(capacity), 8192},
        {IDENTITY(slot_stride), UINT64_MAX},
        {IDENTITY(slot_headers_offset), UINT64_MAX - 63},
        {IDENTITY(slot_data_offset), 4096},
        {IDENTITY(region_size), UINT64_MAX},
        {IDENTITY(header_size), 0},
        {IDENTITY(slot_header_size), 128},
        {IDENTITY(ordinal), 2},
        {IDENTITY(incarnation[1]), 13},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        expect_identity_refused(&lies[i], NETIPC_CORRUPT);
}

static void a_region_of_another_make_is_incompatible(void **state)
{
    (void)state;
    const struct lie lies[] = {
        {IDENTITY(order_mark), UINT32_C(0x04030201)},
        {offsetof(struct netipc_region_identity, layout_major), 4, 2}, /* and minor 0 */
        {IDENTITY(abi_fingerprint), 1},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        expect_identity_refused(&lies[i], NETIPC_INCOMPATIBLE);
}

static void a_header_with_a_wrong_check_word_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.region.header->identity.schema_id ^= 1;
    fake_expect_refused(&fake, NETIPC_CORRUPT);
}

/* --- slots that lie: attached to, and then every read says so --- */

static void expect_read(void (*change)(struct fake_publisher *), netipc_status expected)
{
    struct fake_publisher fake;
    unsigned char buffer[65536];
    netipc_snapshot_info info = {.size = sizeof info};
    fake_prepare(&fake);
    change(&fake);
    fake_start(&fake);
    netipc_subscriber *subscriber = fake_subscriber(patience_ns(30));
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info), expected);
    netipc_subscriber_close(subscriber);
    fake_end(&fake);
}

static void name_a_slot_that_is_not_there(struct fake_publisher *fake)
{
    netipc_store(&fake->region.header->latest, netipc_hot_word(1, NETIPC_REGION_LIVE, 4), relaxed);
}

static void name_the_last_slot_there_can_be(struct fake_publisher *fake)
{
    netipc_store(&fake->region.header->latest, netipc_hot_word(1, NETIPC_REGION_LIVE, 4095), relaxed);
}

static void name_a_generation_that_never_comes(struct fake_publisher *fake)
{
    netipc_store(&fake->region.header->latest, netipc_hot_word(7, NETIPC_REGION_LIVE, 0), relaxed);
}

/* With a check word that fits. */
static void set_lengths(struct fake_publisher *fake, uint64_t payload, uint64_t annex, uint64_t flags)
{
    struct netipc_slot_header *slot = &fake->region.slots[0];
    const struct netipc_slot_values values = {
        .seq = 2, .payload_length = payload, .annex_length = annex, .flags = flags};
    netipc_store(&slot->payload_length, payload, relaxed);
    netipc_store(&slot->annex_length, annex, relaxed);
    netipc_store(&slot->flags, flags, relaxed);
    netipc_store(&slot->publish_time_ns, 0, relaxed);
    netipc_store(&slot->check, netipc_slot_check(&values), relaxed);
}

static void claim_more_than_a_slot_holds(struct fake_publisher *fake)
{
    set_lengths(fake, 4097, 0, 0);
}

static void claim_more_than_there_is(struct fake_publisher *fake)
{
    set_lengths(fake, UINT64_MAX, 0, 0);
}

static void claim_an_annex_that_does_not_fit(struct fake_publisher *fake)
{
    set_lengths(fake, 4096, 1, 0);
}

static void claim_an_endless_annex(struct fake_publisher *fake)
{
    set_lengths(fake, 8, UINT64_MAX - 7, 0);
}

static void set_an_unknown_flag(struct fake_publisher *fake)
{
    set_lengths(fake, 1000, 0, 1);
}

static void break_the_check_word(struct fake_publisher *fake)
{
    netipc_fetch_add(&fake->region.slots[0].check, 1, relaxed);
}

static void slots_that_lie_are_corrupt_and_bounded(void **state)
{
    (void)state;
    expect_read(name_a_slot_that_is_not_there, NETIPC_CORRUPT);
    expect_read(name_the_last_slot_there_can_be, NETIPC_CORRUPT);
    expect_read(name_a_generation_that_never_comes, NETIPC_OVERRUN);
    expect_read(claim_more_than_a_slot_holds, NETIPC_CORRUPT);
    expect_read(claim_more_than_there_is, NETIPC_CORRUPT);
    expect_read(claim_an_annex_that_does_not_fit, NETIPC_CORRUPT);
    expect_read(claim_an_endless_annex, NETIPC_CORRUPT);
    expect_read(set_an_unknown_flag, NETIPC_CORRUPT);
    expect_read(break_the_check_word, NETIPC_CORRUPT);
}

#define lying(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lying(a_good_region_is_taken),
        lying(a_region_that_is_not_sealed_is_refused),
        lying(a_sparse_region_is_refused),
        lying(a_region_of_another_size_than_announced_is_refused),
        lying(a_region_larger_than_the_subscriber_accepts_is_refused),
        lying(garbage_is_refused),
        lying(what_is_no_shared_memory_is_refused),
        lying(a_region_whose_header_lies_is_refused),
        lying(a_region_of_another_make_is_incompatible),
        lying(a_header_with_a_wrong_check_word_is_refused),
        lying(slots_that_lie_are_corrupt_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
