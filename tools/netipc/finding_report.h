/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_FINDING_REPORT_H
#define NETIPC_TOOL_FINDING_REPORT_H

#include "tools/netipc/finding.h"
#include "tools/netipc/json.h"

/* A line on standard output, and with verbose some that are indented. */
void finding_print(const struct finding *finding, bool verbose);

/* NULL: out of memory. */
struct json_object *finding_json(const struct finding *finding);

#endif
