/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/crew.h"
#include "bench/document.h"
#include "bench/gnuplot.h"
#include "bench/notice.h"
#include "bench/report/measuring.h"
#include "bench/report/notes.h"
#include "bench/report/page.h"
#include "bench/report/pictures.h"
#include "bench/report/staging.h"
#include "bench/report/state.h"
#include "bench/whole_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char default_state[] = "shmbench-report";
static const char default_state_of_part[] = "shmbench-report-part"; /* so that trying a part loses no whole */
static const char default_output[] = "docs";

/* What one report has open. */
struct report {
    const struct options *options;
    struct state state;
    struct staging staging;
    struct notes notes;
    struct results results;
};

static bool matches_a_row(const char *patterns)
{
    for (size_t row = 0; row < matrix_count(); row++)
        if (matrix_match(matrix_row(row), patterns))
            return true;
    return false;
}

static bool check(const struct options *options)
{
    const char *wrong = NULL;
    if (options->from != NULL && (options->state != NULL || options->resume || options->quick || options->only != NULL))
        wrong = "--from measures nothing: it excludes --state, --resume, --quick and --only";
    else if (options->output == NULL && (options->quick || options->only != NULL))
        wrong = "--quick and --only make no document to go by: name a directory for it with --output";
    else if (options->only != NULL && !matches_a_row(options->only))
        wrong = "--only: no row of that name; shmbench report --list has them";
    if (wrong != NULL)
        notice("%s; try shmbench report --help", wrong);
    return wrong == NULL;
}

/* A directory of an earlier report, to be begun anew or gone on with. */
static bool prepare_state(const struct report *report)
{
    const struct state *state = &report->state;
    if (!report->options->resume && !state_finished(state) && state_rows(state) > 0) {
        notice(
            "%s keeps %zu rows of a report that did not come to its end: go on with --resume, name another directory "
            "with --state, or remove it",
            state->path, state_rows(state));
        return false;
    }
    return state_mark_finished(state, false) && (report->options->resume || state_clear(state));
}

/* Whether a row was measured as it is in the matrix now, by the same program on the same machine as another one. */
static bool fits(const struct row *row, struct json_object *kept, struct json_object *other)
{
    size_t length = strlen(row->arguments);
    const char *arguments = results_text(kept, "arguments");
    return strncmp(arguments, row->arguments, length) == 0 && (arguments[length] == '\0' || arguments[length] == ' ') &&
           strcmp(results_text(kept, "program"), results_text(other, "program")) == 0 &&
           results_same_machine(document_at(kept, "document/machine"), document_at(other, "document/machine"));
}

/* The rows of an earlier report, which have to fit together. */
static bool load_all(struct report *report)
{
    struct json_object *first = NULL;
    for (size_t row = 0; row < matrix_count(); row++) {
        struct json_object *kept = state_load(&report->state, matrix_row(row));
        results_put(&report->results, row, kept);
        if (first == NULL)
            first = kept;
        if (kept == NULL || fits(matrix_row(row), kept, first))
            continue;
        notice("%s keeps %s from another program or machine, or measured in another way: make them fit with "
               "shmbench report --resume",
               report->state.path, matrix_row(row)->name);
        return false;
    }
    if (first == NULL)
        notice("%s keeps no rows of a report", report->state.path);
    return first != NULL;
}

static int fill_results(struct report *report)
{
    const struct options *options = report->options;
    if (options->from == NULL) {
        if (!prepare_state(report))
            return NOTICE_USAGE;
        return measuring_run(options, &report->state, &report->results);
    }
    if (!load_all(report))
        return NOTICE_USAGE;
    if (options->output == NULL && (page_is_partial(&report->results) || page_is_quick(&report->results))) {
        notice("%s keeps a part of a report, or one with --quick: name a directory for its document with --output",
               options->from);
        return NOTICE_USAGE;
    }
    return 0;
}

static bool write_document(struct report *report)
{
    const struct page page = {&report->results, &report->notes, report->staging.stamp};
    if (!pictures_draw(&report->results, &report->staging))
        return false;
    char *text = page_text(&page);
    bool good = text != NULL && whole_file_write(report->staging.directory, STAGING_DOCUMENT, text);
    free(text);
    /* What is asked to end until here changes nothing. */
    return good && crew_signal() == 0 && staging_release(&report->staging);
}

static void summarize(const struct report *report)
{
    const struct options *options = report->options;
    size_t measured, met = page_goals(&report->results, &measured), unstable = 0;
    if (options->quiet)
        return;
    for (size_t row = 0; row < matrix_count(); row++)
        unstable += report->results.kept[row] != NULL && !results_stable(&report->results, row);
    printf("%s/" STAGING_DOCUMENT ": %zu of %zu measurements, %zu of them not stable; %zu of %zu goals are met\n",
           options->output != NULL ? options->output : default_output, results_count(&report->results), matrix_count(),
           unstable, met, measured);
}

/* Everything is open, so that a place that cannot be written is known before the measurement. */
static int make(struct report *report)
{
    int status = notes_load(&report->notes, report->staging.output) ? 0 : NOTICE_USAGE;
    if (status == 0 && !gnuplot_check())
        status = NETIPC_UNSUPPORTED;
    if (status == 0)
        status = fill_results(report);
    if (status == 0 && !write_document(report))
        status = NETIPC_SYSTEM;
    if (crew_signal() != 0)
        status = 128 + crew_signal();
    if (status == 0 && report->options->from == NULL && !state_mark_finished(&report->state, true))
        status = NETIPC_SYSTEM;
    if (status == 0)
        summarize(report);
    else if (results_count(&report->results) > 0 && report->options->from == NULL)
        notice("nothing was replaced; %s keeps %zu rows: shmbench report --resume goes on with them",
               report->state.path, results_count(&report->results));
    results_free(&report->results);
    notes_free(&report->notes);
    return status;
}

static void list_rows(void)
{
    for (size_t i = 0; i < matrix_count(); i++)
        printf("%-28s %s\n", matrix_row(i)->name, matrix_row(i)->arguments);
}

static const char *state_of(const struct options *options)
{
    if (options->from != NULL)
        return options->from;
    if (options->state != NULL)
        return options->state;
    return options->only != NULL || options->quick ? default_state_of_part : default_state;
}

static int run(const struct options *options)
{
    if (options->list) {
        list_rows();
        return 0;
    }
    struct report *report = calloc(1, sizeof *report);
    const char *state = state_of(options);
    int status = NETIPC_SYSTEM;
    if (report == NULL) {
        notice("no memory for a report");
        return NETIPC_NO_MEMORY;
    }
    report->options = options;
    if (staging_open(&report->staging, options->output != NULL ? options->output : default_output)) {
        if (state_open(&report->state, state, options->from != NULL)) {
            status = make(report);
            state_close(&report->state);
        }
        staging_close(&report->staging);
    }
    free(report);
    return status;
}

const struct command command_report = {
    .name = "report",
    .summary = "measures everything, and makes docs/benchmarks.md and its pictures of it",
    .help = "Runs all measurements that tell something, each as a process of its own, and replaces the document and\n"
            "its pictures when all of them have succeeded, or nothing. What was measured is kept meanwhile, so that a\n"
            "report that was interrupted goes on with --resume. Exit status 0 tells that all was measured, whether\n"
            "goals are met or not.",
    .taken = OPTIONS_REPORT,
    .check = check,
    .run = run,
};
