/* SPDX-License-Identifier: Apache-2.0 */
/* How a session gets at its publisher's region, and what it is told of it. */
#include "control/packet.h"
#include "control/server_state.h"
#include "shm/probes.h"

#include <string.h>

enum { REGION_RETRY_NS = 2000000 };

static void refuse_region(struct netipc_peer_session *session, uint16_t status, const struct netipc_server_offer *offer)
{
    struct netipc_service *service = session->service;
    netipc_log_field fields[] = {{"transport_status", NULL, status}, {"region_size", NULL, offer->region_size}};
    netipc_log_event(&service->server->log, NETIPC_LOG_WARNING, "attach-refused", fields, 2);
    netipc_count(&service->totals.refused_other, 1);
    struct netipc_region_offer region = {
        .layout_version = NETIPC_WIRE_LAYOUT, .region_size = offer->region_size, .ordinal = offer->ordinal};
    netipc_session_tell(session, NETIPC_OP_REGION, status, session->attach_id, &region, sizeof region, true);
}

/* What this session may be granted of the leases of the region on offer. Those of a superseded region are all free. */
static uint32_t grantable(const struct netipc_peer_session *session, const struct netipc_server_offer *offer)
{
    struct netipc_service *service = session->service;
    if (service->granted_ordinal != offer->ordinal) {
        service->granted_ordinal = offer->ordinal;
        service->granted_leases = 0;
    }
    uint32_t left = offer->lease_quota - service->granted_leases;
    return session->leases_wanted < left ? session->leases_wanted : left;
}

/* Called with the offer locked, so that its descriptor stays what it is. */
static enum netipc_packet_result send_region(struct netipc_peer_session *session,
                                             const struct netipc_server_offer *offer, uint32_t leases)
{
    int socket = session->channel.socket;
    /* Descriptors under way count against this uid's limit: at most one region waits in the peer's queue, and only when
     * everything before it has been received. */
    if (netipc_channel_waits(&session->channel) || !netipc_packet_all_received(socket))
        return NETIPC_PACKET_AGAIN;
    bool with_page = session->have_ordinal == 0;
    struct netipc_region_offer region = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .flags = with_page ? NETIPC_REGION_WITH_PAGE : 0,
        .line_offset = session->page.line_offset,
        .region_size = offer->region_size,
        .ordinal = offer->ordinal,
        .incarnation = {offer->incarnation[0], offer->incarnation[1]},
        .page_size = (uint32_t)netipc_session_page_bytes(),
        .lease_quota = leases,
    };
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length =
        netipc_wire_control(NETIPC_OP_REGION, NETIPC_TRANSPORT_OK, session->attach_id, &region, sizeof region, packet);
    length = netipc_checksum_seal(session->channel.checksum, packet, length);
    int fds[2] = {offer->fd, session->page.fd};
    return netipc_packet_send(socket, packet, length, fds, with_page ? 2 : 1);
}

void netipc_session_offer_region(struct netipc_peer_session *session)
{
    struct netipc_service *service = session->service;
    pthread_mutex_lock(&service->offer_lock);
    struct netipc_server_offer offer = service->offer;
    enum netipc_packet_result result = NETIPC_PACKET_FAILED;
    bool fits = offer.region_size <= session->attach_limit;
    bool has_page = session->page.base != NULL;
    if (fits && !has_page)
        has_page = netipc_session_page_create(session->number, &session->page) == NETIPC_OK;
    uint32_t leases = grantable(session, &offer);
    if (fits && has_page)
        result = send_region(session, &offer, leases);
    pthread_mutex_unlock(&service->offer_lock);

    session->retry_ns = 0;
    if (!fits) {
        refuse_region(session, NETIPC_TRANSPORT_LIMIT_EXCEEDED, &offer);
    } else if (!has_page) {
        refuse_region(session, NETIPC_TRANSPORT_INTERNAL_ERROR, &offer);
    } else if (result == NETIPC_PACKET_DONE) {
        session->state = NETIPC_SESSION_OFFERED;
        session->offered_ordinal = offer.ordinal;
        session->descriptors_sent = true;
        session->leases_granted = leases;
        service->granted_leases += leases;
    } else if (result == NETIPC_PACKET_AGAIN || result == NETIPC_PACKET_STARVED) {
        netipc_session_set_due(session, &session->retry_ns, REGION_RETRY_NS);
    } else {
        netipc_session_end(session, "peer-closed");
    }
}

void netipc_session_on_attach(struct netipc_peer_session *session, uint64_t id, const unsigned char *payload)
{
    struct netipc_service *service = session->service;
    struct netipc_attach attach;
    memcpy(&attach, payload, sizeof attach);
    if (session->state != NETIPC_SESSION_OPEN || !session->may_attach || attach.layout_version != NETIPC_WIRE_LAYOUT ||
        attach.flags != 0 || attach.have_ordinal != session->have_ordinal) {
        netipc_session_end(session, "bad-attach");
        return;
    }
    session->attach_id = id;
    session->attach_limit = attach.max_region_size;
    session->leases_wanted = attach.lease_words < NETIPC_SESSION_LEASES ? attach.lease_words : NETIPC_SESSION_LEASES;
    pthread_mutex_lock(&service->offer_lock);
    uint64_t newest = service->offer.ordinal;
    pthread_mutex_unlock(&service->offer_lock);
    if (session->have_ordinal == newest) {
        netipc_session_note(session, NETIPC_OP_READY, id, newest);
        return;
    }
    session->state = NETIPC_SESSION_REGION_DUE;
    netipc_session_clear_due(session, &session->handshake_due_ns);
    netipc_session_set_due(session, &session->handshake_due_ns, service->limits.handshake_timeout_ns);
    netipc_session_offer_region(session);
}

/* From the seal on the peer can take nothing away; only then may the publishing thread look at the page. */
static bool list_session(struct netipc_peer_session *session)
{
    struct netipc_service *service = session->service;
    if (!session->listed && netipc_session_page_seal(&session->page) != NETIPC_OK)
        return false;
    netipc_session_table_grant(service->table, session->index, session->offered_ordinal, session->leases_granted);
    if (!session->listed) {
        netipc_session_table_insert(service->table, session->index, session->page.line);
        session->listed = true;
        netipc_probe_attach(service->name, session->number, session->peer.pid, session->index);
        netipc_count(&service->totals.attached, 1);
    }
    return true;
}

void netipc_session_on_attached(struct netipc_peer_session *session, uint64_t id, const unsigned char *payload)
{
    struct netipc_service *service = session->service;
    struct netipc_note note;
    memcpy(&note, payload, sizeof note);
    if (session->state != NETIPC_SESSION_OFFERED || note.layout_version != NETIPC_WIRE_LAYOUT || note.flags != 0 ||
        note.ordinal != session->offered_ordinal || note.status != NETIPC_OK) {
        netipc_session_end(session, "not-attached");
        return;
    }
    if (!list_session(session)) {
        netipc_session_end(session, "session-page-tampered");
        return;
    }
    session->have_ordinal = session->offered_ordinal;
    /* What waits for the peer from now on is without descriptors, unless it speaks of a region that it did not take. */
    session->descriptors_sent = !netipc_packet_all_received(session->channel.socket);
    session->state = NETIPC_SESSION_OPEN;
    netipc_session_settle(session);
    pthread_mutex_lock(&service->offer_lock);
    session->superseded_due = service->offer.ordinal > session->have_ordinal;
    pthread_mutex_unlock(&service->offer_lock);
    netipc_session_note(session, NETIPC_OP_READY, id, session->have_ordinal);
    if (session->superseded_due)
        netipc_session_tell_superseded(session);
}

void netipc_session_tell_superseded(struct netipc_peer_session *session)
{
    struct netipc_service *service = session->service;
    session->superseded_due = true;
    if (session->state != NETIPC_SESSION_OPEN || session->have_ordinal == 0 || netipc_channel_waits(&session->channel))
        return;
    session->superseded_due = false;
    pthread_mutex_lock(&service->offer_lock);
    session->told_ordinal = service->offer.ordinal;
    pthread_mutex_unlock(&service->offer_lock);
    netipc_session_note(session, NETIPC_OP_SUPERSEDED, 0, session->told_ordinal);
}

void netipc_session_tell_doorbell(struct netipc_peer_session *session)
{
    /* What it has not taken yet wakes it as well: one at most is under way, however often it arms. */
    session->doorbell_due = netipc_channel_waits(&session->channel);
    if (!session->doorbell_due && netipc_packet_all_received(session->channel.socket))
        netipc_session_note(session, NETIPC_OP_DOORBELL, 0, session->have_ordinal);
}

void netipc_session_tell_closed(struct netipc_peer_session *session)
{
    if (session->have_ordinal == 0 || netipc_channel_waits(&session->channel))
        return;
    struct netipc_note note = {
        .layout_version = NETIPC_WIRE_LAYOUT, .status = NETIPC_CLOSED, .ordinal = session->have_ordinal};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_CLOSED, NETIPC_TRANSPORT_OK, 0, &note, sizeof note, packet);
    length = netipc_checksum_seal(session->channel.checksum, packet, length);
    netipc_packet_send(session->channel.socket, packet, length, NULL, 0);
}
