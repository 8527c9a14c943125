/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_CONTAINER_BOOK_H
#define CGROUPS_PLUGIN_CONTAINER_BOOK_H

#include "tools/cgroups_plugin/engine_answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The containers whose names an engine may know, for as long as their cgroups are there. */

enum { CONTAINER_ID_MAX = 64 };

struct container {
    struct container *next; /* in its bucket */
    size_t queued_at;       /* in the queue of its engine */
    bool queued;
    bool settled;      /* the engine has answered or failed to, once */
    unsigned failures; /* in a row, of its own */
    uint64_t due_ns;   /* when to ask */
    uint64_t round;    /* when its cgroup was last there */
    enum engine engine;
    struct answer answer; /* the last one that told something */
    size_t length;
    char id[CONTAINER_ID_MAX + 1];
};

/* The one to be asked for first is at the front: a binary heap. */
struct due_queue {
    struct container **items;
    size_t count;
    size_t capacity;
};

/* Zeroed is empty. */
struct container_book {
    struct container **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t of_engine[ENGINE_COUNT];
    size_t unsettled[ENGINE_COUNT];
    uint64_t round;
    struct due_queue queues[ENGINE_COUNT];
};

/* The container with this id, which is entered when it is not there yet, and then queued for now. NULL: out of memory,
 * or no id. */
struct container *book_find(struct container_book *book, enum engine engine, const char *id, size_t length,
                            uint64_t now);

/* Queues a container that is not queued. */
void book_queue(struct container_book *book, struct container *container, uint64_t due_ns);

/* The first one in the queue; NULL: none. */
struct container *book_first(const struct container_book *book, enum engine engine);

/* Takes it out of the queue. */
void book_unqueue(struct container_book *book, struct container *container);

void book_settle(struct container_book *book, struct container *container);

/* Removes those that book_find() has not been asked for since the last time; before each, forget is called. */
void book_next_round(struct container_book *book, void (*forget)(void *context, struct container *container),
                     void *context);

void book_free(struct container_book *book);

#endif
