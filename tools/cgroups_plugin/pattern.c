/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/pattern.h"

#include <stdlib.h>
#include <string.h>

struct pattern {
    const char *glob;
    size_t length;
    bool negative;
};

static const char blanks[] = " \t\r\n";

static size_t count_words(const char *text)
{
    size_t count = 0;
    while (*(text += strspn(text, blanks)) != '\0') {
        text += strcspn(text, blanks);
        count++;
    }
    return count;
}

bool pattern_list_parse(struct pattern_list *list, const char *text)
{
    size_t count = count_words(text);
    *list = (struct pattern_list){.text = strdup(text), .words = calloc(count + 1, sizeof *list->words)};
    if (list->text == NULL || list->words == NULL) {
        pattern_list_free(list);
        return false;
    }
    for (const char *at = list->text; *(at += strspn(at, blanks)) != '\0'; list->count++) {
        size_t length = strcspn(at, blanks);
        bool negative = *at == '!';
        list->words[list->count] = (struct pattern){at + negative, length - negative, negative};
        at += length;
    }
    return true;
}

void pattern_list_free(struct pattern_list *list)
{
    free(list->words);
    free(list->text);
    *list = (struct pattern_list){0};
}

/*
 * The parts between stars are looked for from left to right, each at its first place: that is enough, since a
 * star takes any run, and it keeps hostile subjects from costing more than one pass a part.
 */
static bool glob_matches(const char *glob, size_t glob_length, const char *subject, size_t length)
{
    const char *star = memchr(glob, '*', glob_length);
    if (star == NULL)
        return glob_length == length && memcmp(glob, subject, length) == 0;

    size_t head = (size_t)(star - glob);
    if (head > length || memcmp(glob, subject, head) != 0)
        return false;
    const char *at = subject + head, *end = subject + length, *glob_end = glob + glob_length;
    for (;;) {
        const char *part = star + 1;
        star = memchr(part, '*', (size_t)(glob_end - part));
        if (star == NULL) {
            size_t tail = (size_t)(glob_end - part);
            return tail <= (size_t)(end - at) && memcmp(end - tail, part, tail) == 0;
        }
        size_t part_length = (size_t)(star - part);
        at = memmem(at, (size_t)(end - at), part, part_length);
        if (at == NULL)
            return false;
        at += part_length;
    }
}

bool pattern_list_matches(const struct pattern_list *list, const char *subject)
{
    return pattern_list_matches_bytes(list, subject, strlen(subject));
}

bool pattern_list_matches_bytes(const struct pattern_list *list, const char *subject, size_t length)
{
    for (size_t i = 0; i < list->count; i++) {
        if (glob_matches(list->words[i].glob, list->words[i].length, subject, length))
            return !list->words[i].negative;
    }
    return false;
}
