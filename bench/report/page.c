/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/page.h"

#include "bench/command.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/report/conditions.h"
#include "bench/report/goals.h"
#include "bench/report/pictures.h"
#include "bench/report/tables.h"

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
#ifndef SHMBENCH_CACHE
    fputs("Built without the cache: fan-out, refreshes and lookups are not measured.\n\n", out);
#endif
    if (page_is_quick(page->results))
        fputs("**Measured with `--quick`, for a tenth of the time: to try the report, and not to go by.**\n\n", out);
}

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

struct sought_peer {
    const char *name;
    bool there;
};

static void look_for(const struct place *place, void *context)
{
    struct sought_peer *peer = context;
    peer->there = peer->there || strcmp(json_object_get_string(place->json), peer->name) == 0;
}

/* Transports that the program was not built with: they are not left out in silence. */
static void print_missing_peers(const struct results *results, FILE *out)
{
    static const char *const names[] = {"seqpacket", "stream", "pipe", "mq", "lmdb", "zeromq", "nng", "iceoryx", "mmv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sought_peer peer = {.name = names[i]};
        bool compared = false;
        for (size_t row = 0; row < matrix_count(); row++)
            if (matrix_is_of(matrix_row(row), "peers") && results->kept[row] != NULL) {
                compared = true;
                places_visit(results_document(results, row), "params/peers/*", look_for, &peer);
            }
        if (compared && !peer.there)
            fprintf(out, "Not compared with `%s`: the program was built without it (`shmbench peers --help`).\n\n",
                    names[i]);
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
    print_missing_peers(page->results, out);
}

char *page_text(const struct page *page)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL) {
        print_head(page, out);
        conditions_print(page->results, out);
        print_goals(page, out);
        print_reasons(page, out);
        conditions_print_calibration(page->results, out);
        print_tables(page, out);
    }
    if (out != NULL && fclose(out) == 0)
        return text;
    notice("no memory for the document");
    free(text);
    return NULL;
}
