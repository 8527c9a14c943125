/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_PATTERN_H
#define CGROUPS_PLUGIN_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A list of simple patterns: words separated by blanks. In a word `*` stands for any run of bytes, also
 * none and also across `/`; every other byte stands for itself; a leading `!` turns a match into a no. The
 * first word that matches decides; without any match the answer is no.
 */
struct pattern_list {
    struct pattern *words;
    size_t count;
    char *text;
};

/* text is copied. False: out of memory. */
bool pattern_list_parse(struct pattern_list *list, const char *text);
bool pattern_list_matches(const struct pattern_list *list, const char *subject);
bool pattern_list_matches_bytes(const struct pattern_list *list, const char *subject, size_t length);
void pattern_list_free(struct pattern_list *list);

#endif
