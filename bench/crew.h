/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

/*
 * The processes of a measurement. The program itself only supervises: it forks one worker a role, before anything of
 * the library is opened, and sleeps while they measure. Worker and supervisor share what was mapped by crew_shared()
 * before, and meet at points that both know:
 *
 *     supervisor                                       worker
 *     crew_add() … forks                               pinned; opens, attaches
 *     crew_meet(): waits for all of these, lets go ◄── station_meet(): waits
 *     …
 *     crew_finish(): waits for the end of all       ◄── returns
 *
 * A worker that fails says why on stderr and exits with a status of docs/status.md; then every call of the supervisor
 * fails. SIGINT, SIGTERM and SIGHUP make them fail too. Workers die with the supervisor.
 */

#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A worker's own end. */
struct station {
    const char *role;
    unsigned number; /* from 0, as they were added */
    int channel;
};

typedef void (*worker_function)(struct station *station, void *context);

struct worker {
    const char *role;
    pid_t pid; /* 0: has ended, and well */
    int channel;
    bool ready; /* waits in station_meet() */
};

struct crew {
    struct worker *workers;
    size_t count;
    int failure; /* the exit status to end with, once a call has failed */
};

/* The first signal that asks this program to end; 0: none. Call crew_watch_signals() once, before all else. */
void crew_watch_signals(void);
int crew_signal(void);

/* Zeroed memory that workers added later share with the supervisor. NULL, and a notice: there is none. */
void *crew_shared(size_t bytes);
void crew_shared_free(void *memory, size_t bytes);

/* Starts a worker on a CPU. role is said in messages and must outlive the crew. */
bool crew_add(struct crew *crew, const char *role, unsigned cpu, worker_function function, void *context);

/* Waits until `count` workers from `first` on are at a meeting point; crew_meet() then lets them go. */
bool crew_await(struct crew *crew, size_t first, size_t count, uint64_t timeout_ns);
bool crew_meet(struct crew *crew, size_t first, size_t count, uint64_t timeout_ns);

/* Waits until a worker has stopped itself (SIGSTOP); and lets it go on. */
bool crew_await_stopped(struct crew *crew, size_t number, uint64_t timeout_ns);
bool crew_continue(struct crew *crew, size_t number);

/* Waits until all have returned. */
bool crew_finish(struct crew *crew, uint64_t timeout_ns);

/* Ends whatever still runs. For every crew, also one of which a call has failed. */
void crew_dismiss(struct crew *crew);

/* For timeout_ns, where others have the CPUs too: of a step without work worth mention, and of work of so long. */
#define CREW_PATIENCE_NS UINT64_C(120000000000)
uint64_t crew_patience_ns(uint64_t work_ns);

void station_meet(struct station *station);
_Noreturn void station_fail(const struct station *station, int exit_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* With what the library has answered. */
_Noreturn void station_fail_status(const struct station *station, netipc_status status, const char *what);

#endif
