/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/tables.h"

#include "bench/command.h"
#include "bench/document.h"
#include "bench/report/columns.h"
#include "bench/report/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_thousands(double value, FILE *out)
{
    char digits[40];
    int length = snprintf(digits, sizeof digits, "%.0f", fabs(value));
    if (value < 0)
        fputc('-', out);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            fputc(',', out);
        fputc(digits[i], out);
    }
}

void tables_print_number(double value, FILE *out)
{
    if (!isfinite(value))
        fputs("–", out);
    else if (value == rint(value) || fabs(value) >= 99.95)
        print_thousands(value, out);
    else
        fprintf(out, "%.*f", fabs(value) < 0.0995 ? 3 : fabs(value) < 9.995 ? 2 : 1, value);
}

void tables_print_size(double bytes, FILE *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    tables_print_number(bytes, out);
    if (isfinite(bytes))
        fprintf(out, " %s", units[unit]);
}

static void print_series(struct json_object *series, FILE *out)
{
    tables_print_number(experiment_figure(series, "median"), out);
    if (series == NULL)
        return;
    fputs(" (", out);
    tables_print_number(experiment_figure(series, "q1"), out);
    fputs("–", out);
    tables_print_number(experiment_figure(series, "q3"), out);
    fputs(")", out);
}

static void print_cell(const struct column *column, struct json_object *document, const struct place *place, FILE *out)
{
    const struct places_path path = places_fill(column->path, place);
    fputs("| ", out);
    switch (column->format) {
    case FORMAT_NUMBER:
        tables_print_number(experiment_figure(document, path.text), out);
        break;
    case FORMAT_SERIES:
        print_series(document_at(document, path.text), out);
        break;
    case FORMAT_SIZE:
        tables_print_size(experiment_figure(document, path.text), out);
        break;
    case FORMAT_TEXT:
        fputs(results_text(document, path.text), out);
        break;
    case FORMAT_KEY:
        fputs(path.text, out);
        break;
    case FORMAT_KEY_SIZE:
        tables_print_size(strtod(path.text, NULL), out);
        break;
    }
    fputc(' ', out);
}

/* What the lines of a table are printed with. */
struct lines {
    const struct table *table;
    struct json_object *document;
    bool stable;
    FILE *out; /* NULL: they are only counted */
    size_t count;
};

static void print_line(const struct place *place, void *context)
{
    struct lines *lines = context;
    const struct table *table = lines->table;
    if (table->has != NULL && document_at(place->json, table->has) == NULL)
        return;
    lines->count++;
    if (lines->out == NULL)
        return;
    for (size_t i = 0; i < COLUMNS_MOST && table->columns[i].head != NULL; i++)
        print_cell(&table->columns[i], lines->document, place, lines->out);
    fputs(lines->stable ? "| yes |\n" : "| **no** |\n", lines->out);
}

static void print_head(const struct table *table, FILE *out)
{
    size_t columns = 0;
    if (table->title != NULL)
        fprintf(out, "## %s\n\n", table->title);
    fprintf(out, "%s\n\n", table->text);
    for (; columns < COLUMNS_MOST && table->columns[columns].head != NULL; columns++)
        fprintf(out, "| %s ", table->columns[columns].head);
    fputs("| stable |\n", out);
    for (size_t i = 0; i < columns; i++)
        fputs(table->columns[i].format == FORMAT_TEXT || table->columns[i].format == FORMAT_KEY ? "| --- " : "| ---: ",
              out);
    fputs("| --- |\n", out);
}

static size_t print_lines(const struct table *table, const struct results *results, FILE *out)
{
    struct lines lines = {.table = table, .out = out};
    for (size_t row = 0; row < matrix_count(); row++) {
        lines.document = results_document(results, row);
        lines.stable = results_stable(results, row);
        if (matrix_is_of(matrix_row(row), table->command))
            places_visit(lines.document, table->each != NULL ? table->each : "", print_line, &lines);
    }
    return lines.count;
}

void tables_print(const char *command, const struct results *results, FILE *out)
{
    for (size_t i = 0; i < columns_tables(); i++) {
        const struct table *table = columns_table(i);
        if (strcmp(table->command, command) != 0 || print_lines(table, results, NULL) == 0)
            continue;
        print_head(table, out);
        print_lines(table, results, out);
        fputc('\n', out);
    }
}
