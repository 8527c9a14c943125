/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/commands.h"
#include "tools/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

static netipc_status run(const struct options *options)
{
    switch (options->command) {
    case COMMAND_HEALTH_CHECK:
        return health_check(options);
    case COMMAND_IPC_TEST:
        return ipc_test(options);
    case COMMAND_IPC_SERVE:
        return ipc_serve(options);
    case COMMAND_READ:
        return read_latest(options);
    }
    return NETIPC_INVALID_ARGUMENT;
}

int main(int argc, char **argv)
{
    struct options options;
    netipc_status status;
    signal(SIGPIPE, SIG_IGN); /* so that it is told as other failures to write */
    switch (options_parse(&options, argc, argv, &status)) {
    case OPTIONS_RUN:
        status = run(&options);
        break;
    case OPTIONS_DONE:
        status = NETIPC_OK;
        break;
    case OPTIONS_WRONG:
        return (int)status;
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        int error = errno;
        netipc_status written = report_errno("standard output", error);
        if (status == NETIPC_OK)
            status = written;
    }
    return (int)status;
}
