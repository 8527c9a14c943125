/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/reader.h>

#include "publish/subscriber_state.h"
#include "shm/detail.h"
#include "shm/probes.h"
#include "shm/sized.h"

#include <stdlib.h>

/* --- handles --- */

COLD netipc_status refuse_call(const netipc_reader *reader)
{
    return reader == NULL ? netipc_fail(NETIPC_INVALID_ARGUMENT, "no reader given")
                          : netipc_subscriber_refuse(reader->subscriber);
}

HOT netipc_status check_call(const netipc_reader *reader)
{
    return LIKELY(reader != NULL) && !netipc_fork_guard_forked(&reader->subscriber->fork_guard) ? NETIPC_OK
                                                                                                : refuse_call(reader);
}

static uint32_t lowest_free_lease(const netipc_subscriber *subscriber)
{
    uint32_t lease = 0;
    for (const netipc_reader *other = subscriber->readers; other != NULL;) {
        if (other->lease == lease) {
            lease++;
            other = subscriber->readers;
        } else {
            other = other->next;
        }
    }
    return lease;
}

/* As netipc_line_lease(), once for all. */
static uint32_t offset_in_line(uint32_t lease)
{
    return (uint32_t)(lease / NETIPC_SESSION_LEASES_A_BLOCK * sizeof(struct netipc_session_block) +
                      offsetof(struct netipc_session_block, leases) +
                      lease % NETIPC_SESSION_LEASES_A_BLOCK * sizeof(netipc_atomic_u64));
}

netipc_status netipc_reader_open(netipc_subscriber *subscriber, netipc_reader **reader)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    if (reader == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the reader given");
    netipc_reader *opened = calloc(1, sizeof *opened);
    *reader = opened;
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a reader");
    opened->subscriber = subscriber;
    pthread_mutex_lock(&subscriber->readers_lock);
    opened->lease = lowest_free_lease(subscriber);
    opened->lease_offset = offset_in_line(opened->lease);
    opened->next = subscriber->readers;
    subscriber->readers = opened;
    netipc_store(&subscriber->reader_count, netipc_load(&subscriber->reader_count, relaxed) + 1, relaxed);
    pthread_mutex_unlock(&subscriber->readers_lock);
    return NETIPC_OK;
}

void netipc_reader_close(netipc_reader *reader)
{
    if (reader == NULL)
        return;
    netipc_subscriber *subscriber = reader->subscriber;
    /* In a forked child another thread may have had the lock; the list is not used there any more. */
    if (netipc_subscriber_check(subscriber) == NETIPC_OK) {
        if (netipc_load(&reader->viewing, relaxed) != NULL)
            (void)netipc_reader_release(reader);
        pthread_mutex_lock(&subscriber->readers_lock);
        netipc_reader **at = &subscriber->readers;
        while (*at != reader)
            at = &(*at)->next;
        *at = reader->next;
        netipc_add_totals(&subscriber->closed_totals, &reader->totals);
        netipc_store(&subscriber->reader_count, netipc_load(&subscriber->reader_count, relaxed) - 1, relaxed);
        pthread_mutex_unlock(&subscriber->readers_lock);
    }
    free(reader);
}

COLD netipc_status never_attached(const netipc_subscriber *subscriber)
{
    return netipc_fail(NETIPC_DISCONNECTED, "never attached to a publisher of %s", subscriber->service);
}

/* A generation's number says nothing of another publisher's. */
HOT netipc_status check_generation(const netipc_reader *reader, const struct netipc_attachment *attachment,
                                   uint64_t generation)
{
    if (LIKELY(generation == NETIPC_GENERATION_LATEST))
        return NETIPC_OK;
    const uint64_t *known = reader->known_incarnation, *here = attachment->view.identity.incarnation;
    if ((known[0] == 0 && known[1] == 0) || (known[0] == here[0] && known[1] == here[1]))
        return NETIPC_OK;
    return netipc_fail(NETIPC_EXPIRED, "generation %llu was another publisher's", (unsigned long long)generation);
}

/* --- reading --- */

HOT void describe(const struct netipc_attachment *attachment, const struct netipc_ring_snapshot *snapshot,
                  netipc_snapshot_info *info)
{
    bool live =
        LIKELY(snapshot->state == NETIPC_REGION_LIVE) && LIKELY(netipc_load(&attachment->publisher_gone, acquire) == 0);
    info->publisher_state =
        LIKELY(live) ? NETIPC_PUBLISHER_LIVE : netipc_attachment_publisher(attachment, snapshot->state);
    info->incarnation[0] = attachment->view.identity.incarnation[0];
    info->incarnation[1] = attachment->view.identity.incarnation[1];
    info->generation = snapshot->generation;
    info->length = snapshot->length;
    info->publish_time_ns = snapshot->publish_time_ns;
}

/* The same when there may be no attachment, and for callers that were compiled with a shorter info. */
static void inform(const struct netipc_attachment *attachment, const struct netipc_ring_snapshot *snapshot,
                   netipc_snapshot_info *info)
{
    netipc_snapshot_info filled = {.size = sizeof filled};
    if (attachment != NULL)
        describe(attachment, snapshot, &filled);
    (void)netipc_sized_out(info, &filled, sizeof filled); /* its size was looked at */
}

/* Counts a read or a view that succeeded, and says of it what is known. */
HOT void account(netipc_reader *reader, const struct netipc_attachment *attachment,
                 const struct netipc_ring_snapshot *snapshot, netipc_snapshot_info *info)
{
    if (!LIKELY(snapshot->retries == 0))
        netipc_count(&reader->totals.read_retries, snapshot->retries);
    netipc_count(&reader->totals.reads, 1);
    netipc_reader_know(reader, attachment);
    if (!LIKELY(info != NULL))
        return;
    if (LIKELY(info->size >= sizeof *info))
        describe(attachment, snapshot, info);
    else
        inform(attachment, snapshot, info);
}

/* The same of one that failed. */
COLD netipc_status account_failure(netipc_reader *reader, const struct netipc_attachment *attachment,
                                   netipc_status status, const struct netipc_ring_snapshot *snapshot,
                                   netipc_snapshot_info *info)
{
    netipc_count(&reader->totals.read_retries, snapshot->retries);
    netipc_count(&reader->totals.overruns, status == NETIPC_OVERRUN);
    if (status == NETIPC_OVERRUN)
        netipc_probe_overrun(reader->subscriber->service, snapshot->retries);
    if (info != NULL)
        inform(attachment, snapshot, info);
    return status;
}

COLD netipc_status read_nothing(netipc_reader *reader, netipc_snapshot_info *info)
{
    static const struct netipc_ring_snapshot nothing;
    return account_failure(reader, NULL, never_attached(reader->subscriber), &nothing, info);
}

static netipc_atomic_u64 *lease_word(const netipc_reader *reader, const struct netipc_attachment *attachment)
{
    unsigned char *line = (unsigned char *)attachment->session->line;
    return (netipc_atomic_u64 *)(void *)(line + reader->lease_offset);
}

/* Whether a lease of this reader would hold now, for a copy. The owner's own reader has none. */
static bool can_lease(const netipc_reader *reader, const struct netipc_attachment *attachment)
{
    return reader != &reader->subscriber->own && reader->lease < attachment->lease_quota &&
           netipc_load(&reader->viewing, relaxed) == NULL &&
           netipc_load(&attachment->protection, acquire) == NETIPC_PROTECTION_LEASES;
}

/* Each try to copy was overtaken: a lease is the last. */
COLD netipc_status copy_last(netipc_reader *reader, struct netipc_attachment *attachment, uint64_t generation,
                             void *buffer, size_t capacity, struct netipc_ring_snapshot *snapshot)
{
    if (!can_lease(reader, attachment))
        return NETIPC_OVERRUN;
    uint32_t overtaken = snapshot->retries;
    netipc_status status = netipc_ring_read_leased(&attachment->view, lease_word(reader, attachment), generation,
                                                   buffer, capacity, snapshot);
    snapshot->retries += overtaken;
    return status;
}

HOT netipc_status check_info(const netipc_snapshot_info *info)
{
    if (LIKELY(info != NULL) && info->size < sizeof info->size)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "the size of info is not set");
    return NETIPC_OK;
}

HOT netipc_status check_place(const void *buffer, size_t capacity, const netipc_snapshot_info *info)
{
    if (!LIKELY(buffer != NULL) && capacity > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no buffer given for %zu bytes", capacity);
    return check_info(info);
}

HOT netipc_status read_from(struct netipc_attachment *attachment, netipc_reader *reader, uint64_t generation,
                            void *buffer, size_t capacity, netipc_snapshot_info *info)
{
    if (!LIKELY(attachment != NULL))
        return read_nothing(reader, info);
    struct netipc_ring_snapshot snapshot;
    netipc_status status = check_generation(reader, attachment, generation);
    if (status == NETIPC_OK)
        status = netipc_ring_read(&attachment->view, generation, buffer, capacity, &snapshot);
    else
        snapshot = (struct netipc_ring_snapshot){0};
    if (!LIKELY(status == NETIPC_OK)) {
        if (status == NETIPC_OVERRUN)
            status = copy_last(reader, attachment, generation, buffer, capacity, &snapshot);
        if (status != NETIPC_OK)
            return account_failure(reader, attachment, status, &snapshot, info);
    }
    account(reader, attachment, &snapshot, info);
    return NETIPC_OK;
}

netipc_status netipc_reader_read(netipc_reader *reader, uint64_t generation, void *buffer, size_t capacity,
                                 netipc_snapshot_info *info)
{
    netipc_status status = check_call(reader);
    if (status == NETIPC_OK)
        status = check_place(buffer, capacity, info);
    if (status != NETIPC_OK)
        return status;
    struct netipc_attachment *attachment = netipc_reader_pin(reader->subscriber, &reader->reading);
    status = read_from(attachment, reader, generation, buffer, capacity, info);
    netipc_reader_unpin(&reader->reading);
    return status;
}

netipc_status netipc_subscriber_read(netipc_subscriber *subscriber, void *buffer, size_t capacity,
                                     netipc_snapshot_info *info)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status == NETIPC_OK)
        status = check_place(buffer, capacity, info);
    if (status != NETIPC_OK)
        return status;
    return read_from(netipc_subscriber_at_hand(subscriber), &subscriber->own, NETIPC_GENERATION_LATEST, buffer,
                     capacity, info);
}

/* --- views --- */

COLD netipc_status nothing(netipc_reader *reader, netipc_status why)
{
    reader->view = (struct netipc_ring_snapshot){0};
    return why;
}

/* reader->held: by what the view is kept as it is. */
static netipc_status acquire(netipc_reader *reader, struct netipc_attachment *attachment, uint64_t generation,
                             const unsigned char **data)
{
    uint32_t protection = netipc_load(&attachment->protection, acquire);
    uint64_t hot = netipc_load(&attachment->view.header->latest, acquire);
    if (protection == NETIPC_PROTECTION_FROZEN || netipc_hot_state(hot) != NETIPC_REGION_LIVE) {
        reader->held = NULL;
        return netipc_ring_find(&attachment->view, generation, data, &reader->view);
    }
    if (protection == NETIPC_PROTECTION_LOST)
        return nothing(reader, netipc_fail(NETIPC_DISCONNECTED, "the session with the publisher of %s has ended",
                                           reader->subscriber->service));
    if (reader->lease >= attachment->lease_quota)
        return nothing(reader,
                       netipc_fail(NETIPC_NO_LEASE, "reader %u of this subscriber, whose publisher granted %u leases",
                                   reader->lease + 1, attachment->lease_quota));
    reader->held = lease_word(reader, attachment);
    return netipc_ring_acquire(&attachment->view, reader->held, generation, data, &reader->view);
}

netipc_status netipc_reader_acquire(netipc_reader *reader, uint64_t generation, const void **data,
                                    netipc_snapshot_info *info)
{
    netipc_status status = check_call(reader);
    if (status == NETIPC_OK)
        status = check_info(info);
    if (status != NETIPC_OK)
        return status;
    if (data == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the view's address given");
    if (netipc_load(&reader->viewing, relaxed) != NULL)
        return netipc_fail(NETIPC_WRONG_STATE, "this reader holds a view: release it first");
    struct netipc_attachment *attachment = netipc_reader_pin(reader->subscriber, &reader->viewing);
    if (!LIKELY(attachment != NULL))
        return read_nothing(reader, info);
    const unsigned char *bytes = NULL;
    status = check_generation(reader, attachment, generation);
    status = status == NETIPC_OK ? acquire(reader, attachment, generation, &bytes) : nothing(reader, status);
    if (status != NETIPC_OK) {
        account_failure(reader, attachment, status, &reader->view, info);
        netipc_reader_unpin(&reader->viewing);
        return status;
    }
    account(reader, attachment, &reader->view, info);
    reader->view_bytes = bytes;
    *data = bytes;
    return NETIPC_OK;
}

static netipc_status check_schema(const struct netipc_region_identity *identity, const netipc_schema *schema)
{
    if (identity->schema_id != schema->id || identity->schema_version != schema->version)
        return netipc_fail(NETIPC_UNSUPPORTED, "the snapshots are of schema %u version %u, not of %s, %u version %u",
                           identity->schema_id, identity->schema_version, schema->name, schema->id, schema->version);
    return NETIPC_OK;
}

/* Where the annex was seen to lie within the slot. */
static uint64_t annex_at(const struct netipc_ring_snapshot *view)
{
    return (view->length + 7) & ~UINT64_C(7);
}

netipc_status netipc_reader_index(netipc_reader *reader, const netipc_schema *schema, netipc_index *index)
{
    netipc_status status = check_call(reader);
    if (status != NETIPC_OK)
        return status;
    if (schema == NULL || index == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no schema or no place for the index given");
    const struct netipc_attachment *attachment = netipc_load(&reader->viewing, relaxed);
    if (attachment == NULL)
        return netipc_fail(NETIPC_WRONG_STATE, "this reader holds no view");
    status = check_schema(&attachment->view.identity, schema);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_ring_snapshot *view = &reader->view;
    if (view->annex_length == 0)
        return netipc_fail(NETIPC_UNSUPPORTED,
                           "no index behind generation %llu: give the publisher a schema, or build one over a copy "
                           "with netipc_index_build()",
                           (unsigned long long)view->generation);
    netipc_items items;
    status = schema->parse(reader->view_bytes, (size_t)view->length, &items);
    return status == NETIPC_OK ? netipc_index_open(schema, &items, reader->view_bytes + annex_at(view),
                                                   (size_t)view->annex_length, index)
                               : status;
}

netipc_status netipc_reader_release(netipc_reader *reader)
{
    netipc_status status = check_call(reader);
    if (status != NETIPC_OK)
        return status;
    struct netipc_attachment *attachment = netipc_load(&reader->viewing, relaxed);
    if (attachment == NULL)
        return netipc_fail(NETIPC_WRONG_STATE, "this reader holds no view");
    if (!LIKELY(netipc_ring_still(&attachment->view, &reader->view)))
        status =
            netipc_fail(NETIPC_OVERRUN, "the session ended, and the publisher has used the slot of generation %llu",
                        (unsigned long long)reader->view.generation);
    if (LIKELY(reader->held != NULL))
        netipc_ring_release(reader->held);
    netipc_reader_unpin(&reader->viewing);
    return status;
}

netipc_status netipc_reader_history(netipc_reader *reader, uint64_t *generations, size_t capacity, size_t *count)
{
    netipc_status status = check_call(reader);
    if (status != NETIPC_OK)
        return status;
    if (count == NULL || (generations == NULL && capacity > 0))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the generations or their number given");
    *count = 0;
    struct netipc_attachment *attachment = netipc_reader_pin(reader->subscriber, &reader->reading);
    if (attachment == NULL) {
        status = never_attached(reader->subscriber);
    } else {
        netipc_reader_know(reader, attachment);
        *count = netipc_ring_history(&attachment->view, generations,
                                     capacity < NETIPC_SLOTS_MOST ? (uint32_t)capacity : NETIPC_SLOTS_MOST);
    }
    netipc_reader_unpin(&reader->reading);
    return status;
}

netipc_status netipc_reader_wait(netipc_reader *reader, uint64_t generation, uint64_t timeout_ns)
{
    netipc_status status = check_call(reader);
    return status == NETIPC_OK ? netipc_subscriber_sleep(reader, generation, timeout_ns) : status;
}
