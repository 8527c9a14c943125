/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/conditions.h"

#include "bench/command.h"
#include "bench/document.h"
#include "bench/report/tables.h"

#include <json-c/linkhash.h>
#include <math.h>
#include <string.h>

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

static void print_machine(const struct results *results, FILE *out)
{
    static const char *const lines[][2] = {{"processor", "machine/cpu_model"},
                                           {"hypervisor", "machine/hypervisor"},
                                           {"CPUs online", "machine/cpus_online"},
                                           {"CPUs measured on", "machine/cpus"},
                                           {"they", "machine/cpus_share"},
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
    find_ends(results, &first, &last);
    fputs("## Machine\n\n| | |\n| --- | --- |\n", out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        print_machine_line(first, lines[i][0], lines[i][1], out);
    fprintf(out, "| measured | from %s to %s |\n\n", results_text(first, "machine/date"),
            results_text(last, "machine/date"));
}

/* Reports that were interrupted, whose rows are in this one. */
static void print_parts(const struct results *results, FILE *out)
{
    struct json_object *parts = json_object_new_object();
    for (size_t row = 0; row < matrix_count(); row++) {
        const char *begun = results_text(results->kept[row], "begun");
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

void conditions_print(const struct results *results, FILE *out)
{
    print_machine(results, out);
    print_parts(results, out);
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

void conditions_print_calibration(const struct results *results, FILE *out)
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
          "What the machine can do by itself: `shmbench calibrate`, and the least and the most of the shorter ones\n"
          "before and after each measurement. A measurement is *stable* when its two agree to within 30 %.\n\n"
          "| | calibrate | least | most |\n| --- | ---: | ---: | ---: |\n",
          out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct range full = range_of(results, true, lines[i].path, lines[i].size),
                     range = range_of(results, false, lines[i].path, lines[i].size);
        print_range(lines[i].name, &full, &range, out);
    }
    fputc('\n', out);
}
