/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_OPTIONS_H
#define EBPF_PLUGIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { EXIT_USAGE = 64, ALLOWED_UIDS_MAX = 16 };

struct options {
    const char *run_dir;
    const char *service;
    const char *host_prefix; /* in front of every path that is read; "" for none */
    uint64_t token;
    bool token_given;
    uint32_t allowed_uids[ALLOWED_UIDS_MAX]; /* who may publish */
    uint32_t allowed_uid_count;              /* 0: the effective uid and root */
    uint64_t interval_ns;                    /* between two lines */
    uint64_t procs_interval_ns;              /* between two readings of all cgroup.procs; 0: with every line */
    uint64_t count;                          /* lines to print; 0: no limit */
    bool json;
    bool verbose;
};

enum options_result {
    OPTIONS_RUN,  /* *options is complete */
    OPTIONS_DONE, /* --help or --version has been answered: exit 0 */
    OPTIONS_WRONG /* the reason is on stderr: exit EXIT_USAGE */
};

/* Strings in *options point into argv and the environment. */
enum options_result options_parse(int argc, char **argv, struct options *options);

#endif
