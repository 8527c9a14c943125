/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/shm/made_region.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static_assert(SEALS_WANTED == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | 0x0010), "");

int make_memory(const void *bytes, size_t length, int seals)
{
    int fd = memfd_create("made", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    if (seals != 0)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

void make_ring(struct made_ring *made, uint32_t slots, uint64_t capacity)
{
    struct netipc_region_geometry geometry;
    const struct netipc_region_label label = {.incarnation = {1, 2}, .ordinal = 1, .service = "made"};
    assert_int_equal(netipc_region_plan(slots, capacity, UINT64_MAX, &geometry), NETIPC_OK);
    assert_int_equal(netipc_region_create(&geometry, &label, NULL, &made->region), NETIPC_OK);
    assert_int_equal(netipc_session_table_open(&made->sessions, 4), NETIPC_OK);
    netipc_ring_start(&made->ring, &made->region, 1, &made->sessions, 0, &(struct netipc_ring_totals){0});
}

void unmake_ring(struct made_ring *made)
{
    netipc_session_table_close(&made->sessions);
    netipc_region_destroy(&made->region, false);
}

static unsigned char pattern_byte(uint64_t at, uint64_t generation)
{
    return (unsigned char)(at * 13 + generation * 101 + (generation >> 8));
}

void publish_pattern(struct made_ring *made, uint64_t length)
{
    unsigned char *data = netipc_ring_claimed_data(&made->ring);
    for (uint64_t i = 0; i < length; i++)
        data[i] = pattern_byte(i, made->ring.generation + 1);
    netipc_ring_publish(&made->ring, length, 0);
}

bool pattern_is(const unsigned char *bytes, uint64_t length, uint64_t generation)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != pattern_byte(i, generation))
            return false;
    return true;
}
