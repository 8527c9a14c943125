/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_SHOTS_H
#define TESTS_CRASH_SHOTS_H

/*
 * Runs of a scenario in which the victim is struck at one of its points. A run without a signal finds the points that
 * there are; then each has its turn, at the first time that it is passed and at some later ones.
 */

#include <stdbool.h>
#include <stddef.h>

struct crash_scenario {
    const char *name;
    void (*prepare)(void); /* starts the victim and takes it to where points begin to count */
    bool (*act)(void);     /* false: it was killed */
};

/* One side of the library. All of these fail the test when something is wrong. */
struct crash_side {
    const char *const *elsewhere; /* files and functions whose stores its scenarios need not pass; NULL ends the list */
    const struct crash_scenario *scenarios;
    size_t count;
    void (*died)(const struct crash_scenario *scenario);    /* after a kill */
    void (*goes_on)(const struct crash_scenario *scenario); /* the victim came through, stopped or not */
};

/* In the options of the program: --seed NUMBER for what is random, --only SCENARIO:POINT:HIT as failures name them. */
void crash_options(int argc, char **argv);

/* signal: SIGKILL or SIGSTOP. */
void crash_everywhere(const struct crash_side *side, int signal);

/* At least so many kills, at random. */
void crash_at_random(const struct crash_side *side, size_t kills);

/* That no store is left out by all scenarios but those elsewhere: one in a new file belongs to both sides at first. */
void crash_reach(const struct crash_side *side);

/* Whether the long run is wanted. */
bool crash_long(void);

/* For cmocka_unit_test_setup_teardown. */
int crash_setup(void **state);
int crash_teardown(void **state);

#endif
