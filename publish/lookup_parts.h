/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_LOOKUP_PARTS_H
#define NETIPC_PUBLISH_LOOKUP_PARTS_H

/*
 * A lookup of many keys, whatever they are, as a client makes it: request after request, each for as many of the keys
 * that are left as fit, until all of them have a final answer. Every request makes progress or is followed by a smaller
 * one, so there is an end whatever the server says; the deadline is one for all.
 */

#include <netipc/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a request may be. */
struct netipc_lookup_room {
    uint32_t keys;          /* at most */
    uint32_t request_bytes; /* at most */
    uint32_t answer_bytes;  /* the least answers must fit, unless it is for one key */
};

struct netipc_lookup_request {
    const void *payload;
    size_t length;
    uint32_t keys;
};

/* A method, and one call of it. */
struct netipc_lookup {
    uint16_t method;
    uint32_t count; /* keys */
    void *context;  /* handed to all below */

    /* Makes a request for the keys from first on, for one at least, and for none with first = count. NETIPC_OK;
     * NETIPC_TOO_LARGE: key first alone is too long; others end the call. */
    netipc_status (*ask)(void *context, uint32_t first, const struct netipc_lookup_room *room,
                         struct netipc_lookup_request *request);

    /* Keeps what an answer says of keys keys from first on. *answered gets how many of them, from the first one on,
     * need not be asked for again. That the first of several is oversized is not final: servers of the published
     * library say so too when it is the other ones' least answers that leave it no room. Any failure ends the call. */
    netipc_status (*take)(void *context, uint32_t first, uint32_t keys, const void *answer, size_t length,
                          uint32_t *answered, uint64_t *generation);

    /* Key index can not be answered, ever. Any failure ends the call. */
    netipc_status (*give_up)(void *context, uint32_t index);
};

/* NETIPC_OK, and *generation is that of all parts; NETIPC_OVERRUN: they are of different ones, or of
 * different servers; NETIPC_PROTOCOL: no
 * progress; what the callbacks and netipc_client_call() give. */
netipc_status netipc_lookup_run(const struct netipc_lookup *lookup, netipc_client *client, uint64_t timeout_ns,
                                uint64_t *generation);

/* --- what is kept of answers, for as long as a result lives --- */

struct netipc_lookup_kept {
    struct netipc_lookup_kept *next;
    unsigned char bytes[];
};

/* A copy of length bytes, at the head of *kept. NETIPC_OK; NETIPC_NO_MEMORY. */
netipc_status netipc_lookup_keep(struct netipc_lookup_kept **kept, const void *bytes, size_t length,
                                 const unsigned char **copy);
void netipc_lookup_forget(struct netipc_lookup_kept *kept);

/* Zeroed memory for a result of size bytes and count items of item bytes. NETIPC_OK; NETIPC_NO_MEMORY. */
netipc_status netipc_lookup_new_result(size_t size, uint32_t count, size_t item, void **result);

#endif
