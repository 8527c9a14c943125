/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region that a request is answered from is not unmapped under it, whoever reads one sees all of it, and of those
 * that were replaced all but one are unmapped at once. The functions are those of publish/latest_answer.c, taken out by
 * functions.awk; what they work on is less here, and the lease is the matter of another model.
 */
#include "tests/models/model.h"

/* Stands for the mapping: read by the answer, written when it is unmapped. */
struct memory {
    rl::var<unsigned> mapped;
};

/* Stands for what a place says of its region: copied with every access ordered, or a race. */
struct netipc_region_geometry {
    rl::var<unsigned> generation;

    netipc_region_geometry() = default;
    netipc_region_geometry(const netipc_region_geometry &other) : generation(0)
    {
        *this = other;
    }
    netipc_region_geometry &operator=(const netipc_region_geometry &other)
    {
        generation($) = (unsigned)other.generation($);
        return *this;
    }
};

struct netipc_region {
    netipc_region_geometry geometry;
    int *header, *slots;
    struct memory *data;
};

struct netipc_region_view {
    netipc_region_geometry geometry;
    struct {
        uint64_t ordinal;
    } identity;
    int *header, *slots;
    struct memory *data;
};

struct netipc_latest_region {
    struct netipc_region region;
    struct netipc_region_view view;
};

struct netipc_latest_answer {
    struct netipc_latest_region regions[3];
    netipc_atomic_u32 shown, reading;
    uint32_t replaced, kept;
};

static unsigned mappings;

void netipc_region_destroy(struct netipc_region *region, bool forked)
{
    (void)forked;
    region->data->mapped($) = 0;
    delete region->data;
    mappings--;
}

#include "latest_functions.inc"

enum { PUBLISHER = 0, CONTROL = 1, GROWTHS = 4, REQUESTS = 3 };

struct latest_answer : rl::test_suite<latest_answer, 2> {
    netipc_latest_answer latest;
    unsigned newest;

    void show()
    {
        struct netipc_region region = {};
        region.data = new struct memory;
        region.data->mapped($) = 1;
        region.geometry.generation($) = ++newest;
        mappings++;
        netipc_latest_show(&latest, &region, newest);
    }

    void before()
    {
        model::reset();
        latest.replaced = latest.kept = newest = mappings = 0;
        show();
    }

    void after()
    {
        netipc_latest_reclaim(&latest);
        RL_ASSERT(latest.kept == 0 && mappings == 1);
        netipc_region_destroy(&place(&latest, netipc_load(&latest.shown, relaxed))->region, false);
    }

    void thread(unsigned index)
    {
        if (index == PUBLISHER)
            grow();
        else
            answer();
    }

    void grow()
    {
        for (unsigned i = 0; i < GROWTHS; i++) {
            model::stretch stretch(3);
            show();
            netipc_latest_retire(&latest);
            RL_ASSERT(mappings <= 2);
            if (rl::rand(2) == 0 && latest.kept != 0)
                netipc_latest_reclaim(&latest);
        }
    }

    void answer()
    {
        unsigned last = 0;
        for (unsigned i = 0; i < REQUESTS; i++) {
            const struct netipc_region_view *view = begin_reading(&latest);
            unsigned generation = view->geometry.generation($);
            RL_ASSERT(generation >= last);
            last = generation;
            for (unsigned look = 0; look < 2; look++) {
                rl::ctx().sched();
                RL_ASSERT(view->data->mapped($) == 1);
            }
            end_reading(&latest);
        }
    }
};

int main(int argc, char **argv)
{
    return model::run<latest_answer>(model::parse(argc, argv), 100000);
}
