/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CODEC_SNAPSHOTS_H
#define NETIPC_TESTS_CODEC_SNAPSHOTS_H

#include "tests/golden/golden.h"

#include <netipc/cgroups_snapshot.h>

/* Every captured cgroups-snapshot payload: the encoded ones, and each answer in each session. */
#define CAPTURED_SNAPSHOTS 8

typedef struct captured_snapshots {
    golden_bytes payloads[CAPTURED_SNAPSHOTS]; /* each on the heap, of exactly its length */
} captured_snapshots;

/* Fails the running test when another number of them was captured. */
void load_captured_snapshots(captured_snapshots *captured);
void free_captured_snapshots(captured_snapshots *captured);

/* Reads every field and string that view promises, and fails the running test when one breaks the promise. */
void read_whole_snapshot(const netipc_cgroups_snapshot_view *view);

/* Builds view's items anew; the bytes are the caller's to free. */
golden_bytes rebuild_snapshot(const netipc_cgroups_snapshot_view *view);

#endif
