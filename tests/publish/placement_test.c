/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher and a subscriber ask for in their configs, what they get, and what they tell of it. */
#include "tests/publish/child.h"
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"
#include "tests/shm/refusing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FLAGS = NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_PREFAULT,
    HUGE_ENOUGH = 16 << 20, /* a slot: there is a whole huge page in the region on most systems */
    SMALL = 8192
};

/* The events "placement-refused" of one object, as "option status ordinal," each. */
struct notes {
    char text[512];
};

static void note(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields, size_t count)
{
    struct notes *notes = context;
    if (strcmp(event, "placement-refused") != 0)
        return;
    child_check(level == NETIPC_LOG_WARNING);
    child_check(count == 5);
    child_check(strcmp(fields[0].name, "option") == 0 && strcmp(fields[1].name, "status") == 0);
    child_check(strcmp(fields[2].name, "reason") == 0 && fields[2].text[0] != '\0');
    child_check(strcmp(fields[3].name, "ordinal") == 0 && strcmp(fields[4].name, "region_size") == 0);
    child_check(fields[4].number > 0);
    size_t at = strlen(notes->text);
    snprintf(notes->text + at, sizeof notes->text - at, "%s %s %llu,", fields[0].text, fields[1].text,
             (unsigned long long)fields[3].number);
}

/* A publisher and a subscriber of it, in this process; nothing of cmocka here, since it may be a child. */
struct pair {
    netipc_publisher *publisher;
    netipc_subscriber *subscriber;
    struct notes publisher_notes, subscriber_notes;
    netipc_publisher_info published;
    netipc_subscriber_info subscribed;
    uint64_t generation;
};

static void pair_open(struct pair *pair, uint64_t capacity, uint32_t flags, int32_t numa_node)
{
    memset(pair, 0, sizeof *pair);
    netipc_publisher_config publisher = service_publisher_config();
    publisher.slots = 4;
    publisher.capacity = capacity;
    publisher.placement = flags;
    publisher.numa_node = numa_node;
    publisher.log = note;
    publisher.log_context = &pair->publisher_notes;
    publisher.allowed_uids = (const uint32_t[]){0, 12345};
    publisher.allowed_uid_count = 2;
    netipc_subscriber_config subscriber = service_subscriber_config();
    subscriber.placement = flags;
    subscriber.log = note;
    subscriber.log_context = &pair->subscriber_notes;
    subscriber.allowed_uids = publisher.allowed_uids;
    subscriber.allowed_uid_count = 2;
    child_check(netipc_publisher_open(&publisher, &pair->publisher) == NETIPC_OK);
    child_check(netipc_subscriber_open(&subscriber, &pair->subscriber) == NETIPC_OK);
}

static void pair_close(struct pair *pair)
{
    netipc_subscriber_close(pair->subscriber);
    netipc_publisher_close(pair->publisher);
}

/* Publishes, follows and reads a snapshot, which must arrive whole. */
static void pair_pass(struct pair *pair, size_t length)
{
    unsigned char *bytes = malloc(length);
    netipc_snapshot_info info = {.size = sizeof info};
    child_check(bytes != NULL);
    pattern_fill(bytes, length, ++pair->generation);
    child_check(netipc_publish(pair->publisher, bytes, length, NULL) == NETIPC_OK);
    memset(bytes, 0, length);
    child_check(netipc_subscriber_refresh(pair->subscriber, NULL) == NETIPC_OK);
    child_check(netipc_subscriber_read(pair->subscriber, bytes, length, &info) == NETIPC_OK);
    child_check(info.generation == pair->generation && info.length == length);
    child_check(pattern_ok(bytes, length, pair->generation));
    free(bytes);
    pair->published.size = sizeof pair->published;
    pair->subscribed.size = sizeof pair->subscribed;
    child_check(netipc_publisher_stats(pair->publisher, &pair->published) == NETIPC_OK);
    child_check(netipc_subscriber_status(pair->subscriber, &pair->subscribed) == NETIPC_OK);
}

/* What is wanted is either in force or refused, and what should be refused is. */
static void expect_publisher(const struct pair *pair, uint32_t wanted, uint32_t refused, netipc_status error)
{
    child_check(pair->published.placement_wanted == wanted);
    child_check(pair->published.placement_refused == refused);
    child_check(pair->published.placement_in_force == (wanted & ~refused));
    child_check(pair->published.placement_error == (uint32_t)error);
}

static void expect_subscriber(const struct pair *pair, uint32_t wanted, uint32_t refused, netipc_status error)
{
    child_check(pair->subscribed.placement_wanted == wanted);
    child_check(pair->subscribed.placement_refused == refused);
    child_check(pair->subscribed.placement_in_force == (wanted & ~refused));
    child_check(pair->subscribed.placement_error == (uint32_t)error);
}

static void expect_notes(const struct notes *notes, const char *expected)
{
    if (strcmp(notes->text, expected) != 0)
        fprintf(stderr, "\"%s\" expected, \"%s\" logged\n", expected, notes->text);
    child_check(strcmp(notes->text, expected) == 0);
}

static void nothing_is_wanted_by_default(void **state)
{
    (void)state;
    netipc_publisher_config publisher;
    netipc_subscriber_config subscriber;
    netipc_publisher_config_init(&publisher);
    netipc_subscriber_config_init(&subscriber);
    assert_int_equal(publisher.placement, 0);
    assert_int_equal(publisher.numa_node, NETIPC_NUMA_NODE_ANY);
    assert_int_equal(subscriber.placement, 0);
    struct pair pair;
    pair_open(&pair, SMALL, 0, NETIPC_NUMA_NODE_ANY);
    pair_pass(&pair, SMALL);
    expect_publisher(&pair, 0, 0, NETIPC_OK);
    expect_subscriber(&pair, 0, 0, NETIPC_OK);
    pair_close(&pair);
}

static void a_config_from_before_placement_wants_nothing(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.size = offsetof(netipc_publisher_config, placement);
    config.placement = UINT32_MAX; /* behind its end */
    config.numa_node = 63;
    netipc_publisher *publisher;
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_int_equal(info.placement_wanted, 0);
    netipc_publisher_close(publisher);
}

static void a_subscriber_without_a_region_has_nothing_in_force(void **state)
{
    (void)state;
    netipc_subscriber_config config = service_subscriber_config();
    config.placement = FLAGS;
    netipc_subscriber *subscriber;
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.placement_wanted | info.placement_in_force | info.placement_refused, 0);
    netipc_subscriber_close(subscriber);
}

/* Each kind alone, without anything that limits it but the machine itself: so it may also be refused, with a note. */
static void each_wish_alone_is_in_force_or_noted_as_refused(void **state)
{
    (void)state;
    const uint32_t wishes[] = {NETIPC_PLACE_HUGE_PAGES, NETIPC_PLACE_LOCK, NETIPC_PLACE_PREFAULT,
                               NETIPC_PLACE_NUMA_NODE};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct pair pair;
        bool is_node = wishes[i] == NETIPC_PLACE_NUMA_NODE;
        pair_open(&pair, SMALL, is_node ? 0 : wishes[i], is_node ? 0 : NETIPC_NUMA_NODE_ANY);
        for (size_t length = SMALL; length <= HUGE_ENOUGH; length *= 8) {
            pair_pass(&pair, length);
            uint32_t refused = pair.published.placement_refused;
            assert_int_equal(pair.published.placement_wanted, wishes[i]);
            assert_int_equal(pair.published.placement_in_force, wishes[i] & ~refused);
            assert_int_equal(pair.published.placement_error != NETIPC_OK, refused != 0);
            assert_int_equal(strstr(pair.publisher_notes.text, ",") != NULL, refused != 0);
            assert_int_equal(pair.subscribed.placement_wanted, is_node ? 0 : wishes[i]);
            assert_int_equal(pair.subscribed.placement_error != NETIPC_OK, pair.subscribed.placement_refused != 0);
            pair.publisher_notes.text[0] = '\0';
        }
        if (wishes[i] == NETIPC_PLACE_PREFAULT)
            assert_int_equal(pair.published.placement_refused | pair.subscribed.placement_refused, 0);
        pair_close(&pair);
    }
}

static void refuse_everything(void)
{
    struct pair pair;
    child_check(refuse_huge_pages());
    child_check(chown(service_dir, 12345, 12345) == 0 || geteuid() != 0);
    child_check(refuse_locking_above(0));
    const uint32_t refused = NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK;
    pair_open(&pair, HUGE_ENOUGH, FLAGS, 63);
    pair_pass(&pair, 1000);
    expect_publisher(&pair, FLAGS | NETIPC_PLACE_NUMA_NODE, refused | NETIPC_PLACE_NUMA_NODE, NETIPC_PERMISSION_DENIED);
    expect_subscriber(&pair, FLAGS, NETIPC_PLACE_LOCK, NETIPC_PERMISSION_DENIED);
    expect_notes(&pair.publisher_notes, "huge-pages NETIPC_SYSTEM 1,lock NETIPC_PERMISSION_DENIED 1,"
                                        "numa-node NETIPC_SYSTEM 1,");
    expect_notes(&pair.subscriber_notes, "lock NETIPC_PERMISSION_DENIED 1,");
    pair_close(&pair);
}

static void refused_wishes_fail_nothing_and_are_noted(void **state)
{
    (void)state;
    in_a_child(refuse_everything);
}

/* Room to lock the first two regions on both sides, with the one before each, but not the third. */
static void grow_beyond_what_may_be_locked(void)
{
    struct pair pair;
    child_check(chown(service_dir, 12345, 12345) == 0 || geteuid() != 0);
    child_check(refuse_locking_above(1 << 20));
    pair_open(&pair, SMALL, NETIPC_PLACE_LOCK, NETIPC_NUMA_NODE_ANY);
    for (size_t length = SMALL; length <= SMALL * 8; length *= 8) {
        pair_pass(&pair, length);
        expect_publisher(&pair, NETIPC_PLACE_LOCK, 0, NETIPC_OK);
        expect_subscriber(&pair, NETIPC_PLACE_LOCK, 0, NETIPC_OK);
    }
    pair_pass(&pair, 1 << 20);
    child_check(pair.published.ordinal == 3 && pair.subscribed.ordinal == 3);
    expect_publisher(&pair, NETIPC_PLACE_LOCK, NETIPC_PLACE_LOCK, NETIPC_NO_MEMORY);
    expect_subscriber(&pair, NETIPC_PLACE_LOCK, NETIPC_PLACE_LOCK, NETIPC_NO_MEMORY);
    expect_notes(&pair.publisher_notes, "lock NETIPC_NO_MEMORY 3,");
    expect_notes(&pair.subscriber_notes, "lock NETIPC_NO_MEMORY 3,");
    pair_pass(&pair, 1 << 20);
    pair_close(&pair);
}

static void growth_goes_on_where_its_wishes_are_refused(void **state)
{
    (void)state;
    if (may_lock(1 << 20))
        in_a_child(grow_beyond_what_may_be_locked);
}

#define placing(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        placing(nothing_is_wanted_by_default),
        placing(a_config_from_before_placement_wants_nothing),
        placing(a_subscriber_without_a_region_has_nothing_in_force),
        placing(each_wish_alone_is_in_force_or_noted_as_refused),
        placing(refused_wishes_fail_nothing_and_are_noted),
        placing(growth_goes_on_where_its_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
