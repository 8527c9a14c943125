/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/packets.h"

#include "control/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char run_dir[64];
static pid_t made_by;

static void remove_run_dir(void)
{
    static const char *const names[] = {"/.netipc.lock", "/" FUZZ_SERVICE ".sock", ""};
    char path[128];
    for (size_t i = 0; made_by == getpid() && i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s%s", run_dir, names[i]);
        remove(path);
    }
}

const char *fuzz_run_dir(void)
{
    if (run_dir[0] == '\0') {
        strcpy(run_dir, "/tmp/netipc-fuzz-XXXXXX");
        fuzz_check(mkdtemp(run_dir) != NULL);
        made_by = getpid();
        atexit(remove_run_dir);
    }
    return run_dir;
}

void fuzz_address(struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%s.sock", fuzz_run_dir(), FUZZ_SERVICE);
}

int __wrap_close(int fd)
{
    int result = __real_close(fd);
    fuzz_check(result == 0 || errno != EBADF);
    return result;
}

unsigned char fuzz_byte(uint64_t generation)
{
    return (unsigned char)(generation * 41 + 3);
}

void fuzz_make_region(uint64_t ordinal, struct netipc_region *region)
{
    struct netipc_region_geometry geometry;
    struct netipc_session_table nobody = {0};
    struct netipc_ring ring;
    const struct netipc_region_label label = {
        .incarnation = FUZZ_INCARNATION, .ordinal = ordinal, .service = FUZZ_SERVICE};
    fuzz_check(netipc_region_plan(FUZZ_SLOTS, FUZZ_CAPACITY, UINT64_MAX, &geometry) == NETIPC_OK);
    fuzz_check(netipc_region_create(&geometry, &label, NULL, region) == NETIPC_OK);
    netipc_ring_start(&ring, region, ordinal, &nobody, 0, &(struct netipc_ring_totals){0});
    for (uint64_t i = 1; i <= FUZZ_PUBLISHED; i++) {
        memset(netipc_ring_claimed_data(&ring), fuzz_byte(i), FUZZ_LENGTH);
        netipc_ring_publish(&ring, FUZZ_LENGTH, 0);
    }
}

static void fix_envelope(struct fuzz_packet *packet)
{
    struct netipc_envelope envelope;
    if (!netipc_wire_envelope(packet->bytes, packet->length, &envelope))
        return;
    envelope.magic = NETIPC_WIRE_MAGIC;
    envelope.version = NETIPC_WIRE_VERSION;
    envelope.header_len = NETIPC_WIRE_ENVELOPE_SIZE;
    envelope.kind = NETIPC_KIND_CONTROL;
    envelope.flags = 0;
    envelope.payload_len = (uint32_t)(packet->length - sizeof envelope);
    envelope.item_count = 1;
    memcpy(packet->bytes, &envelope, sizeof envelope);
}

void fuzz_take_packet(struct fuzz_input *input, struct fuzz_packet *packet)
{
    memset(packet, 0, sizeof *packet);
    packet->head = fuzz_u8(input);
    packet->length = fuzz_u8(input);
    packet->fd_count = packet->head & FUZZ_PACKET_FDS;
    fuzz_bytes(input, packet->kinds, packet->fd_count);
    fuzz_bytes(input, packet->bytes, packet->length);
    if (packet->head & FUZZ_PACKET_WIDE)
        packet->length += 256;
    if (packet->head & FUZZ_PACKET_FIX)
        fix_envelope(packet);
}

static int memory(size_t bytes, size_t size, int seals)
{
    static const unsigned char zeros[8192];
    int fd = memfd_create("fuzzed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fuzz_check(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && pwrite(fd, zeros, bytes, 0) == (ssize_t)bytes);
    fuzz_check(seals == 0 || fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

/* One end, the other one is closed. */
static int end_of_pair(bool sockets)
{
    int ends[2];
    if (sockets)
        fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    else
        fuzz_check(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[1]);
    return ends[0];
}

static int make_descriptor(uint8_t kind, int region, int next_region, int page)
{
    const int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | 0x0010; /* FUTURE_WRITE */
    switch (kind % FUZZ_FD_KINDS) {
    case FUZZ_FD_REGION:
        return fcntl(region, F_DUPFD_CLOEXEC, 0);
    case FUZZ_FD_PAGE:
        return page >= 0 ? fcntl(page, F_DUPFD_CLOEXEC, 0) : memory(4096, 4096, F_SEAL_SHRINK | F_SEAL_GROW);
    case FUZZ_FD_NEXT_REGION:
        return fcntl(next_region, F_DUPFD_CLOEXEC, 0);
    case FUZZ_FD_UNSEALED:
        return memory(8192, 8192, 0);
    case FUZZ_FD_SPARSE:
        return memory(0, 12288, all);
    case FUZZ_FD_EMPTY:
        return memory(0, 0, all);
    case FUZZ_FD_PIPE:
        return end_of_pair(false);
    case FUZZ_FD_FILE:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    default:
        return end_of_pair(true);
    }
}

void fuzz_send_packet(int socket, const struct fuzz_packet *packet, int region, int next_region, int page)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(FUZZ_PACKET_FDS * sizeof(int))];
    } ancillary;
    int fds[FUZZ_PACKET_FDS];
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet->bytes, .iov_len = packet->length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    for (size_t i = 0; i < packet->fd_count; i++) {
        fds[i] = make_descriptor(packet->kinds[i], region, next_region, page);
        fuzz_check(fds[i] >= 0);
    }
    if (packet->fd_count > 0) {
        memset(&ancillary, 0, sizeof ancillary);
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE(packet->fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(packet->fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, packet->fd_count * sizeof(int));
    }
    sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t i = 0; i < packet->fd_count; i++)
        close(fds[i]);
}
