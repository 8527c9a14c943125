/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a profile: what is read is inside its ranges, and comes back when it is written and read again. */
#include "tests/fuzz/fuzz.h"

#include <netipc/profile.h>
#include <netipc/subscriber.h>

#include <string.h>

enum { NOTHING, SPIN, NUMBER, ALL, OTHER_VERSION, BEHIND_THE_VERSION };
const char *const fuzz_goals[] = {"read no key",
                                  "read a spin",
                                  "read a number",
                                  "read all keys",
                                  "found another version",
                                  "refused a line behind the first",
                                  NULL};

enum { EVERY_KEY = NETIPC_PROFILE_SPIN | NETIPC_PROFILE_SPIN_NS | NETIPC_PROFILE_SLOW_WAKE_NS };

static void check_read(const netipc_profile *profile)
{
    netipc_profile again;
    char text[256];
    size_t length;
    fuzz_check(profile->spin <= NETIPC_SPIN_FIXED && profile->spin_ns <= 1000000000);
    fuzz_check((profile->keys & NETIPC_PROFILE_SLOW_WAKE_NS) == 0 || profile->slow_wake_ns >= 1000);
    fuzz_check(netipc_profile_format(profile, text, sizeof text, &length) == NETIPC_OK);
    netipc_profile_init(&again);
    fuzz_check(netipc_profile_parse(text, length, &again) == NETIPC_OK);
    fuzz_check(memcmp(&again, profile, sizeof again) == 0);
    fuzz_reached[NOTHING] += profile->keys == 0;
    fuzz_reached[SPIN] += (profile->keys & NETIPC_PROFILE_SPIN) != 0;
    fuzz_reached[NUMBER] += (profile->keys & ~(uint32_t)NETIPC_PROFILE_SPIN) != 0;
    fuzz_reached[ALL] += profile->keys == EVERY_KEY;
}

static void check_refused(const netipc_profile *profile, netipc_status status)
{
    const char *detail = netipc_status_detail();
    netipc_profile none;
    netipc_profile_init(&none);
    fuzz_check(memcmp(&none, profile, sizeof none) == 0);
    for (const char *at = detail; *at != '\0'; at++)
        fuzz_check(*at >= ' ' || *at == '\t');
    fuzz_reached[OTHER_VERSION] += status == NETIPC_UNSUPPORTED;
    fuzz_reached[BEHIND_THE_VERSION] += strstr(detail, "none of the keys") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    netipc_profile profile;
    netipc_profile_init(&profile);
    netipc_status status = netipc_profile_parse(data, size, &profile);
    fuzz_check_status(status,
                      FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_INVALID_ARGUMENT) | FUZZ_STATUS(NETIPC_UNSUPPORTED) |
                          FUZZ_STATUS(NETIPC_LIMIT_EXCEEDED),
                      "parse");
    if (status == NETIPC_OK)
        check_read(&profile);
    else
        check_refused(&profile, status);
    return 0;
}
