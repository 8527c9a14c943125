/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/known.h"

#include "bench/notice.h"

#include <stdio.h>
#include <string.h>

const struct known known_peers[] = {
    {"netipc", &peer_netipc, NULL},
    {"bare", &peer_bare, NULL},
    {"seqpacket", &peer_seqpacket, NULL},
    {"stream", &peer_stream, NULL},
    {"pipe", &peer_pipe, NULL},
    {"mq", &peer_mq, NULL},
#ifdef SHMBENCH_LMDB
    {"lmdb", &peer_lmdb, "liblmdb-dev"},
#else
    {"lmdb", NULL, "liblmdb-dev"},
#endif
#ifdef SHMBENCH_ZEROMQ
    {"zeromq", &peer_zeromq, "libzmq3-dev"},
#else
    {"zeromq", NULL, "libzmq3-dev"},
#endif
#ifdef SHMBENCH_NNG
    {"nng", &peer_nng, "libnng-dev"},
#else
    {"nng", NULL, "libnng-dev"},
#endif
#ifdef SHMBENCH_ICEORYX
    {"iceoryx", &peer_iceoryx, "libiceoryx-binding-c-dev and iceoryx"},
#else
    {"iceoryx", NULL, "libiceoryx-binding-c-dev and iceoryx"},
#endif
#ifdef SHMBENCH_MMV
    {"mmv", &peer_mmv, "libpcp-mmv1-dev and libpcp3-dev"},
#else
    {"mmv", NULL, "libpcp-mmv1-dev and libpcp3-dev"},
#endif
    {NULL, NULL, NULL},
};

static void add(const struct known *known, const struct peer *picked[KNOWN_MOST], size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if (picked[i] == known->peer)
            return; /* named twice */
    picked[(*count)++] = known->peer;
}

static bool add_named(const struct known *known, const char *name, size_t length, const struct peer *picked[KNOWN_MOST],
                      size_t *count)
{
    while (known->name != NULL && (strlen(known->name) != length || strncmp(known->name, name, length) != 0))
        known++;
    if (known->name == NULL) {
        notice("--peers: there is no '%.*s'; shmbench peers --help has the names", (int)length, name);
        return false;
    }
    if (known->peer == NULL) {
        notice("--peers: %s is not built in; install %s (tools/prepare.sh --group peers), then configure and build "
               "again",
               known->name, known->package);
        return false;
    }
    add(known, picked, count);
    return true;
}

size_t known_pick(const struct known *known, const char *names, const struct peer *picked[KNOWN_MOST])
{
    size_t count = 0;
    add(known, picked, &count);
    if (names == NULL) {
        for (; known->name != NULL; known++)
            if (known->peer != NULL)
                add(known, picked, &count);
        return count;
    }
    for (;;) {
        size_t length = strcspn(names, ",");
        if (!add_named(known, names, length, picked, &count))
            return 0;
        if (names[length] == '\0')
            return count;
        names += length + 1;
    }
}

void known_print(void)
{
    printf("Transports:");
    for (const struct known *known = known_peers; known->name != NULL; known++)
        if (known->peer != NULL)
            printf(" %s", known->name);
    printf("\n");
    for (const struct known *known = known_peers; known->name != NULL; known++)
        if (known->peer == NULL)
            printf("Not built in: %s, which needs %s\n", known->name, known->package);
    printf("\n");
}
