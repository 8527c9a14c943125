/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/arena.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t capacity;
    char bytes[];
};

static char *reserve(struct arena *arena, size_t length)
{
    struct arena_block *block = arena->newest;
    if (block == NULL || block->capacity - block->used < length) {
        size_t capacity = length > BLOCK_BYTES ? length : BLOCK_BYTES;
        if (capacity > (size_t)-1 - sizeof *block)
            return NULL;
        block = malloc(sizeof *block + capacity);
        if (block == NULL)
            return NULL;
        block->older = arena->newest;
        block->used = 0;
        block->capacity = capacity;
        arena->newest = block;
    }
    char *at = block->bytes + block->used;
    block->used += length;
    return at;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = length == (size_t)-1 ? NULL : reserve(arena, length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *arena_join(struct arena *arena, const char *first, const char *second)
{
    size_t head = strlen(first), tail = strlen(second);
    char *joined = reserve(arena, head + tail + 1);
    if (joined != NULL) {
        memcpy(joined, first, head);
        memcpy(joined + head, second, tail + 1);
    }
    return joined;
}

void arena_free(struct arena *arena)
{
    while (arena->newest != NULL) {
        struct arena_block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
}
