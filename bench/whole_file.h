/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_WHOLE_FILE_H
#define BENCH_WHOLE_FILE_H

/* A file that appears, or replaces another one, when it is whole and on the disk. */

#include <stdbool.h>

/* One writer at a time. False, and a notice: nothing has changed. */
bool whole_file_write(int directory, const char *name, const char *text);

/* All of a text into a descriptor. False, and errno. */
bool whole_file_fill(int file, const char *text);

/* Puts what was written to a file, or the names in a directory, on the disk. False, and a notice. */
bool whole_file_sync(int directory, const char *name);

#endif
