/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include "bench/document.h"
#include "bench/notice.h"
#include "bench/payload.h"
#include "bench/quantity.h"
#include "bench/series.h"

#include <getopt.h>
#include <netipc/publisher.h>
#include <netipc/server.h>
#include <netipc/subscriber.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { ITEM_SIZE_LEAST = 8, ITEM_SIZE_MOST = 64 << 10, CLIENTS_MOST = 256, BATCH_MOST = 1024 };
enum { ITEMS_MOST = 100000, THREADS_MOST = 64 };
enum { HISTORY_LEAST = 16, HISTORY_MOST = NETIPC_SLOTS_MAX - 3 }; /* beside the claimed slot, the latest and a lease */
enum { SIZE_MOST = 64 << 20, READERS_MOST = 256, DURATION_MOST = 86400, SPIN_NS_MOST = 1000000000 };
enum { HZ_MOST = 10000000 };

/* What --quick leaves of the duration. */
enum { QUICK_SHARE = 10 };

/* How a value is written, and what the field is. */
enum kind {
    KIND_FLAG,    /* bool */
    KIND_NUMBER,  /* uint64_t */
    KIND_SIZE,    /* uint64_t, with k and M */
    KIND_DECIMAL, /* double */
    KIND_NAME,    /* unsigned: the place in names */
    KIND_TEXT,    /* const char * */
    KIND_GRID,    /* struct grid */
    KIND_OWN      /* parse knows */
};

struct entry {
    const char *name;
    uint64_t taken_as; /* 0: by all */
    enum kind kind;
    size_t field;
    const char *form, *help;
    double least, most;                           /* KIND_NUMBER, KIND_SIZE, KIND_DECIMAL, KIND_GRID */
    const char *const *names;                     /* KIND_NAME, to a NULL */
    bool (*parse)(const char *text, void *field); /* KIND_OWN */
    size_t given;                                 /* a bool that tells; 0: nobody asks */
};

#define FIELD(name) offsetof(struct options, name)

static const char *const wait_names[] = {"adaptive", "spin", "poll", "futex", "fd", NULL};
static const char *const mode_names[] = {"copy", "lease", "poll", "all", NULL};
static const char *const take_names[] = {"refresh", "copy", "lease", NULL};

static const char *const way_names[] = {"both", "block", "spin", NULL};

/* Each once. */
static bool add_size(const char *text, struct options_sizes *sizes)
{
    uint64_t size;
    if (sizes->count == OPTIONS_SIZES_MOST || !quantity_size(text, PAYLOAD_LEAST, SIZE_MOST, &size))
        return false;
    for (size_t i = 0; i < sizes->count; i++)
        if (sizes->numbers[i] == size)
            return false;
    sizes->numbers[sizes->count++] = size;
    return true;
}

static bool parse_sizes(const char *text, void *field)
{
    struct options_sizes sizes = {0};
    for (size_t length = 0;; text += length + 1) {
        char one[24];
        length = strcspn(text, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, text);
        if (length >= sizeof one || !add_size(one, &sizes))
            return false;
        if (text[length] == '\0')
            break;
    }
    memcpy(field, &sizes, sizeof sizes);
    return true;
}

static bool parse_cpus(const char *text, void *field)
{
    return cpus_parse_list(text, field);
}

static bool parse_relation(const char *text, void *field)
{
    enum cpus_relation relation;
    bool good = cpus_parse_relation(text, &relation);
    if (good)
        *(unsigned *)field = relation;
    return good;
}

/* All fields by name, since most entries have no use for the last ones. */
#define ENTRY(kind_, name_, taken, field_, form_, help_, ...)                                                          \
    {                                                                                                                  \
        .kind = KIND_##kind_, .name = name_, .taken_as = taken, .field = FIELD(field_), .form = form_, .help = help_,  \
        __VA_ARGS__                                                                                                    \
    }
#define FROM(least_, most_) .least = (least_), .most = (most_)
#define NO_MORE .names = NULL

static const struct entry entries[] = {
    ENTRY(SIZE, "size", OPTIONS_SIZE, size, "N", "bytes of a snapshot, from 32 to 64M", FROM(PAYLOAD_LEAST, SIZE_MOST)),
    ENTRY(SIZE, "size", OPTIONS_ITEM_SIZE, size, "N", "bytes of an item of a request, and of its answer, from 8 to 64k",
          FROM(ITEM_SIZE_LEAST, ITEM_SIZE_MOST)),
    ENTRY(OWN, "size", OPTIONS_SIZES, sizes, "LIST",
          "bytes of a message, from 32 to 64M, at most 16 of them, each once; default 64,4k,64k,1M",
          .parse = parse_sizes),
    ENTRY(NUMBER, "clients", OPTIONS_CLIENTS, clients, "N", "client processes, from 1 to 256", FROM(1, CLIENTS_MOST)),
    ENTRY(NUMBER, "workers", OPTIONS_WORKERS, workers, "N",
          "threads of the server that run handlers, at most 64; 0: its event loop does", FROM(0, NETIPC_WORKERS_MAX)),
    ENTRY(NUMBER, "batch", OPTIONS_BATCH, batch, "N", "items of a request, from 1 to 1024", FROM(1, BATCH_MOST)),
    ENTRY(NUMBER, "polite", OPTIONS_POLITE, polite, "N",
          "then as long: polite client processes beside a flooding and a stopped one, at most 256; 0: not",
          FROM(0, CLIENTS_MOST)),
    ENTRY(NUMBER, "items", OPTIONS_ITEMS, items, "N", "cgroups of a snapshot, from 1 to 100000", FROM(1, ITEMS_MOST)),
    ENTRY(NUMBER, "threads", OPTIONS_THREADS, threads, "N", "threads that look up at the same time, from 1 to 64",
          FROM(1, THREADS_MOST)),
    ENTRY(NUMBER, "history", OPTIONS_HISTORY, history, "N", "generations behind the latest that are kept, 16 to 1021",
          FROM(HISTORY_LEAST, HISTORY_MOST)),
    ENTRY(FLAG, "changes", OPTIONS_CHANGES, changes, "", "a refresh finds out what has changed (NETIPC_CACHE_CHANGES)",
          NO_MORE),
    ENTRY(NUMBER, "readers", OPTIONS_AUDIENCE, readers, "N", "attached subscriber processes, at most 256",
          FROM(0, READERS_MOST)),
    ENTRY(NUMBER, "readers", OPTIONS_READERS, readers, "N", "subscriber processes, from 1 to 256",
          FROM(1, READERS_MOST)),
    ENTRY(DECIMAL, "hz", OPTIONS_HZ, hz, "H", "publications a second, at most 10000000", FROM(0, HZ_MOST)),
    ENTRY(GRID, "hz", OPTIONS_SWEEP, rates, "LIST",
          "publications a second: numbers, FROM:TO:xFACTOR, FROM:TO:+STEP, upwards; at most 64 values",
          FROM(0.001, HZ_MOST)),
    ENTRY(DECIMAL, "duration", OPTIONS_DURATION, duration, "S",
          "seconds that the measurement lasts, without calibration", FROM(0.001, DURATION_MOST),
          .given = FIELD(duration_given)),
    ENTRY(FLAG, "quick", 0, quick, "", "a short run: a tenth of the duration, unless that is given", NO_MORE),
    ENTRY(NUMBER, "repeat", OPTIONS_REPEAT, repeat, "N", "runs that this time is divided into, from 11 to 1000",
          FROM(SERIES_RUNS_LEAST, SERIES_RUNS_MOST)),
    ENTRY(TEXT, "peers", OPTIONS_PEERS, peers, "LIST", "transports beside netipc; default: all that are built in",
          NO_MORE),
    ENTRY(NAME, "wait", OPTIONS_WAYS, ways, "HOW", "block, spin (look again and again) or both", .names = way_names),
    ENTRY(NAME, "wait", OPTIONS_WAIT, wait, "HOW", "adaptive, spin, poll (in the caller's loop), futex or fd",
          .names = wait_names),
    ENTRY(NUMBER, "spin-ns", OPTIONS_WAIT, spin_ns, "N",
          "spin_ns of the subscribers; default: 50000 for adaptive, 1000000000 for spin, else 0", FROM(0, SPIN_NS_MOST),
          .given = FIELD(spin_ns_given)),
    ENTRY(GRID, "spin-ns", OPTIONS_SWEEP, spins, "LIST", "fixed spin budgets of the subscribers; a list as for --hz",
          FROM(0, SPIN_NS_MOST)),
    ENTRY(TEXT, "profile", OPTIONS_PROFILE, profile, "FILE", "what sweep has found, for both sides (docs/profile.md)",
          NO_MORE),
    ENTRY(TEXT, "profile", OPTIONS_SWEEP, profile, "FILE", "write what is recommended there, for --profile of others",
          NO_MORE),
    ENTRY(TEXT, "csv", OPTIONS_SWEEP, csv, "FILE", "write the points there; - is the standard output", NO_MORE),
    ENTRY(TEXT, "plot", OPTIONS_SWEEP, plot, "BASE", "draw them, to BASE.svg and BASE.png; needs gnuplot", NO_MORE),
    ENTRY(NAME, "mode", OPTIONS_MODE, mode, "HOW",
          "copy, lease (acquire and release), poll (the generation only) or all", .names = mode_names),
    ENTRY(NAME, "mode", OPTIONS_TAKE, take, "HOW", "refresh (a cache), copy or lease (in place, with its index)",
          .names = take_names),
    ENTRY(OWN, "cpus", 0, cpus, "A,B[,C...]", "the CPU of the publisher or server, and those of the others",
          .parse = parse_cpus),
    ENTRY(OWN, "topology", 0, relation, "HOW",
          "pick CPUs: same-core, same-l2, same-l3 or cross-numa; default: the nearest cores", .parse = parse_relation),
    ENTRY(TEXT, "output", OPTIONS_REPORT, output, "DIR",
          "where benchmarks.md and benchmarks/ are replaced; default docs", NO_MORE),
    ENTRY(TEXT, "state", OPTIONS_REPORT, state, "DIR",
          "keeps what was measured; default shmbench-report, of a part shmbench-report-part", NO_MORE),
    ENTRY(FLAG, "resume", OPTIONS_REPORT, resume, "", "go on with what is kept there, as far as it is of this build",
          NO_MORE),
    ENTRY(TEXT, "from", OPTIONS_REPORT, from, "DIR", "make the document of what is kept there, without measuring",
          NO_MORE),
    ENTRY(FLAG, "list", OPTIONS_REPORT, list, "", "the rows by name, and how each is measured", NO_MORE),
    ENTRY(TEXT, "only", OPTIONS_REPORT, only, "PATTERN",
          "a part: rows by name, as publish-* or read-64-1; needs --output", NO_MORE),
    ENTRY(TEXT, "json", OPTIONS_JSON, json, "FILE", "write all figures there; - is the standard output", NO_MORE),
    ENTRY(FLAG, "quiet", 0, quiet, "", "no progress, no summary", NO_MORE),
    ENTRY(FLAG, "help", 0, help, "", "this text", NO_MORE),
};

enum { ENTRIES = sizeof entries / sizeof *entries };
enum { CODE_FIRST = 256 }; /* of getopt_long: beside its characters */

static bool is_taken(const struct entry *entry, uint64_t taken)
{
    return entry->taken_as == 0 || (entry->taken_as & taken) != 0;
}

static bool parse_name(const char *text, const char *const *names, unsigned *index)
{
    for (unsigned i = 0; names[i] != NULL; i++)
        if (strcmp(text, names[i]) == 0) {
            *index = i;
            return true;
        }
    return false;
}

static bool parse_value(const struct entry *entry, const char *text, struct options *options)
{
    void *field = (char *)options + entry->field;
    if (entry->given != 0)
        *(bool *)((char *)options + entry->given) = true;
    switch (entry->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return true;
    case KIND_NUMBER:
        return quantity_number(text, (uint64_t)entry->least, (uint64_t)entry->most, field);
    case KIND_SIZE:
        return quantity_size(text, (uint64_t)entry->least, (uint64_t)entry->most, field);
    case KIND_DECIMAL:
        return quantity_decimal(text, entry->least, entry->most, field);
    case KIND_NAME:
        return parse_name(text, entry->names, field);
    case KIND_GRID:
        return grid_parse(text, entry->least, entry->most, field);
    case KIND_TEXT:
        *(const char **)field = text;
        return *text != '\0';
    default:
        return entry->parse(text, field);
    }
}

static bool wrong(const char *command, const char *before, const char *argument, const char *after)
{
    notice("%s%s%s; try shmbench %s --help", before, argument, after, command);
    return false;
}

/* Of two options of one name the one that is taken. */
static bool is_known(const struct entry *entry, uint64_t taken)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (&entries[i] != entry && strcmp(entries[i].name, entry->name) == 0 && !is_taken(entry, taken) &&
            (is_taken(&entries[i], taken) || &entries[i] < entry))
            return false;
    return true;
}

static void list_known(uint64_t taken, struct option *known)
{
    for (int i = 0; i < ENTRIES; i++)
        if (is_known(&entries[i], taken))
            *known++ = (struct option){entries[i].name, entries[i].kind == KIND_FLAG ? no_argument : required_argument,
                                       NULL, CODE_FIRST + i};
}

bool options_parse(int count, char **arguments, uint64_t taken, struct options *options)
{
    struct option known[ENTRIES + 1] = {{0}};
    list_known(taken, known);
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
        const struct entry *entry = &entries[code - CODE_FIRST];
        if (!is_taken(entry, taken))
            return wrong(arguments[0], arguments[at], " says nothing to ", arguments[0]);
        if (!parse_value(entry, optarg, options)) {
            notice("--%s %s: not one of: %s; try shmbench %s --help", entry->name, optarg, entry->help, arguments[0]);
            return false;
        }
    }
    if (optind < count)
        return wrong(arguments[0], "unexpected argument ", arguments[optind], "");
    if (options->cpus.count > 0 && options->relation != CPUS_ANY)
        return wrong(arguments[0], "--cpus and --topology", " exclude each other", "");
    if (options->quick && !options->duration_given)
        options->duration /= QUICK_SHARE;
    return true;
}

/* What stands for an option that was not given; empty: nothing, or said in its text. */
static void describe_default(const struct entry *entry, const struct options *defaults, char *text, size_t size)
{
    const void *field = (const char *)defaults + entry->field;
    *text = '\0';
    if (entry->kind == KIND_DECIMAL)
        snprintf(text, size, "%g", *(const double *)field);
    else if (entry->kind == KIND_NAME)
        snprintf(text, size, "%s", entry->names[*(const unsigned *)field]);
    else if ((entry->kind == KIND_NUMBER || entry->kind == KIND_SIZE) && entry->field != FIELD(spin_ns))
        snprintf(text, size, "%llu", *(const unsigned long long *)field);
    else if (entry->kind == KIND_GRID)
        grid_print(field, text, size);
}

void options_print_help(uint64_t taken, const struct options *defaults)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        char left[48], value[128];
        if (!is_taken(&entries[i], taken))
            continue;
        snprintf(left, sizeof left, "--%s %s", entries[i].name, entries[i].form);
        describe_default(&entries[i], defaults, value, sizeof value);
        printf("  %-20s %s%s%s\n", left, entries[i].help, *value != '\0' ? "; default " : "", value);
    }
}

static void describe(const struct entry *entry, const struct options *options, struct json_object *params)
{
    char name[32];
    const void *field = (const char *)options + entry->field;
    snprintf(name, sizeof name, "%s", entry->name);
    for (char *dash = name; (dash = strchr(dash, '-')) != NULL;)
        *dash = '_';
    switch (entry->kind) {
    case KIND_FLAG:
        json_object_object_add(params, name, json_object_new_boolean(*(const bool *)field));
        break;
    case KIND_NUMBER:
    case KIND_SIZE:
        document_count(params, name,
                       entry->field == FIELD(spin_ns) ? options_spin_ns(options) : *(const uint64_t *)field);
        break;
    case KIND_DECIMAL:
        document_number(params, name, *(const double *)field);
        break;
    case KIND_NAME:
        document_text(params, name, entry->names[*(const unsigned *)field]);
        break;
    case KIND_GRID:
        json_object_object_add(params, name, grid_json(field));
        break;
    default: /* files, which are no part of the work */
        break;
    }
}

void options_describe(uint64_t taken, const struct options *options, struct json_object *params)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if ((entries[i].taken_as & taken) != 0)
            describe(&entries[i], options, params);
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

uint64_t options_dates_a_run(const struct options *options)
{
    double dates = options->hz * options->duration / (double)options->repeat;
    return dates < 1 ? 1 : (uint64_t)(dates + 0.5);
}

const char *options_wait_name(unsigned wait)
{
    return wait_names[wait];
}

const char *options_take_name(unsigned take)
{
    return take_names[take];
}
