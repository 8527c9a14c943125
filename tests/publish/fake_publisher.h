/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_FAKE_PUBLISHER_H
#define TESTS_PUBLISH_FAKE_PUBLISHER_H

/* A publisher that hands out what the test wants, on a thread of its own, to one subscriber at a time. It begins as a
 * good one; tests change what they are about. */

#include <netipc/subscriber.h>

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
    enum { FAKE_GOES_ON, FAKE_IS_SILENT, FAKE_HANGS_UP } at_hello, at_attach, at_attached, at_ready;
    bool leaves_page_unsealed;
    unsigned superseded_notes; /* sent ahead of REGION */
    unsigned note_pause_ms;    /* before each of them */
    void (*before_ready)(struct fake_publisher *fake);
    void (*after_ready)(struct fake_publisher *fake);
    bool serves_many; /* one after another, each with a page of its own; else only the first */

    int listener;
    int connection;
    pthread_t thread;
};

void fake_prepare(struct fake_publisher *fake);
void fake_start(struct fake_publisher *fake);

/* Once the subscriber has left, or has been hung up on. */
void fake_end(struct fake_publisher *fake);

/* An object of size bytes that begins with length of those given; the rest is a hole. */
int fake_object(const void *bytes, size_t length, size_t size, int seals);

/* One field of a struct, of 4 or 8 bytes, that is not as it should be. */
struct lie {
    size_t offset, width;
    uint64_t value;
};
#define LIE_IN(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
void fake_tell(const struct lie *lie, void *to);

/* Accepts regions of 1 MiB at most. */
netipc_subscriber *fake_subscriber(uint64_t connect_timeout_ns);

/* Starts it and refreshes a subscriber: that gives this status, nothing stays mapped or open, and a good publisher is
 * attached to afterwards. Ends it. */
void fake_expect_within(struct fake_publisher *fake, netipc_status expected, uint64_t connect_timeout_ns);
void fake_expect_refused(struct fake_publisher *fake, netipc_status expected);

#endif
