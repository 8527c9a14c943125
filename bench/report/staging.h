/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_STAGING_H
#define BENCH_REPORT_STAGING_H

/*
 * Puts a document and its pictures into the place of older ones. They are written to a directory of their own first, on
 * the same file system. The pictures' names have the time in them, so the new ones stand beside the old ones until one
 * rename of the document has made all of it new:
 *
 *     pictures      to the disk, into OUTPUT/benchmarks     killed behind it: files that nobody refers to
 *     document      renamed                                 killed behind it: old pictures that nobody refers to
 *     old pictures  removed
 *
 * What a killed one leaves is removed by the next.
 */

#include <limits.h>
#include <stdbool.h>

#define STAGING_DOCUMENT "benchmarks.md"
#define STAGING_PICTURES "benchmarks"

struct staging {
    int output, directory;
    char path[PATH_MAX];
    char stamp[24]; /* behind the pictures' names: NAME-STAMP.svg */
};

/* Also tells whether the output can be written. False, and a notice. */
bool staging_open(struct staging *staging, const char *output);

/* Takes what was written to the directory. False, and a notice: all is as before. */
bool staging_release(struct staging *staging);

/* Removes what was not released. */
void staging_close(struct staging *staging);

#endif
