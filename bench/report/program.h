/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_PROGRAM_H
#define BENCH_REPORT_PROGRAM_H

/* Which program this is: a version says less than its bytes. */

#include <stdbool.h>

struct program_digest {
    char text[17]; /* FNV-1a of the program's file and of its library's, in hexadecimal */
};

/* False, and a notice: a file cannot be read. */
bool program_digest(struct program_digest *digest);

#endif
