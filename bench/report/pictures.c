/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/pictures.h"

#include "bench/command.h"
#include "bench/crew.h"
#include "bench/document.h"
#include "bench/gnuplot.h"
#include "bench/notice.h"
#include "bench/report/places.h"
#include "bench/report/plots.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The points of a curve; without a file they are only counted. */
struct points {
    const struct plot *plot;
    const struct curve *curve;
    struct json_object *document;
    FILE *out;
    size_t count;
};

/* A path's figure, or the number that a key is. */
static double x_of(const struct points *points, const struct place *place)
{
    const struct places_path path = places_fill(points->plot->x, place);
    struct json_object *x = document_at(points->document, path.text);
    return x != NULL ? json_object_get_double(x) : strtod(path.text, NULL);
}

/* Whether the curve goes through this place. */
static bool is_on(const struct points *points, const struct place *place)
{
    char paths[PLACES_PATH_MOST], texts[PLACES_PATH_MOST] = "", *rest = paths;
    if (points->curve->only == NULL)
        return true;
    snprintf(paths, sizeof paths, "%s", places_fill(points->curve->only, place).text);
    while (rest != NULL) {
        size_t length = strlen(texts);
        snprintf(texts + length, sizeof texts - length, "%s%s", length > 0 ? " " : "",
                 results_text(points->document, strsep(&rest, " ")));
    }
    return strcmp(texts, points->curve->with) == 0;
}

static void write_point(const struct place *place, void *context)
{
    struct points *points = context;
    bool series = json_object_is_type(place->json, json_type_object);
    double x = x_of(points, place),
           y = series ? experiment_figure(place->json, "median") : json_object_get_double(place->json);
    if (!is_on(points, place) || !(x >= 0 && y > 0)) /* a logarithm of 0 has no place */
        return;
    points->count++;
    if (points->out != NULL)
        fprintf(points->out, "%.9g %.9g %.9g %.9g\n", x, y, series ? experiment_figure(place->json, "q1") : y,
                series ? experiment_figure(place->json, "q3") : y);
}

static size_t write_points(const struct plot *plot, const struct curve *curve, const struct results *results, FILE *out)
{
    struct points points = {.plot = plot, .curve = curve, .out = out};
    for (size_t row = 0; row < matrix_count(); row++) {
        points.document = results_document(results, row);
        if (matrix_match(matrix_row(row), curve->rows))
            places_visit(points.document, curve->y, write_point, &points);
    }
    return points.count;
}

static bool is_drawn(const struct plot *plot, const struct results *results)
{
    for (size_t i = 0; i < PLOTS_CURVES_MOST && plot->curves[i].title != NULL; i++)
        if (write_points(plot, &plot->curves[i], results, NULL) > 1)
            return true;
    return false;
}

/* Logarithmic; those of spin budgets have a place for 0 all the same. */
static void write_axes(const struct plot *plot, FILE *out)
{
    fputs("set logscale y\nset grid\nset key below height 1\nset linetype 5 linecolor rgb '#8c6d1f'\nset offsets graph "
          "0.02, graph 0.02, 0, 0\n",
          out);
    if (strcmp(plot->y_label, "ns") == 0)
        fputs("set format y '%.0s%c'\n", out); /* 1k, 10k, … */
    if (plot->axis == PLOTS_AXIS_BUDGET)
        fputs("set nonlinear x via log(x + 500) inverse exp(x) - 500\n"
              "set xtics ('0' 0, '1k' 1000, '2k' 2000, '4k' 4000, '8k' 8000, '16k' 16000, '32k' 32000, '64k' 64000, "
              "'128k' 128000)\n",
              out);
    else
        fputs("set logscale x 2\n", out);
    if (plot->axis == PLOTS_AXIS_SIZE)
        fputs("set xtics ('32' 32, '256' 256, '1k' 1024, '4k' 4096, '16k' 16384, '64k' 65536, '256k' 262144, "
              "'1M' 1048576, '8M' 8388608)\n",
              out);
    if (plot->axis == PLOTS_AXIS_RATE)
        fputs("set logscale x 10\nset format x '%.0s%c'\n", out);
}

static void write_plot(const struct plot *plot, const struct results *results, FILE *out)
{
    const char *before = "plot ";
    for (size_t i = 0; i < PLOTS_CURVES_MOST && plot->curves[i].title != NULL; i++) {
        fprintf(out, "$curve%zu << EOD\n", i);
        write_points(plot, &plot->curves[i], results, out);
        fputs("EOD\n", out);
    }
    fprintf(out, "set title \"%s\"\nset xlabel \"%s\" offset 0, 0.4\nset ylabel \"%s\"\n", plot->title, plot->x_label,
            plot->y_label);
    write_axes(plot, out);
    for (size_t i = 0; i < PLOTS_CURVES_MOST && plot->curves[i].title != NULL; i++)
        if (write_points(plot, &plot->curves[i], results, NULL) > 0) {
            fprintf(out, "%s$curve%zu using 1:2:3:4 with yerrorlines pointtype %zu title \"%s\"", before, i, i + 4,
                    plot->curves[i].title);
            before = ", \\\n     ";
        }
    fputc('\n', out);
}

/* For gnuplot. NULL: no memory. */
static char *script_of(const struct plot *plot, const struct results *results)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL)
        write_plot(plot, results, out);
    if (out != NULL && fclose(out) == 0)
        return text;
    notice("no memory for a picture");
    free(text);
    return NULL;
}

static bool draw_to(const struct plot *plot, const struct staging *staging, const char *terminal, const char *ending,
                    const char *script)
{
    char name[80];
    snprintf(name, sizeof name, "%s-%s.%s", plot->name, staging->stamp, ending);
    int file = openat(staging->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        notice_errno("cannot write %s/%s", staging->path, name);
        return false;
    }
    bool drawn = gnuplot_draw(terminal, script, file);
    close(file);
    return drawn;
}

bool pictures_draw(const struct results *results, const struct staging *staging)
{
    bool good = true;
    for (size_t i = 0; good && i < plots_count() && crew_signal() == 0; i++) {
        const struct plot *plot = plots_at(i);
        if (!is_drawn(plot, results))
            continue;
        char *script = script_of(plot, results);
        good = script != NULL &&
               draw_to(plot, staging, "svg size 860,520 dynamic background '#ffffff'", "svg", script) &&
               draw_to(plot, staging, "pngcairo size 860,520", "png", script);
        free(script);
    }
    return good;
}

void pictures_print(const char *command, const struct results *results, const char *stamp, FILE *out)
{
    for (size_t i = 0; i < plots_count(); i++) {
        const struct plot *plot = plots_at(i);
        if (strcmp(plot->command, command) == 0 && is_drawn(plot, results))
            fprintf(out, "![%s](" STAGING_PICTURES "/%s-%s.svg)\n\n", plot->title, plot->name, stamp);
    }
}
