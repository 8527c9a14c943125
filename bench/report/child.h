/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_CHILD_H
#define BENCH_REPORT_CHILD_H

/* This program once more, as a process of its own. It gets the signals that end this one, and ends with it. */

/* What happens while it runs: tick is called every second, unless it is NULL. */
struct child_watch {
    void (*tick)(void *context);
    void *context;
};

/*
 * arguments[0] is its name, and NULL behind the last. Waits for its end. Its exit status; NETIPC_SYSTEM, and a notice,
 * when it was killed or could not be started. Its standard output is thrown away. See crew_signal() after it.
 */
int child_run(char *const *arguments, const struct child_watch *watch);

#endif
