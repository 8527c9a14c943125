/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/measuring.h"

#include "bench/clock.h"
#include "bench/command.h"
#include "bench/crew.h"
#include "bench/document.h"
#include "bench/machine.h"
#include "bench/notice.h"
#include "bench/report/child.h"
#include "bench/report/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS_MOST = 3, REPEAT_WITHIN_S = 720, QUICK_SHARE = 10 };

struct measuring {
    const struct options *options;
    const struct state *state;
    struct results *results;
    struct json_object *machine; /* of now */
    struct program_digest program;
    struct machine_date begun;
    uint64_t begun_ns;
    const struct row *row;              /* that is being measured */
    size_t number, count;               /* of it, and of all that are to be */
    unsigned seconds_done, seconds_all; /* as the matrix has them */
};

/* The whole command line of a row, behind the program's name. */
struct arguments {
    char text[MATRIX_ARGUMENTS_MOST + 1024];
};

static bool is_wanted(const struct measuring *measuring, size_t row)
{
    return measuring->options->only == NULL || matrix_match(matrix_row(row), measuring->options->only);
}

static void append(struct arguments *arguments, const char *text)
{
    size_t length = strlen(arguments->text);
    snprintf(arguments->text + length, sizeof arguments->text - length, "%s", text);
}

static struct arguments arguments_of(const struct measuring *measuring, const struct row *row)
{
    const struct options *options = measuring->options;
    struct arguments arguments;
    char part[64];
    snprintf(arguments.text, sizeof arguments.text, "%s", row->arguments);
    if (options->quick)
        append(&arguments, " --quick");
    if (options->quick && row->duration > 0)
        append(&arguments, " --repeat 11");
    if (row->duration > 0) {
        snprintf(part, sizeof part, " --duration %g", options->quick ? row->duration / QUICK_SHARE : row->duration);
        append(&arguments, part);
    }
    if (options->relation != CPUS_ANY) {
        snprintf(part, sizeof part, " --topology %s", cpus_relation_name((enum cpus_relation)options->relation));
        append(&arguments, part);
    }
    for (size_t i = 0; i < options->cpus.count; i++) {
        snprintf(part, sizeof part, "%s%u", i == 0 ? " --cpus " : ",", options->cpus.numbers[i]);
        append(&arguments, part);
    }
    return arguments;
}

/* --- what is there already --- */

static const char *why_not(const struct measuring *measuring, const struct row *row, struct json_object *kept)
{
    struct arguments arguments = arguments_of(measuring, row);
    if (document_at(kept, "document/results") == NULL)
        return "damaged";
    if (strcmp(results_text(kept, "program"), measuring->program.text) != 0)
        return "of another build";
    if (!results_same_machine(measuring->machine, document_at(kept, "document/machine")))
        return "of another machine or kernel";
    return strcmp(results_text(kept, "arguments"), arguments.text) != 0 ? "measured in another way" : NULL;
}

static void take_over(struct measuring *measuring)
{
    size_t taken = 0, not_taken = 0;
    const char *why = NULL;
    for (size_t row = 0; row < matrix_count(); row++) {
        struct json_object *kept = is_wanted(measuring, row) ? state_load(measuring->state, matrix_row(row)) : NULL;
        const char *reason = kept != NULL ? why_not(measuring, matrix_row(row), kept) : NULL;
        if (kept != NULL && reason == NULL) {
            results_put(measuring->results, row, kept);
            taken++;
        } else if (kept != NULL) {
            json_object_put(kept);
            why = reason;
            not_taken++;
        }
    }
    notice("%zu rows are taken over from %s", taken, measuring->state->path);
    if (not_taken > 0)
        notice("%zu rows there are measured again: the last of them is %s", not_taken, why);
}

/* --- one row --- */

static void show_progress(void *context)
{
    const struct measuring *measuring = context;
    double passed = (double)(clock_now_ns() - measuring->begun_ns) / 1e9;
    double pace = measuring->seconds_done > 0 ? passed / measuring->seconds_done : 1;
    double left = pace * (measuring->seconds_all - measuring->seconds_done);
    notice_progress("report: %zu of %zu, %s; about %.0f %s left", measuring->number, measuring->count,
                    measuring->row->name, left < 90 ? left : left / 60, left < 90 ? "s" : "min");
}

static int run_row(struct measuring *measuring, const struct arguments *arguments)
{
    const struct child_watch watch = {isatty(STDERR_FILENO) ? show_progress : NULL, measuring};
    struct arguments copy = *arguments;
    char program[] = "shmbench", quiet[] = "--quiet", json[] = "--json", file[sizeof measuring->state->incoming];
    char *list[64] = {program}, *rest = copy.text;
    size_t count = 1;
    while (rest != NULL && count < 60)
        list[count++] = strsep(&rest, " ");
    snprintf(file, sizeof file, "%s", measuring->state->incoming);
    list[count++] = quiet;
    list[count++] = json;
    list[count++] = file;
    return child_run(list, &watch);
}

/* What is kept of a row. NULL, and a notice: it has failed. */
static struct json_object *keep(struct measuring *measuring, size_t row, const struct arguments *arguments)
{
    struct json_object *document = state_take_incoming(measuring->state);
    if (document == NULL)
        return NULL;
    struct json_object *kept = json_object_new_object();
    document_count(kept, "report", 1);
    document_text(kept, "arguments", arguments->text);
    document_text(kept, "program", measuring->program.text);
    document_text(kept, "begun", measuring->begun.text);
    document_count(kept, "attempts",
                   measuring->results->kept[row] != NULL
                       ? (uint64_t)experiment_figure(measuring->results->kept[row], "attempts") + 1
                       : 1);
    json_object_object_add(kept, "document", document);
    if (state_save(measuring->state, matrix_row(row), kept))
        return kept;
    json_object_put(kept);
    return NULL;
}

static int measure_row(struct measuring *measuring, size_t row)
{
    struct arguments arguments = arguments_of(measuring, matrix_row(row));
    measuring->row = matrix_row(row);
    measuring->number++;
    if (isatty(STDERR_FILENO))
        show_progress(measuring);
    int status = run_row(measuring, &arguments);
    if (crew_signal() != 0)
        return 128 + crew_signal();
    if (status != 0) {
        notice("row %s has failed with exit status %d: shmbench %s", measuring->row->name, status, arguments.text);
        return status;
    }
    struct json_object *kept = keep(measuring, row, &arguments);
    if (kept == NULL)
        return NETIPC_SYSTEM;
    results_put(measuring->results, row, kept);
    measuring->seconds_done += measuring->row->seconds;
    return 0;
}

/* --- all of them --- */

static bool may_be_measured_again(const struct measuring *measuring, size_t row)
{
    struct json_object *kept = measuring->results->kept[row];
    return kept != NULL && !results_stable(measuring->results, row) &&
           experiment_figure(kept, "attempts") < ATTEMPTS_MOST &&
           clock_now_ns() - measuring->begun_ns + matrix_row(row)->seconds * UINT64_C(1000000000) <
               REPEAT_WITHIN_S * UINT64_C(1000000000);
}

typedef bool (*chooser)(const struct measuring *measuring, size_t row);

static bool is_missing(const struct measuring *measuring, size_t row)
{
    return is_wanted(measuring, row) && measuring->results->kept[row] == NULL;
}

/* Measures the rows that are chosen. */
static int pass(struct measuring *measuring, chooser chosen)
{
    int status = 0;
    measuring->number = measuring->count = 0;
    measuring->seconds_all = measuring->seconds_done;
    for (size_t row = 0; row < matrix_count(); row++)
        if (chosen(measuring, row)) {
            measuring->count++;
            measuring->seconds_all += matrix_row(row)->seconds;
        }
    for (size_t row = 0; status == 0 && row < matrix_count(); row++)
        if (chosen(measuring, row))
            status = measure_row(measuring, row);
    return status;
}

static bool prepare(struct measuring *measuring)
{
    const struct cpus none = {0};
    measuring->begun = machine_date();
    measuring->begun_ns = clock_now_ns();
    measuring->machine = machine_json(&none);
    return program_digest(&measuring->program);
}

int measuring_run(const struct options *options, const struct state *state, struct results *results)
{
    struct measuring measuring = {.options = options, .state = state, .results = results};
    int status = NETIPC_SYSTEM;
    if (prepare(&measuring)) {
        if (options->resume)
            take_over(&measuring);
        notice_progress_start(options->quiet);
        status = pass(&measuring, is_missing);
        for (int attempt = 1; status == 0 && !options->quick && attempt < ATTEMPTS_MOST; attempt++)
            status = pass(&measuring, may_be_measured_again);
        notice_progress_end();
    }
    json_object_put(measuring.machine);
    return status;
}
