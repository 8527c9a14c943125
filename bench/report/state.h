/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_STATE_H
#define BENCH_REPORT_STATE_H

/*
 * The directory that keeps what a report has measured: a file a row, ROW.json, whole or not there. One program at a
 * time has it. A file is one object:
 *
 *     report      1
 *     arguments   the row's, with blanks between them
 *     program     the digest of the program and its library
 *     begun       when the report began that measured it
 *     attempts    how often it was measured, since it was not stable
 *     document    what was measured (docs/shmbench.md)
 */

#include "bench/report/matrix.h"

#include <json-c/json_object.h>
#include <limits.h>

struct state {
    int directory; /* locked */
    char path[PATH_MAX];
    char incoming[PATH_MAX + 16]; /* where a row's measurement writes its document */
};

/* It is made when it is not there, unless it has to be. False, and a notice. */
bool state_open(struct state *state, const char *path, bool must_exist);
void state_close(struct state *state);

/* Rows of the matrix that are kept. */
size_t state_rows(const struct state *state);
bool state_clear(const struct state *state);

/* Whether a document was made of what is kept. */
bool state_finished(const struct state *state);
bool state_mark_finished(const struct state *state, bool finished);

/* A row's file; NULL: there is none, or, with a notice, none that can be read. */
struct json_object *state_load(const struct state *state, const struct row *row);
bool state_save(const struct state *state, const struct row *row, struct json_object *kept);

/* The document that has arrived at state->incoming, which is removed. NULL, and a notice: there is none. */
struct json_object *state_take_incoming(const struct state *state);

#endif
