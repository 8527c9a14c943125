/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep writes beside the JSON, made of that: a table, pictures, a profile. */
#include "bench/document.h"
#include "bench/gnuplot.h"
#include "bench/notice.h"
#include "bench/sweep.h"

#include <netipc/profile.h>
#include <netipc/subscriber.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct files {
    struct document_file csv, profile, svg, png;
    char *plots[2]; /* BASE.svg, BASE.png */
};

static struct json_object *results_of(struct json_object *document, const char *name)
{
    struct json_object *results = NULL, *array = NULL;
    json_object_object_get_ex(document, "results", &results);
    json_object_object_get_ex(results, name, &array);
    return array;
}

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *text = NULL;
    json_object_object_get_ex(object, name, &text);
    return json_object_get_string(text);
}

/* --- the table --- */

static void write_row(FILE *out, struct json_object *point, double knee_spin_ns)
{
    static const char *const figures[] = {"latency_ns/p50",
                                          "latency_ns/p95",
                                          "latency_ns/p99",
                                          "latency_ns/p999",
                                          "latency_ns/max",
                                          "publish_ns/p50",
                                          "publications",
                                          "seen",
                                          "missed",
                                          "overruns",
                                          "sleeps",
                                          "spins",
                                          "wakes_sent",
                                          "publications_per_second",
                                          "publisher_cpu_percent",
                                          "subscribers_cpu_percent",
                                          "cost_ns"};
    const char *spin = text_of(point, "spin");
    bool knee = strcmp(spin, "fixed") == 0 && experiment_figure(point, "spin_ns") == knee_spin_ns;
    fprintf(out, "%.10g,%s,%.0f", experiment_figure(point, "hz"), spin, experiment_figure(point, "spin_ns"));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        fprintf(out, ",%.10g", experiment_figure(point, figures[i]));
    fprintf(out, ",%d\n", knee);
}

static bool write_csv(FILE *out, const struct options *options, struct json_object *document)
{
    struct json_object *points = results_of(document, SWEEP_POINTS), *knees = results_of(document, SWEEP_KNEES);
    fputs("hz,spin,spin_ns,latency_p50_ns,latency_p95_ns,latency_p99_ns,latency_p999_ns,latency_max_ns,publish_p50_ns,"
          "publications,seen,missed,overruns,sleeps,spins,wakes_sent,publications_per_second,publisher_cpu_percent,"
          "subscribers_cpu_percent,cost_ns,knee\n",
          out);
    for (size_t i = 0; i < json_object_array_length(points); i++) {
        struct json_object *knee = json_object_array_get_idx(knees, i / (options->spins.count + 1));
        write_row(out, json_object_array_get_idx(points, i), experiment_figure(knee, "spin_ns"));
    }
    return true;
}

/* --- the pictures --- */

/* Of one rate, a block of lines: budget, latency, CPU, but of the adaptive point, which is a block of its own. */
static void write_blocks(FILE *out, const struct options *options, struct json_object *points)
{
    size_t each = options->spins.count + 1;
    for (size_t i = 0; i < json_object_array_length(points); i++) {
        struct json_object *point = json_object_array_get_idx(points, i);
        bool adaptive = i % each == options->spins.count;
        if (i % each == 0 || adaptive)
            fprintf(out, "%s$%s%zu << EOD\n", i > 0 ? "EOD\n" : "", adaptive ? "adaptive" : "fixed", i / each);
        fprintf(out, "%.0f %.3f %.3f\n", experiment_figure(point, "spin_ns") / 1000,
                experiment_figure(point, "latency_ns/p50") / 1000, experiment_figure(point, "subscribers_cpu_percent"));
    }
    fputs("EOD\n", out);
}

static void write_panel(FILE *out, const struct options *options, const char *title, const char *label, int column)
{
    fprintf(out, "set title '%s'\nset ylabel '%s'\nplot ", title, label);
    for (size_t i = 0; i < options->rates.count; i++)
        fprintf(out,
                "%s$fixed%zu using 1:%d with linespoints linetype %zu pointtype 7 title '%.10g /s', "
                "$adaptive%zu using 1:%d with points linetype %zu pointtype 2 pointsize 2 notitle",
                i > 0 ? ", " : "", i, column, i + 1, options->rates.values[i], i, column, i + 1);
    fputs("\n", out);
}

/* The budgets of a grid are mostly factors apart, with 0 among them. */
static void write_axis(FILE *out, const struct grid *spins)
{
    double last = spins->values[spins->count - 1] / 1000;
    fputs("set nonlinear x via log(1+x) inverse exp(x)-1\nset xtics (", out);
    for (size_t i = 0; i < spins->count; i++)
        fprintf(out, "%s'%.6g' %.6f", i > 0 ? ", " : "", spins->values[i] / 1000, spins->values[i] / 1000);
    fprintf(out, ")\nset xrange [0:%.6f]\n", 1.2 * (last < 50 ? 50 : last)); /* with the adaptive one */
}

static bool write_script(FILE *out, const struct options *options, struct json_object *document)
{
    write_blocks(out, options, results_of(document, SWEEP_POINTS));
    write_axis(out, &options->spins);
    fprintf(out,
            "set xlabel 'spin budget, µs (crosses: adaptive)'\nset grid\nset key outside below\n"
            "set multiplot layout 1,2 title 'shmbench sweep, %llu bytes: recommended spin_ns %.0f' noenhanced\n"
            "set logscale y\n",
            (unsigned long long)options->size, experiment_figure(document, "results/knee/spin_ns"));
    write_panel(out, options, "median latency", "µs", 2);
    fputs("unset logscale y\nset yrange [0:*]\n", out);
    write_panel(out, options, "CPU of the subscribers", "% of one CPU", 3);
    fputs("unset multiplot\n", out);
    return true;
}

/* --- the profile --- */

static bool write_profile(FILE *out, const struct options *options, struct json_object *document)
{
    netipc_profile profile;
    char text[256];
    struct json_object *machine = NULL, *stable = NULL;
    double slow_wake_ns = experiment_figure(document, "results/knee/slow_wake_ns");
    netipc_profile_init(&profile);
    profile.keys = NETIPC_PROFILE_SPIN | NETIPC_PROFILE_SPIN_NS;
    profile.spin = NETIPC_SPIN_ADAPTIVE;
    profile.spin_ns = (uint64_t)experiment_figure(document, "results/knee/spin_ns");
    if (slow_wake_ns > 0) {
        profile.keys |= NETIPC_PROFILE_SLOW_WAKE_NS;
        profile.slow_wake_ns = (uint64_t)slow_wake_ns;
    }
    netipc_status status = netipc_profile_format(&profile, text, sizeof text, NULL);
    if (status != NETIPC_OK) {
        notice_status(status, "cannot write a profile");
        return false;
    }
    json_object_object_get_ex(document, "machine", &machine);
    json_object_object_get_ex(document, "stable", &stable);
    const char *date = text_of(machine, "date"), *processor = text_of(machine, "cpu_model");
    fprintf(out, "# Made by shmbench sweep, %s, on %s, with snapshots of %llu bytes. docs/profile.md has the keys.\n%s",
            date != NULL ? date : "?", processor != NULL ? processor : "?", (unsigned long long)options->size, text);
    if (!json_object_get_boolean(stable))
        fputs("# The machine changed meanwhile: measure again when it is quieter.\n", out);
    return true;
}

/* --- as files --- */

/* False: a notice has been given. */
typedef bool (*writer)(FILE *out, const struct options *options, struct json_object *document);

/* What it writes; NULL, and a notice: there is no memory. */
static char *text_by(writer write, const struct options *options, struct json_object *document)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    bool good = out != NULL && write(out, options, document);
    if (out != NULL && fclose(out) == 0 && good)
        return text;
    if (out == NULL || good)
        notice("no memory for what is to be written");
    free(text);
    return NULL;
}

static bool fill(struct document_file *file, writer write, const struct options *options, struct json_object *document)
{
    if (file->path == NULL)
        return true;
    char *text = text_by(write, options, document);
    bool good = text != NULL && document_fill(file, text);
    free(text);
    return good;
}

static bool draw(struct files *files, const struct options *options, struct json_object *document)
{
    if (options->plot == NULL)
        return true;
    char *script = text_by(write_script, options, document);
    bool good = script != NULL && gnuplot_draw(GNUPLOT_SVG, script, files->svg.fd) &&
                gnuplot_draw(GNUPLOT_PNG, script, files->png.fd);
    free(script);
    return good;
}

static bool open_plots(struct files *files, const char *base)
{
    if (base == NULL)
        return true;
    if (asprintf(&files->plots[0], "%s.svg", base) < 0 || asprintf(&files->plots[1], "%s.png", base) < 0) {
        notice("no memory for the name of a file");
        return false;
    }
    return document_open(&files->svg, "--plot", files->plots[0]) &&
           document_open(&files->png, "--plot", files->plots[1]);
}

static bool open_files(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    struct files *files = calloc(1, sizeof *files);
    experiment->outputs = files;
    if (files == NULL) {
        notice("no memory for the names of files");
        return false;
    }
    (void)(document_open(&files->csv, "--csv", NULL) && document_open(&files->profile, "--profile", NULL) &&
           document_open(&files->svg, "--plot", NULL) && document_open(&files->png, "--plot", NULL)); /* nowhere yet */
    if (options->plot != NULL && !gnuplot_check()) {
        experiment->failure = NETIPC_UNSUPPORTED;
        return false;
    }
    return document_open(&files->csv, "--csv", options->csv) &&
           document_open(&files->profile, "--profile", options->profile) && open_plots(files, options->plot);
}

static bool write_files(struct experiment *experiment, struct json_object *document)
{
    const struct options *options = &experiment->options;
    struct files *files = experiment->outputs;
    return draw(files, options, document) && fill(&files->csv, write_csv, options, document) &&
           fill(&files->profile, write_profile, options, document) && document_keep(&files->csv) &&
           document_keep(&files->svg) && document_keep(&files->png) && document_keep(&files->profile);
}

static void close_files(struct experiment *experiment)
{
    struct files *files = experiment->outputs;
    if (files == NULL)
        return;
    document_close(&files->csv);
    document_close(&files->profile);
    document_close(&files->svg);
    document_close(&files->png);
    free(files->plots[0]);
    free(files->plots[1]);
    free(files);
}

const struct command_outputs sweep_files = {.open = open_files, .write = write_files, .close = close_files};
