/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_NOTES_H
#define BENCH_REPORT_NOTES_H

/* Why goals are not met, kept by hand: a Markdown file in which a section "## GOAL" is of the goal of that name. */

#include <stdbool.h>
#include <stdio.h>

#define NOTES_FILE "benchmarks-notes.md"

struct notes {
    char *text; /* NULL: there are none */
};

/* Of the document's directory. False, and a notice: it cannot be read, or a section is of no goal. */
bool notes_load(struct notes *notes, int directory);
void notes_free(struct notes *notes);

/* What is said of a goal, without blank lines around it. False: nothing. */
bool notes_print(const struct notes *notes, const char *goal, FILE *out);

#endif
