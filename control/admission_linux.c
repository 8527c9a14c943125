/* SPDX-License-Identifier: Apache-2.0 */
/* Who connects: identified, counted, and let in or refused. */
#include "control/packet.h"
#include "control/server_state.h"

#include "shm/checked.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,
    REFUSING_MAX = 64, /* peers over the limit, or of a wrong uid, that are heard out before they are refused */
    PAUSE_NS = 100000000,
    HELLO_PACKET = 256 /* bytes; a HELLO has 76, its answer 80 */
};

static void send_refusal(struct netipc_service *service, int socket, uint16_t status)
{
    struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, status, 0, &ack, sizeof ack, packet);
    netipc_packet_send(socket, packet, length, NULL, 0);
    netipc_count(status == NETIPC_TRANSPORT_AUTH_FAILED ? &service->totals.refused_auth : &service->totals.refused_busy,
                 1);
}

/* Without having heard its HELLO: too many others are heard out already, or something has run out here. */
static void refuse_unheard(struct netipc_service *service, int socket, uint16_t status)
{
    netipc_log_field fields[] = {{"transport_status", NULL, status}};
    netipc_log_event(&service->server->log, NETIPC_LOG_WARNING, "session-refused-unheard", fields, 1);
    send_refusal(service, socket, status);
    netipc_packet_shut_down(socket);
    close(socket);
}

static void pause_listener(struct netipc_service *service, int error)
{
    netipc_log_field fields[] = {{"errno", NULL, (uint64_t)error}};
    netipc_log_event(&service->server->log, NETIPC_LOG_ERROR, "accept-failed", fields, 1);
    netipc_event_loop_change(&service->server->loop, service->endpoint.listener, 0, &service->listener_source);
    service->listener_paused_until_ns = netipc_os_monotonic_ns() + PAUSE_NS;
    netipc_service_times_changed(service);
}

static void admit(struct netipc_service *service, int socket)
{
    struct netipc_peer peer;
    netipc_status status = netipc_peer_identify(socket, &peer);
    if (status == NETIPC_NO_DESCRIPTORS || status == NETIPC_NO_MEMORY) {
        service->unidentified = socket; /* there is no way back into the backlog */
        pause_listener(service, status == NETIPC_NO_MEMORY ? ENOMEM : EMFILE);
        return;
    }
    if (status == NETIPC_GONE) {
        close(socket);
        return;
    }
    if (status != NETIPC_OK) {
        refuse_unheard(service, socket, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        return;
    }
    uint16_t refusal = NETIPC_TRANSPORT_OK;
    if (!netipc_uid_list_has(&service->server->uids, peer.uid))
        refusal = NETIPC_TRANSPORT_AUTH_FAILED;
    else if (service->free_count == 0 || netipc_server_draining(service->server))
        refusal = NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    struct netipc_peer_session *session = NULL;
    if (refusal == NETIPC_TRANSPORT_OK || service->refusing < REFUSING_MAX)
        session = calloc(1, sizeof *session);
    if (session == NULL) {
        if (peer.pidfd >= 0)
            close(peer.pidfd);
        refuse_unheard(service, socket, refusal != NETIPC_TRANSPORT_OK ? refusal : NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        return;
    }
    session->service = service;
    session->state = NETIPC_SESSION_HELLO;
    session->peer = peer;
    session->refusal = refusal;
    session->page.fd = -1;
    session->socket_source.happened = netipc_session_on_socket;
    session->peer_source.happened = netipc_session_on_peer;
    netipc_channel_init(&session->channel, socket, HELLO_PACKET, 0, HELLO_PACKET);
    netipc_session_set_due(session, &session->handshake_due_ns, service->limits.handshake_timeout_ns);
    session->counted = refusal == NETIPC_TRANSPORT_OK;
    if (session->counted) {
        session->index = service->free_indexes[--service->free_count];
        netipc_count(&service->totals.sessions, 1);
        netipc_count(&service->totals.sessions_total, 1);
    } else {
        service->refusing++;
    }
    session->next = service->sessions;
    service->sessions = session;
    session->interest = NETIPC_READABLE;
    struct netipc_event_loop *loop = &service->server->loop;
    if (!netipc_event_loop_add(loop, socket, NETIPC_READABLE, &session->socket_source) ||
        (peer.pidfd >= 0 && !netipc_event_loop_add(loop, peer.pidfd, NETIPC_READABLE, &session->peer_source))) {
        send_refusal(service, socket, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        netipc_session_end(session, "no-memory");
    }
}

void netipc_service_on_listener(struct netipc_source *source, uint32_t events)
{
    struct netipc_service *service = netipc_source_owner(source, struct netipc_service, listener_source);
    /* Who has left in this turn gives the place back when it is over, and may be noticed behind this event: whoever
     * comes to a full service, perhaps the same client again, is looked at in the next turn. */
    bool waited = service->waited_a_turn;
    service->waited_a_turn = false;
    (void)events;
    for (int accepts = 0; accepts < ACCEPTS_A_TURN && service->listener_paused_until_ns == 0; accepts++) {
        if (service->free_count == 0 && service->unidentified < 0 && !waited) {
            service->waited_a_turn = accepts == 0;
            return;
        }
        int socket = service->unidentified;
        service->unidentified = -1;
        if (socket < 0)
            socket = accept4(service->endpoint.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0) {
            netipc_packet_refuse_fds(socket);
            admit(service, socket);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause_listener(service, errno); /* they wait in the backlog until there is room again */
            return;
        }
    }
}
