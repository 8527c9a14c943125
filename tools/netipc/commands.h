/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_COMMANDS_H
#define NETIPC_TOOL_COMMANDS_H

#include "tools/netipc/options.h"

/* Each carries out a command, says what went wrong, and gives the program's exit code. */
netipc_status health_check(const struct options *options);
netipc_status ipc_test(const struct options *options);
netipc_status ipc_serve(const struct options *options);
netipc_status read_latest(const struct options *options);

#endif
