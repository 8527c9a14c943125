/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber hears and is handed, around the region, what no correct publisher says and sends. */

#include "tests/publish/fake_publisher.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void a_session_page_that_is_not_right_is_refused(void **state)
{
    (void)state;
    static const unsigned char zeros[65536 * 2];
    const size_t size = netipc_session_page_bytes();
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
    const struct {
        size_t length, size;
        int seals;
    } pages[] = {{size, size, 0},  {size, size, F_SEAL_GROW}, {size, size, F_SEAL_SHRINK},
                 {0, size, seals}, {size, size * 2, seals},   {size / 2, size / 2, seals}};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        close(fake.page.fd);
        /* In the place of the good one, so that it is sealed before READY like that. */
        fake.page.fd = fake.fds[1] = fake_object(zeros, pages[i].length, pages[i].size, pages[i].seals);
        fake_expect_refused(&fake, NETIPC_CORRUPT);
    }
}

static void a_session_page_that_stays_unsealed_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.leaves_page_unsealed = true;
    fake_expect_refused(&fake, NETIPC_CORRUPT);
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
        fake_expect_refused(&fake, count < 2 ? NETIPC_PROTOCOL : NETIPC_NO_DESCRIPTORS);
    }
}

static void a_region_message_that_is_not_right_is_refused(void **state)
{
    (void)state;
    const struct lie lies[] = {
        {offsetof(struct netipc_region_offer, layout_version), 4, 2 | 1 << 16}, /* with the right flags */
        {offsetof(struct netipc_region_offer, layout_version), 4, 1},           /* without them */
        {offsetof(struct netipc_region_offer, layout_version), 4, 1 | 3 << 16}, /* with unknown ones */
        {LIE_IN(netipc_region_offer, ordinal), 0},
        {LIE_IN(netipc_region_offer, line_offset), 4096},
        {LIE_IN(netipc_region_offer, line_offset), 8},
        {LIE_IN(netipc_region_offer, line_offset), UINT32_MAX - 63},
        {LIE_IN(netipc_region_offer, page_size), 0},
        {LIE_IN(netipc_region_offer, zero), 1},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct fake_publisher fake;
        fake_prepare(&fake);
        fake_tell(&lies[i], &fake.offer);
        fake_expect_refused(&fake, NETIPC_PROTOCOL);
    }
}

static void a_server_without_the_publication_profile_is_refused(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.ack.intersection_profiles = NETIPC_PROFILE_BASELINE;
    fake_expect_refused(&fake, NETIPC_UNSUPPORTED);
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
        fake_expect_refused(&fake, refusals[i].expected);
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
        fake_expect_refused(&fake, NETIPC_GONE);
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
        fake_expect_within(&fake, NETIPC_TIMED_OUT, patience_ns(1) / 2);
    }
}

#define lying(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
