/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_CENSUS_H
#define EBPF_PLUGIN_CENSUS_H

#include "tools/ebpf_plugin/lists.h"
#include "tools/ebpf_plugin/procs.h"

/* All processes of all lists, each once however many list it. All zero is empty and valid. */
struct census {
    struct procs now;
    struct procs before;
    size_t started; /* now and not before, by pid and start time: a pid used again is another process */
    size_t ended;   /* before and not now */
};

/* Takes the census of lists. False without memory: the last one stays. */
bool census_take(struct census *census, const struct lists *lists);

void census_free(struct census *census);

#endif
