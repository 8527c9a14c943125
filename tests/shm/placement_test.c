/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/os.h"
#include "shm/region.h"
#include "tests/publish/child.h"
#include "tests/shm/refusing.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { MADVISE_POPULATE_READ = 22, MADVISE_POPULATE_WRITE = 23, MADVISE_COLLAPSE = 25 };

enum { SLOTS = 5, ANY = NETIPC_NUMA_NODE_ANY };

/* A region, and a subscriber's view of it. */
struct placed {
    struct netipc_region region;
    struct netipc_region_view view;
};

/* Those in children report a failure with child_check, which works in any process. */
static void place(struct placed *placed, uint64_t capacity, uint32_t flags, int32_t numa_node)
{
    const struct netipc_region_label label = {.incarnation = {1, 2}, .ordinal = 1, .service = "placed"};
    const struct netipc_placement_wish wish = {flags, numa_node};
    struct netipc_region_geometry geometry;
    child_check(netipc_region_plan(SLOTS, capacity, UINT64_MAX, &geometry) == NETIPC_OK);
    child_check(netipc_region_create(&geometry, &label, &wish, &placed->region) == NETIPC_OK);
    child_check(netipc_region_attach(placed->region.fd, geometry.region_size, UINT64_MAX, flags, &placed->view) ==
                NETIPC_OK);
    child_check(placed->region.placement.wanted == (flags | (numa_node == ANY ? 0 : NETIPC_PLACE_NUMA_NODE)));
    child_check(placed->view.placement.wanted == flags);
    /* Whatever came of it: what is written on the one side is there on the other. */
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        memset(netipc_region_slot_data(&placed->region, slot), (int)slot + 1, capacity);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        const unsigned char *data = placed->view.data + slot * geometry.slot_stride;
        child_check(data[0] == slot + 1 && memcmp(data, data + 1, capacity - 1) == 0);
    }
}

static void drop(struct placed *placed)
{
    netipc_region_detach(&placed->view, false);
    netipc_region_destroy(&placed->region, false);
}

/* A field of /proc/self/smaps, in bytes, for the mapping that begins at base. */
static uint64_t of_mapping(const void *base, const char *field)
{
    char line[512];
    bool here = false;
    uint64_t kib = 0;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    child_check(smaps != NULL);
    while (fgets(line, sizeof line, smaps) != NULL) {
        char *end;
        uint64_t start = strtoull(line, &end, 16);
        if (end > line && *end == '-')
            here = start == (uintptr_t)base;
        else if (here && strncmp(line, field, strlen(field)) == 0)
            kib = strtoull(line + strlen(field), NULL, 10);
    }
    fclose(smaps);
    return kib * 1024;
}

/* What must be so when nothing of the option was refused, and when it was. */
static void expect_in_force(const struct netipc_placement *placement, uint32_t options)
{
    if ((placement->refused & options) != 0)
        fail_msg("0x%x refused: %s", placement->refused & options, netipc_status_detail());
    assert_int_equal(placement->wanted & options, options);
    assert_int_equal(placement->last_error, NETIPC_OK);
}

static void check_refused(const struct netipc_placement *placement, uint32_t option, netipc_status status,
                          const char *reason)
{
    uint32_t bit = 0;
    while (option >> bit != 1)
        bit++;
    child_check(placement->refused == option);
    child_check(placement->last_error == status);
    child_check(placement->errors[bit] == status);
    if (strstr(placement->reasons[bit], reason) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", reason, placement->reasons[bit]);
    child_check(strstr(placement->reasons[bit], reason) != NULL);
}

/* --- nothing --- */

static void without_a_wish_nothing_is_wanted_or_refused(void **state)
{
    (void)state;
    struct placed placed;
    place(&placed, 5000, 0, ANY);
    assert_int_equal(placed.region.placement.refused, 0);
    assert_int_equal(placed.view.placement.refused, 0);
    assert_int_equal(placed.region.placement.last_error, NETIPC_OK);
    drop(&placed);
}

/* --- huge pages --- */

static bool system_makes_huge_pages(void)
{
    uint64_t huge = netipc_os_huge_page_size();
    int fd = memfd_create("probe", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)huge * 2), 0);
    unsigned char *bytes = mmap(NULL, huge * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *aligned = bytes + (huge - (uintptr_t)bytes % huge) % huge;
    assert_ptr_equal(mmap(aligned, huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0), aligned);
    *aligned = 1;
    bool makes = madvise(aligned, huge, MADVISE_COLLAPSE) == 0;
    munmap(bytes, huge * 2);
    close(fd);
    return makes;
}

static void a_region_is_of_huge_pages_on_both_sides(void **state)
{
    (void)state;
    if (!system_makes_huge_pages()) {
        printf("[  note  ] this system makes no huge pages\n");
        return;
    }
    uint64_t huge = netipc_os_huge_page_size();
    struct placed placed;
    place(&placed, huge / 2, NETIPC_PLACE_HUGE_PAGES, ANY);
    uint64_t whole = placed.region.geometry.region_size / huge * huge;
    assert_true(whole >= 2 * huge && whole < placed.region.geometry.region_size);
    expect_in_force(&placed.region.placement, NETIPC_PLACE_HUGE_PAGES);
    expect_in_force(&placed.view.placement, NETIPC_PLACE_HUGE_PAGES);
    assert_int_equal(of_mapping(placed.region.header, "ShmemPmdMapped:"), whole);
    assert_int_equal(of_mapping(placed.view.header, "ShmemPmdMapped:"), whole);
    drop(&placed);
}

static void a_region_smaller_than_a_huge_page_is_of_ordinary_ones(void **state)
{
    (void)state;
    struct placed placed;
    place(&placed, 65536, NETIPC_PLACE_HUGE_PAGES, ANY);
    check_refused(&placed.region.placement, NETIPC_PLACE_HUGE_PAGES, NETIPC_UNSUPPORTED, "less than a huge page");
    check_refused(&placed.view.placement, NETIPC_PLACE_HUGE_PAGES, NETIPC_UNSUPPORTED, "less than a huge page");
    drop(&placed);
}

static void place_without_huge_pages(void)
{
    struct placed placed;
    child_check(refuse_huge_pages());
    place(&placed, netipc_os_huge_page_size() / 2, NETIPC_PLACE_HUGE_PAGES, ANY);
    check_refused(&placed.region.placement, NETIPC_PLACE_HUGE_PAGES, NETIPC_SYSTEM, "make huge page 1 of 2");
    child_check(of_mapping(placed.region.header, "ShmemPmdMapped:") == 0);
    drop(&placed);
}

static void a_process_without_huge_pages_gets_a_region_of_ordinary_ones(void **state)
{
    (void)state;
    in_a_child(place_without_huge_pages);
}

/* Bytes of addresses in use, by anything. */
static uint64_t address_space(void)
{
    uint64_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    child_check(statm != NULL && fscanf(statm, "%" SCNu64, &pages) == 1);
    fclose(statm);
    return pages * netipc_os_page_size();
}

static void aligned_regions_leave_no_addresses_behind(void **state)
{
    (void)state;
    enum { ROUNDS = 30 };
    uint64_t huge = netipc_os_huge_page_size(), before = address_space();
    for (int i = 0; i < ROUNDS; i++) {
        struct placed placed;
        place(&placed, huge / 4, NETIPC_PLACE_HUGE_PAGES, ANY);
        drop(&placed);
    }
    assert_true(address_space() < before + ROUNDS / 2 * huge); /* the heap may have grown a little */
}

static void attach_without_a_mapping(void)
{
    enum { ROUNDS = 30 };
    struct placed placed;
    uint64_t huge = netipc_os_huge_page_size(), before;
    place(&placed, huge / 4, 0, ANY);
    child_check(refuse_call(SYS_mmap, PROT_READ, ENOMEM));
    before = address_space();
    for (int i = 0; i < ROUNDS; i++) {
        struct netipc_region_view view;
        child_check(netipc_region_attach(placed.region.fd, placed.region.geometry.region_size, UINT64_MAX,
                                         NETIPC_PLACE_HUGE_PAGES, &view) == NETIPC_NO_MEMORY);
    }
    child_check(address_space() < before + ROUNDS / 2 * huge);
    drop(&placed);
}

static void a_mapping_that_fails_leaves_no_addresses_behind(void **state)
{
    (void)state;
    in_a_child(attach_without_a_mapping);
}

/* --- locking --- */

static void place_locked(void)
{
    struct placed placed;
    child_check(refuse_locking_above(2 << 20));
    place(&placed, 100000, NETIPC_PLACE_LOCK, ANY);
    child_check(placed.region.placement.refused == 0);
    child_check(placed.view.placement.refused == 0);
    uint64_t size = placed.region.geometry.region_size;
    child_check(of_mapping(placed.region.header, "Locked:") > 0);
    child_check(of_mapping(placed.view.header, "Locked:") > 0);
    struct placed other;
    child_check(refuse_locking_above(size * 5 / 2)); /* room for half a region more */
    place(&other, 100000, NETIPC_PLACE_LOCK, ANY);
    check_refused(&other.region.placement, NETIPC_PLACE_LOCK, NETIPC_NO_MEMORY, "RLIMIT_MEMLOCK: ");
    check_refused(&other.view.placement, NETIPC_PLACE_LOCK, NETIPC_NO_MEMORY, "RLIMIT_MEMLOCK: ");
    child_check(of_mapping(other.region.header, "Locked:") == 0);
    drop(&other);
    drop(&placed);
    place(&other, 100000, NETIPC_PLACE_LOCK, ANY); /* there is room again */
    child_check(other.region.placement.refused == 0 && other.view.placement.refused == 0);
    drop(&other);
}

static void a_region_is_locked_as_far_as_the_limit_goes(void **state)
{
    (void)state;
    if (may_lock(2 << 20))
        in_a_child(place_locked);
}

static void place_without_locking(void)
{
    struct placed placed;
    child_check(refuse_locking_above(0));
    place(&placed, 100000, NETIPC_PLACE_LOCK, ANY);
    check_refused(&placed.region.placement, NETIPC_PLACE_LOCK, NETIPC_PERMISSION_DENIED, "RLIMIT_MEMLOCK: 0 bytes");
    check_refused(&placed.view.placement, NETIPC_PLACE_LOCK, NETIPC_PERMISSION_DENIED, "RLIMIT_MEMLOCK: 0 bytes");
    drop(&placed);
}

static void a_process_that_may_lock_nothing_gets_a_region_that_is_not_locked(void **state)
{
    (void)state;
    in_a_child(place_without_locking);
}

/* --- prefaulting --- */

static void place_prefaulted(void)
{
    struct placed placed;
    place(&placed, 100000, NETIPC_PLACE_PREFAULT, ANY);
    drop(&placed);
    const struct netipc_region_label label = {.ordinal = 1, .service = "placed"};
    struct netipc_region_geometry geometry;
    child_check(netipc_region_plan(SLOTS, 100000, UINT64_MAX, &geometry) == NETIPC_OK);
    child_check(netipc_region_create(&geometry, &label, NULL, &placed.region) == NETIPC_OK);
    uint64_t size = geometry.region_size;
    child_check(netipc_region_attach(placed.region.fd, size, size, NETIPC_PLACE_PREFAULT, &placed.view) == NETIPC_OK);
    child_check(placed.view.placement.refused == 0);
    child_check(of_mapping(placed.view.header, "Rss:") == size); /* and nobody has read of it */
    drop(&placed);
}

static void place_prefaulted_by_hand(void)
{
    child_check(refuse_call(SYS_madvise, MADVISE_POPULATE_READ, EINVAL));
    child_check(refuse_call(SYS_madvise, MADVISE_POPULATE_WRITE, EINVAL));
    place_prefaulted();
}

static void place_and_be_refused_prefaulting(void)
{
    struct placed placed;
    child_check(refuse_call(SYS_madvise, MADVISE_POPULATE_READ, EFAULT));
    place(&placed, 100000, NETIPC_PLACE_PREFAULT, ANY);
    child_check(placed.region.placement.refused == 0);
    check_refused(&placed.view.placement, NETIPC_PLACE_PREFAULT, NETIPC_SYSTEM, "populate");
    drop(&placed);
}

static void a_view_is_resident_before_anybody_reads_of_it(void **state)
{
    (void)state;
    in_a_child(place_prefaulted);
}

static void a_view_is_resident_also_where_the_kernel_cannot_populate(void **state)
{
    (void)state;
    in_a_child(place_prefaulted_by_hand);
}

static void a_refused_prefault_is_told(void **state)
{
    (void)state;
    in_a_child(place_and_be_refused_prefaulting);
}

/* --- NUMA --- */

/* Where this thread runs, and whether the system knows of nodes. */
static bool own_node(int32_t *node)
{
    unsigned cpu, here;
    *node = 0;
    if (syscall(SYS_getcpu, &cpu, &here, NULL) == 0)
        *node = (int32_t)here;
    return syscall(SYS_get_mempolicy, NULL, NULL, 0UL, NULL, 0UL) == 0;
}

static void memory_comes_from_the_node_that_was_asked_for(void **state)
{
    (void)state;
    int32_t node;
    if (!own_node(&node)) {
        printf("[  note  ] this system has no NUMA nodes, or does not let us choose\n");
        return;
    }
    struct placed placed;
    place(&placed, 100000, NETIPC_PLACE_PREFAULT, node);
    expect_in_force(&placed.region.placement, NETIPC_PLACE_NUMA_NODE | NETIPC_PLACE_PREFAULT);
    char start[32], policy[32], line[512];
    bool preferred = false;
    snprintf(start, sizeof start, "%" PRIxPTR " ", (uintptr_t)placed.region.header);
    snprintf(policy, sizeof policy, " prefer:%d ", node);
    FILE *maps = fopen("/proc/self/numa_maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        preferred |= strstr(line, start) != NULL && strstr(line, policy) != NULL;
    fclose(maps);
    assert_true(preferred);
    drop(&placed);
}

static void a_node_that_does_not_exist_is_done_without(void **state)
{
    (void)state;
    const int32_t nodes[] = {63, 511, NETIPC_NUMA_NODE_MAX};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char reason[32];
        struct placed placed;
        snprintf(reason, sizeof reason, "prefer NUMA node %d: ", nodes[i]);
        place(&placed, 5000, 0, nodes[i]);
        check_refused(&placed.region.placement, NETIPC_PLACE_NUMA_NODE, NETIPC_SYSTEM, reason);
        drop(&placed);
    }
}

/* As container runtimes do. */
static void place_under_a_filter(void)
{
    struct placed placed;
    child_check(refuse_call(SYS_move_pages, -1, EPERM));
    place(&placed, 5000, 0, 0);
    check_refused(&placed.region.placement, NETIPC_PLACE_NUMA_NODE, NETIPC_PERMISSION_DENIED, "ask for the NUMA node");
    drop(&placed);
    child_check(refuse_call(SYS_mbind, -1, EPERM));
    place(&placed, 5000, 0, 0);
    check_refused(&placed.region.placement, NETIPC_PLACE_NUMA_NODE, NETIPC_PERMISSION_DENIED, "prefer NUMA node 0");
    drop(&placed);
}

static void a_filter_of_system_calls_refuses_the_node_and_nothing_else(void **state)
{
    (void)state;
    int32_t node;
    if (!own_node(&node)) {
        printf("[  note  ] this system has no NUMA nodes, or does not let us choose\n");
        return;
    }
    in_a_child(place_under_a_filter);
}

static void pages_on_another_node_than_preferred_are_told_of(void **state)
{
    (void)state;
    int32_t node;
    struct placed placed;
    const struct netipc_placement_wish wish = {0, 7};
    struct netipc_placement placement;
    if (!own_node(&node) || node == 7)
        return;
    place(&placed, 5000, 0, ANY);
    netipc_placement_begin(&placement, &wish);
    netipc_os_place_populated(placed.region.header, placed.region.geometry.region_size, &placement);
    check_refused(&placement, NETIPC_PLACE_NUMA_NODE, NETIPC_NO_MEMORY, " pages are not on NUMA node 7");
    drop(&placed);
}

/* --- all of it --- */

static void place_with_everything_refused(void)
{
    const uint32_t all = NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_PREFAULT;
    struct placed placed;
    child_check(refuse_huge_pages());
    child_check(refuse_locking_above(0));
    place(&placed, netipc_os_huge_page_size(), all, NETIPC_NUMA_NODE_MAX);
    child_check(placed.region.placement.refused ==
                (NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_NUMA_NODE));
    child_check(placed.region.placement.last_error == NETIPC_PERMISSION_DENIED); /* that of locking, the last step */
    child_check(placed.view.placement.refused == NETIPC_PLACE_LOCK);
    drop(&placed);
}

static void what_is_refused_together_is_told_one_by_one(void **state)
{
    (void)state;
    in_a_child(place_with_everything_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_wish_nothing_is_wanted_or_refused),
        cmocka_unit_test(a_region_is_of_huge_pages_on_both_sides),
        cmocka_unit_test(a_region_smaller_than_a_huge_page_is_of_ordinary_ones),
        cmocka_unit_test(a_process_without_huge_pages_gets_a_region_of_ordinary_ones),
        cmocka_unit_test(aligned_regions_leave_no_addresses_behind),
        cmocka_unit_test(a_mapping_that_fails_leaves_no_addresses_behind),
        cmocka_unit_test(a_region_is_locked_as_far_as_the_limit_goes),
        cmocka_unit_test(a_process_that_may_lock_nothing_gets_a_region_that_is_not_locked),
        cmocka_unit_test(a_view_is_resident_before_anybody_reads_of_it),
        cmocka_unit_test(a_view_is_resident_also_where_the_kernel_cannot_populate),
        cmocka_unit_test(a_refused_prefault_is_told),
        cmocka_unit_test(memory_comes_from_the_node_that_was_asked_for),
        cmocka_unit_test(a_node_that_does_not_exist_is_done_without),
        cmocka_unit_test(a_filter_of_system_calls_refuses_the_node_and_nothing_else),
        cmocka_unit_test(pages_on_another_node_than_preferred_are_told_of),
        cmocka_unit_test(what_is_refused_together_is_told_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
