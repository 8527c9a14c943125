/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOOLS_EBPF_PLUGIN_REPORTS_H
#define TESTS_TOOLS_EBPF_PLUGIN_REPORTS_H

/* What a publisher is told on a stage, and what the plugin reports of it. Failures fail the test. */

#include "tests/tools/ebpf_plugin/stage.h"

#include <stdint.h>

#include <json-c/json.h>

#define INTERVAL "0.05"

/* One of the kinds that snapshot_publisher.c tells. */
void start_kind(struct stage *stage, const char *kind);
void start_publisher(struct stage *stage); /* with a region */
void tell(struct stage *stage, const char *order, const char *answer);

/* A cgroup whose only process is this test. */
void add_ours(struct stage *stage, const char *name, int enabled);

/* The other would have the same process, if it were enabled. */
void publish_two(struct stage *stage);

void start_plugin(struct stage *stage);
struct json_object *next_report(struct stage *stage);

/* The first report, from the next on, of a table of that generation; earlier ones are let go. */
struct json_object *report_of(struct stage *stage, const char *state, int64_t generation);

/* The first report that is not of a live publisher. */
struct json_object *report_of_loss(struct stage *stage);

struct json_object *get(struct json_object *object, const char *key);
int64_t number(struct json_object *object, const char *key);
bool has_state(struct json_object *report, const char *state);

void check_source(struct json_object *report, const char *source);
void check_diff(struct json_object *report, int64_t added, int64_t changed, int64_t removed);
void check_two(struct json_object *report);

#endif
