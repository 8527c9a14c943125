/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_FUZZ_PACKETS_H
#define NETIPC_TESTS_FUZZ_PACKETS_H

/* What both targets of the control channel share: a service in a directory of its own, and packets as an input says. */

#include "tests/fuzz/formats.h"
#include "tests/fuzz/fuzz.h"

#include "shm/region.h"
#include "shm/ring_publisher.h"

#include <sys/un.h>

#define FUZZ_SERVICE "fuzzed"
#define FUZZ_TOKEN UINT64_C(0xdeadbeefcafebabe) /* the captures' */

/* A directory that only the owner can use; removed at the end of the process, if it is empty but for the service. */
const char *fuzz_run_dir(void);
void fuzz_address(struct sockaddr_un *address);

/* A region with some publications, and what is in them. */
enum { FUZZ_PUBLISHED = 3, FUZZ_LENGTH = 100, FUZZ_CAPACITY = 256, FUZZ_SLOTS = 8 };
void fuzz_make_region(uint64_t ordinal, struct netipc_region *region);
unsigned char fuzz_byte(uint64_t generation);
#define FUZZ_INCARNATION                                                                                               \
    {                                                                                                                  \
        UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff00)                                                     \
    }

/* close() is wrapped: the library closes nothing that is not open. */
int __real_close(int fd);
int __wrap_close(int fd);

struct fuzz_packet {
    uint8_t head;
    unsigned char bytes[512];
    size_t length;
    uint8_t kinds[FUZZ_PACKET_FDS];
    size_t fd_count;
};

void fuzz_take_packet(struct fuzz_input *input, struct fuzz_packet *packet);

/* With the regions and the page in their places; others are made and closed. Without blocking; a peer that has left or
 * reads nothing is none of its affair. */
void fuzz_send_packet(int socket, const struct fuzz_packet *packet, int region, int next_region, int page);

#endif
