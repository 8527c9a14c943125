/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into shmbench: the library with a fault, at each seventh call. BROKEN says which:
 *
 *     byte     a byte of what is published is another one
 *     drop     a publication is said to be made, and is not
 *     twice    one is made twice
 *     nothing  a read succeeds, and leaves the buffer as it was
 */
#include <netipc/netipc.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { EACH = 7, PAYLOAD_MOST = 1 << 20 };

typedef netipc_status (*publish_function)(netipc_publisher *, const void *, size_t, uint64_t *);
typedef netipc_status (*reader_read_function)(netipc_reader *, uint64_t, void *, size_t, netipc_snapshot_info *);
typedef netipc_status (*subscriber_read_function)(netipc_subscriber *, void *, size_t, netipc_snapshot_info *);

static uint64_t calls;

static bool is_broken(const char *how)
{
    const char *broken = getenv("BROKEN");
    return broken != NULL && strcmp(broken, how) == 0 && ++calls % EACH == 0;
}

static void *original(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

netipc_status netipc_publish(netipc_publisher *publisher, const void *bytes, size_t length, uint64_t *generation)
{
    static unsigned char wrong[PAYLOAD_MOST];
    publish_function publish;
    void *found = original("netipc_publish");
    memcpy(&publish, &found, sizeof publish);
    if (is_broken("drop"))
        return NETIPC_OK;
    if (is_broken("twice") && publish(publisher, bytes, length, generation) != NETIPC_OK)
        return NETIPC_SYSTEM;
    if (length <= sizeof wrong && is_broken("byte")) {
        memcpy(wrong, bytes, length);
        wrong[length - 1] ^= 1;
        bytes = wrong;
    }
    return publish(publisher, bytes, length, generation);
}

netipc_status netipc_reader_read(netipc_reader *reader, uint64_t generation, void *buffer, size_t capacity,
                                 netipc_snapshot_info *info)
{
    static unsigned char elsewhere[PAYLOAD_MOST];
    reader_read_function read;
    void *found = original("netipc_reader_read");
    memcpy(&read, &found, sizeof read);
    return read(reader, generation, capacity <= sizeof elsewhere && is_broken("nothing") ? elsewhere : buffer, capacity,
                info);
}

netipc_status netipc_subscriber_read(netipc_subscriber *subscriber, void *buffer, size_t capacity,
                                     netipc_snapshot_info *info)
{
    static unsigned char elsewhere[PAYLOAD_MOST];
    subscriber_read_function read;
    void *found = original("netipc_subscriber_read");
    memcpy(&read, &found, sizeof read);
    return read(subscriber, capacity <= sizeof elsewhere && is_broken("nothing") ? elsewhere : buffer, capacity, info);
}
