/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/control/relay.h"

#include "control/packet.h"
#include "control/wire.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

uint32_t reference_checksum(uint32_t kind, const void *bytes, size_t length)
{
    const uint32_t polynomial = kind == NETIPC_CHECKSUM_IEEE ? 0xedb88320u : 0x82f63b78u;
    const unsigned char *at = bytes;
    uint32_t checksum = ~0u;
    for (size_t i = 0; i < length; i++) {
        checksum ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            checksum = (checksum & 1) != 0 ? checksum >> 1 ^ polynomial : checksum >> 1;
    }
    return ~checksum;
}

/* One connection: sockets[direction] is where the packets of that direction go. */
struct passage {
    struct relay *relay;
    int sockets[2];
    unsigned packets[2]; /* with those of the handshake */
    uint32_t packet_size;
};

static void look(struct passage *passage, const unsigned char *packet, size_t length)
{
    struct relay *relay = passage->relay;
    uint32_t checksum;
    if (relay->kind == NETIPC_CHECKSUM_NONE)
        return;
    if (length < NETIPC_WIRE_ENVELOPE_SIZE + sizeof checksum || length > passage->packet_size) {
        relay->wrong++;
        return;
    }
    memcpy(&checksum, packet + length - sizeof checksum, sizeof checksum);
    relay->wrong += checksum != reference_checksum(relay->kind, packet, length - sizeof checksum);
}

static void treat(struct passage *passage, enum relay_direction direction, unsigned char *packet, size_t length)
{
    struct relay *relay = passage->relay;
    struct netipc_hello_ack ack;
    unsigned index = passage->packets[direction]++;
    if (index == 0) {
        if (direction == RELAY_TO_CLIENT && length == NETIPC_WIRE_ENVELOPE_SIZE + sizeof ack) {
            memcpy(&ack, packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof ack);
            passage->packet_size = ack.packet_size;
        }
        return;
    }
    look(passage, packet, length);
    if (atomic_load(&relay->armed) && relay->flip.direction == direction && relay->flip.packet == index - 1) {
        long byte = relay->flip.byte < 0 ? (long)length + relay->flip.byte : relay->flip.byte;
        uint32_t checksum;
        packet[byte] ^= (unsigned char)(1u << relay->flip.bit);
        memcpy(&checksum, packet + length - sizeof checksum, sizeof checksum);
        relay->expected = checksum;
        relay->actual = reference_checksum(relay->kind, packet, length - sizeof checksum);
        atomic_store(&relay->armed, false);
        relay->flipped++;
    }
    relay->passed[direction]++;
}

/* The next packet of a direction. false: one of both has hung up. */
static bool pass_on(struct passage *passage, enum relay_direction direction)
{
    static unsigned char packet[1 << 18];
    int fds[NETIPC_PACKET_FDS_MAX], to = passage->sockets[direction];
    size_t length, fd_count;
    bool truncated;
    if (netipc_packet_receive_fds(passage->sockets[!direction], packet, sizeof packet, &length, fds, &fd_count,
                                  &truncated) != NETIPC_PACKET_DONE)
        return false;
    treat(passage, direction, packet, length);
    enum netipc_packet_result result;
    while ((result = netipc_packet_send(to, packet, length, fds, fd_count)) == NETIPC_PACKET_AGAIN) {
        struct pollfd polled = {.fd = to, .events = POLLOUT};
        (void)poll(&polled, 1, 1000);
    }
    while (fd_count > 0)
        close(fds[--fd_count]);
    return result == NETIPC_PACKET_DONE;
}

static void serve(struct relay *relay, int client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct passage passage = {.relay = relay, .sockets = {server, client}};
    memcpy(address.sun_path, relay->scene->socket_path, sizeof address.sun_path);
    bool goes_on = connect(server, (const struct sockaddr *)&address, sizeof address) == 0;
    while (goes_on) {
        struct pollfd polled[] = {
            {.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}, {.fd = relay->bell, .events = POLLIN}};
        if (poll(polled, 3, -1) < 0 || polled[2].revents != 0)
            break;
        if (polled[1].revents != 0)
            goes_on = pass_on(&passage, RELAY_TO_CLIENT);
        if (goes_on && polled[0].revents != 0)
            goes_on = pass_on(&passage, RELAY_TO_SERVER);
    }
    close(server);
    close(client);
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    for (;;) {
        struct pollfd polled[] = {{.fd = relay->listener, .events = POLLIN}, {.fd = relay->bell, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 || polled[1].revents != 0)
            return NULL;
        int client = accept(relay->listener, NULL, NULL);
        if (client >= 0)
            serve(relay, client);
    }
}

void relay_open(struct relay *relay, const struct scene *scene, uint32_t kind)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *relay = (struct relay){.scene = scene, .kind = kind};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%s.sock", scene->run_dir, RELAY_SERVICE);
    relay->bell = eventfd(0, EFD_CLOEXEC);
    relay->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(relay->listener, 16), 0);
    assert_int_equal(pthread_create(&relay->thread, NULL, run, relay), 0);
}

void relay_close(struct relay *relay)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    assert_int_equal(eventfd_write(relay->bell, 1), 0);
    pthread_join(relay->thread, NULL);
    assert_int_equal(getsockname(relay->listener, (struct sockaddr *)&address, &length), 0);
    unlink(address.sun_path);
    close(relay->listener);
    close(relay->bell);
}

bool relay_told(const struct relay *relay, const char *text)
{
    char numbers[64];
    snprintf(numbers, sizeof numbers, "expected %08x, actual %08x", relay->expected, relay->actual);
    return strstr(text, numbers) != NULL;
}

void relay_flip(struct relay *relay, struct relay_flip flip)
{
    relay->flip = flip;
    atomic_store(&relay->armed, true);
}
