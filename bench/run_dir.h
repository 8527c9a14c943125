/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_RUN_DIR_H
#define BENCH_RUN_DIR_H

/* The run directory of one measurement: made for it below $TMPDIR or /tmp, and removed after it. */

#include <stdbool.h>

struct run_dir {
    char path[80]; /* empty: none. Short, since the path of a socket in it is limited to 107 bytes */
};

/* False, and a notice. */
bool run_dir_make(struct run_dir *dir);

/* The same in another place, which is in memory (tmpfs) then: $TMPDIR or /tmp if one of them is, else /dev/shm. */
bool run_dir_make_in_memory(struct run_dir *dir);

/* With whatever is in it. */
void run_dir_remove(struct run_dir *dir);

#endif
