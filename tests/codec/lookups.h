/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CODEC_LOOKUPS_H
#define NETIPC_TESTS_CODEC_LOOKUPS_H

#include "tests/golden/golden.h"

#include <netipc/cgroups_lookup.h>

/* Every captured payload of cgroups-lookup: the encoded ones, and those of its session. */
#define CAPTURED_LOOKUP_REQUESTS 3
#define CAPTURED_LOOKUP_ANSWERS 8

/* Answers that tell something, by their place below. */
enum { LOOKUP_KNOWN_WITH_LABELS = 2, LOOKUP_SESSION = 7 };

typedef struct captured_lookups {
    golden_bytes requests[CAPTURED_LOOKUP_REQUESTS]; /* each on the heap, of exactly its length */
    golden_bytes answers[CAPTURED_LOOKUP_ANSWERS];
} captured_lookups;

/* Fails the running test when one of them was not captured. */
void load_captured_lookups(captured_lookups *captured);
void free_captured_lookups(captured_lookups *captured);

/* Reads every field and string that view promises, and fails the running test when one breaks the promise. */
void read_whole_request(const netipc_cgroups_lookup_request_view *view);
void read_whole_answer(const netipc_cgroups_lookup_view *view);

/* A request for these paths, or for those that view answers, on the heap. */
golden_bytes request_for(const char *const *paths, uint32_t count);
golden_bytes request_answered_by(const netipc_cgroups_lookup_view *view);

/* Builds what is viewed anew, from nothing but what the view gives; the bytes are the caller's to free. */
golden_bytes rebuild_request(const netipc_cgroups_lookup_request_view *view);
golden_bytes rebuild_answer(const netipc_cgroups_lookup_view *view);

/* What builder writes into a buffer of exactly its length, full of filler before. */
golden_bytes written_answer(const netipc_cgroups_lookup_builder *builder, int filler);

#endif
