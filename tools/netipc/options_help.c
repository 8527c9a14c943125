/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/options.h"

static const char program_help[] = "Usage: netipc COMMAND [OPTION]...\n"
                                   "Looks at the services of a run directory, calls them and reads them.\n"
                                   "\n"
                                   "  netipc health-check   connect to the services and say what was found\n"
                                   "  netipc ipc test       call a test method and check every answer\n"
                                   "  netipc ipc serve      serve a test method\n"
                                   "  netipc read           write the latest snapshot of a publication\n"
                                   "\n"
                                   "  --help                print this, or behind a command its options, and end\n"
                                   "  --version             print the version and end\n"
                                   "\n"
                                   "Exit codes: 0 success; 30 wrong usage; else the number of a netipc_status.\n";

#define PLACE_HELP                                                                                                     \
    "  --run-dir DIR      directory of the endpoint ($NETDATA_RUN_DIR, else the first\n"                               \
    "                     usable of /run/netdata, /var/run/netdata and /tmp/netdata)\n"

#define CHECKSUM_HELP "  --checksum KIND    ieee or castagnoli behind each packet, or no session (none)\n"

#define UID_HELP                                                                                                       \
    "  --allow-uid UID    whose services are trusted, and who may own the run directory;\n"                            \
    "                     may be given several times (the effective uid and root)\n"

#define TOKEN_HELP                                                                                                     \
    "  --token HEX        what to present, or to ask for: up to 16 hexadecimal digits\n"                               \
    "                     (from $NETDATA_INVOCATION_ID, else $INVOCATION_ID, else 0)\n"                                \
    "  --token-file FILE  the same, read from a file, so that no list of processes shows it\n"

static const char health_check_help[] =
    "Usage: netipc health-check [OPTION]...\n"
    "Connects to one service or to each *.sock of the run directory: attaches to a\n"
    "publication and reads its latest snapshot, or shakes hands with a server.\n"
    "\n" PLACE_HELP "  --service NAME     only this one\n" TOKEN_HELP UID_HELP
    "  --timeout MS       for each service, 1 to 86400000 (5000)\n" CHECKSUM_HELP
    "  --verbose          more than a line for each service\n"
    "  --json             one JSON object\n"
    "  --help             print this and end\n"
    "\n"
    "Exit codes: 0 all are healthy; 10 nothing is there; 30 wrong usage; else the\n"
    "largest number of a netipc_status that was found, among them 2 nothing was\n"
    "published yet, 3 timed out, 10 not found, 21 authentication failed, 22 busy,\n"
    "26 unsafe directory, 41 corrupt.\n";

static const char ipc_test_help[] =
    "Usage: netipc ipc test --service NAME --method METHOD [OPTION]...\n"
    "Calls a service, compares each answer with the one that is due, and prints how\n"
    "many failed and how long the round trips took.\n"
    "\n" PLACE_HELP "  --service NAME     name of the service\n"
    "  --method METHOD    increment or string-reverse\n"
    "  --count N          calls, 1 to 10000000 (1)\n"
    "  --batch N          items in each call, 1 to 65536 (1)\n" TOKEN_HELP UID_HELP
    "  --timeout MS       for each call, and to connect, 1 to 86400000 (5000)\n" CHECKSUM_HELP
    "  --json             one JSON object\n"
    "  --help             print this and end\n"
    "\n"
    "Exit codes: 0 every answer was right; 30 wrong usage; 41 one was wrong; else the\n"
    "largest number of a netipc_status that a call failed with.\n";

static const char ipc_serve_help[] =
    "Usage: netipc ipc serve --service NAME --method METHOD [OPTION]...\n"
    "Serves a test method until SIGINT or SIGTERM, then answers what it has taken and\n"
    "ends. Prints a line when clients can connect and one with counts at the end.\n"
    "\n" PLACE_HELP "  --service NAME     name of the service\n"
    "  --method METHOD    increment or string-reverse\n"
    "  --workers N        threads that answer, 0 to 64; 0 is the event loop (0)\n" TOKEN_HELP
    "  --timeout MS       for the last answers at the end, 1 to 86400000 (5000)\n" CHECKSUM_HELP
    "  --verbose          also say on stderr what is going on\n"
    "  --help             print this and end\n"
    "\n"
    "Exit codes: 0 ended by a signal; 30 wrong usage; else the number of the\n"
    "netipc_status that kept it from serving, or 3 when answers were left at the end.\n";

static const char read_help[] =
    "Usage: netipc read --service NAME [OPTION]...\n"
    "Writes the bytes of the latest snapshot, and on stderr a line about it.\n"
    "\n" PLACE_HELP "  --service NAME     name of the service\n"
    "  --output FILE      where to; replaced at once when all is written (stdout)\n"
    "  --rpc              ask for it as programs do that cannot attach to a\n"
    "                     publication, by the method cgroups-snapshot\n" TOKEN_HELP UID_HELP
    "  --timeout MS       1 to 86400000 (5000)\n" CHECKSUM_HELP "  --help             print this and end\n"
    "\n"
    "Exit codes: 0 written; 2 nothing was published yet; 30 wrong usage; else the\n"
    "number of a netipc_status.\n";

const char *options_help(unsigned command)
{
    switch (command) {
    case COMMAND_HEALTH_CHECK:
        return health_check_help;
    case COMMAND_IPC_TEST:
        return ipc_test_help;
    case COMMAND_IPC_SERVE:
        return ipc_serve_help;
    case COMMAND_READ:
        return read_help;
    default:
        return program_help;
    }
}
