/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_TABLE_JSON_H
#define CGROUPS_PLUGIN_TABLE_JSON_H

#include "tools/cgroups_plugin/table.h"

#include <stdio.h>

/*
 * Writes the table as one JSON object with a line for each cgroup; cost_ns is what its scan took. Bytes that are not
 * UTF-8 come out as \udc80 to \udcff, as Python's "surrogateescape" has it. False: the stream failed, see errno.
 */
bool table_print_json(const struct table *table, uint64_t cost_ns, FILE *stream);

#endif
