/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_MATRIX_H
#define BENCH_REPORT_MATRIX_H

/* What a report measures: one run of this program a row. */

#include <stdbool.h>
#include <stddef.h>

struct row {
    const char *name;      /* of the file that keeps it; goals and pictures refer to it */
    const char *arguments; /* of this program, with blanks between them; the first is the sub-command */
    double duration;       /* seconds; 0: as the sub-command has it by default */
    unsigned seconds;      /* that all of it takes, about */
};

enum { MATRIX_MOST = 160, MATRIX_ARGUMENTS_MOST = 256 };

/* At most MATRIX_MOST. */
size_t matrix_count(void);
const struct row *matrix_row(size_t number);

/* Whether a row's name is one of these patterns of the shell, with blanks between them. */
bool matrix_match(const struct row *row, const char *patterns);

/* Whether a row is one of a sub-command. */
bool matrix_is_of(const struct row *row, const char *command);

#endif
