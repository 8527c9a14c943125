/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOOLS_EBPF_PLUGIN_STAGE_H
#define TESTS_TOOLS_EBPF_PLUGIN_STAGE_H

/* Where the plugin runs as a program: a directory of its own, and a publisher that is another program. */

#include "tests/tools/ebpf_plugin/program.h"

struct stage {
    char directory[64];
    char run_dir[80];
    char errors[96];
    char list[96]; /* of the one cgroup that has processes: this one */
    struct program publisher;
    struct program plugin;
};

int stage_set_up(void **state);
int stage_tear_down(void **state);

#define PLUGIN(stage) EBPF_PLUGIN, "--run-dir", (stage)->run_dir, "--service", "cgroups", "--token", "7"

/* How often text stands in what the programs said on stderr. */
int count_errors(const struct stage *stage, const char *text);

void write_list(const struct stage *stage, pid_t pid);

#endif
