/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_COLUMNS_H
#define BENCH_REPORT_COLUMNS_H

/* What the tables of the document show. */

#include <stddef.h>

enum format {
    FORMAT_NUMBER,
    FORMAT_SERIES, /* median and quartiles */
    FORMAT_SIZE,   /* bytes */
    FORMAT_TEXT,
    FORMAT_KEY,     /* itself, with the keys */
    FORMAT_KEY_SIZE /* the same, in bytes */
};

struct column {
    const char *head, *path;
    enum format format;
};

enum { COLUMNS_MOST = 16 };

struct table {
    const char *command;
    const char *title; /* NULL: one more table below the heading of the one before */
    const char *text;
    const char
        *each;       /* a line for each of these places, whose keys the columns have as %1 and so on; NULL: one a row */
    const char *has; /* of these only those with this member; NULL: all */
    struct column columns[COLUMNS_MOST];
};

size_t columns_tables(void);
const struct table *columns_table(size_t number);

#endif
