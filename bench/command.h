/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

/* A sub-command, and what is done for each of them around its measurement (main.c, experiment.c). */

#include "bench/calibration.h"
#include "bench/crew.h"
#include "bench/options.h"
#include "bench/run_dir.h"

#include <json-c/json_object.h>
#include <stdbool.h>

/* One measurement under way. */
struct experiment {
    const struct command *command;
    struct options options;
    struct cpus cpus;
    struct run_dir run_dir;
    struct json_object *params, *results, *ratios; /* to be filled in */
    void *outputs;                                 /* of the sub-command's own */
    int failure;                                   /* exit status, when the measurement fails */
};

/* Files that a sub-command writes beside the JSON. */
struct command_outputs {
    bool (*open)(struct experiment *experiment); /* before measuring; false: notice and failure have been given */
    bool (*write)(struct experiment *experiment, struct json_object *document); /* false: a notice */
    void (*close)(struct experiment *experiment); /* whatever has happened; removes what was not written */
};

struct command {
    const char *name;
    const char *summary;     /* one line */
    const char *help;        /* what is measured, and how */
    void (*more_help)(void); /* lines of --help that are not the same everywhere; may be NULL */
    uint64_t taken;          /* OPTIONS_… */
    struct options defaults;
    bool (*check)(const struct options *options);   /* may be NULL. False, and a notice: they do not fit together */
    const struct command_outputs *outputs;          /* may be NULL */
    const char *first, *others;                     /* who runs on which CPU; NULL: publisher, subscribers */
    bool calibrates;                                /* it is calibration itself: none before and after */
    bool (*measure)(struct experiment *experiment); /* false: notice and failure have been given */
    void (*summarize)(const struct experiment *experiment, struct json_object *document); /* for a person */
    int (*run)(const struct options *options); /* not NULL: no measurement; gives the program's exit status */
};

extern const struct command command_calibrate;
extern const struct command command_publish;
extern const struct command command_read;
extern const struct command command_latency;
extern const struct command command_rpc;
extern const struct command command_history;
extern const struct command command_peers;
extern const struct command command_sweep;
extern const struct command command_fanout; /* these three in builds with netipc_cache only */
extern const struct command command_refresh;
extern const struct command command_lookup;
extern const struct command command_report;

/* Does all of a sub-command; gives the program's exit status. */
int experiment_run(const struct command *command, const struct options *options);

/* What the processes of a measurement do, step by step, from their start to crew_finish(). */
typedef bool (*experiment_supervisor)(struct experiment *experiment, void *shared, struct crew *crew);

/* Has a crew do that, and ends what is left of it. False: notice and failure have been given. */
bool experiment_supervise(struct experiment *experiment, experiment_supervisor supervise, void *shared);

/* Adds `count` workers, on the CPUs of the subscribers from the one that subscriber number `first` has. */
bool experiment_add_many(const struct experiment *experiment, struct crew *crew, const char *role, uint64_t first,
                         uint64_t count, worker_function function, void *context);

/* A figure of a finished document for its summary, by path: "results/latency_ns/p50". NaN: it is not there. */
double experiment_figure(struct json_object *document, const char *path);

#endif
