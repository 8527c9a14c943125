/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CALL_H
#define NETIPC_CONTROL_CALL_H

/*
 * One request on its way through the handlers: as it stands, or a batch in contiguous parts. Each part is a job of its
 * own for the workers; the one that ends last puts the answers together, in order.
 */

#include <netipc/batch.h>
#include <netipc/server.h>

#include "control/answer.h"
#include "control/wire.h"
#include "control/worker_pool.h"
#include "shm/atomics.h"

struct netipc_call_item {
    uint32_t offset, length; /* of its answer, within its part's */
};

struct netipc_call_part {
    struct netipc_job job;
    struct netipc_call *call;
    uint32_t first, count; /* items */
    struct netipc_answer answer;
    netipc_status status;
};

struct netipc_call {
    struct netipc_call *next, *next_done;   /* its owner's lists */
    void *owner;                            /* whoever made it: what for, is theirs to know */
    void (*done)(struct netipc_call *call); /* by the worker that ends last */
    netipc_handler handler;
    void *context;
    struct netipc_envelope envelope; /* the request's */
    netipc_request request;          /* what is the same for all its items */
    netipc_batch_view batch;         /* if envelope.flags says so */
    unsigned char *copy;             /* of its payload, on the heap; NULL: borrowed */
    struct netipc_call_item *items;  /* of a batch */
    netipc_atomic_u32 parts_left;

    /* when it is done */
    netipc_status status;
    const unsigned char *answer; /* in joined, or in the only part's answer */
    size_t answer_length;
    unsigned char *joined;

    uint32_t part_count;
    struct netipc_call_part parts[];
};

/*
 * Makes a call of parts parts at most, for a request with this envelope and payload, borrowed or (keep) copied; at
 * least one. request and handler are the caller's to set, then. NETIPC_OK, NETIPC_CORRUPT (the batch's directory),
 * NETIPC_NO_MEMORY: *call is NULL then.
 */
netipc_status netipc_call_new(const struct netipc_envelope *envelope, const unsigned char *payload, bool keep,
                              uint32_t parts, uint32_t answer_limit, struct netipc_call **call);
void netipc_call_free(struct netipc_call *call);

/* Runs a part; the last one of a call also sets its results. Returns whether it was the last. */
bool netipc_call_run(struct netipc_call_part *part);

#endif
