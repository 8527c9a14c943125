/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_REACH_H
#define CGROUPS_PLUGIN_REACH_H

#include "tools/cgroups_plugin/table.h"

#include <stdbool.h>

/* Could a scan come upon a cgroup with this id, which may be any string, and would the lists have it? Whether it is
 * there does not count. */
bool may_be_found(const struct rules *rules, const char *id);

#endif
