/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_ANSWER_H
#define NETIPC_CONTROL_ANSWER_H

/* The bytes that handlers answer with: items one behind the other, each at a multiple of 8, in memory that grows. */

#include <netipc/server.h>

#include <stdbool.h>

struct netipc_answer {
    unsigned char *bytes;
    size_t capacity;
    size_t limit;  /* of all items together; set by the caller */
    size_t start;  /* of the item at hand */
    size_t length; /* of that item */
    size_t room;   /* that was made for it; beyond are bytes of other answers */
};

/* Begins the next item, behind the one at hand. false: it would begin beyond the limit. */
bool netipc_answer_begin(struct netipc_answer *answer);

/* Forgets all items, and gives large memory back. */
void netipc_answer_reset(struct netipc_answer *answer);
void netipc_answer_free(struct netipc_answer *answer);

#endif
