/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/follower.h"

#include "bench/clock.h"
#include "bench/waiting.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_S = 30 };

static const uint64_t wait_ns = UINT64_C(60000000000);

static void expect(const struct follower *follower, netipc_status status, netipc_status expected, const char *what)
{
    if (status != expected)
        station_fail_status(follower->station, status, what);
}

/* --- opening --- */

static void open_cache(struct follower *follower, const struct audience *audience, netipc_subscriber_config *subscriber)
{
    netipc_cache_config config;
    const struct timespec pause = {.tv_nsec = 1000000};
    audience_address(audience, subscriber);
    netipc_cache_config_init(&config);
    config.schema = audience->schema;
    config.subscriber = subscriber;
    expect(follower, netipc_cache_open(&config, &follower->cache), NETIPC_OK, "cannot open a cache");
    /* Many that connect at once find the backlog of the socket full. */
    uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * UINT64_C(1000000000);
    netipc_status status;
    for (;;) {
        follower->opening++;
        status = netipc_cache_refresh(follower->cache, NULL);
        if (status == NETIPC_OK || clock_now_ns() >= deadline_ns)
            break;
        nanosleep(&pause, NULL);
    }
    expect(follower, status, NETIPC_OK, "cannot attach to the publisher");
}

void follower_open(const struct station *station, const struct audience *audience, const struct options *options,
                   struct follower *follower)
{
    netipc_subscriber_config config;
    *follower = (struct follower){.station = station, .options = options};
    cgroups_open(station, (uint32_t)options->items, &follower->cgroups);
    waiting_configure(options, &config);
    config.leases = options->take == OPTIONS_TAKE_LEASE;
    if (options->take == OPTIONS_TAKE_REFRESH) {
        open_cache(follower, audience, &config);
        return;
    }
    follower->subscriber = audience_attach(station, audience, &config);
    if (options->take == OPTIONS_TAKE_LEASE)
        expect(follower, netipc_reader_open(follower->subscriber, &follower->reader), NETIPC_OK,
               "cannot open a reader");
    follower->buffer = audience_buffer(station, follower->cgroups.length);
    memset(follower->buffer, 0, follower->cgroups.length);
}

void follower_close(struct follower *follower)
{
    netipc_reader_close(follower->reader);
    netipc_subscriber_close(follower->subscriber);
    netipc_cache_close(follower->cache);
    cgroups_close(&follower->cgroups);
    free(follower->buffer);
}

/* --- waiting --- */

static bool is_news(const struct follower *follower)
{
    return follower->cache != NULL ? netipc_cache_changed(follower->cache) == 1
                                   : netipc_subscriber_generation(follower->subscriber) != follower->seen;
}

/* A doorbell that has rung is taken by a refresh; that of a cache is also what takes the snapshot. */
static void wait_for_descriptor(struct follower *follower)
{
    netipc_status status = follower->cache != NULL ? netipc_cache_arm(follower->cache)
                                                   : netipc_subscriber_arm(follower->subscriber, follower->seen);
    if (status == NETIPC_OK)
        return;
    expect(follower, status, NETIPC_UNCHANGED, "cannot arm the doorbell");
    struct pollfd fd = {.fd = follower->cache != NULL ? netipc_cache_fd(follower->cache)
                                                      : netipc_subscriber_fd(follower->subscriber),
                        .events = POLLIN};
    poll(&fd, 1, -1); /* the supervisor has an eye on the publisher */
    if (follower->cache == NULL)
        expect(follower, netipc_subscriber_refresh(follower->subscriber, NULL), NETIPC_OK, "cannot refresh");
}

void follower_wait(struct follower *follower)
{
    netipc_status status;
    switch (follower->options->wait) {
    case OPTIONS_WAIT_POLL:
        while (!is_news(follower))
            clock_relax();
        break;
    case OPTIONS_WAIT_FD:
        wait_for_descriptor(follower);
        break;
    default:
        do
            status = follower->cache != NULL ? netipc_cache_wait(follower->cache, wait_ns)
                                             : netipc_subscriber_wait(follower->subscriber, follower->seen, wait_ns);
        while (status == NETIPC_TIMED_OUT);
        expect(follower, status, NETIPC_OK, "cannot wait");
    }
}

/* --- taking --- */

static netipc_status refresh(struct follower *follower, uint64_t *generation)
{
    const netipc_cache_snapshot *snapshot;
    int changed;
    netipc_status status = netipc_cache_refresh(follower->cache, &changed);
    if (status != NETIPC_OK)
        return status;
    if (!changed) {
        follower->vain++;
        return NETIPC_UNCHANGED;
    }
    status = netipc_cache_enter(follower->cache, &snapshot);
    if (status != NETIPC_OK)
        return status;
    *generation = snapshot->generation;
    netipc_cache_leave(snapshot);
    return NETIPC_OK;
}

static netipc_status copy(struct follower *follower, netipc_snapshot_info *info)
{
    if (netipc_subscriber_generation(follower->subscriber) == follower->seen)
        return NETIPC_UNCHANGED; /* a descriptor also tells of other things */
    return netipc_subscriber_read(follower->subscriber, follower->buffer, follower->cgroups.length, info);
}

static netipc_status lease(struct follower *follower, netipc_snapshot_info *info)
{
    if (netipc_subscriber_generation(follower->subscriber) == follower->seen)
        return NETIPC_UNCHANGED;
    netipc_status status = netipc_reader_acquire(follower->reader, NETIPC_GENERATION_LATEST, &follower->view, info);
    return status == NETIPC_OK ? netipc_reader_index(follower->reader, netipc_cgroups_schema(), &follower->index)
                               : status;
}

bool follower_take(struct follower *follower)
{
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status;
    if (follower->options->take == OPTIONS_TAKE_REFRESH)
        status = refresh(follower, &info.generation);
    else if (follower->options->take == OPTIONS_TAKE_COPY)
        status = copy(follower, &info);
    else
        status = lease(follower, &info);
    if (status == NETIPC_UNCHANGED)
        return false;
    if (status == NETIPC_OVERRUN) {
        follower->overruns++;
        return false;
    }
    expect(follower, status, NETIPC_OK, "cannot take a snapshot");
    if (info.generation <= follower->seen || (follower->cache == NULL && info.length != follower->cgroups.length))
        station_fail(follower->station, NETIPC_CORRUPT, "%llu bytes of generation %llu come after generation %llu",
                     (unsigned long long)info.length, (unsigned long long)info.generation,
                     (unsigned long long)follower->seen);
    follower->taken++;
    follower->missed += info.generation - follower->seen - 1;
    follower->seen = info.generation;
    return true;
}

/* --- checking --- */

static bool cache_is_right(const struct follower *follower)
{
    const netipc_cache_snapshot *snapshot;
    netipc_cgroup_view view;
    if (netipc_cache_enter(follower->cache, &snapshot) != NETIPC_OK)
        return false;
    bool good = snapshot->generation == follower->seen && snapshot->count == follower->cgroups.count &&
                snapshot->items.generation == follower->seen;
    for (uint32_t index = 0; good && index < snapshot->count; index++) {
        const struct cgroups_label *label = &follower->cgroups.labels[index];
        const netipc_item *item = netipc_cache_find(snapshot, label->name, label->name_length, label->hash);
        good = item != NULL && netipc_cgroup_of_item(item, &view) == NETIPC_OK &&
               cgroups_is(&follower->cgroups, follower->seen, index, &view);
    }
    netipc_cache_leave(snapshot);
    return good;
}

static bool index_is_right(const struct follower *follower)
{
    netipc_cgroup_view view;
    bool good = true;
    for (uint32_t index = 0; good && index < follower->cgroups.count; index++) {
        const struct cgroups_label *label = &follower->cgroups.labels[index];
        good =
            netipc_cgroups_find(&follower->index, label->name, label->name_length, label->hash, &view) == NETIPC_OK &&
            cgroups_is(&follower->cgroups, follower->seen, index, &view);
    }
    return good;
}

void follower_check(struct follower *follower)
{
    bool good;
    if (follower->options->take == OPTIONS_TAKE_REFRESH) {
        good = cache_is_right(follower);
    } else if (follower->options->take == OPTIONS_TAKE_COPY) {
        good = cgroups_are(&follower->cgroups, follower->seen, follower->buffer);
    } else {
        good = cgroups_are(&follower->cgroups, follower->seen, follower->view) && index_is_right(follower);
        expect(follower, netipc_reader_release(follower->reader), NETIPC_OK, "cannot release");
        follower->view = NULL;
    }
    if (!good)
        station_fail(follower->station, NETIPC_CORRUPT, "the items of generation %llu are wrong",
                     (unsigned long long)follower->seen);
}

static void check_cache_counters(struct follower *follower, uint64_t refreshes)
{
    netipc_cache_info info = {.size = sizeof info};
    netipc_status status = netipc_cache_status(follower->cache, &info);
    if (status != NETIPC_OK || info.builds != follower->taken || info.refreshes != refreshes || info.requests != 0)
        station_fail(follower->station, NETIPC_CORRUPT,
                     "the cache counts %llu refreshes, of which %llu changed it, where %llu and %llu were made",
                     (unsigned long long)info.refreshes, (unsigned long long)info.builds, (unsigned long long)refreshes,
                     (unsigned long long)follower->taken);
}

static void check_subscriber_counters(struct follower *follower)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(follower->subscriber, &info);
    if (status != NETIPC_OK || info.reads != follower->taken || info.overruns != follower->overruns)
        station_fail(follower->station, NETIPC_CORRUPT,
                     "the subscriber counts %llu reads and %llu overruns where %llu and %llu were made",
                     (unsigned long long)info.reads, (unsigned long long)info.overruns,
                     (unsigned long long)follower->taken, (unsigned long long)follower->overruns);
}

void follower_check_counters(struct follower *follower, uint64_t published)
{
    if (follower->taken + follower->missed != published || follower->seen != published)
        station_fail(follower->station, NETIPC_CORRUPT, "%llu publications taken and %llu missed of %llu",
                     (unsigned long long)follower->taken, (unsigned long long)follower->missed,
                     (unsigned long long)published);
    if (follower->cache != NULL)
        check_cache_counters(follower, follower->opening + follower->taken + follower->vain + follower->overruns);
    else
        check_subscriber_counters(follower);
}
