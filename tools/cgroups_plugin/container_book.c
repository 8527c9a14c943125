/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/container_book.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

/* ---- the queues ---- */

static void put(struct due_queue *queue, size_t at, struct container *container)
{
    queue->items[at] = container;
    container->queued_at = at;
}

static void sift_up(struct due_queue *queue, size_t at, struct container *container)
{
    for (; at > 0 && queue->items[(at - 1) / 2]->due_ns > container->due_ns; at = (at - 1) / 2)
        put(queue, at, queue->items[(at - 1) / 2]);
    put(queue, at, container);
}

static void sift_down(struct due_queue *queue, size_t at, struct container *container)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < queue->count && queue->items[child + 1]->due_ns < queue->items[child]->due_ns)
            child++;
        if (child >= queue->count || queue->items[child]->due_ns >= container->due_ns)
            break;
        put(queue, at, queue->items[child]);
        at = child;
    }
    put(queue, at, container);
}

void book_queue(struct container_book *book, struct container *container, uint64_t due_ns)
{
    struct due_queue *queue = &book->queues[container->engine];
    container->due_ns = due_ns;
    container->queued = true;
    sift_up(queue, queue->count++, container);
}

struct container *book_first(const struct container_book *book, enum engine engine)
{
    const struct due_queue *queue = &book->queues[engine];
    return queue->count == 0 ? NULL : queue->items[0];
}

void book_unqueue(struct container_book *book, struct container *container)
{
    struct due_queue *queue = &book->queues[container->engine];
    struct container *last = queue->items[--queue->count];
    container->queued = false;
    if (last == container)
        return;
    size_t at = container->queued_at;
    if (at > 0 && queue->items[(at - 1) / 2]->due_ns > last->due_ns)
        sift_up(queue, at, last);
    else
        sift_down(queue, at, last);
}

/* Makes room for all containers of this engine and one more, so that queueing never fails. */
static bool reserve_queue(struct container_book *book, enum engine engine)
{
    struct due_queue *queue = &book->queues[engine];
    if (book->of_engine[engine] < queue->capacity)
        return true;
    size_t capacity = queue->capacity == 0 ? FIRST_BUCKETS : queue->capacity * 2;
    struct container **items = reallocarray(queue->items, capacity, sizeof *items);
    if (items == NULL)
        return false;
    queue->items = items;
    queue->capacity = capacity;
    return true;
}

/* ---- the containers ---- */

static uint32_t hash_of(const char *id, size_t length)
{
    uint32_t hash = 0x811c9dc5u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)id[i]) * 0x01000193u;
    return hash;
}

static bool reserve_bucket(struct container_book *book)
{
    if (book->count < book->bucket_count)
        return true;
    size_t count = book->bucket_count == 0 ? FIRST_BUCKETS : book->bucket_count * 2;
    struct container **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL)
        return false;
    for (size_t i = 0; i < book->bucket_count; i++) {
        for (struct container *container = book->buckets[i], *next; container != NULL; container = next) {
            next = container->next;
            struct container **bucket = &buckets[hash_of(container->id, container->length) & (count - 1)];
            container->next = *bucket;
            *bucket = container;
        }
    }
    free(book->buckets);
    book->buckets = buckets;
    book->bucket_count = count;
    return true;
}

static struct container *enter(struct container_book *book, enum engine engine, const char *id, size_t length,
                               uint64_t now)
{
    struct container *container = NULL;
    if (reserve_bucket(book) && reserve_queue(book, engine))
        container = calloc(1, sizeof *container);
    if (container == NULL)
        return NULL;
    container->engine = engine;
    container->length = length;
    memcpy(container->id, id, length);
    struct container **bucket = &book->buckets[hash_of(id, length) & (book->bucket_count - 1)];
    container->next = *bucket;
    *bucket = container;
    book->count++;
    book->of_engine[engine]++;
    book->unsettled[engine]++;
    book_queue(book, container, now);
    return container;
}

struct container *book_find(struct container_book *book, enum engine engine, const char *id, size_t length,
                            uint64_t now)
{
    struct container *container = NULL;
    if (length == 0 || length > CONTAINER_ID_MAX)
        return NULL;
    if (book->bucket_count > 0)
        container = book->buckets[hash_of(id, length) & (book->bucket_count - 1)];
    while (container != NULL &&
           (container->engine != engine || container->length != length || memcmp(container->id, id, length) != 0))
        container = container->next;
    if (container == NULL)
        container = enter(book, engine, id, length, now);
    if (container != NULL)
        container->round = book->round;
    return container;
}

void book_settle(struct container_book *book, struct container *container)
{
    book->unsettled[container->engine] -= !container->settled;
    container->settled = true;
}

static void discard(struct container_book *book, struct container *container)
{
    if (container->queued)
        book_unqueue(book, container);
    book_settle(book, container);
    book->of_engine[container->engine]--;
    book->count--;
    answer_free(&container->answer);
    free(container);
}

void book_next_round(struct container_book *book, void (*forget)(void *context, struct container *container),
                     void *context)
{
    for (size_t i = 0; i < book->bucket_count; i++) {
        for (struct container **at = &book->buckets[i]; *at != NULL;) {
            struct container *container = *at;
            if (container->round == book->round) {
                at = &container->next;
                continue;
            }
            *at = container->next;
            forget(context, container);
            discard(book, container);
        }
    }
    book->round++;
}

void book_free(struct container_book *book)
{
    for (size_t i = 0; i < book->bucket_count; i++) {
        while (book->buckets[i] != NULL) {
            struct container *container = book->buckets[i];
            book->buckets[i] = container->next;
            discard(book, container);
        }
    }
    free(book->buckets);
    for (int engine = 0; engine < ENGINE_COUNT; engine++)
        free(book->queues[engine].items);
    *book = (struct container_book){0};
}
