/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

/* The command line behind the name of a sub-command. */

#include "bench/cpus.h"

#include <stdbool.h>
#include <stdint.h>

enum options_wait { OPTIONS_WAIT_ADAPTIVE, OPTIONS_WAIT_SPIN, OPTIONS_WAIT_POLL, OPTIONS_WAIT_FUTEX, OPTIONS_WAIT_FD };
enum options_mode { OPTIONS_MODE_COPY, OPTIONS_MODE_LEASE, OPTIONS_MODE_POLL };

/* Which options a sub-command takes, beside those that all take. */
enum {
    OPTIONS_SIZE = 1u << 0,
    OPTIONS_SESSIONS = 1u << 1,
    OPTIONS_READERS = 1u << 2,
    OPTIONS_HZ = 1u << 3,
    OPTIONS_DURATION = 1u << 4,
    OPTIONS_REPEAT = 1u << 5,
    OPTIONS_WAIT = 1u << 6,
    OPTIONS_MODE = 1u << 7,
    OPTIONS_ITEM_SIZE = 1u << 8, /* --size, of another range than a snapshot's */
    OPTIONS_CLIENTS = 1u << 9,
    OPTIONS_WORKERS = 1u << 10,
    OPTIONS_BATCH = 1u << 11,
    OPTIONS_POLITE = 1u << 12,
    OPTIONS_ITEMS = 1u << 13,
    OPTIONS_THREADS = 1u << 14,
    OPTIONS_CHANGES = 1u << 15
};

/* A sub-command fills in its defaults first. */
struct options {
    uint64_t size;     /* bytes of a snapshot, or of an item of a request */
    uint64_t sessions; /* attached subscribers */
    uint64_t readers;  /* of these, the ones that read */
    uint64_t clients;  /* of a server */
    uint64_t workers;  /* its threads for handlers */
    uint64_t batch;    /* items of a request */
    uint64_t polite;   /* clients beside two that are not; 0: that is not measured */
    uint64_t items;    /* of a snapshot */
    uint64_t threads;  /* that look up */
    bool changes;      /* a refresh finds out what has changed */
    double hz;         /* publications a second; 0: none */
    double duration;   /* seconds */
    uint64_t repeat;   /* runs */
    enum options_wait wait;
    enum options_mode mode;
    bool spin_ns_given;
    uint64_t spin_ns;
    enum cpus_relation relation;
    struct cpus cpus; /* listed by --cpus; count 0: not */
    const char *json;
    bool quiet, help;
};

/* Arguments from 1 on; the 0th is the sub-command. False, and a notice: the command line is wrong. */
bool options_parse(int count, char **arguments, unsigned taken, struct options *options);

/* The lines of --help on all that is taken, with the defaults. */
void options_print_help(unsigned taken, const struct options *defaults);

/* The spin_ns that the subscribers are configured with. */
uint64_t options_spin_ns(const struct options *options);

const char *options_wait_name(enum options_wait wait);
const char *options_mode_name(enum options_mode mode);

#endif
