/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/payload_copy.h"

#include "shm/atomics.h"
#include "shm/hot.h"

#include <string.h>

enum { LINE = 64, OWNED_MOST = 4096, OWNED_FOR = 16384 };

void netipc_payload_own(void *shared, size_t length)
{
    unsigned char *bytes = shared;
    size_t end = length < OWNED_MOST ? length : OWNED_MOST;
    if (length > OWNED_FOR)
        return;
    for (size_t at = 0; at < end; at += LINE)
        netipc_store((netipc_atomic_u64 *)(void *)(bytes + at), 0, relaxed);
}

#if defined(__SANITIZE_THREAD__)
#define NETIPC_RELAXED_COPY 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETIPC_RELAXED_COPY 1
#endif
#endif

#if defined(__SSE2__) && !defined(NETIPC_RELAXED_COPY)

#include <emmintrin.h>

void netipc_payload_order(void)
{
    _mm_sfence();
}

bool netipc_payload_can_stream(void)
{
    return true;
}

/* Line by line: what is written in whole lines goes to memory without reading any. */
void netipc_payload_stream_in(void *shared, const void *bytes, size_t length)
{
    enum { WORD = sizeof(__m128i) };
    unsigned char *to = shared;
    const unsigned char *from = bytes;
    size_t whole = length - length % LINE;
    netipc_payload_order();
    for (size_t at = 0; at < whole; at += WORD)
        _mm_stream_si128((__m128i *)(void *)(to + at), _mm_loadu_si128((const __m128i *)(const void *)(from + at)));
    _mm_sfence();
    netipc_payload_copy_in(to + whole, from + whole, length - whole);
}

#else

void netipc_payload_order(void)
{
}

bool netipc_payload_can_stream(void)
{
    return false;
}

void netipc_payload_stream_in(void *shared, const void *bytes, size_t length)
{
    netipc_payload_copy_in(shared, bytes, length);
}

#endif

#ifdef NETIPC_RELAXED_COPY

/* Slots are aligned, so words from their start are too; the private side goes by memcpy. */
void netipc_payload_copy_in(void *shared, const void *bytes, size_t length)
{
    _Atomic(uint64_t) *words = shared;
    const unsigned char *from = bytes;
    size_t whole = length / 8;
    for (size_t i = 0; i < whole; i++) {
        uint64_t word;
        memcpy(&word, from + 8 * i, 8);
        atomic_store_explicit(&words[i], word, memory_order_relaxed);
    }
    _Atomic(unsigned char) *tail = (_Atomic(unsigned char) *)shared;
    for (size_t i = 8 * whole; i < length; i++)
        atomic_store_explicit(&tail[i], from[i], memory_order_relaxed);
}

void netipc_payload_clear(void *shared, size_t length)
{
    _Atomic(uint64_t) *words = shared;
    size_t whole = length / 8;
    for (size_t i = 0; i < whole; i++)
        atomic_store_explicit(&words[i], 0, memory_order_relaxed);
    _Atomic(unsigned char) *tail = (_Atomic(unsigned char) *)shared;
    for (size_t i = 8 * whole; i < length; i++)
        atomic_store_explicit(&tail[i], 0, memory_order_relaxed);
}

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    const _Atomic(uint64_t) *words = shared;
    unsigned char *to = bytes;
    size_t whole = length / 8;
    for (size_t i = 0; i < whole; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
        memcpy(to + 8 * i, &word, 8);
    }
    const _Atomic(unsigned char) *tail = (const _Atomic(unsigned char) *)shared;
    for (size_t i = 8 * whole; i < length; i++)
        to[i] = atomic_load_explicit(&tail[i], memory_order_relaxed);
}

#else

/* What a C library copies past the caches is more than this. */
enum { PLAIN_MOST = 16384 };

void netipc_payload_copy_in(void *shared, const void *bytes, size_t length)
{
    if (length > PLAIN_MOST)
        netipc_payload_order();
    if (length > 0)
        memcpy(shared, bytes, length);
}

void netipc_payload_clear(void *shared, size_t length)
{
    if (length > PLAIN_MOST)
        netipc_payload_order();
    if (length > 0)
        memset(shared, 0, length);
}

/* A line is copied, its two halves overlapping if they must, before a call by the PLT has begun to. More than that libc
 * does faster. */
void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    if (LIKELY(length >= LINE / 2 && length <= LINE)) {
        size_t rest = length - LINE / 2;
        memcpy(bytes, shared, LINE / 2);
        memcpy((unsigned char *)bytes + rest, (const unsigned char *)shared + rest, LINE / 2);
    } else if (length > 0) {
        memcpy(bytes, shared, length);
    }
}

#endif
