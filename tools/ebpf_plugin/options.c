/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/options.h"

#include "tools/ebpf_plugin/notice.h"
#include "tools/netdata.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: ebpf.plugin [SECONDS] [OPTION]...\n"
    "\n"
    "Follows the cgroups that cgroups.plugin publishes, in its region, or asks a server that has none by request.\n"
    "Keeps them in a cache, reads the processes of every enabled cgroup and prints one line a refresh.\n"
    "Needs no publisher to start with, and keeps its last table when the publisher goes away.\n"
    "\n"
    "  --run-dir DIR         directory of the publisher's socket; default $NETDATA_RUN_DIR, else the first usable of\n"
    "                        /run/netdata, /var/run/netdata and /tmp/netdata\n"
    "  --service NAME        the publisher's service; default cgroups-snapshot\n"
    "  --token N             what the publisher asks for; decimal or 0x...; default from $NETDATA_INVOCATION_ID, else\n"
    "                        $INVOCATION_ID, else 0\n"
    "  --allow-uid UID       whose publisher and run directory are trusted; may be given several times; default the\n"
    "                        effective uid and root\n"
    "  --interval S          seconds between two lines, from 0.001 to 86400; default SECONDS, which Netdata gives\n"
    "                        each plugin, else 1\n"
    "  --procs-interval S    seconds between two readings of all processes, from 0 to 86400;\n"
    "                        default 0: with every line. New paths are read at once in any case\n"
    "  --count N             exit after N lines; default: go on until SIGTERM or SIGINT\n"
    "  --host-prefix PREFIX  read PREFIX/proc, and cgroup paths below PREFIX; default: none\n"
    "  --json                one JSON object a line, with the cgroups and their processes\n"
    "  --verbose             more about what is done, on stderr\n"
    "  --help, --version\n"
    "\n"
    "A line: state       READY while data of a live publisher is at hand, else DISCONNECTED, CONNECTING\n"
    "                    (attached, nothing published yet), NOT_FOUND, AUTH_FAILED, INCOMPATIBLE or BROKEN\n"
    "        source      of the table: region, request, or none before the first\n"
    "        incarnation, generation   of the publisher and snapshot that the table was built from\n"
    "        items       cgroups in the table\n"
    "        pids        distinct processes in the enabled cgroups\n"
    "        added, changed, removed   cgroups, against the table before, by hash and name\n"
    "        started, ended   processes, against the reading before, by pid and start time\n"
    "\n"
    "Exit status: 0 after --count lines, SIGTERM or SIGINT; 64 for wrong usage; else the number of a netipc\n"
    "status, such as 52 when stdout cannot be written.\n";

enum {
    OPTION_RUN_DIR = 256,
    OPTION_SERVICE,
    OPTION_TOKEN,
    OPTION_ALLOW_UID,
    OPTION_INTERVAL,
    OPTION_PROCS_INTERVAL,
    OPTION_COUNT,
    OPTION_HOST_PREFIX,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option table[] = {{"run-dir", required_argument, NULL, OPTION_RUN_DIR},
                                      {"service", required_argument, NULL, OPTION_SERVICE},
                                      {"token", required_argument, NULL, OPTION_TOKEN},
                                      {"allow-uid", required_argument, NULL, OPTION_ALLOW_UID},
                                      {"interval", required_argument, NULL, OPTION_INTERVAL},
                                      {"procs-interval", required_argument, NULL, OPTION_PROCS_INTERVAL},
                                      {"count", required_argument, NULL, OPTION_COUNT},
                                      {"host-prefix", required_argument, NULL, OPTION_HOST_PREFIX},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"verbose", no_argument, NULL, OPTION_VERBOSE},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {"version", no_argument, NULL, OPTION_VERSION},
                                      {NULL, 0, NULL, 0}};

static enum options_result wrong(const char *what, const char *value)
{
    notice("%s%s%s%s; try --help", what, value ? " '" : "", value ? value : "", value ? "'" : "");
    return OPTIONS_WRONG;
}

static bool parse_number(const char *text, uint64_t least, uint64_t *number)
{
    if (text[0] < '0' || text[0] > '9')
        return false; /* strtoull takes blanks and signs */
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    if (errno || *end || value < least)
        return false;
    *number = value;
    return true;
}

static bool parse_seconds(const char *text, double least, uint64_t *ns)
{
    if (!text[0] || text[strspn(text, "0123456789.")])
        return false; /* strtod takes blanks, signs, exponents, infinities and hexadecimal numbers */
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || seconds < least || seconds > 86400)
        return false;
    *ns = (uint64_t)(seconds * 1e9 + 0.5);
    return true;
}

static enum options_result add_uid(struct options *options, const char *value)
{
    uint64_t uid;
    if (!parse_number(value, 0, &uid) || uid >= UINT32_MAX)
        return wrong("--allow-uid takes a number of a user, not", value);
    if (options->allowed_uid_count == ALLOWED_UIDS_MAX)
        return wrong("--allow-uid was given too often at", value);
    options->allowed_uids[options->allowed_uid_count++] = (uint32_t)uid;
    return OPTIONS_RUN;
}

static enum options_result set(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_RUN_DIR:
        options->run_dir = value;
        return OPTIONS_RUN;
    case OPTION_SERVICE:
        options->service = value;
        return OPTIONS_RUN;
    case OPTION_HOST_PREFIX:
        options->host_prefix = value;
        return OPTIONS_RUN;
    case OPTION_TOKEN:
        options->token_given = true;
        return parse_number(value, 0, &options->token) ? OPTIONS_RUN
                                                       : wrong("--token takes a number of 64 bits, not", value);
    case OPTION_ALLOW_UID:
        return add_uid(options, value);
    case OPTION_COUNT:
        return parse_number(value, 1, &options->count) ? OPTIONS_RUN : wrong("--count takes 1 or more, not", value);
    case OPTION_INTERVAL:
        return parse_seconds(value, 0.001, &options->interval_ns)
                   ? OPTIONS_RUN
                   : wrong("--interval takes seconds from 0.001 to 86400, not", value);
    case OPTION_PROCS_INTERVAL:
        return parse_seconds(value, 0, &options->procs_interval_ns)
                   ? OPTIONS_RUN
                   : wrong("--procs-interval takes seconds from 0 to 86400, not", value);
    case OPTION_JSON:
        options->json = true;
        return OPTIONS_RUN;
    case OPTION_VERBOSE:
        options->verbose = true;
        return OPTIONS_RUN;
    case OPTION_HELP:
        fputs(help, stdout);
        return OPTIONS_DONE;
    default:
        puts("ebpf.plugin " NETIPC_TOOL_VERSION);
        return OPTIONS_DONE;
    }
}

/* For what was not given. */
static enum options_result take_environment(struct options *options)
{
    char error[NETDATA_ERROR_SIZE];
    if ((options->run_dir || netdata_run_dir(false, &options->run_dir, error)) &&
        (options->token_given || netdata_token(&options->token, error)))
        return OPTIONS_RUN;
    notice("%s", error);
    return OPTIONS_WRONG;
}

enum options_result options_parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.service = "cgroups-snapshot", .host_prefix = "", .interval_ns = UINT64_C(1000000000)};
    uint64_t seconds;
    if (netdata_take_seconds(&argc, &argv, &seconds))
        options->interval_ns = seconds * UINT64_C(1000000000);
    opterr = 0; /* our own words */
    for (;;) {
        int current = optind;
        int option = getopt_long(argc, argv, ":", table, NULL);
        if (option == -1)
            break;
        if (option == '?')
            return wrong("unknown option, or a value for one that takes none:", argv[current]);
        if (option == ':')
            return wrong("a value is missing behind", argv[current]);
        enum options_result result = set(options, option, optarg);
        if (result != OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return wrong("only options are taken, not", argv[optind]);
    return take_environment(options);
}
