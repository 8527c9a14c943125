/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/follow.h"

#include "tools/ebpf_plugin/notice.h"

#include <netipc/cgroups_snapshot.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A publisher that was stopped delays a line, and our own end, by no more: to attach, to connect to ask, and to ask. */
static const uint64_t patience_ns = UINT64_C(1000000000);

static void log_event(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                      size_t field_count)
{
    (void)context;
    (void)level;
    char text[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < field_count && used < sizeof text; i++) {
        int length = fields[i].text
                         ? snprintf(text + used, sizeof text - used, " %s=%s", fields[i].name, fields[i].text)
                         : snprintf(text + used, sizeof text - used, " %s=%" PRIu64, fields[i].name, fields[i].number);
        used += length > 0 ? (size_t)length : 0;
    }
    notice("%s%s", event, text);
}

netipc_status follower_open(struct follower *follower, const struct options *options)
{
    *follower = (struct follower){.options = options, .attached = NETIPC_DISCONNECTED};
    netipc_subscriber_config subscriber;
    netipc_subscriber_config_init(&subscriber);
    subscriber.run_dir = options->run_dir;
    subscriber.service = options->service;
    subscriber.token = options->token;
    subscriber.allowed_uids = options->allowed_uids;
    subscriber.allowed_uid_count = options->allowed_uid_count;
    subscriber.connect_timeout_ns = patience_ns;
    subscriber.log = options->verbose ? log_event : NULL;
    netipc_client_config client;
    netipc_client_config_init(&client);
    client.run_dir = options->run_dir;
    client.service = options->service;
    client.token = options->token;
    client.allowed_uids = options->allowed_uids;
    client.allowed_uid_count = options->allowed_uid_count;
    client.connect_timeout_ns = client.call_timeout_ns = patience_ns;
    client.backoff_first_ns = 0; /* a line is an attempt, and --interval says how often */
    client.backoff_most_ns = patience_ns;
    client.breaker_failures = 0;
    client.log = subscriber.log;
    netipc_cache_config config;
    netipc_cache_config_init(&config);
    config.flags = NETIPC_CACHE_CHANGES;
    config.schema = netipc_cgroups_schema();
    config.subscriber = &subscriber;
    config.client = &client;
    return netipc_cache_open(&config, &follower->cache);
}

void follower_close(struct follower *follower)
{
    netipc_cache_close(follower->cache);
    *follower = (struct follower){0};
}

/* --- what is told --- */

static void tell_attachment(struct follower *follower, netipc_status status, const netipc_cache_info *info)
{
    const struct options *options = follower->options;
    bool in_region = info->subscriber_state == NETIPC_STATE_READY;
    bool by_request = status == NETIPC_OK && !in_region;
    netipc_status attached = in_region ? NETIPC_OK : status;
    if (attached == follower->attached && by_request == follower->by_request)
        return;
    follower->attached = attached;
    follower->by_request = by_request;
    if (attached == NETIPC_OK)
        notice("attached to service %s in %s%s", options->service, options->run_dir,
               by_request ? ", which has no region and is asked by request" : "");
    else
        notice_status(attached, "not attached to service %s in %s, the %u cgroups at hand stay, trying on",
                      options->service, options->run_dir, info->count);
}

static bool was_told(const struct follower *follower, netipc_status status, const netipc_cache_info *info)
{
    return status == follower->readable && info->region_generation == follower->told_generation &&
           memcmp(info->region_incarnation, follower->told_incarnation, sizeof info->region_incarnation) == 0;
}

/* Of a publisher that is there. */
static void tell_snapshot(struct follower *follower, netipc_status status, const netipc_cache_info *info)
{
    if (info->subscriber_state != NETIPC_STATE_READY || was_told(follower, status, info))
        return;
    follower->readable = status;
    follower->told_generation = info->region_generation;
    memcpy(follower->told_incarnation, info->region_incarnation, sizeof follower->told_incarnation);
    if (status == NETIPC_CORRUPT || status == NETIPC_INCOMPATIBLE)
        notice_status(status, "generation %" PRIu64 " is no list of cgroups, the %u at hand stay",
                      info->region_generation, info->count);
    else if (status != NETIPC_OK)
        notice_status(status, "the snapshot cannot be read, the %u cgroups at hand stay, trying on", info->count);
}

/* --- the state --- */

/* Of a server that has no region, and could not be asked. */
static netipc_subscriber_state state_of_status(netipc_status status)
{
    switch (status) {
    case NETIPC_NOT_FOUND:
        return NETIPC_STATE_NOT_FOUND;
    case NETIPC_AUTH_FAILED:
        return NETIPC_STATE_AUTH_FAILED;
    case NETIPC_INCOMPATIBLE:
    case NETIPC_UNSUPPORTED:
        return NETIPC_STATE_INCOMPATIBLE;
    case NETIPC_GONE:
    case NETIPC_CLOSED:
    case NETIPC_DISCONNECTED:
        return NETIPC_STATE_DISCONNECTED;
    default:
        return NETIPC_STATE_BROKEN;
    }
}

static netipc_subscriber_state state_of(netipc_status status, const netipc_cache_info *info)
{
    if (info->subscriber_state == NETIPC_STATE_READY) {
        if (info->source == NETIPC_CACHE_REGION &&
            memcmp(info->incarnation, info->region_incarnation, sizeof info->incarnation) == 0)
            return NETIPC_STATE_READY;
        /* Attached, but what is at hand is not this publisher's: it has published nothing, or nothing we can use. */
        return info->region_generation ? NETIPC_STATE_BROKEN : NETIPC_STATE_CONNECTING;
    }
    if (status == NETIPC_OK)
        return NETIPC_STATE_READY; /* by request */
    return info->subscriber_state == NETIPC_STATE_INCOMPATIBLE ? state_of_status(status)
                                                               : (netipc_subscriber_state)info->subscriber_state;
}

/* --- a step --- */

static void count_changes(struct follower *follower, uint32_t count_before, struct standing *standing)
{
    const netipc_cache_change *changes;
    size_t count;
    netipc_status status = netipc_cache_changes(follower->cache, &changes, &count);
    if (status == NETIPC_OK) {
        if (!diff_count(changes, count, &standing->diff))
            notice("no memory to count what has changed");
    } else {
        notice_status(status, "what has changed is not known, all cgroups are told as new");
        standing->diff = (struct diff){.added = standing->cache.count, .removed = count_before};
    }
    if (follower->options->verbose)
        notice("generation %" PRIu64 ": %" PRIu64 " bytes, %u cgroups, %zu added, %zu changed, %zu removed",
               standing->cache.generation, standing->cache.payload_bytes, standing->cache.count, standing->diff.added,
               standing->diff.changed, standing->diff.removed);
}

static void rebuild_lists(struct follower *follower, struct lists *lists)
{
    const netipc_cache_snapshot *snapshot;
    if (netipc_cache_enter(follower->cache, &snapshot) != NETIPC_OK)
        return;
    bool rebuilt = lists_rebuild(lists, snapshot);
    netipc_cache_leave(snapshot);
    if (!rebuilt && !follower->lists_due)
        notice("no memory for the names of the lists, those of before are read, trying on");
    follower->lists_due = !rebuilt;
}

void follower_step(struct follower *follower, struct lists *lists, struct standing *standing)
{
    *standing = (struct standing){.cache = {.size = sizeof standing->cache}};
    netipc_cache_info before = {.size = sizeof before};
    (void)netipc_cache_status(follower->cache, &before);
    int changed;
    netipc_status status = netipc_cache_refresh(follower->cache, &changed);
    (void)netipc_cache_status(follower->cache, &standing->cache);
    tell_attachment(follower, status, &standing->cache);
    tell_snapshot(follower, status, &standing->cache);
    standing->state = netipc_subscriber_state_name(state_of(status, &standing->cache));
    if (changed)
        count_changes(follower, before.count, standing);
    if (changed || follower->lists_due)
        rebuild_lists(follower, lists);
}
