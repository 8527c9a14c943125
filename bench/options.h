/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

/* The command line behind the name of a sub-command. An option is a line of the table in options.c, and a field here.
 */

#include "bench/cpus.h"
#include "bench/grid.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum options_wait { OPTIONS_WAIT_ADAPTIVE, OPTIONS_WAIT_SPIN, OPTIONS_WAIT_POLL, OPTIONS_WAIT_FUTEX, OPTIONS_WAIT_FD };
enum options_mode { OPTIONS_MODE_COPY, OPTIONS_MODE_LEASE, OPTIONS_MODE_POLL, OPTIONS_MODE_ALL };

enum options_take { OPTIONS_TAKE_REFRESH, OPTIONS_TAKE_COPY, OPTIONS_TAKE_LEASE };

/* Which options a sub-command takes, beside those that all take. */
#define OPTIONS_BIT(n) (UINT64_C(1) << (n))
#define OPTIONS_SIZE OPTIONS_BIT(0)
#define OPTIONS_AUDIENCE OPTIONS_BIT(1) /* --readers, which only are attached: there may be none */
#define OPTIONS_READERS OPTIONS_BIT(2)
#define OPTIONS_HZ OPTIONS_BIT(3)
#define OPTIONS_DURATION OPTIONS_BIT(4)
#define OPTIONS_REPEAT OPTIONS_BIT(5)
#define OPTIONS_WAIT OPTIONS_BIT(6) /* and --spin-ns */
#define OPTIONS_MODE OPTIONS_BIT(7)
#define OPTIONS_ITEM_SIZE OPTIONS_BIT(8) /* --size, of another range than a snapshot's */
#define OPTIONS_CLIENTS OPTIONS_BIT(9)
#define OPTIONS_WORKERS OPTIONS_BIT(10)
#define OPTIONS_BATCH OPTIONS_BIT(11)
#define OPTIONS_POLITE OPTIONS_BIT(12)
#define OPTIONS_ITEMS OPTIONS_BIT(13)
#define OPTIONS_THREADS OPTIONS_BIT(14)
#define OPTIONS_CHANGES OPTIONS_BIT(15)
#define OPTIONS_TAKE OPTIONS_BIT(16) /* --mode, of subscribers that follow */
#define OPTIONS_HISTORY OPTIONS_BIT(17)
#define OPTIONS_SIZES OPTIONS_BIT(18) /* --size, several */
#define OPTIONS_PEERS OPTIONS_BIT(19)
#define OPTIONS_WAYS OPTIONS_BIT(20)    /* --wait, of other transports too */
#define OPTIONS_PROFILE OPTIONS_BIT(21) /* --profile, which is read */
#define OPTIONS_SWEEP OPTIONS_BIT(22)   /* --spin-ns and --hz, which are lists, and what it writes */
#define OPTIONS_REPORT OPTIONS_BIT(23)  /* all that only it takes */
#define OPTIONS_JSON OPTIONS_BIT(24)    /* of all that measure, which need not have it in command.taken */

enum options_ways { OPTIONS_WAYS_BOTH, OPTIONS_WAYS_BLOCK, OPTIONS_WAYS_SPIN };

enum { OPTIONS_SIZES_MOST = 16 };

struct options_sizes {
    size_t count;
    uint64_t numbers[OPTIONS_SIZES_MOST];
};

struct options {
    struct options_sizes sizes;
    uint64_t size, readers, items, threads, history, repeat, spin_ns;
    uint64_t clients, workers, batch, polite;
    double hz, duration;
    unsigned wait, mode, take; /* options_wait, options_mode, options_take */
    unsigned relation;         /* cpus_relation */
    struct cpus cpus;          /* count 0: to be picked */
    unsigned ways;             /* options_ways */
    const char *peers;         /* names, with commas; NULL: all */
    const char *json;          /* NULL: not wanted */
    struct grid spins, rates;
    const char *csv, *plot, *profile; /* as json */
    bool spin_ns_given, duration_given;
    const char *output, *state, *from, *only; /* of a report; NULL: not given */
    bool resume, list;
    bool changes, quick, quiet, help;
};

/* arguments[0] is the sub-command. options holds its defaults, and what was given replaces them. False, and a notice:
 * the command line is wrong. */
bool options_parse(int count, char **arguments, uint64_t taken, struct options *options);

void options_print_help(uint64_t taken, const struct options *defaults);

/* The values of those that are taken, but of the common ones. */
void options_describe(uint64_t taken, const struct options *options, struct json_object *params);

/* The spin of the subscribers. */
uint64_t options_spin_ns(const struct options *options);

/* Publications of each run at --hz, if runs have nothing else to do; 1 at least. */
uint64_t options_dates_a_run(const struct options *options);

const char *options_wait_name(unsigned wait);
const char *options_take_name(unsigned take);

#endif
