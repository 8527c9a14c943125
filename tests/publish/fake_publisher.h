/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_FAKE_PUBLISHER_H
#define TESTS_PUBLISH_FAKE_PUBLISHER_H

/* A publisher that hands out what the test wants, on a thread of its own, to the one subscriber that comes. It begins
 * as a good one; tests change what they are about. */

#include "control/wire.h"
#include "shm/region.h"
#include "shm/session_page.h"

#include <pthread.h>

enum { FAKE_FDS_MOST = 3 };

struct fake_publisher {
    /* a good region with one snapshot of the pattern, and a good page */
    struct netipc_region region;
    struct netipc_session_page page;

    /* what is sent */
    uint16_t refusal; /* transport_status of HELLO_ACK */
    struct netipc_hello_ack ack;
    struct netipc_region_offer offer;
    int fds[FAKE_FDS_MOST];
    size_t fd_count;
    enum { FAKE_GOES_ON, FAKE_IS_SILENT, FAKE_HANGS_UP } at_hello, at_attach, at_attached;
    bool leaves_page_unsealed;

    int listener;
    int connection;
    pthread_t thread;
};

void fake_prepare(struct fake_publisher *fake);
void fake_start(struct fake_publisher *fake);

/* Once the subscriber has left. */
void fake_end(struct fake_publisher *fake);

/* A sealed object of size bytes, all of them allocated and set to fill, or none of them with sparse. */
int fake_object(size_t size, int seals, bool sparse, unsigned char fill);

#endif
