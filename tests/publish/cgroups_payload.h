/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_CGROUPS_PAYLOAD_H
#define TESTS_PUBLISH_CGROUPS_PAYLOAD_H

/* Payloads of cgroups snapshots whose every item tells which one it is of. */

#include <netipc/cgroups_snapshot.h>

#include <stddef.h>
#include <stdint.h>

struct cgroups_payload {
    unsigned char *bytes; /* free() */
    size_t length;
};

/* NUL-terminated, less than 32 bytes. */
void cgroups_name(char name[32], uint32_t index);

/* count cgroups, with the names of 0 to count - 1 and value in the options; the payload's own generation is value. NULL
 * bytes: no memory. */
struct cgroups_payload cgroups_payload(uint32_t count, uint64_t value);

/* What a builder has. */
struct cgroups_payload cgroups_built(const netipc_cgroups_snapshot_builder *builder, uint64_t value);

#endif
