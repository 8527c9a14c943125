/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *peer_allocate(const struct station *station, size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for %zu bytes", bytes);
    return memory;
}

void peer_free_publisher(void *publisher, uint64_t published)
{
    (void)published;
    free(publisher);
}

enum peer_ready peer_explain(struct peer_link *link, enum peer_ready ready, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(link->why, sizeof link->why, format, arguments);
    va_end(arguments);
    return ready;
}
