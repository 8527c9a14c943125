/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_OPTIONS_H
#define NETIPC_TOOL_OPTIONS_H

#include "tools/netipc/method.h"

#include <stdbool.h>
#include <stdint.h>

/* Bits, so that an option can say which commands take it. */
enum command { COMMAND_HEALTH_CHECK = 1, COMMAND_IPC_TEST = 2, COMMAND_IPC_SERVE = 4, COMMAND_READ = 8 };

enum { ALLOWED_UIDS_MOST = 16 };

/* The command line, checked. Strings belong to argv or to the environment. */
struct options {
    enum command command;
    const char *run_dir;
    const char *service; /* NULL: all, which only a health check can be told */
    uint64_t token;
    bool token_given;
    uint32_t allowed_uids[ALLOWED_UIDS_MOST]; /* who may serve */
    uint32_t allowed_uid_count;               /* 0: the effective uid and root */
    uint64_t timeout_ns;
    const struct method *method;
    uint64_t count; /* calls */
    uint32_t batch; /* items of a call */
    uint32_t workers;
    uint32_t checksum;  /* NETIPC_CHECKSUM_… */
    const char *output; /* NULL: standard output */
    bool rpc;           /* asked for instead of attached to */
    bool verbose;
    bool json;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE, /* help or the version was asked for and printed */
    OPTIONS_WRONG /* what is wrong was said on stderr; result in *status */
};

/* *status: NETIPC_INVALID_ARGUMENT, or why the file of a token cannot be read. */
enum options_result options_parse(struct options *options, int argc, char **argv, netipc_status *status);

/* What --help prints: for a command, and with 0 for the program. */
const char *options_help(unsigned command);

#endif
