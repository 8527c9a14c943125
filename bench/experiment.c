/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/document.h"
#include "bench/machine.h"
#include "bench/notice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double experiment_figure(struct json_object *document, const char *path)
{
    struct json_object *figure = document_at(document, path);
    return figure != NULL ? json_object_get_double(figure) : NAN;
}

bool experiment_supervise(struct experiment *experiment, experiment_supervisor supervise, void *shared)
{
    struct crew crew = {0};
    bool good = supervise(experiment, shared, &crew);
    if (!good)
        experiment->failure = crew.failure;
    crew_dismiss(&crew);
    return good;
}

bool experiment_add_many(const struct experiment *experiment, struct crew *crew, const char *role, uint64_t first,
                         uint64_t count, worker_function function, void *context)
{
    for (uint64_t i = first; i < first + count; i++)
        if (!crew_add(crew, role, cpus_of_subscriber(&experiment->cpus, i), function, context))
            return false;
    return true;
}

static bool pick_cpus(struct experiment *experiment)
{
    bool good;
    if (experiment->options.cpus.count > 0) {
        experiment->cpus = experiment->options.cpus;
        good = cpus_check(&experiment->cpus);
    } else {
        good = cpus_pick((enum cpus_relation)experiment->options.relation, &experiment->cpus);
    }
    if (good && !experiment->options.quiet)
        notice("%s on CPU %u, %s%s on CPU %u: they %s",
               experiment->command->first != NULL ? experiment->command->first : "publisher",
               experiment->cpus.numbers[0], experiment->cpus.count > 2 ? "first of the " : "",
               experiment->command->others != NULL ? experiment->command->others : "subscribers",
               experiment->cpus.numbers[1], experiment->cpus.how);
    return good;
}

static bool calibrate(struct experiment *experiment, const char *when, struct calibration *calibration)
{
    notice_progress("%s: calibration %s", experiment->command->name, when);
    return calibration_run(&experiment->cpus, false, calibration, &experiment->failure);
}

/* Calibration, measurement, calibration. NULL: it failed. */
static struct json_object *measure(struct experiment *experiment)
{
    struct calibration before, after;
    const struct command *command = experiment->command;
    struct json_object *document = json_object_new_object(), *calibrations = json_object_new_object(),
                       *unstable = json_object_new_array();
    bool stable = true;
    bool good = command->calibrates || calibrate(experiment, "before", &before);
    good = good && command->measure(experiment);
    good = good && (command->calibrates || calibrate(experiment, "after", &after));
    if (good && !command->calibrates) {
        stable = calibration_stable(&before, &after, unstable);
        json_object_object_add(calibrations, "before", calibration_json(&before));
        json_object_object_add(calibrations, "after", calibration_json(&after));
    }
    json_object_object_add(document, "schema", json_object_new_int(1));
    document_text(document, "bench", command->name);
    json_object_object_add(document, "params", experiment->params);
    json_object_object_add(document, "machine", machine_json(&experiment->cpus));
    json_object_object_add(document, "calibration", calibrations);
    json_object_object_add(document, "stable", json_object_new_boolean(stable));
    json_object_object_add(document, "unstable", unstable);
    json_object_object_add(document, "results", experiment->results);
    json_object_object_add(document, "ratios", experiment->ratios);
    if (good)
        return document;
    json_object_put(document);
    return NULL;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    struct json_object *unstable = NULL;
    const struct options *options = &experiment->options;
    if (options->quiet || document_is_stdout(options->json) || document_is_stdout(options->csv) ||
        document_is_stdout(options->profile))
        return;
    experiment->command->summarize(experiment, document);
    json_object_object_get_ex(document, "unstable", &unstable);
    if (json_object_array_length(unstable) > 0)
        printf("unstable: the machine changed by more than 30 %% meanwhile: %s\n",
               json_object_to_json_string_ext(unstable, JSON_C_TO_STRING_PLAIN));
}

static bool open_outputs(struct experiment *experiment, struct document_file *file)
{
    const struct command_outputs *outputs = experiment->command->outputs;
    return document_open(file, "--json", experiment->options.json) && (outputs == NULL || outputs->open(experiment));
}

static bool write_outputs(struct experiment *experiment, struct document_file *file, struct json_object *document)
{
    const struct command_outputs *outputs = experiment->command->outputs;
    return (outputs == NULL || outputs->write(experiment, document)) && document_write(file, document);
}

static void close_outputs(struct experiment *experiment, struct document_file *file)
{
    if (experiment->command->outputs != NULL)
        experiment->command->outputs->close(experiment);
    document_close(file);
}

int experiment_run(const struct command *command, const struct options *options)
{
    struct experiment experiment = {.command = command, .options = *options, .failure = NETIPC_SYSTEM};
    struct document_file file;
    if (!pick_cpus(&experiment))
        return NETIPC_UNSUPPORTED;
    if (!open_outputs(&experiment, &file)) {
        close_outputs(&experiment, &file);
        return experiment.failure;
    }
    notice_progress_start(options->quiet);
    struct json_object *document = NULL;
    if (run_dir_make(&experiment.run_dir)) {
        experiment.params = json_object_new_object();
        experiment.results = json_object_new_object();
        experiment.ratios = json_object_new_object();
        options_describe(command->taken, &experiment.options, experiment.params);
        document = measure(&experiment);
    }
    notice_progress_end();
    run_dir_remove(&experiment.run_dir);
    int status = experiment.failure;
    if (crew_signal() != 0) {
        status = 128 + crew_signal();
    } else if (document != NULL) {
        bool written = write_outputs(&experiment, &file, document);
        if (written)
            summarize(&experiment, document);
        status = written ? 0 : NETIPC_SYSTEM;
    }
    json_object_put(document);
    close_outputs(&experiment, &file);
    return status;
}
