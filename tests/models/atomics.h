/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_MODELS_ATOMICS_H
#define NETIPC_TESTS_MODELS_ATOMICS_H

/*
 * What shm/atomics.h is in a model: the same names over Relacy's atomics, so that the shipped files compile as they
 * are, as C++. Each place where one of them gives a memory order can be told another one at run time: that is a mutant.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <relacy/relacy.hpp>

/* The model's objects have other sizes than the shared words. */
#define static_assert(...)

namespace model
{

enum { NO_FENCE = -1 };

/* The order from, in this line of this file, becomes to. */
struct mutant {
    const char *file;
    unsigned line;
    int from, to;
    bool reached;
};

enum { MUTANTS_MOST = 2 };
extern mutant mutants[MUTANTS_MOST];
extern unsigned mutant_count;

inline bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

inline int order_at(const char *file, unsigned line, int order)
{
    for (unsigned i = 0; i < mutant_count; i++) {
        if (mutants[i].line == line && mutants[i].from == order && ends_with(file, mutants[i].file)) {
            mutants[i].reached = true;
            return mutants[i].to;
        }
    }
    return order;
}

inline void fence(int order, rl::debug_info_param info)
{
    if (order != NO_FENCE)
        rl::atomic_thread_fence((rl::memory_order)order, info);
}

/*
 * An atomic word and its memory: every access reads life, making and freeing the word write it. So an access that is
 * not ordered behind the making, or before the freeing, is a data race, whichever came first in this execution.
 */
template <typename T> class atomic
{
  public:
    atomic() : life(0), word(T())
    {
    }

    ~atomic()
    {
        life($) = 1;
    }

    T load(int order, rl::debug_info_param info) const
    {
        touch(info);
        return word.load((rl::memory_order)order, info);
    }

    void store(T value, int order, rl::debug_info_param info)
    {
        touch(info);
        word.store(value, (rl::memory_order)order, info);
    }

    T fetch_or(T bits, int order, rl::debug_info_param info)
    {
        touch(info);
        return word.fetch_or(bits, (rl::memory_order)order, info);
    }

    T fetch_add(T value, int order, rl::debug_info_param info)
    {
        touch(info);
        return word.fetch_add(value, (rl::memory_order)order, info);
    }

    T exchange(T value, int order, rl::debug_info_param info)
    {
        touch(info);
        return word.exchange(value, (rl::memory_order)order, info);
    }

    /* Until somebody wakes it. */
    void sleep(rl::debug_info_param info)
    {
        touch(info);
        word.wait(rl::ctx(), false, false, info);
    }

    void wake(rl::thread_id_t most, rl::debug_info_param info)
    {
        touch(info);
        rl::ctx().sched();
        word.wake(rl::ctx(), most, info);
    }

  private:
    rl::var<unsigned> life;
    rl::atomic<T> word;

    void touch(rl::debug_info_param info) const
    {
        (void)life(info).load();
    }
};

/* calloc() for C: makes objects of whatever type the result is given to. */
struct zeroed {
    size_t count;

    template <typename T> operator T *() const
    {
        return new T[count]();
    }
};

} // namespace model

#undef calloc
#undef free
#define calloc(count, size) (model::zeroed{(count)})
#define free(objects) (delete[](objects))

typedef model::atomic<uint64_t> netipc_atomic_u64;
typedef model::atomic<uint32_t> netipc_atomic_u32;
#define netipc_atomic_pointer(type) model::atomic<type *>

/* Asked once for each place. */
#define NETIPC_MODEL_ORDER(order)                                                                                      \
    ([]() -> int {                                                                                                     \
        static const int chosen = model::order_at(__FILE__, __LINE__, rl::mo_##order);                                 \
        return chosen;                                                                                                 \
    }())

#define netipc_load(word, order) (word)->load(NETIPC_MODEL_ORDER(order), $)
#define netipc_store(word, value, order) (word)->store((value), NETIPC_MODEL_ORDER(order), $)
#define netipc_fetch_or(word, bits, order) (word)->fetch_or((bits), NETIPC_MODEL_ORDER(order), $)
#define netipc_fetch_add(word, value, order) (word)->fetch_add((value), NETIPC_MODEL_ORDER(order), $)
#define netipc_exchange(word, value, order) (word)->exchange((value), NETIPC_MODEL_ORDER(order), $)
#define netipc_fence(order) model::fence(NETIPC_MODEL_ORDER(order), $)
/* Relacy executes a thread's own accesses in their order. */
#define netipc_compiler_fence() ((void)0)

#endif
