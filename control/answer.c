/* SPDX-License-Identifier: Apache-2.0 */
#include "control/answer.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096, KEPT_BYTES = 65536 };

bool netipc_answer_begin(struct netipc_answer *answer)
{
    uint64_t start;
    if (netipc_align_overflows(answer->start + answer->length, 8, &start) || start > answer->limit)
        return false;
    /* Room for padding was made with the item: capacities are multiples of 8. */
    if (start > answer->start + answer->length)
        memset(answer->bytes + answer->start + answer->length, 0, (size_t)start - answer->start - answer->length);
    answer->start = (size_t)start;
    answer->length = answer->room = 0;
    return true;
}

void netipc_answer_reset(struct netipc_answer *answer)
{
    if (answer->capacity > KEPT_BYTES)
        netipc_answer_free(answer);
    answer->start = answer->length = answer->room = 0;
}

void netipc_answer_free(struct netipc_answer *answer)
{
    free(answer->bytes);
    answer->bytes = NULL;
    answer->capacity = 0;
}

static netipc_status grow(struct netipc_answer *answer, size_t needed)
{
    uint64_t capacity = answer->capacity * 2 > needed ? answer->capacity * 2 : needed;
    if (capacity < FIRST_BYTES)
        capacity = FIRST_BYTES;
    if (netipc_align_overflows(capacity, 8, &capacity))
        return netipc_fail(NETIPC_NO_MEMORY, "an answer of %zu bytes", needed);
    unsigned char *bytes = realloc(answer->bytes, (size_t)capacity);
    if (bytes == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for an answer of %zu bytes", needed);
    answer->bytes = bytes;
    answer->capacity = (size_t)capacity;
    return NETIPC_OK;
}

netipc_status netipc_answer_room(netipc_answer *answer, size_t minimum, void **data, size_t *capacity)
{
    if (minimum > answer->limit - answer->start)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "an answer of %zu bytes, this session takes %zu", minimum,
                           answer->limit - answer->start);
    if (minimum > answer->capacity - answer->start || answer->bytes == NULL) {
        netipc_status status = grow(answer, answer->start + minimum);
        if (status != NETIPC_OK)
            return status;
    }
    size_t room = answer->capacity - answer->start, limit = answer->limit - answer->start;
    *data = answer->bytes + answer->start;
    *capacity = answer->room = room < limit ? room : limit;
    return NETIPC_OK;
}

netipc_status netipc_answer_set_length(netipc_answer *answer, size_t length)
{
    if (length > answer->room)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "an answer of %zu bytes was not made room for", length);
    answer->length = length;
    return NETIPC_OK;
}

netipc_status netipc_answer_write(netipc_answer *answer, const void *bytes, size_t length)
{
    void *room;
    size_t capacity;
    netipc_status status = netipc_answer_room(answer, length, &room, &capacity);
    if (status != NETIPC_OK)
        return status;
    if (length > 0)
        memcpy(room, bytes, length);
    return netipc_answer_set_length(answer, length);
}
