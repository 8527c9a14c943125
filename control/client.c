/* SPDX-License-Identifier: Apache-2.0 */
/* The client's context: what it is told, when it connects, and what becomes of its calls. */
#include <netipc/client.h>

#include <netipc/server.h>

#include "control/cancel.h"
#include "control/client_state.h"
#include "control/endpoint.h"
#include "control/long_call.h"
#include "control/range.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/sized.h"

#include <stdlib.h>
#include <string.h>

void netipc_client_config_init_sized(netipc_client_config *config, size_t size)
{
    const netipc_client_config defaults = {
        .max_request_payload = 65536,
        .max_batch_items = 1024,
        .response_payload = 65536,
        .max_response_payload = UINT32_C(64) << 20,
        .connect_timeout_ns = UINT64_C(5000000000),
        .call_timeout_ns = UINT64_C(30000000000),
        .backoff_first_ns = 100000000,
        .backoff_most_ns = UINT64_C(30000000000),
        .breaker_failures = 10,
        .breaker_ns = UINT64_C(60000000000),
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status check_config(const netipc_client_config *config)
{
    char path[NETIPC_SOCKET_PATH_MAX];
    netipc_status status = netipc_endpoint_path(config->run_dir, config->service, path);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_request_payload", config->max_request_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_batch_items", config->max_batch_items, 1, NETIPC_BATCH_ITEMS_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_response_payload", config->max_response_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("response_payload", config->response_payload, 1, config->max_response_payload);
    if (status == NETIPC_OK)
        status = netipc_check_range("connect_timeout_ns", config->connect_timeout_ns, 1, UINT64_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("call_timeout_ns", config->call_timeout_ns, 1, UINT64_MAX);
    struct netipc_checksum_wish checksum;
    if (status == NETIPC_OK)
        status = netipc_checksum_wish(config->checksum, &checksum);
    if (status == NETIPC_OK && config->reserved2 != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    return status;
}

static void set_state(netipc_client *client, netipc_client_state state)
{
    netipc_store(&client->state, state, relaxed);
}

static netipc_status fill(netipc_client *client, const netipc_client_config *config)
{
    client->log = (struct netipc_log){config->log, config->log_context};
    client->max_response_payload = config->max_response_payload;
    client->connect_timeout_ns = config->connect_timeout_ns;
    client->call_timeout_ns = config->call_timeout_ns;
    client->reconnect = (struct netipc_reconnect){
        .first_ns = config->backoff_first_ns,
        .most_ns = config->backoff_most_ns,
        .breaker_ns = config->breaker_ns,
        .breaker_failures = config->breaker_failures,
    };
    client->run_dir = strdup(config->run_dir);
    client->service = strdup(config->service);
    if (client->run_dir == NULL || client->service == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a client");
    netipc_status status = netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &client->uids);
    if (status == NETIPC_OK)
        status = netipc_fork_guard_arm(&client->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_os_random(&client->random, sizeof client->random);
    if (status == NETIPC_OK)
        status = netipc_cancel_open(&client->cancel);
    client->dial.run_dir = client->run_dir;
    client->dial.service = client->service;
    client->dial.uids = &client->uids;
    client->dial.required_profile = NETIPC_PROFILE_BASELINE;
    (void)netipc_checksum_wish(config->checksum, &client->dial.checksum_wish); /* checked */
    client->dial.hello = (struct netipc_hello){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE,
        .preferred_profiles = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = config->max_request_payload,
        .max_request_batch_items = config->max_batch_items,
        .max_response_payload_bytes = config->response_payload,
        .max_response_batch_items = config->max_batch_items,
        .auth_token = config->token,
    };
    return status;
}

netipc_status netipc_client_open(const netipc_client_config *given, netipc_client **client)
{
    if (client == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the client given");
    *client = NULL;
    netipc_client_config config;
    netipc_client_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status != NETIPC_OK)
        return status;
    netipc_client *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a client");
    opened->cancel = -1;
    netipc_dial_init(&opened->dial);
    status = fill(opened, &config);
    if (status != NETIPC_OK) {
        netipc_client_close(opened);
        return status;
    }
    *client = opened;
    return NETIPC_OK;
}

void netipc_client_close(netipc_client *client)
{
    if (client == NULL)
        return;
    bool forked = client->fork_guard.pid != 0 && netipc_fork_guard_forked(&client->fork_guard);
    netipc_dial_hang_up(&client->dial, forked);
    netipc_channel_free(&client->channel);
    if (client->cancel >= 0)
        netipc_cancel_close(client->cancel);
    netipc_uid_list_free(&client->uids);
    netipc_fork_guard_disarm(&client->fork_guard);
    free(client->scratch);
    free(client->run_dir);
    free(client->service);
    free(client);
}

static netipc_status check_call(const netipc_client *client)
{
    if (client == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no client given");
    if (netipc_fork_guard_forked(&client->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this client belongs to the parent process");
    return NETIPC_OK;
}

static bool aborted(const netipc_client *client)
{
    return netipc_load(&client->aborts, acquire) % 2 != 0;
}

static netipc_status fail_aborted(void)
{
    return netipc_fail(NETIPC_ABORTED, "an abort is in force");
}

/* --- the session --- */

static bool in_session(const netipc_client *client)
{
    return client->dial.state == NETIPC_DIAL_DONE;
}

static void end_session(netipc_client *client, netipc_status why)
{
    netipc_log_field fields[] = {{"status", netipc_status_name(why), 0}, {"pid", NULL, client->dial.peer.pid}};
    netipc_log_event(&client->log, NETIPC_LOG_INFO, "server-left", fields, 2);
    netipc_dial_hang_up(&client->dial, false);
    netipc_channel_free(&client->channel);
    netipc_store(&client->info.server_pid, 0, relaxed);
    set_state(client, NETIPC_CLIENT_DISCONNECTED);
}

/* Without being asked to. */
static void lose_session(netipc_client *client, netipc_status why)
{
    netipc_count(&client->info.breaks, 1);
    end_session(client, why);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What a server grants beyond what was asked for is of no use, and must not cost memory. */
static void cut_to_wish(netipc_client *client)
{
    const struct netipc_hello *hello = &client->dial.hello;
    struct netipc_hello_ack *ack = &client->dial.ack;
    ack->max_request_payload_bytes = smaller(ack->max_request_payload_bytes, hello->max_request_payload_bytes);
    ack->max_request_batch_items = smaller(ack->max_request_batch_items, hello->max_request_batch_items);
    ack->max_response_payload_bytes = smaller(ack->max_response_payload_bytes, client->max_response_payload);
    ack->max_response_batch_items = smaller(ack->max_response_batch_items, hello->max_response_batch_items);
}

static netipc_status open_channel(netipc_client *client)
{
    cut_to_wish(client);
    const struct netipc_hello_ack *ack = &client->dial.ack;
    const uint32_t scratch_size = netipc_channel_scratch_size(ack->packet_size);
    if (scratch_size > client->scratch_size) {
        unsigned char *larger = malloc(scratch_size);
        if (larger == NULL)
            return netipc_fail(NETIPC_NO_MEMORY, "no memory for packets of %u bytes", ack->packet_size);
        free(client->scratch);
        client->scratch = larger;
        client->scratch_size = scratch_size;
    }
    netipc_channel_init(&client->channel, client->dial.socket, ack->packet_size, ack->max_response_payload_bytes,
                        netipc_channel_queue_for(ack->max_request_payload_bytes));
    netipc_channel_protect(&client->channel, client->dial.checksum);
    client->next_id = 1;
    netipc_store(&client->info.server_pid, client->dial.peer.pid, relaxed);
    netipc_store(&client->info.session, ack->session_id, relaxed);
    netipc_store(&client->info.packet_size, ack->packet_size, relaxed);
    netipc_store(&client->info.checksum, netipc_checksum_told(client->dial.checksum), relaxed);
    netipc_store(&client->info.max_request_payload, ack->max_request_payload_bytes, relaxed);
    netipc_store(&client->info.max_response_payload, ack->max_response_payload_bytes, relaxed);
    netipc_store(&client->info.max_batch_items, smaller(ack->max_request_batch_items, ack->max_response_batch_items),
                 relaxed);
    netipc_count(&client->info.sessions, 1);
    set_state(client, NETIPC_CLIENT_READY);
    return NETIPC_OK;
}

static netipc_client_state state_after(netipc_status failure)
{
    switch (failure) {
    case NETIPC_NOT_FOUND:
        return NETIPC_CLIENT_NOT_FOUND;
    case NETIPC_AUTH_FAILED:
    case NETIPC_UNSAFE_DIRECTORY:
    case NETIPC_PERMISSION_DENIED:
        return NETIPC_CLIENT_AUTH_FAILED;
    case NETIPC_INCOMPATIBLE:
    case NETIPC_UNSUPPORTED:
        return NETIPC_CLIENT_INCOMPATIBLE;
    case NETIPC_ABORTED:
    case NETIPC_GONE:
        return NETIPC_CLIENT_DISCONNECTED;
    default:
        return NETIPC_CLIENT_BROKEN;
    }
}

static bool is_fatal(netipc_status failure)
{
    netipc_client_state state = state_after(failure);
    return state == NETIPC_CLIENT_AUTH_FAILED || state == NETIPC_CLIENT_INCOMPATIBLE;
}

/* xorshift64*, by Vigna: An experimental exploration of Marsaglia's xorshift generators, scrambled, 2016. */
static uint64_t next_random(netipc_client *client)
{
    uint64_t x = client->random != 0 ? client->random : 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    client->random = x;
    return x * UINT64_C(2685821657736338717);
}

static void note_failure(netipc_client *client, netipc_status failure)
{
    netipc_store(&client->info.last_error, failure, relaxed);
}

static netipc_status dial(netipc_client *client, uint64_t deadline_ns)
{
    netipc_status status;
    do { /* again, when what ended it was fired late by an abort that is over */
        netipc_cancel_clear(client->cancel);
        if (aborted(client))
            return fail_aborted();
        status = netipc_dial_until(&client->dial, client->cancel, deadline_ns);
    } while (status == NETIPC_ABORTED && !aborted(client));
    return status;
}

/* One attempt. deadline_ns: of the call that it is for. */
static netipc_status connect_once(netipc_client *client, uint64_t deadline_ns)
{
    uint64_t own = netipc_add_saturating(netipc_os_monotonic_ns(), client->connect_timeout_ns);
    set_state(client, NETIPC_CLIENT_CONNECTING);
    netipc_count(&client->info.connects, 1);
    netipc_status status = dial(client, own < deadline_ns ? own : deadline_ns);
    if (status == NETIPC_OK)
        status = open_channel(client);
    if (status == NETIPC_OK) {
        netipc_reconnect_succeeded(&client->reconnect);
        client->last_attempt = NETIPC_OK;
        return status;
    }
    netipc_dial_hang_up(&client->dial, false);
    set_state(client, state_after(status));
    note_failure(client, status);
    if (status == NETIPC_ABORTED)
        return status;
    client->last_attempt = status;
    if (netipc_reconnect_failed(&client->reconnect, is_fatal(status), netipc_os_monotonic_ns(), next_random(client)))
        netipc_count(&client->info.breaker_trips, 1);
    netipc_log_field fields[] = {{"status", netipc_status_name(status), 0}};
    netipc_log_event(&client->log, NETIPC_LOG_INFO, "connect-failed", fields, 1);
    return status;
}

netipc_status netipc_client_refresh(netipc_client *client)
{
    netipc_status status = check_call(client);
    if (status != NETIPC_OK)
        return status;
    if (aborted(client))
        return fail_aborted();
    netipc_joiner_trim(&client->channel.joiner);
    if (in_session(client)) {
        status = netipc_client_look(client);
        if (status == NETIPC_OK)
            return status;
        lose_session(client, status);
    }
    uint64_t in = netipc_reconnect_in(&client->reconnect, netipc_os_monotonic_ns());
    if (in > 0)
        return netipc_fail(client->last_attempt, "the last attempt to connect to %s said %s; the next is in %llu ms",
                           client->service, netipc_status_name(client->last_attempt),
                           (unsigned long long)(in / 1000000));
    return connect_once(client, UINT64_MAX);
}

uint64_t netipc_client_retry_in(netipc_client *client)
{
    if (check_call(client) != NETIPC_OK || in_session(client))
        return 0;
    return netipc_reconnect_in(&client->reconnect, netipc_os_monotonic_ns());
}

int netipc_client_ready(const netipc_client *client)
{
    return client != NULL && netipc_load(&client->state, relaxed) == NETIPC_CLIENT_READY &&
           !netipc_fork_guard_forked(&client->fork_guard);
}

/* --- calls --- */

uint64_t netipc_client_deadline(const netipc_client *client, uint64_t timeout_ns)
{
    return netipc_add_saturating(netipc_os_monotonic_ns(), timeout_ns != 0 ? timeout_ns : client->call_timeout_ns);
}

netipc_status netipc_client_connect_again(netipc_client *client, uint64_t deadline_ns)
{
    return in_session(client) ? NETIPC_OK : connect_once(client, deadline_ns);
}

static netipc_status check_request(const netipc_client_request *request)
{
    if (request == NULL || request->size < sizeof *request)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no request given, or its size is not set");
    if (request->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    if (request->payload == NULL && request->length > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no payload given for a request of %zu bytes", request->length);
    netipc_status status = netipc_check_range("method", request->method, 1, UINT16_MAX);
    return status == NETIPC_OK ? netipc_check_range("item_count", request->item_count, 1, NETIPC_BATCH_ITEMS_MAX)
                               : status;
}

/* The server's answer was larger than agreed on, and it has ended the session: ask for more, the next time. */
static bool ask_for_more(netipc_client *client)
{
    uint32_t asked = client->dial.hello.max_response_payload_bytes,
             agreed = client->dial.ack.max_response_payload_bytes;
    uint32_t most = client->max_response_payload, now = asked > agreed ? asked : agreed;
    if (now >= most)
        return false;
    client->dial.hello.max_response_payload_bytes = now > most / 2 ? most : now * 2;
    netipc_count(&client->info.growths, 1);
    return true;
}

/* It was asked for more, and grants no more than before, when that was too little. The new session stands. */
static netipc_status fail_at_its_ceiling(netipc_client *client, uint32_t asked_before)
{
    uint32_t asked = client->dial.hello.max_response_payload_bytes;
    client->dial.hello.max_response_payload_bytes = asked_before;
    return netipc_fail(NETIPC_LIMIT_EXCEEDED,
                       "the answer is larger than the %u bytes that the server of %s grants; %u were asked for",
                       client->dial.ack.max_response_payload_bytes, client->service, asked);
}

/* Whether an exchange that ended so has left a session that can be used again. */
static bool survives(const netipc_client *client, netipc_status status)
{
    return (status == NETIPC_UNSUPPORTED || status == NETIPC_OK) && !netipc_channel_waits(&client->channel);
}

static netipc_status call(netipc_client *client, netipc_client_request *request, uint64_t deadline_ns)
{
    bool resent = false;
    for (;;) {
        uint64_t id = client->next_id;
        netipc_status status = netipc_client_exchange(client, request, deadline_ns);
        bool sent = client->next_id != id;
        if (survives(client, status) || !sent)
            return status;
        uint32_t asked = client->dial.hello.max_response_payload_bytes,
                 agreed = client->dial.ack.max_response_payload_bytes;
        bool more = status == NETIPC_LIMIT_EXCEEDED && ask_for_more(client);
        bool lost = status == NETIPC_GONE || status == NETIPC_DISCONNECTED;
        bool again = lost && !resent;
        if (lost)
            lose_session(client, status);
        else
            end_session(client, status);
        if (!more && !again)
            return status;
        resent = resent || again;
        netipc_count(&client->info.resends, again);
        status = connect_once(client, deadline_ns);
        if (status != NETIPC_OK)
            return status;
        if (more && client->dial.ack.max_response_payload_bytes <= agreed)
            return fail_at_its_ceiling(client, asked);
    }
}

netipc_status netipc_client_call(netipc_client *client, netipc_client_request *request)
{
    netipc_status status = check_call(client);
    if (status == NETIPC_OK)
        status = check_request(request);
    if (status != NETIPC_OK)
        return status;
    client->aborts_before = netipc_load(&client->aborts, acquire);
    request->answer = NULL;
    request->answer_length = 0;
    netipc_joiner_trim(&client->channel.joiner); /* the last answer is not to be used any more */
    if (aborted(client))
        return fail_aborted();
    if (!in_session(client))
        return netipc_fail(NETIPC_NOT_READY, "there is no session with a server of %s: refresh", client->service);
    client->timeout_ns = request->timeout_ns != 0 ? request->timeout_ns : client->call_timeout_ns;
    netipc_count(&client->info.calls, 1);
    status = call(client, request, netipc_client_deadline(client, client->timeout_ns));
    netipc_count(status == NETIPC_OK ? &client->info.answers : &client->info.failures, 1);
    if (status != NETIPC_OK)
        note_failure(client, status);
    return status;
}

/* --- the rest --- */

void netipc_client_abort(netipc_client *client)
{
    if (client == NULL || netipc_fork_guard_forked(&client->fork_guard))
        return;
    netipc_fetch_or(&client->aborts, 1u, seq_cst);
    netipc_cancel_fire(client->cancel);
}

void netipc_client_resume(netipc_client *client)
{
    if (check_call(client) != NETIPC_OK || !aborted(client))
        return;
    netipc_fetch_add(&client->aborts, 1u, seq_cst);
    netipc_cancel_clear(client->cancel);
}

netipc_status netipc_client_status(netipc_client *client, netipc_client_info *info)
{
    netipc_status status = check_call(client);
    if (status != NETIPC_OK)
        return status;
    const netipc_client_info filled = {
        .size = sizeof filled,
        .state = netipc_load(&client->state, relaxed),
        .last_error = (uint32_t)netipc_load(&client->info.last_error, relaxed),
        .server_pid = (uint32_t)netipc_load(&client->info.server_pid, relaxed),
        .session = netipc_load(&client->info.session, relaxed),
        .packet_size = (uint32_t)netipc_load(&client->info.packet_size, relaxed),
        .max_request_payload = (uint32_t)netipc_load(&client->info.max_request_payload, relaxed),
        .max_response_payload = (uint32_t)netipc_load(&client->info.max_response_payload, relaxed),
        .max_batch_items = (uint32_t)netipc_load(&client->info.max_batch_items, relaxed),
        .connects = netipc_load(&client->info.connects, relaxed),
        .sessions = netipc_load(&client->info.sessions, relaxed),
        .breaks = netipc_load(&client->info.breaks, relaxed),
        .calls = netipc_load(&client->info.calls, relaxed),
        .answers = netipc_load(&client->info.answers, relaxed),
        .failures = netipc_load(&client->info.failures, relaxed),
        .resends = netipc_load(&client->info.resends, relaxed),
        .growths = netipc_load(&client->info.growths, relaxed),
        .breaker_trips = netipc_load(&client->info.breaker_trips, relaxed),
        .bytes_out = netipc_load(&client->info.bytes_out, relaxed),
        .bytes_in = netipc_load(&client->info.bytes_in, relaxed),
        .checksum = (uint32_t)netipc_load(&client->info.checksum, relaxed),
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}

const char *netipc_client_state_name(netipc_client_state state)
{
    static const char *const names[] = {"DISCONNECTED", "CONNECTING",   "READY", "NOT_FOUND",
                                        "AUTH_FAILED",  "INCOMPATIBLE", "BROKEN"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}
