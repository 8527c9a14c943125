/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CONTROL_RELAY_H
#define NETIPC_TESTS_CONTROL_RELAY_H

/*
 * Somebody between a client and the service SCENE_SERVICE: passes packets on, with their descriptors, looks at the
 * checksum of each as docs/wire.md has it, and can turn one bit over on the way. One connection at a time, in a thread
 * of the test.
 */

#include "tests/control/scene.h"

#include <pthread.h>
#include <stdatomic.h>

#define RELAY_SERVICE "relayed"

enum relay_direction { RELAY_TO_SERVER, RELAY_TO_CLIENT };

struct relay_flip {
    enum relay_direction direction;
    unsigned packet; /* of a connection, from 0, HELLO and its answer not counted */
    long byte;       /* of the packet; below 0: from its end */
    unsigned bit;
};

struct relay {
    const struct scene *scene;
    uint32_t kind; /* NETIPC_CHECKSUM_… that each packet has to have behind it */
    atomic_uint passed[2], wrong, flipped;
    atomic_uint expected, actual; /* what there is to be said of the packet that has been spoilt */
    /* private */
    struct relay_flip flip;
    atomic_bool armed;
    int listener, bell;
    pthread_t thread;
};

void relay_open(struct relay *relay, const struct scene *scene, uint32_t kind);
void relay_close(struct relay *relay);

/* Once, from now on. */
void relay_flip(struct relay *relay, struct relay_flip flip);

/* Whether text says what came, and what it should have been, of the packet that has been spoilt. */
bool relay_told(const struct relay *relay, const char *text);

/* Bit by bit, from its definition. */
uint32_t reference_checksum(uint32_t kind, const void *bytes, size_t length);

#endif
