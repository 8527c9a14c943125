/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include "bench/notice.h"
#include "bench/payload.h"
#include "bench/quantity.h"
#include "bench/series.h"

#include <getopt.h>
#include <netipc/server.h>
#include <netipc/subscriber.h>
#include <stdio.h>
#include <string.h>

enum code {
    CODE_SIZE = 256,
    CODE_ITEM_SIZE,
    CODE_CLIENTS,
    CODE_WORKERS,
    CODE_BATCH,
    CODE_POLITE,
    CODE_ITEMS,
    CODE_THREADS,
    CODE_CHANGES,
    CODE_SESSIONS,
    CODE_READERS,
    CODE_HZ,
    CODE_DURATION,
    CODE_REPEAT,
    CODE_WAIT,
    CODE_SPIN_NS,
    CODE_MODE,
    CODE_CPUS,
    CODE_TOPOLOGY,
    CODE_JSON,
    CODE_QUIET,
    CODE_HELP
};

enum { ITEM_SIZE_LEAST = 8, ITEM_SIZE_MOST = 64 << 10, CLIENTS_MOST = 256, BATCH_MOST = 1024 };
enum { ITEMS_MOST = 100000, THREADS_MOST = 64 };
enum { SIZE_MOST = 64 << 20, SESSIONS_MOST = 256, DURATION_MOST = 86400, SPIN_NS_MOST = 1000000000 };

static const char *const wait_names[] = {"adaptive", "spin", "poll", "futex", "fd", NULL};
static const char *const mode_names[] = {"copy", "lease", "poll", NULL};

struct entry {
    struct option option;
    unsigned taken_as; /* 0: by all */
    const char *form, *help;
};

static const struct entry entries[] = {
    {{"size", required_argument, NULL, CODE_SIZE}, OPTIONS_SIZE, "N", "bytes of a snapshot, from 32 to 64M"},
    {{"size", required_argument, NULL, CODE_ITEM_SIZE},
     OPTIONS_ITEM_SIZE,
     "N",
     "bytes of an item of a request, and of its answer, from 8 to 64k"},
    {{"clients", required_argument, NULL, CODE_CLIENTS}, OPTIONS_CLIENTS, "N", "client processes, from 1 to 256"},
    {{"workers", required_argument, NULL, CODE_WORKERS},
     OPTIONS_WORKERS,
     "N",
     "threads of the server that run handlers, at most 64; 0: its event loop does"},
    {{"batch", required_argument, NULL, CODE_BATCH}, OPTIONS_BATCH, "N", "items of a request, from 1 to 1024"},
    {{"polite", required_argument, NULL, CODE_POLITE},
     OPTIONS_POLITE,
     "N",
     "then as long: polite client processes beside a flooding and a stopped one, at most 256; 0: not"},
    {{"items", required_argument, NULL, CODE_ITEMS}, OPTIONS_ITEMS, "N", "cgroups of a snapshot, from 1 to 100000"},
    {{"threads", required_argument, NULL, CODE_THREADS},
     OPTIONS_THREADS,
     "N",
     "threads that look up at the same time, from 1 to 64"},
    {{"changes", no_argument, NULL, CODE_CHANGES},
     OPTIONS_CHANGES,
     "",
     "a refresh finds out what has changed (NETIPC_CACHE_CHANGES)"},
    {{"sessions", required_argument, NULL, CODE_SESSIONS},
     OPTIONS_SESSIONS,
     "N",
     "attached subscriber processes, at most 256"},
    {{"readers", required_argument, NULL, CODE_READERS},
     OPTIONS_READERS,
     "N",
     "subscriber processes that read, from 1 to 256"},
    {{"hz", required_argument, NULL, CODE_HZ}, OPTIONS_HZ, "H", "publications a second, at most 10000000"},
    {{"duration", required_argument, NULL, CODE_DURATION},
     OPTIONS_DURATION,
     "S",
     "seconds that the measurement lasts, without calibration"},
    {{"repeat", required_argument, NULL, CODE_REPEAT},
     OPTIONS_REPEAT,
     "N",
     "runs that this time is divided into, from 11 to 1000"},
    {{"wait", required_argument, NULL, CODE_WAIT},
     OPTIONS_WAIT,
     "HOW",
     "adaptive, spin, poll (in the caller's loop), futex or fd"},
    {{"spin-ns", required_argument, NULL, CODE_SPIN_NS},
     OPTIONS_WAIT,
     "N",
     "spin_ns of the subscribers; default: 50000 for adaptive, 1000000000 for spin, else 0"},
    {{"mode", required_argument, NULL, CODE_MODE},
     OPTIONS_MODE,
     "HOW",
     "copy, lease (acquire and release) or poll (the generation only)"},
    {{"cpus", required_argument, NULL, CODE_CPUS},
     0,
     "A,B[,C...]",
     "the CPU of the publisher or server, and those of the others"},
    {{"topology", required_argument, NULL, CODE_TOPOLOGY},
     0,
     "HOW",
     "pick CPUs: same-core, same-l2, same-l3 or cross-numa; default: the nearest cores"},
    {{"json", required_argument, NULL, CODE_JSON}, 0, "FILE", "write all figures there; - is the standard output"},
    {{"quiet", no_argument, NULL, CODE_QUIET}, 0, "", "no progress, no summary"},
    {{"help", no_argument, NULL, CODE_HELP}, 0, "", "this text"},
};

enum { ENTRIES = sizeof entries / sizeof *entries };

static bool parse_name(const char *text, const char *const *names, unsigned *index)
{
    for (*index = 0; names[*index] != NULL; ++*index)
        if (strcmp(text, names[*index]) == 0)
            return true;
    return false;
}

static bool parse_value(int code, const char *text, struct options *options)
{
    unsigned index;
    bool good;
    switch (code) {
    case CODE_SIZE:
        return quantity_size(text, PAYLOAD_LEAST, SIZE_MOST, &options->size);
    case CODE_ITEM_SIZE:
        return quantity_size(text, ITEM_SIZE_LEAST, ITEM_SIZE_MOST, &options->size);
    case CODE_CLIENTS:
        return quantity_number(text, 1, CLIENTS_MOST, &options->clients);
    case CODE_WORKERS:
        return quantity_number(text, 0, NETIPC_WORKERS_MAX, &options->workers);
    case CODE_BATCH:
        return quantity_number(text, 1, BATCH_MOST, &options->batch);
    case CODE_POLITE:
        return quantity_number(text, 0, CLIENTS_MOST, &options->polite);
    case CODE_ITEMS:
        return quantity_number(text, 1, ITEMS_MOST, &options->items);
    case CODE_THREADS:
        return quantity_number(text, 1, THREADS_MOST, &options->threads);
    case CODE_CHANGES:
        options->changes = true;
        return true;
    case CODE_SESSIONS:
        return quantity_number(text, 0, SESSIONS_MOST, &options->sessions);
    case CODE_READERS:
        return quantity_number(text, 1, SESSIONS_MOST, &options->readers);
    case CODE_HZ:
        return quantity_decimal(text, 0, 10000000, &options->hz);
    case CODE_DURATION:
        return quantity_decimal(text, 0.001, DURATION_MOST, &options->duration);
    case CODE_REPEAT:
        return quantity_number(text, SERIES_RUNS_LEAST, SERIES_RUNS_MOST, &options->repeat);
    case CODE_WAIT:
        good = parse_name(text, wait_names, &index);
        options->wait = (enum options_wait)index;
        return good;
    case CODE_SPIN_NS:
        options->spin_ns_given = true;
        return quantity_number(text, 0, SPIN_NS_MOST, &options->spin_ns);
    case CODE_MODE:
        good = parse_name(text, mode_names, &index);
        options->mode = (enum options_mode)index;
        return good;
    case CODE_CPUS:
        return cpus_parse_list(text, &options->cpus);
    case CODE_TOPOLOGY:
        return cpus_parse_relation(text, &options->relation);
    case CODE_JSON:
        options->json = text;
        return *text != '\0';
    case CODE_QUIET:
        options->quiet = true;
        return true;
    default:
        options->help = true;
        return true;
    }
}

static const struct entry *entry_of(int code)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (entries[i].option.val == code)
            return &entries[i];
    return NULL;
}

static bool wrong(const char *command, const char *before, const char *argument, const char *after)
{
    notice("%s%s%s; try shmbench %s --help", before, argument, after, command);
    return false;
}

/* Of two options of one name the one that is taken. */
static bool is_known(const struct entry *entry, unsigned taken)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (&entries[i] != entry && (entries[i].taken_as & taken) != 0 &&
            strcmp(entries[i].option.name, entry->option.name) == 0)
            return false;
    return true;
}

bool options_parse(int count, char **arguments, unsigned taken, struct options *options)
{
    struct option known[ENTRIES + 1] = {{0}};
    for (size_t i = 0, next = 0; i < ENTRIES; i++)
        if (is_known(&entries[i], taken))
            known[next++] = entries[i].option;
    opterr = 0;
    optind = 1;
    for (;;) {
        int at = optind, code = getopt_long(count, arguments, ":", known, NULL);
        if (code == -1)
            break;
        if (code == '?')
            return wrong(arguments[0], "unknown option ", arguments[at], "");
        if (code == ':')
            return wrong(arguments[0], arguments[at], " needs a value", "");
        const struct entry *entry = entry_of(code);
        if (entry->taken_as != 0 && (entry->taken_as & taken) == 0)
            return wrong(arguments[0], arguments[at], " says nothing to ", arguments[0]);
        if (!parse_value(code, optarg, options)) {
            notice("--%s %s: not one of: %s; try shmbench %s --help", entry->option.name, optarg, entry->help,
                   arguments[0]);
            return false;
        }
    }
    if (optind < count)
        return wrong(arguments[0], "unexpected argument ", arguments[optind], "");
    if (options->cpus.count > 0 && options->relation != CPUS_ANY)
        return wrong(arguments[0], "--cpus and --topology", " exclude each other", "");
    return true;
}

/* What stands for an option that was not given; empty: said in its text. */
static void describe_default(int code, const struct options *defaults, char *text, size_t size)
{
    *text = '\0';
    switch (code) {
    case CODE_SIZE:
    case CODE_ITEM_SIZE:
        snprintf(text, size, "%llu", (unsigned long long)defaults->size);
        break;
    case CODE_CLIENTS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->clients);
        break;
    case CODE_WORKERS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->workers);
        break;
    case CODE_BATCH:
        snprintf(text, size, "%llu", (unsigned long long)defaults->batch);
        break;
    case CODE_POLITE:
        snprintf(text, size, "%llu", (unsigned long long)defaults->polite);
        break;
    case CODE_ITEMS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->items);
        break;
    case CODE_THREADS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->threads);
        break;
    case CODE_SESSIONS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->sessions);
        break;
    case CODE_READERS:
        snprintf(text, size, "%llu", (unsigned long long)defaults->readers);
        break;
    case CODE_HZ:
        snprintf(text, size, "%g", defaults->hz);
        break;
    case CODE_DURATION:
        snprintf(text, size, "%g", defaults->duration);
        break;
    case CODE_REPEAT:
        snprintf(text, size, "%llu", (unsigned long long)defaults->repeat);
        break;
    case CODE_WAIT:
        snprintf(text, size, "%s", wait_names[defaults->wait]);
        break;
    case CODE_MODE:
        snprintf(text, size, "%s", mode_names[defaults->mode]);
        break;
    default:
        break;
    }
}

void options_print_help(unsigned taken, const struct options *defaults)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        char left[48], value[32];
        if (entries[i].taken_as != 0 && (entries[i].taken_as & taken) == 0)
            continue;
        snprintf(left, sizeof left, "--%s %s", entries[i].option.name, entries[i].form);
        describe_default(entries[i].option.val, defaults, value, sizeof value);
        printf("  %-20s %s%s%s\n", left, entries[i].help, *value != '\0' ? "; default " : "", value);
    }
}

uint64_t options_spin_ns(const struct options *options)
{
    if (options->spin_ns_given)
        return options->spin_ns;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    switch (options->wait) {
    case OPTIONS_WAIT_ADAPTIVE:
        return config.spin_ns;
    case OPTIONS_WAIT_SPIN:
        return SPIN_NS_MOST;
    default:
        return 0;
    }
}

const char *options_wait_name(enum options_wait wait)
{
    return wait_names[wait];
}

const char *options_mode_name(enum options_mode mode)
{
    return mode_names[mode];
}
