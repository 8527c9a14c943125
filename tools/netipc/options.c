/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/options.h"

#include "tools/netdata.h"
#include "tools/report.h"

#include <netipc/server.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUN_DIR = 256,
    SERVICE,
    TOKEN,
    TOKEN_FILE,
    TIMEOUT,
    CHECKSUM,
    METHOD,
    COUNT,
    BATCH,
    WORKERS,
    OUTPUT,
    RPC,
    VERBOSE,
    JSON,
    HELP,
    VERSION,
    ALLOW_UID,
    OPTIONS_MOST = 16
};

enum { ALL = COMMAND_HEALTH_CHECK | COMMAND_IPC_TEST | COMMAND_IPC_SERVE | COMMAND_READ };
enum { COUNT_MOST = 10000000, TIMEOUT_MOST_MS = 86400000, DIGITS_MOST = 16 };

static const struct {
    struct option option;
    unsigned commands;
} all_options[] = {
    {{"run-dir", required_argument, NULL, RUN_DIR}, ALL},
    {{"service", required_argument, NULL, SERVICE}, ALL},
    {{"token", required_argument, NULL, TOKEN}, ALL},
    {{"token-file", required_argument, NULL, TOKEN_FILE}, ALL},
    {{"allow-uid", required_argument, NULL, ALLOW_UID}, COMMAND_HEALTH_CHECK | COMMAND_IPC_TEST | COMMAND_READ},
    {{"timeout", required_argument, NULL, TIMEOUT}, ALL},
    {{"checksum", required_argument, NULL, CHECKSUM}, ALL},
    {{"method", required_argument, NULL, METHOD}, COMMAND_IPC_TEST | COMMAND_IPC_SERVE},
    {{"count", required_argument, NULL, COUNT}, COMMAND_IPC_TEST},
    {{"batch", required_argument, NULL, BATCH}, COMMAND_IPC_TEST},
    {{"workers", required_argument, NULL, WORKERS}, COMMAND_IPC_SERVE},
    {{"output", required_argument, NULL, OUTPUT}, COMMAND_READ},
    {{"rpc", no_argument, NULL, RPC}, COMMAND_READ},
    {{"verbose", no_argument, NULL, VERBOSE}, COMMAND_HEALTH_CHECK | COMMAND_IPC_SERVE},
    {{"json", no_argument, NULL, JSON}, COMMAND_HEALTH_CHECK | COMMAND_IPC_TEST},
    {{"help", no_argument, NULL, HELP}, ALL},
    {{"version", no_argument, NULL, VERSION}, ALL}};

static const struct {
    const char *words[2];
    enum command command;
} all_commands[] = {{{"health-check", NULL}, COMMAND_HEALTH_CHECK},
                    {{"ipc", "test"}, COMMAND_IPC_TEST},
                    {{"ipc", "serve"}, COMMAND_IPC_SERVE},
                    {{"read", NULL}, COMMAND_READ}};

static enum options_result wrong(const char *what, const char *value)
{
    if (value != NULL)
        report("%s '%s'; try --help", what, value);
    else
        report("%s; try --help", what);
    return OPTIONS_WRONG;
}

/* Digits only: strtoull() alone would also take blanks, signs and octal numbers. */
static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number >= least && *number <= most;
}

static bool parse_token(const char *text, uint64_t *token)
{
    const char *digits = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
    size_t length = strspn(digits, "0123456789abcdefABCDEF");
    if (length == 0 || length > DIGITS_MOST || digits[length] != '\0')
        return false;
    errno = 0;
    *token = strtoull(digits, NULL, 16);
    return errno == 0;
}

static bool parse_checksum(const char *text, uint32_t *checksum)
{
    bool ieee = strcmp(text, "ieee") == 0;
    *checksum = NETIPC_CHECKSUM_REQUIRED | (uint32_t)(ieee ? NETIPC_CHECKSUM_IEEE : NETIPC_CHECKSUM_CASTAGNOLI);
    return ieee || strcmp(text, "castagnoli") == 0;
}

/* The token is not told when it is wrong. */
static enum options_result read_token(const char *path, uint64_t *token, netipc_status *status)
{
    char text[64];
    ssize_t length = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        length = read(fd, text, sizeof text - 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (length < 0) {
        *status = report_errno(path, error);
        return OPTIONS_WRONG;
    }
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    if (strlen(text) == (size_t)length && parse_token(text, token))
        return OPTIONS_RUN;
    return wrong("--token-file takes a file with 1 to 16 hexadecimal digits and nothing else, not", path);
}

static enum options_result set_number(struct options *options, int option, const char *value)
{
    uint64_t number;
    switch (option) {
    case TIMEOUT:
        if (!parse_number(value, 1, TIMEOUT_MOST_MS, &number))
            return wrong("--timeout takes milliseconds from 1 to 86400000, not", value);
        options->timeout_ns = number * 1000000;
        return OPTIONS_RUN;
    case COUNT:
        return parse_number(value, 1, COUNT_MOST, &options->count)
                   ? OPTIONS_RUN
                   : wrong("--count takes a number of calls from 1 to 10000000, not", value);
    case BATCH:
        if (!parse_number(value, 1, NETIPC_BATCH_ITEMS_MAX, &number))
            return wrong("--batch takes a number of items from 1 to 65536, not", value);
        options->batch = (uint32_t)number;
        return OPTIONS_RUN;
    default:
        if (!parse_number(value, 0, NETIPC_WORKERS_MAX, &number))
            return wrong("--workers takes a number of threads from 0 to 64, not", value);
        options->workers = (uint32_t)number;
        return OPTIONS_RUN;
    }
}

static enum options_result add_uid(struct options *options, const char *value)
{
    uint64_t uid;
    if (!parse_number(value, 0, UINT32_MAX - 1, &uid))
        return wrong("--allow-uid takes the number of a user, not", value);
    if (options->allowed_uid_count == ALLOWED_UIDS_MOST)
        return wrong("--allow-uid takes 16 users at most, one more is", value);
    options->allowed_uids[options->allowed_uid_count++] = (uint32_t)uid;
    return OPTIONS_RUN;
}

static enum options_result set(struct options *options, int option, const char *value, netipc_status *status)
{
    switch (option) {
    case RUN_DIR:
        options->run_dir = value;
        return OPTIONS_RUN;
    case SERVICE:
        options->service = value;
        return OPTIONS_RUN;
    case OUTPUT:
        options->output = value;
        return OPTIONS_RUN;
    case TOKEN:
        options->token_given = true;
        return parse_token(value, &options->token) ? OPTIONS_RUN
                                                   : wrong("--token takes 1 to 16 hexadecimal digits", NULL);
    case TOKEN_FILE:
        options->token_given = true;
        return read_token(value, &options->token, status);
    case ALLOW_UID:
        return add_uid(options, value);
    case CHECKSUM:
        return parse_checksum(value, &options->checksum) ? OPTIONS_RUN
                                                         : wrong("--checksum takes ieee or castagnoli, not", value);
    case METHOD:
        options->method = method_find(value);
        return options->method != NULL ? OPTIONS_RUN : wrong("--method takes increment or string-reverse, not", value);
    case RPC:
        options->rpc = true;
        return OPTIONS_RUN;
    case VERBOSE:
        options->verbose = true;
        return OPTIONS_RUN;
    case JSON:
        options->json = true;
        return OPTIONS_RUN;
    case HELP:
        fputs(options_help(options->command), stdout);
        return OPTIONS_DONE;
    case VERSION:
        puts("netipc " NETIPC_TOOL_VERSION);
        return OPTIONS_DONE;
    default:
        return set_number(options, option, value);
    }
}

static enum options_result check_whole(const struct options *options)
{
    if (options->run_dir != NULL && options->run_dir[0] == '\0')
        return wrong("--run-dir: the value is empty", NULL);
    if (options->output != NULL && options->output[0] == '\0')
        return wrong("--output: the value is empty", NULL);
    if (options->service == NULL && options->command != COMMAND_HEALTH_CHECK)
        return wrong("--service NAME is missing", NULL);
    if (options->method == NULL && (options->command & (COMMAND_IPC_TEST | COMMAND_IPC_SERVE)) != 0)
        return wrong("--method METHOD is missing", NULL);
    return OPTIONS_RUN;
}

/* For what was not given. */
static enum options_result take_environment(struct options *options)
{
    char error[NETDATA_ERROR_SIZE];
    if ((options->run_dir != NULL ||
         netdata_run_dir(options->command == COMMAND_IPC_SERVE, &options->run_dir, error)) &&
        (options->token_given || netdata_token(&options->token, error)))
        return OPTIONS_RUN;
    report("%s", error);
    return OPTIONS_WRONG;
}

static enum options_result parse_options(struct options *options, int argc, char **argv, netipc_status *status)
{
    struct option taken[OPTIONS_MOST] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all_options / sizeof all_options[0]; i++) {
        if ((all_options[i].commands & options->command) != 0)
            taken[count++] = all_options[i].option;
    }
    opterr = 0; /* our own words */
    for (;;) {
        int current = optind;
        int option = getopt_long(argc, argv, "+:", taken, NULL);
        if (option == -1)
            break;
        if (option == '?')
            return wrong("unknown option for this command, or a value for one that takes none:", argv[current]);
        if (option == ':')
            return wrong("a value is missing behind", argv[current]);
        enum options_result result = set(options, option, optarg, status);
        if (result != OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return wrong("only options are taken here, not", argv[optind]);
    enum options_result result = check_whole(options);
    return result == OPTIONS_RUN ? take_environment(options) : result;
}

/* How many words of the command line name a command; 0: none does. */
static int find_command(struct options *options, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof all_commands / sizeof all_commands[0]; i++) {
        int length = all_commands[i].words[1] != NULL ? 2 : 1;
        if (argc <= length || strcmp(argv[1], all_commands[i].words[0]) != 0 ||
            (length == 2 && strcmp(argv[2], all_commands[i].words[1]) != 0))
            continue;
        options->command = all_commands[i].command;
        return length;
    }
    return 0;
}

enum options_result options_parse(struct options *options, int argc, char **argv, netipc_status *status)
{
    *options = (struct options){.timeout_ns = UINT64_C(5000000000), .count = 1, .batch = 1};
    *status = NETIPC_INVALID_ARGUMENT;
    int words = find_command(options, argc, argv);
    if (words > 0)
        return parse_options(options, argc - words, argv + words, status);
    if (argc < 2)
        return wrong("a command is missing", NULL);
    bool is_ipc = strcmp(argv[1], "ipc") == 0;
    if (is_ipc && argc < 3)
        return wrong("ipc is followed by test or serve", NULL);
    const char *word = argv[is_ipc ? 2 : 1];
    if (strcmp(word, "--help") == 0)
        return set(options, HELP, NULL, status);
    if (strcmp(word, "--version") == 0)
        return set(options, VERSION, NULL, status);
    return wrong(is_ipc ? "ipc is followed by test or serve, not" : "unknown command", word);
}
