/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_UTF8_H
#define TOOLS_UTF8_H

#include <stddef.h>

enum { UTF8_GROWTH = 3 }; /* one bad byte becomes U+FFFD, which has three */

/*
 * Copies length bytes of in to out (length * UTF8_GROWTH bytes) with each longest run of bytes that begins a
 * character and cannot end one, and each byte that cannot begin one, replaced by U+FFFD, as browsers do it.
 * Returns the length of the result.
 */
size_t utf8_clean(const char *in, size_t length, char *out);

#endif
