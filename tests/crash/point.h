/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_POINT_H
#define TESTS_CRASH_POINT_H

/*
 * Crash points, in a build of the library's sources for tests/crash alone. Each site describes itself in a section of
 * the program, so that those which are never passed are known too.
 */

#include <stddef.h>
#include <stdint.h>

struct crash_site {
    const char *file, *function, *operation;
    uint64_t line, is_store; /* of the size of a pointer: the section is an array */
};

void crash_point(const struct crash_site *site, int after);

/* Copies with a site in the middle of the bytes. */
void *crash_copy(void *to, const void *from, size_t length, const struct crash_site *site);

#define CRASH_SITE(what, store)                                                                                        \
    static struct crash_site crash_site_here                                                                           \
        __attribute__((section("crash_sites"), used, aligned(8))) = {__FILE__, __func__, what, __LINE__, store}

/* action, which has no value, between two points. */
#define CRASH_DO(what, action)                                                                                         \
    __extension__({                                                                                                    \
        CRASH_SITE(what, 1);                                                                                           \
        crash_point(&crash_site_here, 0);                                                                              \
        action;                                                                                                        \
        crash_point(&crash_site_here, 1);                                                                              \
    })

/* The same with the value of an expression. */
#define CRASH_GET(what, store, expression)                                                                             \
    __extension__({                                                                                                    \
        CRASH_SITE(what, store);                                                                                       \
        crash_point(&crash_site_here, 0);                                                                              \
        __typeof__(expression) crash_value = (expression);                                                             \
        crash_point(&crash_site_here, 1);                                                                              \
        crash_value;                                                                                                   \
    })

#endif
