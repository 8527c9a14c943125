/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_REPORT_H
#define EBPF_PLUGIN_REPORT_H

#include "tools/ebpf_plugin/census.h"
#include "tools/ebpf_plugin/follow.h"
#include "tools/ebpf_plugin/listing.h"

#include <stdbool.h>
#include <stddef.h>

/* What a line tells. */
struct report {
    const struct standing *standing;
    const struct census *census;
};

/* A line with its newline, in memory that is used again. All zero is empty and valid. */
struct line_buffer {
    char *text;
    size_t length;
    size_t capacity;
};

/* "state=READY source=region incarnation=... items=12 ..."; false without memory. */
bool report_text(const struct report *report, struct line_buffer *line);

/*
 * The same as a JSON object, and with "cgroups": an array of {hash, name, path, options, enabled, pids}. Names and
 * paths are cleaned to UTF-8. False without memory.
 */
bool report_json(const struct report *report, const struct listing *listing, struct line_buffer *line);

void line_buffer_free(struct line_buffer *line);

#endif
