/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

#define IPC "ipc://"

void peer_ipc_address(const struct peer_link *link, char address[PEER_ADDRESS])
{
    snprintf(address, PEER_ADDRESS, IPC "%s/socket", link->dir);
}

void peer_remove_socket(struct peer_link *link)
{
    char address[PEER_ADDRESS];
    peer_ipc_address(link, address);
    unlink(address + sizeof IPC - 1);
}

enum peer_ready peer_explain(struct peer_link *link, enum peer_ready ready, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(link->why, sizeof link->why, format, arguments);
    va_end(arguments);
    return ready;
}
