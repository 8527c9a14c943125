/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/options.h"

#include <netipc/publisher.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const char default_search[] = "!*/init.scope !*-qemu !*.libvirt-qemu !/init.scope !/system !/systemd !/user "
                                     "!/lxc/*/* !/lxc.monitor !/lxc.payload/*/* !/lxc.payload.* *";

static const char default_enable[] =
    "!*/init.scope !/system.slice/run-*.scope *user.slice/docker-* !*user.slice* *.scope !/machine.slice/*/.control "
    "!/machine.slice/*/payload* !/machine.slice/*/supervisor /machine.slice/*.service */kubepods/pod*/* "
    "*/kubepods/*/pod*/* */*-kubepods-pod*/* */*-kubepods-*-pod*/* !*kubepods* !*kubelet* !*/vcpu* !*/emulator "
    "!*.mount !*.partition !*.service !*.service/udev !*.socket !*.slice !*.swap !*.user !/ !/docker !*/libvirt !/lxc "
    "!/lxc/*/* !/lxc.monitor* !/lxc.pivot !/lxc.payload !*lxcfs.service/.control !/machine !/qemu !/system !/systemd "
    "!/user *";

static const char default_services[] = "!/system.slice/*.service/*.service /system.slice/*.service";

enum option_code {
    RUN_DIR = 256,
    SERVICE,
    TOKEN,
    ALLOW_UID,
    SLOTS,
    CAPACITY,
    CEILING,
    HUGE_PAGES,
    LOCK,
    NUMA_NODE,
    PROFILE,
    HOST_PREFIX,
    INTERVAL,
    EARLY,
    WATCHES,
    LOOKUP_SERVICE,
    ONCE,
    MAX,
    HIERARCHY,
    SEARCH,
    ENABLE,
    SERVICES,
    DOCKER_SOCKET,
    PODMAN_SOCKET,
    NAMES_REFRESH,
    NAMES_TIMEOUT,
    WAIT_NAMES,
    PRINT,
    VERBOSE,
    HELP,
    VERSION
};

static const struct option long_options[] = {{"run-dir", required_argument, NULL, RUN_DIR},
                                             {"service", required_argument, NULL, SERVICE},
                                             {"token", required_argument, NULL, TOKEN},
                                             {"allow-uid", required_argument, NULL, ALLOW_UID},
                                             {"slots", required_argument, NULL, SLOTS},
                                             {"capacity", required_argument, NULL, CAPACITY},
                                             {"ceiling", required_argument, NULL, CEILING},
                                             {"huge-pages", no_argument, NULL, HUGE_PAGES},
                                             {"lock", no_argument, NULL, LOCK},
                                             {"numa-node", required_argument, NULL, NUMA_NODE},
                                             {"profile", required_argument, NULL, PROFILE},
                                             {"host-prefix", required_argument, NULL, HOST_PREFIX},
                                             {"interval", required_argument, NULL, INTERVAL},
                                             {"early-interval", required_argument, NULL, EARLY},
                                             {"watches", required_argument, NULL, WATCHES},
                                             {"lookup-service", required_argument, NULL, LOOKUP_SERVICE},
                                             {"once", no_argument, NULL, ONCE},
                                             {"max", required_argument, NULL, MAX},
                                             {"hierarchy", required_argument, NULL, HIERARCHY},
                                             {"search-patterns", required_argument, NULL, SEARCH},
                                             {"enable-patterns", required_argument, NULL, ENABLE},
                                             {"service-patterns", required_argument, NULL, SERVICES},
                                             {"docker-socket", required_argument, NULL, DOCKER_SOCKET},
                                             {"podman-socket", required_argument, NULL, PODMAN_SOCKET},
                                             {"names-refresh", required_argument, NULL, NAMES_REFRESH},
                                             {"names-timeout", required_argument, NULL, NAMES_TIMEOUT},
                                             {"wait-names", required_argument, NULL, WAIT_NAMES},
                                             {"print", no_argument, NULL, PRINT},
                                             {"verbose", no_argument, NULL, VERBOSE},
                                             {"help", no_argument, NULL, HELP},
                                             {"version", no_argument, NULL, VERSION},
                                             {NULL, 0, NULL, 0}};

/* Digits only: strtoull() alone would also take blanks, signs and octal numbers. */
static bool parse_number(const char *text, uint64_t low, uint64_t high, bool hex_allowed, uint64_t *number)
{
    bool hex = hex_allowed && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    if (*digits == '\0' || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")] != '\0')
        return false;
    errno = 0;
    *number = strtoull(digits, NULL, hex ? 16 : 10);
    return errno == 0 && *number >= low && *number <= high;
}

static bool parse_interval(const char *text, uint64_t *interval_ns)
{
    char *end;
    double seconds = strtod(text, &end);
    if (text[strspn(text, "0123456789.")] != '\0' || end == text || *end != '\0' || !(seconds >= 0.01) ||
        !(seconds <= 86400))
        return false;
    *interval_ns = (uint64_t)(seconds * 1e9);
    return true;
}

/* The same, and 0. */
static bool parse_interval_or_none(const char *text, uint64_t *interval_ns)
{
    *interval_ns = 0;
    return strcmp(text, "0") == 0 || parse_interval(text, interval_ns);
}

static bool parse_hierarchy(const char *text, enum hierarchy_choice *choice)
{
    static const char *const words[] = {"auto", "v1", "v2"};
    static const enum hierarchy_choice choices[] = {HIERARCHY_AUTO, HIERARCHY_V1, HIERARCHY_V2};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *choice = choices[i];
            return true;
        }
    }
    return false;
}

/* Paths in a snapshot are for programs with other working directories. */
static bool set_host_prefix(struct options *options, const char *text, struct failure *failure)
{
    char *current = text[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (current == NULL)
        return fail_errno(failure, errno, "--host-prefix: the current directory");
    size_t length = strlen(current) + 1 + strlen(text);
    char *prefix = malloc(length + 1);
    if (prefix == NULL) {
        free(current);
        return fail_errno(failure, ENOMEM, "--host-prefix");
    }
    stpcpy(stpcpy(stpcpy(prefix, current), text[0] == '/' ? "" : "/"), text);
    free(current);
    for (length = strlen(prefix); length > 1 && prefix[length - 1] == '/'; length--)
        prefix[length - 1] = '\0';
    free(options->host_prefix);
    options->host_prefix = prefix;
    return true;
}

static bool add_uid(struct options *options, uint32_t uid, struct failure *failure)
{
    uint32_t *uids = reallocarray(options->allowed_uids, options->allowed_uid_count + 1u, sizeof *uids);
    if (uids == NULL)
        return fail_errno(failure, ENOMEM, "--allow-uid");
    uids[options->allowed_uid_count++] = uid;
    options->allowed_uids = uids;
    return true;
}

/* A value that is not what wanted says. */
static bool bad_value(struct failure *failure, const char *option, const char *value, const char *wanted)
{
    return fail(failure, NETIPC_INVALID_ARGUMENT, "--%s: '%.100s' is not %s", option, value, wanted);
}

static bool take_number(struct options *options, int option, const char *name, const char *value,
                        struct failure *failure)
{
    uint64_t number;
    switch (option) {
    case TOKEN:
        options->token_given = true;
        return parse_number(value, 0, UINT64_MAX, true, &options->token) ||
               bad_value(failure, name, value, "a 64-bit number, decimal or hexadecimal with 0x in front");
    case ALLOW_UID:
        return parse_number(value, 0, UINT32_MAX - 1, false, &number)
                   ? add_uid(options, (uint32_t)number, failure)
                   : bad_value(failure, name, value, "a numeric user id");
    case SLOTS:
        if (!parse_number(value, NETIPC_SLOTS_MIN, NETIPC_SLOTS_MAX, false, &number))
            return bad_value(failure, name, value, "a number from 4 to 1024");
        options->slots = (uint32_t)number;
        return true;
    case CAPACITY:
        return parse_number(value, 1, UINT64_C(1) << 40, false, &options->capacity) ||
               bad_value(failure, name, value, "a number of bytes from 1 to 2^40");
    case CEILING:
        return parse_number(value, 1, INT64_MAX, false, &options->ceiling) ||
               bad_value(failure, name, value, "a number of bytes");
    case NUMA_NODE:
        if (!parse_number(value, 0, NETIPC_NUMA_NODE_MAX, false, &number))
            return bad_value(failure, name, value, "a number from 0 to 1023");
        options->numa_node = (int32_t)number;
        return true;
    case MAX:
        if (!parse_number(value, 0, SIZE_MAX, false, &number))
            return bad_value(failure, name, value, "a number of cgroups");
        options->max = (size_t)number;
        return true;
    case WATCHES:
        if (!parse_number(value, 0, INT32_MAX, false, &number))
            return bad_value(failure, name, value, "a number of directories");
        options->watches_max = (size_t)number;
        return true;
    case NAMES_REFRESH:
    case WAIT_NAMES:
        return parse_interval_or_none(value,
                                      option == WAIT_NAMES ? &options->wait_names_ns : &options->names_refresh_ns) ||
               bad_value(failure, name, value, "a number of seconds from 0.01 to 86400, or 0");
    default:
        return parse_interval(value, option == EARLY           ? &options->early_ns
                                     : option == NAMES_TIMEOUT ? &options->names_timeout_ns
                                                               : &options->interval_ns) ||
               bad_value(failure, name, value, "a number of seconds from 0.01 to 86400");
    }
}

/* Empty: this engine is not asked. */
static bool take_socket(const char **socket, const char *name, const char *value, struct failure *failure)
{
    enum { MOST = sizeof((struct sockaddr_un *)0)->sun_path - 1 };
#ifndef CGROUPS_PLUGIN_CONTAINER_NAMES
    if (value[0] != '\0')
        return fail(failure, NETIPC_INVALID_ARGUMENT,
                    "--%s: this program was built without libcurl, which it takes to ask", name);
#endif
    if (strlen(value) > MOST)
        return fail(failure, NETIPC_INVALID_ARGUMENT,
                    "--%s: '%.120s' is longer than the path of a socket can be, %d bytes", name, value, (int)MOST);
    *socket = value;
    return true;
}

static bool take_text(struct options *options, int option, const char *name, const char *value, struct failure *failure)
{
    bool may_be_empty = option == SEARCH || option == ENABLE || option == SERVICES || option == LOOKUP_SERVICE;
    if (value[0] == '\0' && !may_be_empty)
        return fail(failure, NETIPC_INVALID_ARGUMENT, "--%s: the value is empty", name);
    switch (option) {
    case RUN_DIR:
        options->run_dir = value;
        return true;
    case SERVICE:
        options->service = value;
        return true;
    case LOOKUP_SERVICE:
        options->lookup_service = value;
        return true;
    case PROFILE:
        options->profile = value;
        return true;
    case HOST_PREFIX:
        return set_host_prefix(options, value, failure);
    case SEARCH:
        options->search_patterns = value;
        return true;
    case ENABLE:
        options->enable_patterns = value;
        return true;
    case SERVICES:
        options->service_patterns = value;
        return true;
    default:
        return parse_hierarchy(value, &options->hierarchy) || bad_value(failure, name, value, "auto, v1 or v2");
    }
}

static bool take(struct options *options, int option, const char *name, const char *value, struct failure *failure)
{
    switch (option) {
    case ONCE:
        return options->once = true;
    case PRINT:
        return options->print = true;
    case VERBOSE:
        return options->verbose = true;
    case HUGE_PAGES:
        options->placement |= NETIPC_PLACE_HUGE_PAGES;
        return true;
    case LOCK:
        options->placement |= NETIPC_PLACE_LOCK;
        return true;
    case TOKEN:
    case ALLOW_UID:
    case SLOTS:
    case CAPACITY:
    case CEILING:
    case NUMA_NODE:
    case MAX:
    case INTERVAL:
    case EARLY:
    case WATCHES:
    case NAMES_REFRESH:
    case NAMES_TIMEOUT:
    case WAIT_NAMES:
        return take_number(options, option, name, value, failure);
    case DOCKER_SOCKET:
        return take_socket(&options->docker_socket, name, value, failure);
    case PODMAN_SOCKET:
        return take_socket(&options->podman_socket, name, value, failure);
    default:
        return take_text(options, option, name, value, failure);
    }
}

static bool set_defaults(struct options *options, struct failure *failure)
{
    *options = (struct options){.service = "cgroups-snapshot",
                                .lookup_service = "cgroups-lookup",
                                .interval_ns = UINT64_C(10000000000),
                                .early_ns = UINT64_C(250000000),
                                .watches_max = 100000,
                                .names_refresh_ns = UINT64_C(300000000000),
                                .names_timeout_ns = UINT64_C(5000000000),
                                .numa_node = NETIPC_NUMA_NODE_ANY,
                                .search_patterns = default_search,
                                .enable_patterns = default_enable,
                                .service_patterns = default_services};
    return set_host_prefix(options, "/", failure);
}

enum options_result options_parse(struct options *options, int argc, char **argv, struct failure *failure)
{
    if (!set_defaults(options, failure))
        return OPTIONS_USAGE;
    optind = 0; /* start anew, also when called again */
    opterr = 0;
    for (;;) {
        int index = 0;
        int before = optind == 0 ? 1 : optind;
        int option = getopt_long(argc, argv, "+:", long_options, &index);
        if (option == -1)
            break;
        if (option == HELP)
            return OPTIONS_HELP;
        if (option == VERSION)
            return OPTIONS_VERSION;
        if (option == '?' || option == ':') {
            fail(failure, NETIPC_INVALID_ARGUMENT,
                 option == ':' ? "%.100s: a value is missing" : "%.100s: unknown option", argv[before]);
            return OPTIONS_USAGE;
        }
        if (!take(options, option, long_options[index].name, optarg, failure))
            return OPTIONS_USAGE;
    }
    if (optind < argc) {
        fail(failure, NETIPC_INVALID_ARGUMENT, "%.100s: no argument is expected here", argv[optind]);
        return OPTIONS_USAGE;
    }
    return OPTIONS_RUN;
}

void options_free(struct options *options)
{
    free(options->host_prefix);
    free(options->allowed_uids);
    *options = (struct options){0};
}
