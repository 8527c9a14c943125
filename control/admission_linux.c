/* SPDX-License-Identifier: Apache-2.0 */
/* Who connects: identified, counted, and let in or refused. */
#include "control/packet.h"
#include "control/server_state.h"

#include "shm/checked.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,
    REFUSING_MAX = 64, /* peers over the limit, or of a wrong uid, that are heard out before they are refused */
    PAUSE_NS = 100000000
};

static void send_refusal(struct netipc_server *server, int socket, uint16_t status)
{
    struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, status, 0, &ack, sizeof ack, packet);
    netipc_packet_send(socket, packet, length, NULL, 0);
    netipc_count(status == NETIPC_TRANSPORT_AUTH_FAILED ? &server->totals.refused_auth : &server->totals.refused_busy,
                 1);
}

/* Without having heard its HELLO: too many others are heard out already, or something has run out here. */
static void refuse_unheard(struct netipc_server *server, int socket, uint16_t status)
{
    netipc_log_field fields[] = {{"transport_status", NULL, status}};
    netipc_log_event(&server->log, NETIPC_LOG_WARNING, "session-refused-unheard", fields, 1);
    send_refusal(server, socket, status);
    close(socket);
}

static void pause_listener(struct netipc_server *server, int error)
{
    netipc_log_field fields[] = {{"errno", NULL, (uint64_t)error}};
    netipc_log_event(&server->log, NETIPC_LOG_ERROR, "accept-failed", fields, 1);
    netipc_server_poll(server, EPOLL_CTL_MOD, server->endpoint.listener, 0, &server->listener_source);
    server->listener_paused_until_ns = netipc_os_monotonic_ns() + PAUSE_NS;
}

static void admit(struct netipc_server *server, int socket)
{
    struct netipc_peer peer;
    netipc_status status = netipc_peer_identify(socket, &peer);
    if (status == NETIPC_NO_DESCRIPTORS || status == NETIPC_NO_MEMORY) {
        server->unidentified = socket; /* there is no way back into the backlog */
        pause_listener(server, status == NETIPC_NO_MEMORY ? ENOMEM : EMFILE);
        return;
    }
    if (status == NETIPC_GONE) {
        close(socket);
        return;
    }
    if (status != NETIPC_OK) {
        refuse_unheard(server, socket, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        return;
    }
    uint16_t refusal = NETIPC_TRANSPORT_OK;
    if (!netipc_uid_list_has(&server->uids, peer.uid))
        refusal = NETIPC_TRANSPORT_AUTH_FAILED;
    else if (server->free_count == 0)
        refusal = NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    struct netipc_session *session = NULL;
    if (refusal == NETIPC_TRANSPORT_OK || server->refusing < REFUSING_MAX)
        session = calloc(1, sizeof *session);
    if (session == NULL) {
        if (peer.pidfd >= 0)
            close(peer.pidfd);
        refuse_unheard(server, socket, refusal != NETIPC_TRANSPORT_OK ? refusal : NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        return;
    }
    session->state = NETIPC_SESSION_HELLO;
    session->socket = socket;
    session->peer = peer;
    session->refusal = refusal;
    session->page.fd = -1;
    session->deadline_ns = netipc_add_saturating(netipc_os_monotonic_ns(), server->handshake_timeout_ns);
    session->socket_source = (struct netipc_source){NETIPC_SOURCE_SOCKET, session};
    session->peer_source = (struct netipc_source){NETIPC_SOURCE_PEER, session};
    session->counted = refusal == NETIPC_TRANSPORT_OK;
    if (session->counted) {
        session->index = server->free_indexes[--server->free_count];
        netipc_count(&server->totals.sessions, 1);
        netipc_count(&server->totals.sessions_total, 1);
    } else {
        server->refusing++;
    }
    session->next = server->sessions;
    server->sessions = session;
    if (!netipc_server_poll(server, EPOLL_CTL_ADD, socket, EPOLLIN, &session->socket_source) ||
        (peer.pidfd >= 0 && !netipc_server_poll(server, EPOLL_CTL_ADD, peer.pidfd, EPOLLIN, &session->peer_source))) {
        send_refusal(server, socket, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        netipc_server_end_session(server, session, "no-memory");
    }
}

void netipc_server_on_listener(struct netipc_server *server)
{
    for (int accepts = 0; accepts < ACCEPTS_A_TURN && server->listener_paused_until_ns == 0; accepts++) {
        int socket = server->unidentified;
        server->unidentified = -1;
        if (socket < 0)
            socket = accept4(server->endpoint.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0) {
            netipc_packet_refuse_fds(socket);
            admit(server, socket);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause_listener(server, errno); /* they wait in the backlog until there is room again */
            return;
        }
    }
}
