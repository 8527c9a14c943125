/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attachment that a reader has pinned is never freed, and whoever pins one sees all of it. Pinning, the owner's look
 * at the hazards and its reclaiming are those of publish/subscriber_state.h and publish/refresh.c, taken out of these
 * files by functions.awk; what they work on is less here.
 */
#include "tests/models/model.h"

#include "shm/os.h"

struct netipc_attachment {
    rl::var<unsigned> mapped; /* stands for the region: read while pinned */
    struct netipc_attachment *next;
};

typedef netipc_atomic_pointer(struct netipc_attachment) netipc_atomic_attachment;

typedef struct netipc_reader {
    struct netipc_reader *next;
    netipc_atomic_attachment reading, viewing;
} netipc_reader;

typedef struct netipc_subscriber {
    netipc_atomic_attachment current;
    bool light_barrier_is_fence;
    netipc_reader *readers;
    struct netipc_attachment *old;
    int readers_lock;
} netipc_subscriber;

/* Only the owner takes it here. */
#define pthread_mutex_lock(lock) ((void)0)
#define pthread_mutex_unlock(lock) ((void)0)

/* What the system's call does to every running thread. */
bool netipc_os_heavy_barrier(void)
{
    rl::ctx().sched();
    rl::systemwide_fence($);
    return true;
}

void netipc_attachment_free(struct netipc_attachment *attachment, bool forked)
{
    (void)forked;
    attachment->mapped($) = 0;
    delete attachment;
}

#include "hazard_functions.inc"

enum { OWNER = 0, READERS = 2, REPLACEMENTS = 2, PINS = 2 };

/* fence: the system has no heavy barrier. */
template <bool fence> struct hazard_pointers : rl::test_suite<hazard_pointers<fence>, 1 + READERS> {
    netipc_subscriber subscriber;
    netipc_reader readers[READERS];

    struct netipc_attachment *make()
    {
        struct netipc_attachment *attachment = new struct netipc_attachment;
        attachment->mapped($) = 1;
        attachment->next = NULL;
        return attachment;
    }

    void before()
    {
        model::reset();
        subscriber.light_barrier_is_fence = fence;
        subscriber.old = NULL;
        subscriber.readers = NULL;
        for (netipc_reader &reader : readers) {
            reader.next = subscriber.readers;
            subscriber.readers = &reader;
        }
        replace(make());
    }

    void after()
    {
        replace(NULL);
        reclaim(&subscriber);
        RL_ASSERT(subscriber.old == NULL);
    }

    void thread(unsigned index)
    {
        if (index == OWNER)
            own();
        else
            read(&readers[index - 1]);
    }

    void replace(struct netipc_attachment *attachment)
    {
        netipc_subscriber *subscriber = &this->subscriber;
        struct netipc_attachment *before = netipc_load(&subscriber->current, relaxed);
#include "hazard_step_O1.inc"
        if (before != NULL) {
            before->next = subscriber->old;
            subscriber->old = before;
        }
    }

    void own()
    {
        for (unsigned i = 0; i < REPLACEMENTS; i++) {
            model::stretch stretch(3);
            replace(make());
            reclaim(&subscriber);
        }
    }

    void read(netipc_reader *reader)
    {
        netipc_atomic_attachment *hazard = rl::rand(2) == 0 ? &reader->reading : &reader->viewing;
        for (unsigned i = 0; i < PINS; i++) {
            struct netipc_attachment *attachment = netipc_reader_pin(&subscriber, hazard);
            for (unsigned look = 0; look < 2; look++) {
                rl::ctx().sched();
                RL_ASSERT(attachment->mapped($) == 1);
            }
            netipc_reader_unpin(hazard);
        }
    }
};

int main(int argc, char **argv)
{
    model::options options = model::parse(argc, argv);
    int status = model::run<hazard_pointers<true>>(options, 100000);
    int without = status != model::FAILURE ? model::run<hazard_pointers<false>>(options, 100000) : status;
    return without == model::NOT_REACHED ? status : without;
}
