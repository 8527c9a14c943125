/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_RAW_CLIENT_H
#define TESTS_PUBLISH_RAW_CLIENT_H

/* Speaks the control channel by hand, to get the descriptors that the library does not give away. */

#include "control/wire.h"

#include <stddef.h>

/* Connected to the service of service.h, with the publication profile agreed. */
int raw_connect(void);

struct raw_region {
    struct netipc_region_offer offer;
    int region, page;
};

/* ATTACH; the descriptors are the caller's. */
void raw_attach(int socket, struct raw_region *received);
void raw_attach_with_leases(int socket, uint32_t leases, struct raw_region *received);

/* ATTACHED. Whether the publisher answered READY; it has hung up otherwise. */
bool raw_confirm(int socket, const struct raw_region *received);

/* One packet, its descriptors included; -1 for those that did not come. Returns its length, 0 at the end. */
size_t raw_receive(int socket, unsigned char packet[NETIPC_WIRE_CONTROL_MAX], int fds[2]);

#endif
