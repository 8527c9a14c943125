/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_ARENA_H
#define CGROUPS_PLUGIN_ARENA_H

#include <stddef.h>

/* Strings that live and die together: a scan makes hundreds of thousands of them. Zeroed is empty. */
struct arena {
    struct arena_block *newest;
};

/* length bytes of text with a NUL behind them, valid until arena_free(). NULL: out of memory. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* first and second joined, likewise. */
char *arena_join(struct arena *arena, const char *first, const char *second);

void arena_free(struct arena *arena);

#endif
