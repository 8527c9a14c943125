/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_SCALE_H
#define TESTS_PUBLISH_SCALE_H

/* Instrumented builds run the same tests with smaller numbers. */
#ifdef TESTS_SANITIZED
#define SCALED(plain, sanitized) (sanitized)
#else
#define SCALED(plain, sanitized) (plain)
#endif

#if defined(__SANITIZE_THREAD__)
#define TESTS_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TESTS_THREAD_SANITIZER 1
#endif
#endif

#ifdef TESTS_THREAD_SANITIZER
enum { SANITIZER_HAS_A_THREAD = 1 }; /* of its own, which wakes up by itself */
#else
enum { SANITIZER_HAS_A_THREAD = 0 };
#endif

#endif
