/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_CHILD_H
#define TESTS_PUBLISH_CHILD_H

/* A part of a test in a forked child, which must not go through cmocka: it says where it failed and exits. */

/* For the functions that run there. */
#define child_check(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            child_failed(#condition, __FILE__, __LINE__);                                                              \
    } while (0)

_Noreturn void child_failed(const char *condition, const char *file, int line);

/* Fails the test unless the child returned from run. */
void in_a_child(void (*run)(void));

#endif
