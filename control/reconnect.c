/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reconnect.h"

#include "shm/checked.h"

void netipc_reconnect_succeeded(struct netipc_reconnect *reconnect)
{
    reconnect->failures = 0;
    reconnect->next_ns = 0;
}

static uint64_t doubled(uint64_t first, uint32_t times, uint64_t most)
{
    if (first == 0 || first >= most)
        return first < most ? first : most;
    return times >= 64 || first > most >> times ? most : first << times;
}

/* Between half of it and all of it, so that many clients of one server do not come back together. */
static uint64_t jittered(uint64_t wait, uint64_t random)
{
    uint64_t half = wait / 2;
    return wait - (half > 0 ? random % (half + 1) : 0);
}

bool netipc_reconnect_failed(struct netipc_reconnect *reconnect, bool fatal, uint64_t now_ns, uint64_t random)
{
    uint64_t wait = fatal ? reconnect->most_ns : doubled(reconnect->first_ns, reconnect->failures, reconnect->most_ns);
    if (reconnect->failures < UINT32_MAX)
        reconnect->failures++;
    bool opens = reconnect->breaker_failures > 0 && reconnect->failures >= reconnect->breaker_failures;
    wait = opens ? reconnect->breaker_ns : jittered(wait, random);
    reconnect->next_ns = netipc_add_saturating(now_ns, wait);
    return opens;
}

uint64_t netipc_reconnect_in(const struct netipc_reconnect *reconnect, uint64_t now_ns)
{
    return reconnect->next_ns > now_ns ? reconnect->next_ns - now_ns : 0;
}
