/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_PAYLOAD_COPY_H
#define NETIPC_SHM_PAYLOAD_COPY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The one place where payload bytes cross between private and shared memory.
 *
 * A reader may copy while the publisher writes the same bytes. The slot's seq, checked after the copy,
 * throws such a copy away, but C11 calls the access itself a race whatever becomes of its result. Normal builds
 * use memcpy all the same: every compiler in use treats it as plain loads and stores of these bytes between the
 * two fences, and copying by 64-bit relaxed atomics was measured at 2.6 to 9 times the time. ThreadSanitizer builds
 * copy by relaxed atomics, so that whatever it reports there is about something else.
 */

/*
 * Non-temporal stores of x86, those past the caches, are in no order with other stores, neither with those behind them
 * nor with those before: P9 says nothing to who finds them in a slot sooner than P9. So there are fences on both sides,
 * in the copies here and, for large ones, in the memcpy() of C libraries behind it. For what others write into a slot,
 * this is the one before.
 */
void netipc_payload_order(void);

/* Into a claimed slot; ordered behind its claim and before the release store of its seq. */
void netipc_payload_copy_in(void *shared, const void *bytes, size_t length);

/*
 * Whether netipc_payload_stream_in() does what it says, on this architecture: the same as netipc_payload_copy_in(), but
 * past the caches, by non-temporal stores. When that pays is told in streaming.h.
 */
bool netipc_payload_can_stream(void);
void netipc_payload_stream_in(void *shared, const void *bytes, size_t length);

/* The same as netipc_payload_copy_in() with zeros. */
void netipc_payload_clear(void *shared, size_t length);

/*
 * Takes the cache lines of a slot that is claimed for the next publication, for length bytes: a page of them at most,
 * and none for more than 16 KiB, of which they are too small a part to be worth their time. Who has read that slot
 * before still has its lines, and to get one back takes as long as to hand over a word. So that is done behind a
 * publication, and the next one does not wait for it before its generation can be seen. By stores: a prefetch for
 * writing was measured to change nothing. The first word of each line is lost.
 */
void netipc_payload_own(void *shared, size_t length);

/* Out of a slot; ordered between the acquire load of seq before it and the acquire fence behind it. */
void netipc_payload_copy_out(void *bytes, const void *shared, size_t length);

#endif
