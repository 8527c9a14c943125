/* SPDX-License-Identifier: Apache-2.0 */
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
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static netipc_subscriber *open_subscriber(uint64_t connect_timeout_ns)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.connect_timeout_ns = connect_timeout_ns;
    config.max_region_size = 1 << 20;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

/* The refresh gives this, nothing is mapped, no descriptor is kept, and a good publisher is attached to afterwards. */
static void expect_within(struct fake_publisher *fake, netipc_status expected, uint64_t connect_timeout_ns)
{
    size_t descriptors = open_descriptors(), mappings = library_mappings();
    netipc_subscriber *subscriber = open_subscriber(connect_timeout_ns);
    int changed = 1;
    fake_start(fake);
    netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    if (status != expected)
        fail_msg("%s is expected, refresh gave %s: %s", netipc_status_name(expected), netipc_status_name(status),
                 netipc_status_detail());
    assert_string_not_equal(netipc_status_detail(), "");
    assert_int_equal(changed, 0);
    assert_int_not_equal(info.state, NETIPC_STATE_READY);
    assert_int_equal(info.last_error, expected);
    assert_int_equal(info.attaches, 0);
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 0, NULL), NETIPC_DISCONNECTED);
    assert_int_equal(library_mappings(), mappings);
    fake_end(fake);

    netipc_publisher *good = NULL;
    unlink(service_socket());
    good = service_publisher();
    service_publish(good, 10, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    service_expect(subscriber, 1, 10, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(good);
    assert_int_equal(open_descriptors(), descriptors - 2); /* those of the fake are closed too */
}

static void expect_refused(struct fake_publisher *fake, netipc_status expected)
{
    expect_within(fake, expected, patience_ns(30));
}

/* Instead of the region, an object that is closed here. */
static void expect_region_refused(int fd, size_t announced, netipc_status expected)
{
    struct fake_publisher fake;
    assert_return_code(fd, errno);
    fake_prepare(&fake);
    fake.fds[0] = fd;
    fake.offer.region_size = announced;
    expect_refused(&fake, expected);
    close(fd);
}

static void a_good_region_is_taken(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake_start(&fake);
    netipc_subscriber *subscriber = open_subscriber(patience_ns(30));
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    fake_end(&fake);
}

static void a_region_that_is_not_sealed_is_refused(void **state)
{
    (void)state;
    const int seals[] = {0, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
                         F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL};
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++)
        expect_region_refused(fake_object(65536, seals[i], false, 0), 65536, NETIPC_CORRUPT);
}

static void a_sparse_region_is_refused(void **state)
{
    (void)state;
    expect_region_refused(fake_object(65536, ALL_SEALS, true, 0), 65536, NETIPC_CORRUPT);
}

static void a_region_of_another_size_than_announced_is_refused(void **state)
{
    (void)state;
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), 65536 + 4096, NETIPC_CORRUPT);
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), 65536 - 4096, NETIPC_CORRUPT);
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), 65537, NETIPC_CORRUPT);
    expect_region_refused(fake_object(100, ALL_SEALS, false, 0), 100, NETIPC_CORRUPT);
    expect_region_refused(fake_object(4096, ALL_SEALS, false, 0), 0, NETIPC_CORRUPT);
}

static void a_region_larger_than_the_subscriber_accepts_is_refused(void **state)
{
    (void)state;
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), (1 << 20) + 1, NETIPC_LIMIT_EXCEEDED);
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), SIZE_MAX, NETIPC_LIMIT_EXCEEDED);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0), 65536, NETIPC_CORRUPT);
    expect_region_refused(fake_object(65536, ALL_SEALS, false, 0xff), 65536, NETIPC_CORRUPT);
    expect_region_refused(fake_object(4096, ALL_SEALS, false, 0x5a), 4096, NETIPC_CORRUPT);
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

static void lie(struct netipc_region_identity *identity, int which)
{
    switch (which) {
    case 0:
        identity->magic++;
        break;
    case 1:
        identity->slot_count = 0;
        break;
    case 2:
        identity->slot_count = UINT32_MAX;
        break;
    case 3:
        identity->slot_count = 1024;
        break;
    case 4:
        identity->capacity = 0;
        break;
    case 5:
        identity->capacity = UINT64_MAX;
        break;
    case 6:
        identity->capacity += 4096;
        break;
    case 7:
        identity->slot_stride = UINT64_MAX;
        break;
    case 8:
        identity->slot_headers_offset = UINT64_MAX - 63;
        break;
    case 9:
        identity->slot_data_offset += 128;
        break;
    case 10:
        identity->region_size += 4096;
        break;
    case 11:
        identity->header_size = 0;
        break;
    case 12:
        identity->ordinal = 2;
        break;
    case 13:
        identity->incarnation[1]++;
        break;
    default:
        identity->slot_header_size = 128;
        break;
    }
}

static void a_region_whose_header_lies_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which <= 14; which++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        struct netipc_region_identity *identity = &fake.region.header->identity;
        lie(identity, which);
        identity->check = netipc_fnv1a_64(identity, offsetof(struct netipc_region_identity, check));
        expect_refused(&fake, NETIPC_CORRUPT);
    }
}

static void a_region_of_another_make_is_incompatible(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        struct netipc_region_identity *identity = &fake.region.header->identity;
        if (which == 0)
            identity->order_mark = UINT32_C(0x04030201);
        else if (which == 1)
            identity->layout_major++;
        else
            identity->abi_fingerprint++;
        identity->check = netipc_fnv1a_64(identity, offsetof(struct netipc_region_identity, check));
        expect_refused(&fake, NETIPC_INCOMPATIBLE);
    }
}

static void a_header_with_a_wrong_check_word_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.region.header->identity.schema_id ^= 1;
    expect_refused(&fake, NETIPC_CORRUPT);
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
    netipc_subscriber *subscriber = open_subscriber(patience_ns(30));
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

/* --- the page, and the messages around --- */

static void a_session_page_that_is_not_right_is_refused(void **state)
{
    (void)state;
    const int size = (int)netipc_session_page_bytes();
    const struct {
        int size, seals;
        bool sparse;
    } pages[] = {{size, 0, false},
                 {size, F_SEAL_GROW, false},
                 {size, F_SEAL_SHRINK | F_SEAL_GROW, true},
                 {size * 2, F_SEAL_SHRINK | F_SEAL_GROW, false},
                 {size / 2, F_SEAL_SHRINK | F_SEAL_GROW, false}};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        int fd = fake_object((size_t)pages[i].size, pages[i].seals, pages[i].sparse, 0);
        fake.fds[1] = fd;
        expect_refused(&fake, NETIPC_CORRUPT);
        close(fd);
    }
}

static void a_session_page_that_stays_unsealed_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.leaves_page_unsealed = true;
    expect_refused(&fake, NETIPC_CORRUPT);
}

static void a_region_without_its_page_or_with_too_much_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    for (size_t count = 0; count <= FAKE_FDS_MOST; count++) {
        if (count == 2)
            continue;
        fake_prepare(&fake);
        fake.fd_count = count;
        fake.fds[2] = fake.fds[0];
        expect_refused(&fake, count < 2 ? NETIPC_PROTOCOL : NETIPC_NO_DESCRIPTORS);
    }
}

static void a_region_message_that_is_not_right_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which < 9; which++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        switch (which) {
        case 0:
            fake.offer.layout_version = 2;
            break;
        case 1:
            fake.offer.flags = 0;
            break;
        case 2:
            fake.offer.flags = 3;
            break;
        case 3:
            fake.offer.ordinal = 0;
            break;
        case 4:
            fake.offer.line_offset = 4096;
            break;
        case 5:
            fake.offer.line_offset = 8;
            break;
        case 6:
            fake.offer.line_offset = UINT32_MAX - 63;
            break;
        case 7:
            fake.offer.page_size = 0;
            break;
        default:
            fake.offer.zero = 1;
            break;
        }
        expect_refused(&fake, NETIPC_PROTOCOL);
    }
}

static void a_server_without_the_publication_profile_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.ack.intersection_profiles = NETIPC_PROFILE_BASELINE;
    expect_refused(&fake, NETIPC_UNSUPPORTED);
}

static void a_refusal_is_told_by_its_reason(void **state)
{
    (void)state;
    const struct {
        uint16_t refusal;
        netipc_status expected;
    } refusals[] = {{NETIPC_TRANSPORT_AUTH_FAILED, NETIPC_AUTH_FAILED},
                    {NETIPC_TRANSPORT_INCOMPATIBLE, NETIPC_INCOMPATIBLE},
                    {NETIPC_TRANSPORT_UNSUPPORTED, NETIPC_UNSUPPORTED},
                    {NETIPC_TRANSPORT_LIMIT_EXCEEDED, NETIPC_BUSY},
                    {77, NETIPC_PROTOCOL}};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        fake.refusal = refusals[i].refusal;
        expect_refused(&fake, refusals[i].expected);
    }
}

static void a_publisher_that_hangs_up_is_gone(void **state)
{
    (void)state;
    for (int step = 0; step < 3; step++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        if (step == 0)
            fake.at_hello = FAKE_HANGS_UP;
        else if (step == 1)
            fake.at_attach = FAKE_HANGS_UP;
        else
            fake.at_attached = FAKE_HANGS_UP;
        expect_refused(&fake, NETIPC_GONE);
    }
}

static void a_publisher_that_falls_silent_is_waited_for_until_the_deadline(void **state)
{
    (void)state;
    for (int step = 0; step < 3; step++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        if (step == 0)
            fake.at_hello = FAKE_IS_SILENT;
        else if (step == 1)
            fake.at_attach = FAKE_IS_SILENT;
        else
            fake.at_attached = FAKE_IS_SILENT;
        expect_within(&fake, NETIPC_TIMED_OUT, patience_ns(1) / 2);
    }
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
        lying(a_session_page_that_is_not_right_is_refused),
        lying(a_session_page_that_stays_unsealed_is_refused),
        lying(a_region_without_its_page_or_with_too_much_is_refused),
        lying(a_region_message_that_is_not_right_is_refused),
        lying(a_server_without_the_publication_profile_is_refused),
        lying(a_refusal_is_told_by_its_reason),
        lying(a_publisher_that_hangs_up_is_gone),
        lying(a_publisher_that_falls_silent_is_waited_for_until_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
