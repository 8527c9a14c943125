/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_CHILD_H
#define BENCH_REPORT_CHILD_H

/* Programs that a report runs, one at a time. They get the signals that end it, and end with it. */

/* What happens while one runs: tick is called every second, unless it is NULL. */
struct child_watch {
    void (*tick)(void *context);
    void *context;
};

enum { CHILD_NOT_FOUND = 127 };

/*
 * Waits for its end. Its exit status; CHILD_NOT_FOUND when there is no such program; NETIPC_SYSTEM, and a notice, when
 * it was killed or could not be started. Its standard output is thrown away. See crew_signal() after it.
 */
int child_run(const char *program, char *const *arguments, const struct child_watch *watch);

#endif
