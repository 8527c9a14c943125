/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/follow.h"

#include "tools/ebpf_plugin/notice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_TRIES = 8,        /* a snapshot may grow between being told its length and reading it */
    FIRST_CAPACITY = 65536 /* of the buffer: what a publisher's slots hold by default */
};

/* A publisher that was stopped delays a line, and our own end, by no more. */
static const uint64_t connect_timeout_ns = UINT64_C(1000000000);

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
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = options->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.connect_timeout_ns = connect_timeout_ns;
    config.log = options->verbose ? log_event : NULL;
    return netipc_subscriber_open(&config, &follower->subscriber);
}

void follower_close(struct follower *follower)
{
    netipc_subscriber_close(follower->subscriber);
    free(follower->spare.bytes);
    *follower = (struct follower){0};
}

static void tell_attachment(struct follower *follower, netipc_status status, const struct table *table)
{
    if (status == follower->attached)
        return;
    follower->attached = status;
    if (status == NETIPC_OK)
        notice("attached to service %s in %s", follower->options->service, follower->options->run_dir);
    else
        notice_status(status, "not attached to service %s in %s, the %zu cgroups at hand stay, trying on",
                      follower->options->service, follower->options->run_dir, table->count);
}

static netipc_status grow(struct snapshot *snapshot, uint64_t length)
{
    /* An eighth more, since what has grown tends to go on. */
    uint64_t wanted = length < FIRST_CAPACITY ? FIRST_CAPACITY : length + length / 8;
    if (wanted < length || wanted > SIZE_MAX)
        return NETIPC_NO_MEMORY;
    unsigned char *bytes = malloc((size_t)wanted); /* not realloc: the old bytes are of no use */
    if (!bytes)
        return NETIPC_NO_MEMORY;
    free(snapshot->bytes);
    snapshot->bytes = bytes;
    snapshot->capacity = (size_t)wanted;
    return NETIPC_OK;
}

static netipc_status read_snapshot(struct follower *follower, netipc_snapshot_info *info)
{
    struct snapshot *spare = &follower->spare;
    netipc_status status = NETIPC_TOO_SMALL;
    for (int tries = 0; tries < READ_TRIES; tries++) {
        *info = (netipc_snapshot_info){.size = sizeof *info};
        status = netipc_subscriber_read(follower->subscriber, spare->bytes, spare->capacity, info);
        if (status == NETIPC_OK)
            spare->length = (size_t)info->length;
        if (status != NETIPC_TOO_SMALL && status != NETIPC_OVERRUN)
            return status;
        if (status == NETIPC_TOO_SMALL && grow(spare, info->length) != NETIPC_OK)
            return NETIPC_NO_MEMORY;
    }
    return status;
}

static bool is_seen(const struct follower *follower, const uint64_t incarnation[2], uint64_t generation)
{
    return follower->seen_generation == generation && follower->seen_incarnation[0] == incarnation[0] &&
           follower->seen_incarnation[1] == incarnation[1];
}

static void set_seen(struct follower *follower, const netipc_snapshot_info *info)
{
    memcpy(follower->seen_incarnation, info->incarnation, sizeof follower->seen_incarnation);
    follower->seen_generation = info->generation;
}

/* Into *table; NETIPC_OK also when it turned out to be no newer. */
static netipc_status use_snapshot(struct follower *follower, const netipc_snapshot_info *info, struct table *table,
                                  struct table_diff *diff)
{
    if (is_seen(follower, info->incarnation, info->generation))
        return NETIPC_OK;
    netipc_status status = table_rebuild(table, &follower->spare, diff);
    if (status == NETIPC_NO_MEMORY)
        return status;
    set_seen(follower, info);
    if (status != NETIPC_OK) {
        notice_status(status, "generation %" PRIu64 " is no list of cgroups, the %zu at hand stay", info->generation,
                      table->count);
        return NETIPC_OK;
    }
    memcpy(table->incarnation, info->incarnation, sizeof table->incarnation);
    table->generation = info->generation;
    if (follower->options->verbose)
        notice("generation %" PRIu64 ": %" PRIu64 " bytes, %zu cgroups, %zu added, %zu changed, %zu removed",
               info->generation, info->length, table->count, diff->added, diff->changed, diff->removed);
    return NETIPC_OK;
}

/* What cannot be read is tried again at the next step; what cannot be decoded is not, until there is a newer one. */
static void take_snapshot(struct follower *follower, struct table *table, struct table_diff *diff)
{
    netipc_snapshot_info info;
    netipc_status status = read_snapshot(follower, &info);
    if (status == NETIPC_OK)
        status = use_snapshot(follower, &info, table, diff);
    if (status != NETIPC_OK && status != follower->readable)
        notice_status(status, "the snapshot cannot be read, the %zu cgroups at hand stay, trying on", table->count);
    follower->readable = status;
}

static const char *state_word(const struct table *table, const netipc_subscriber_info *info)
{
    if (info->state != NETIPC_STATE_READY)
        return netipc_subscriber_state_name((netipc_subscriber_state)info->state);
    if (table->generation && memcmp(table->incarnation, info->incarnation, sizeof table->incarnation) == 0)
        return netipc_subscriber_state_name(NETIPC_STATE_READY);
    /* Attached, but what is at hand is not this publisher's: it has published nothing, or nothing we can use. */
    return netipc_subscriber_state_name(info->generation ? NETIPC_STATE_BROKEN : NETIPC_STATE_CONNECTING);
}

const char *follower_step(struct follower *follower, struct table *table, struct table_diff *diff)
{
    *diff = (struct table_diff){0};
    netipc_status status = netipc_subscriber_refresh(follower->subscriber, NULL);
    tell_attachment(follower, status, table);
    netipc_subscriber_info info = {.size = sizeof info};
    status = netipc_subscriber_status(follower->subscriber, &info);
    if (status != NETIPC_OK) {
        notice_status(status, "the subscriber cannot be asked");
        return netipc_subscriber_state_name(NETIPC_STATE_BROKEN);
    }
    if (info.generation && !is_seen(follower, info.incarnation, info.generation))
        take_snapshot(follower, table, diff);
    return state_word(table, &info);
}
