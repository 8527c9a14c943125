/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/pairs.h"

#include <stdlib.h>
#include <unistd.h>

enum { NONE = -1 };

bool pairs_make(struct peer_link *link)
{
    struct pair *pairs = malloc(link->readers * sizeof *pairs);
    link->made = pairs;
    if (pairs == NULL) {
        peer_explain(link, PEER_FAILED, "no memory for the descriptors of %u readers", link->readers);
        return false;
    }
    for (unsigned i = 0; i < link->readers; i++)
        pairs[i] = (struct pair){.sends = NONE, .receives = NONE};
    return true;
}

static void close_one(int *fd)
{
    if (*fd != NONE)
        close(*fd);
    *fd = NONE;
}

static void keep(struct peer_link *link, bool sends, int receives)
{
    struct pair *pairs = link->made;
    for (unsigned i = 0; i < link->readers; i++) {
        if (!sends)
            close_one(&pairs[i].sends);
        if ((int)i != receives)
            close_one(&pairs[i].receives);
    }
}

void *pairs_open_publisher(const struct station *station, struct peer_link *link)
{
    struct pairs_publisher *publisher = peer_allocate(station, sizeof *publisher);
    keep(link, true, NONE);
    *publisher = (struct pairs_publisher){.station = station, .link = link, .pairs = link->made};
    return publisher;
}

int pairs_of_reader(struct peer_link *link, unsigned number)
{
    const struct pair *pairs = link->made;
    keep(link, false, (int)number);
    return pairs[number].receives;
}

void pairs_of_nobody(struct peer_link *link)
{
    keep(link, false, NONE);
}

enum peer_ready pairs_give_up(struct peer_link *link, enum peer_ready ready)
{
    pairs_clear(link);
    return ready;
}

void pairs_clear(struct peer_link *link)
{
    pairs_of_nobody(link);
    free(link->made);
    link->made = NULL;
}
