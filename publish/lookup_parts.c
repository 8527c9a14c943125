/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/lookup_parts.h"

#include "control/long_call.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/os.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How far a call has come. */
struct progress {
    const struct netipc_lookup *lookup;
    netipc_client *client;
    uint64_t deadline_ns;
    uint32_t next;      /* key without a final answer */
    uint32_t most_keys; /* to ask for at once, as has been learnt so far */
    uint64_t generation;
    uint32_t server_pid; /* whose generation that is; 0: in another pid namespace */
    uint64_t breaks;     /* of the client's sessions, until then */
    bool told;           /* generation, by an answer */
};

static netipc_status room_for(const struct progress *progress, struct netipc_lookup_room *room)
{
    netipc_client_info info = {.size = sizeof info};
    netipc_status status = netipc_client_status(progress->client, &info);
    if (status != NETIPC_OK)
        return status;
    if (!netipc_client_ready(progress->client))
        return netipc_fail(NETIPC_NOT_READY, "there is no session with a server: refresh");
    *room = (struct netipc_lookup_room){.keys = progress->most_keys,
                                        .request_bytes = info.max_request_payload,
                                        .answer_bytes = info.max_response_payload};
    return NETIPC_OK;
}

static netipc_status give_up_next(struct progress *progress)
{
    return progress->lookup->give_up(progress->lookup->context, progress->next++);
}

/* The answer is larger than client and server can agree on. */
static netipc_status ask_for_less(struct progress *progress, uint32_t keys)
{
    netipc_status status = NETIPC_OK;
    if (keys > 1)
        progress->most_keys = keys / 2;
    else
        status = give_up_next(progress);
    return status == NETIPC_OK ? netipc_client_connect_again(progress->client, progress->deadline_ns) : status;
}

/* An answer's generation is that of those before. Two servers count their own, though the numbers be the same. */
static netipc_status check_generation(struct progress *progress, uint64_t generation)
{
    netipc_client_info info = {.size = sizeof info};
    netipc_status status = netipc_client_status(progress->client, &info);
    if (status != NETIPC_OK)
        return status;
    bool same = info.server_pid == progress->server_pid && (info.server_pid != 0 || info.breaks == progress->breaks);
    if (progress->told && !same)
        return netipc_fail(NETIPC_OVERRUN,
                           "another server, process %" PRIu32 " instead of %" PRIu32
                           ", has come between two parts of the answer: call again",
                           info.server_pid, progress->server_pid);
    if (progress->told && generation != progress->generation)
        return netipc_fail(NETIPC_OVERRUN,
                           "the server went from generation %" PRIu64 " to %" PRIu64
                           " between two parts of the answer: call again",
                           progress->generation, generation);
    progress->told = true;
    progress->generation = generation;
    progress->server_pid = info.server_pid;
    progress->breaks = info.breaks;
    return NETIPC_OK;
}

static netipc_status take_answer(struct progress *progress, uint32_t keys, const netipc_client_request *call)
{
    const struct netipc_lookup *lookup = progress->lookup;
    uint32_t answered = 0;
    uint64_t generation = 0;
    netipc_status status =
        lookup->take(lookup->context, progress->next, keys, call->answer, call->answer_length, &answered, &generation);
    if (status == NETIPC_OK)
        status = check_generation(progress, generation);
    if (status != NETIPC_OK)
        return status;
    if (answered == 0 && keys == 1)
        return netipc_fail(NETIPC_PROTOCOL, "the server has no room in an answer to one key, and does not say that "
                                            "it never will");
    /* What did not fit now does not fit next time either; and what did, might have been more. */
    if (answered < keys)
        progress->most_keys = answered > 0 ? answered : keys / 2;
    else
        progress->most_keys = keys > UINT32_MAX / 2 ? UINT32_MAX : (keys > 0 ? keys * 2 : 1);
    progress->next += answered;
    return NETIPC_OK;
}

static netipc_status one_part(struct progress *progress)
{
    const struct netipc_lookup *lookup = progress->lookup;
    struct netipc_lookup_room room;
    struct netipc_lookup_request request = {0};
    netipc_status status = room_for(progress, &room);
    if (status != NETIPC_OK)
        return status;
    status = lookup->ask(lookup->context, progress->next, &room, &request);
    if (status == NETIPC_TOO_LARGE && progress->next < lookup->count)
        return give_up_next(progress);
    if (status != NETIPC_OK)
        return status;
    uint64_t now = netipc_os_monotonic_ns();
    if (now >= progress->deadline_ns)
        return netipc_fail(NETIPC_TIMED_OUT, "%" PRIu32 " of %" PRIu32 " keys were answered", progress->next,
                           lookup->count);
    netipc_client_request call = {
        .size = sizeof call,
        .method = lookup->method,
        .payload = request.payload,
        .length = request.length,
        .item_count = 1,
        .timeout_ns = progress->deadline_ns - now,
    };
    status = netipc_client_call(progress->client, &call);
    if (status == NETIPC_LIMIT_EXCEEDED && request.keys > 0)
        return ask_for_less(progress, request.keys);
    return status == NETIPC_OK ? take_answer(progress, request.keys, &call) : status;
}

netipc_status netipc_lookup_run(const struct netipc_lookup *lookup, netipc_client *client, uint64_t timeout_ns,
                                uint64_t *generation)
{
    struct progress progress = {.lookup = lookup, .client = client, .most_keys = UINT32_MAX};
    struct netipc_lookup_room room;
    netipc_status status = room_for(&progress, &room);
    if (status != NETIPC_OK)
        return status;
    progress.deadline_ns = netipc_client_deadline(client, timeout_ns);
    /* Without a key, or with none that can be asked for, there is still a generation to be told. */
    while (status == NETIPC_OK && (progress.next < lookup->count || !progress.told))
        status = one_part(&progress);
    *generation = progress.generation;
    return status;
}

/* --- what is kept of answers --- */

netipc_status netipc_lookup_keep(struct netipc_lookup_kept **kept, const void *bytes, size_t length,
                                 const unsigned char **copy)
{
    struct netipc_lookup_kept *made = malloc(sizeof *made + length);
    if (made == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %zu bytes of answers", length);
    memcpy(made->bytes, bytes, length);
    made->next = *kept;
    *kept = made;
    *copy = made->bytes;
    return NETIPC_OK;
}

void netipc_lookup_forget(struct netipc_lookup_kept *kept)
{
    for (struct netipc_lookup_kept *next; kept != NULL; kept = next) {
        next = kept->next;
        free(kept);
    }
}

netipc_status netipc_lookup_new_result(size_t size, uint32_t count, size_t item, void **result)
{
    uint64_t length;
    size_t whole;
    *result = NULL;
    if (!netipc_multiply_overflows(count, item, &length) && !netipc_add_overflows(length, size, &length) &&
        netipc_to_size(length, &whole))
        *result = calloc(1, whole);
    return *result != NULL ? NETIPC_OK
                           : netipc_fail(NETIPC_NO_MEMORY, "no memory for the answers to %" PRIu32 " keys", count);
}
