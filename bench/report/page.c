/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/page.h"

#include "bench/command.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/report/goals.h"
#include "bench/report/pictures.h"
#include "bench/report/tables.h"

#include <json-c/linkhash.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool page_is_partial(const struct results *results)
{
    return results_count(results) < matrix_count();
}

bool page_is_quick(const struct results *results)
{
    for (size_t row = 0; row < matrix_count(); row++)
        if (strstr(results_text(results->kept[row], "arguments"), " --quick") != NULL)
            return true;
    return false;
}

size_t page_goals(const struct results *results, size_t *measured)
{
    size_t met = 0;
    *measured = 0;
    for (size_t i = 0; i < goals_count(); i++) {
        struct verdict verdict = goals_judge(goals_at(i), results);
        *measured += verdict.measured;
        met += verdict.met;
    }
    return met;
}

/* --- the machine --- */

/* The rows that were measured first and last. */
static void find_ends(const struct results *results, struct json_object **first, struct json_object **last)
{
    *first = *last = NULL;
    for (size_t row = 0; row < matrix_count(); row++) {
        struct json_object *document = results_document(results, row);
        const char *date = results_text(document, "machine/date");
        if (document == NULL)
            continue;
        if (*first == NULL || strcmp(date, results_text(*first, "machine/date")) < 0)
            *first = document;
        if (*last == NULL || strcmp(date, results_text(*last, "machine/date")) > 0)
            *last = document;
    }
}

static void print_head(const struct page *page, FILE *out)
{
    size_t rows = results_count(page->results);
    fputs(
        "# Benchmarks\n\n"
        "Made by `shmbench report` from its measurements: do not edit it, but run that again. The reasons for what is\n"
        "not met come from [" NOTES_FILE "](" NOTES_FILE "), which is kept by hand. What the figures mean is told in\n"
        "[shmbench.md](shmbench.md).\n\n",
        out);
    if (page_is_partial(page->results))
        fprintf(out, "**This is a partial report: %zu of %zu measurements.**\n\n", rows, matrix_count());
    if (page_is_quick(page->results))
        fputs("**Measured with `--quick`, for a tenth of the time: to try the report, and not to go by.**\n\n", out);
}

static void print_machine_line(struct json_object *document, const char *name, const char *path, FILE *out)
{
    const char *text = results_text(document, path);
    if (*text == '\0')
        text = "not told";
    fprintf(out, "| %s | ", name);
    for (; *text != '\0'; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    fputs(" |\n", out);
}

static void print_machine(const struct page *page, FILE *out)
{
    static const char *const lines[][2] = {{"processor", "machine/cpu_model"},
                                           {"hypervisor", "machine/hypervisor"},
                                           {"CPUs online", "machine/cpus_online"},
                                           {"CPUs measured on", "machine/cpus"},
                                           {"which", "machine/cpus_share"},
                                           {"architecture", "machine/architecture"},
                                           {"kernel", "machine/kernel"},
                                           {"clock source", "machine/clock_source"},
                                           {"idle driver", "machine/idle_driver"},
                                           {"idle governor", "machine/idle_governor"},
                                           {"frequency governor", "machine/frequency_governor"},
                                           {"version", "machine/version"},
                                           {"build", "machine/build"},
                                           {"compiler", "machine/compiler"}};
    struct json_object *first, *last;
    find_ends(page->results, &first, &last);
    fputs("## Machine\n\n| | |\n| --- | --- |\n", out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        print_machine_line(first, lines[i][0], lines[i][1], out);
    fprintf(out, "| measured | from %s to %s |\n\n", results_text(first, "machine/date"),
            results_text(last, "machine/date"));
}

/* Reports that were interrupted, whose rows are in this one. */
static void print_parts(const struct page *page, FILE *out)
{
    struct json_object *parts = json_object_new_object();
    for (size_t row = 0; row < matrix_count(); row++) {
        const char *begun = results_text(page->results->kept[row], "begun");
        if (*begun != '\0')
            json_object_object_add(parts, begun, json_object_new_int((int)experiment_figure(parts, begun) + 1));
    }
    if (json_object_object_length(parts) > 1) {
        fputs("Measured in parts, since it was interrupted:", out);
        json_object_object_foreach(parts, begun, rows)
            fprintf(out, " %d rows begun at %s;", json_object_get_int(rows), begun);
        fputs(" all by the same program on the same machine.\n\n", out);
    }
    json_object_put(parts);
}

/* --- calibration --- */

struct range {
    double least, most;
};

static void widen(struct range *range, double value)
{
    if (isfinite(value)) {
        range->least = fmin(range->least, value);
        range->most = fmax(range->most, value);
    }
}

static void print_range(const char *name, const struct range *full, const struct range *range, FILE *out)
{
    fprintf(out, "| %s | ", name);
    tables_print_number(full->least, out);
    fputs(" | ", out);
    tables_print_number(range->least, out);
    fputs(" | ", out);
    tables_print_number(range->most, out);
    fputs(" |\n", out);
}

/* A figure, or, with a size, the memcpy of it. */
static void widen_by(struct range *range, struct json_object *calibration, const char *path, double size)
{
    struct json_object *copies = document_at(calibration, "memcpy");
    if (size == 0)
        widen(range, experiment_figure(calibration, path));
    for (size_t i = 0; size > 0 && copies != NULL && i < json_object_array_length(copies); i++)
        if (experiment_figure(json_object_array_get_idx(copies, i), "size") == size)
            widen(range, experiment_figure(json_object_array_get_idx(copies, i), "ns"));
}

/* Of the row that is a calibration, or of all others' calibrations, before and after. */
static struct range range_of(const struct results *results, bool full, const char *path, double size)
{
    struct range range = {INFINITY, -INFINITY};
    for (size_t row = 0; row < matrix_count(); row++) {
        struct json_object *document = results_document(results, row);
        if (matrix_is_of(matrix_row(row), "calibrate") != full)
            continue;
        widen_by(&range, document_at(document, full ? "results" : "calibration/before"), path, size);
        if (!full)
            widen_by(&range, document_at(document, "calibration/after"), path, size);
    }
    return range;
}

static void print_calibration(const struct page *page, FILE *out)
{
    static const struct {
        const char *name, *path;
        double size;
    } lines[] = {{"one way of a line, ns", "oneway_ns/p50", 0},
                 {"the same, 99th percentile", "oneway_ns/p99", 0},
                 {"clock, ns", "clock_ns", 0},
                 {"system call, ns", "syscall_ns", 0},
                 {"PAUSE, ns", "pause_ns", 0},
                 {"futex wake with nobody asleep, ns", "futex_wake_ns", 0},
                 {"futex ping, ns", "futex_ping_ns/p50", 0},
                 {"the same, 99th percentile", "futex_ping_ns/p99", 0},
                 {"memcpy of 64 B, ns", NULL, 64},
                 {"memcpy of 4 KiB, ns", NULL, 4096},
                 {"memcpy of 64 KiB, ns", NULL, 65536},
                 {"memcpy of 1 MiB, ns", NULL, 1048576},
                 {"memcpy of 8 MiB, ns", NULL, 8388608},
                 {"stolen time, %", "steal_percent", 0}};
    fputs("## Calibration\n\n"
          "What the machine can do by itself: `shmbench calibrate`, and the least and the most of the shorter ones "
          "before\n"
          "and after each measurement. A measurement is *stable* when its two agree to within 30 %.\n\n"
          "| | calibrate | least | most |\n| --- | ---: | ---: | ---: |\n",
          out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct range full = range_of(page->results, true, lines[i].path, lines[i].size),
                     range = range_of(page->results, false, lines[i].path, lines[i].size);
        print_range(lines[i].name, &full, &range, out);
    }
    fputc('\n', out);
}

/* --- goals --- */

/* Which figure of a goal that has several. */
static void print_where(const struct row *row, const struct place *place, FILE *out)
{
    if (place->count == 0)
        fputs(row->name, out);
    for (unsigned key = 0; key < place->count; key++) {
        const char *text = place->keys[key];
        if (key > 0)
            fputc(' ', out);
        if (text[strspn(text, "0123456789")] == '\0')
            tables_print_size(strtod(text, NULL), out);
        else
            fputs(text, out);
    }
}

static void print_verdict(const struct goal *goal, const struct verdict *verdict, FILE *out)
{
    fprintf(out, "| %s | %s | %s ", goal->name, goal->text, goal->at_least ? "≥" : "≤");
    fprintf(out, "%g%s | ", goal->limit, goal->unit);
    if (verdict->measured)
        fprintf(out, "%.4g%s", verdict->figure, goal->unit); /* that near a limit it is seen on which side */
    else
        tables_print_number(NAN, out);
    if (verdict->measured && verdict->figures > 1) {
        fputs(" (", out);
        print_where(verdict->row, &verdict->place, out);
        fputc(')', out);
    }
    fprintf(out, " | %s%s |\n",
            !verdict->measured ? "not measured"
            : verdict->met     ? "met"
                               : "**not met**",
            verdict->measured && !verdict->stable ? ", not stable" : "");
}

static void print_goals(const struct page *page, FILE *out)
{
    size_t measured, met = page_goals(page->results, &measured);
    fprintf(out,
            "## Goals\n\n%zu of %zu are met. Where several measurements have to reach one, the farthest is told. "
            "Medians.\n\n"
            "| | what | goal | measured | |\n| --- | --- | ---: | ---: | --- |\n",
            met, measured);
    for (size_t i = 0; i < goals_count(); i++) {
        struct verdict verdict = goals_judge(goals_at(i), page->results);
        print_verdict(goals_at(i), &verdict, out);
    }
    fputc('\n', out);
}

static void print_missed(const struct row *row, const struct place *place, double figure, void *context)
{
    FILE *out = context;
    fputs("- ", out);
    print_where(row, place, out);
    fprintf(out, ": %.4g\n", figure);
}

static void print_reasons(const struct page *page, FILE *out)
{
    bool any = false;
    for (size_t i = 0; i < goals_count(); i++) {
        const struct goal *goal = goals_at(i);
        struct verdict verdict = goals_judge(goal, page->results);
        if (!verdict.measured || verdict.met)
            continue;
        if (!any)
            fputs("## What is not met, and why\n\n", out);
        any = true;
        fprintf(out, "### %s\n\n", goal->name);
        if (verdict.figures > 1) {
            fprintf(out, "%u of %u figures do not reach it:\n\n", verdict.missed, verdict.figures);
            goals_visit_missed(goal, page->results, print_missed, out);
            fputc('\n', out);
        }
        if (!notes_print(page->notes, goal->name, out))
            fputs("No reason given yet.\n", out);
        fputc('\n', out);
    }
}

static void print_tables(const struct page *page, FILE *out)
{
    static const char *const commands[] = {"publish", "read",   "latency", "fanout", "history",
                                           "refresh", "lookup", "rpc",     "sweep",  "peers"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        tables_print(commands[i], page->results, out);
        pictures_print(commands[i], page->results, page->stamp, out);
    }
}

char *page_text(const struct page *page)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL) {
        print_head(page, out);
        print_machine(page, out);
        print_parts(page, out);
        print_goals(page, out);
        print_reasons(page, out);
        print_calibration(page, out);
        print_tables(page, out);
    }
    if (out != NULL && fclose(out) == 0)
        return text;
    notice("no memory for the document");
    free(text);
    return NULL;
}
