/* SPDX-License-Identifier: Apache-2.0 */
/* Where sessions by hand are accepted. */
#include "control/endpoint.h"
#include "control/packet.h"
#include "control/range.h"
#include "control/session_state.h"
#include "shm/detail.h"
#include "shm/sized.h"

#include <netipc/server.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REFUSING_MAX = 64,    /* sessions that are there to be refused, once they have said HELLO */
    NOBODIES_A_CALL = 64, /* refused without that, or gone */
};

struct netipc_listener {
    struct netipc_fork_guard fork_guard;
    struct netipc_endpoint endpoint;
    struct netipc_uid_list uids;
    struct netipc_terms terms;
    uint64_t transmit_queue, lock_timeout_ns;
    uint32_t max_sessions;
    struct netipc_session_count *count;
    int unidentified; /* an accepted peer for whose pidfd there was no descriptor left; -1: none */
};

netipc_status netipc_session_config_take(const netipc_session_config *given, netipc_session_config *config)
{
    netipc_session_config_init(config);
    netipc_status status = netipc_sized_in(config, sizeof *config, given);
    char path[NETIPC_SOCKET_PATH_MAX];
    if (status == NETIPC_OK)
        status = netipc_endpoint_path(config->run_dir, config->service, path);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_request_payload", config->max_request_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_response_payload", config->max_response_payload, 1, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_items", config->max_items, 1, NETIPC_BATCH_ITEMS_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_sessions", config->max_sessions, 1, 4096);
    if (status == NETIPC_OK)
        status = netipc_check_range("transmit_queue", config->transmit_queue, 0, UINT64_C(1) << 32);
    if (status == NETIPC_OK && config->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    struct netipc_checksum_wish checksum;
    return status == NETIPC_OK ? netipc_checksum_wish(config->checksum, &checksum) : status;
}

static netipc_status fill(netipc_listener *listener, const netipc_session_config *config)
{
    listener->terms = (struct netipc_terms){
        .token = config->token,
        .profiles = NETIPC_PROFILE_BASELINE,
        .max_request_payload = config->max_request_payload,
        .max_request_items = config->max_items,
        .response_payload = config->max_response_payload,
        .max_response_payload = config->max_response_payload,
    };
    (void)netipc_checksum_wish(config->checksum, &listener->terms.checksum); /* checked */
    listener->transmit_queue = config->transmit_queue;
    listener->lock_timeout_ns = config->lock_timeout_ns;
    listener->max_sessions = config->max_sessions;
    listener->count = calloc(1, sizeof *listener->count);
    if (listener->count == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a listener");
    netipc_store(&listener->count->holders, 1, relaxed);
    netipc_status status = netipc_fork_guard_arm(&listener->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &listener->uids);
    const struct netipc_endpoint_config endpoint = {
        .run_dir = config->run_dir,
        .service = config->service,
        .directory_mode = config->directory_mode,
        .socket_mode = config->socket_mode,
        .lock_timeout_ns = config->lock_timeout_ns,
    };
    return status == NETIPC_OK ? netipc_endpoint_open(&endpoint, &listener->endpoint) : status;
}

netipc_status netipc_listener_open(const netipc_session_config *given, netipc_listener **listener)
{
    if (listener == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the listener given");
    *listener = NULL;
    netipc_session_config config;
    netipc_status status = netipc_session_config_take(given, &config);
    if (status != NETIPC_OK)
        return status;
    netipc_listener *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a listener");
    opened->endpoint.directory = opened->endpoint.listener = opened->unidentified = -1;
    status = fill(opened, &config);
    if (status != NETIPC_OK)
        netipc_listener_close(opened);
    else
        *listener = opened;
    return status;
}

void netipc_listener_close(netipc_listener *listener)
{
    if (listener == NULL)
        return;
    bool forked = listener->fork_guard.pid != 0 && netipc_fork_guard_forked(&listener->fork_guard);
    if (listener->unidentified >= 0)
        close(listener->unidentified);
    netipc_endpoint_close(&listener->endpoint, listener->lock_timeout_ns, forked);
    netipc_uid_list_free(&listener->uids);
    netipc_session_count_release(listener->count);
    netipc_fork_guard_disarm(&listener->fork_guard);
    free(listener);
}

int netipc_listener_fd(const netipc_listener *listener)
{
    return listener != NULL && !netipc_fork_guard_forked(&listener->fork_guard) ? listener->endpoint.listener : -1;
}

/* It has said nothing yet, and too many like it are waited for already. */
static void refuse_unheard(int socket, uint16_t status)
{
    const struct netipc_hello_ack none = {.layout_version = NETIPC_WIRE_LAYOUT};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, status, 0, &none, sizeof none, packet);
    netipc_packet_send(socket, packet, length, NULL, 0);
    netipc_packet_shut_down(socket);
}

static uint16_t refusal_of(const netipc_listener *listener, uint32_t uid)
{
    if (!netipc_uid_list_has(&listener->uids, uid))
        return NETIPC_TRANSPORT_AUTH_FAILED;
    bool full = netipc_load(&listener->count->sessions, relaxed) >= listener->max_sessions;
    return full ? NETIPC_TRANSPORT_LIMIT_EXCEEDED : NETIPC_TRANSPORT_OK;
}

/* Who has gone before it was looked at is nobody, and so is who is refused here. */
static netipc_status take(netipc_listener *listener, int socket, netipc_session *session)
{
    netipc_packet_refuse_fds(socket);
    netipc_status status = netipc_peer_identify(socket, &session->dial.peer);
    if (status == NETIPC_NO_DESCRIPTORS || status == NETIPC_NO_MEMORY) {
        listener->unidentified = socket; /* there is no way back into the backlog */
        return status;
    }
    session->dial.socket = socket;
    if (status != NETIPC_OK)
        return status;
    session->refusal = refusal_of(listener, session->dial.peer.uid);
    session->counted = session->refusal == NETIPC_TRANSPORT_OK;
    if (!session->counted && netipc_load(&listener->count->refusing, relaxed) >= REFUSING_MAX) {
        refuse_unheard(socket, session->refusal);
        return NETIPC_GONE;
    }
    status = netipc_session_poll(session);
    if (status != NETIPC_OK)
        return status;
    session->terms = listener->terms;
    session->transmit_queue = listener->transmit_queue;
    session->count = listener->count;
    netipc_fetch_add(&listener->count->holders, 1u, relaxed);
    netipc_fetch_add(session->counted ? &listener->count->sessions : &listener->count->refusing, 1u, relaxed);
    return NETIPC_OK;
}

netipc_status netipc_listener_accept(netipc_listener *listener, netipc_session **session)
{
    if (listener == NULL || session == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no listener, or no place for the session given");
    *session = NULL;
    if (netipc_fork_guard_forked(&listener->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this listener belongs to the parent process");
    netipc_session *made;
    netipc_status status = netipc_session_new(&made);
    if (status != NETIPC_OK)
        return status;
    int nobodies = 0;
    do {
        int socket = listener->unidentified;
        listener->unidentified = -1;
        if (socket < 0)
            socket = accept4(listener->endpoint.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0)
            status = take(listener, socket, made);
        else if (errno == EINTR || errno == ECONNABORTED)
            status = NETIPC_GONE;
        else
            status = errno == EAGAIN ? NETIPC_WOULD_BLOCK : netipc_fail_errno(errno, "accept a connection");
        if (socket >= 0 && status == NETIPC_GONE)
            netipc_dial_hang_up(&made->dial, false);
    } while (status == NETIPC_GONE && ++nobodies < NOBODIES_A_CALL);
    if (status == NETIPC_OK)
        *session = made;
    else
        netipc_session_close(made);
    return status == NETIPC_GONE ? NETIPC_WOULD_BLOCK : status; /* polling tells of the next ones */
}
