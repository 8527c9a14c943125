/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_RESULTS_H
#define BENCH_PEERS_RESULTS_H

/* What came out of the turns, as JSON (docs/shmbench.md) and as a table. */

#include "bench/peers/turns.h"

#include <json-c/json.h>

/* "block" and "spin". */
extern const char *const results_ways[PEER_WAYS];

/* Of one transport; ratios, if not NULL, gets those against netipc at the same size. */
struct json_object *results_json(struct turns *turns, struct json_object *ratios, struct turns *netipc);

/* For a person: all sizes and transports of a finished document. */
void results_print(struct json_object *document);

#endif
