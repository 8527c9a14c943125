/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/notes.h"

#include "bench/notice.h"
#include "bench/report/goals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char head[] = "## ";

enum { HEAD = sizeof head - 1, NOTES_MOST = 1 << 20 };

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

/* The heading at or behind a line; at the text's end: there is none. */
static const char *next_head(const char *line)
{
    while (*line != '\0' && strncmp(line, head, HEAD) != 0)
        line = next_line(line);
    return line;
}

static bool all_of_goals(const char *text)
{
    for (const char *line = next_head(text); *line != '\0'; line = next_head(next_line(line))) {
        char name[80];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line + HEAD, "\r\n"), line + HEAD);
        if (goals_find(name) == NULL) {
            notice(NOTES_FILE ": section %s%s is of no goal; the names are in the table of goals", head, name);
            return false;
        }
    }
    return true;
}

static char *read_text(int file)
{
    char *text = calloc(1, NOTES_MOST + 1);
    size_t length = 0;
    ssize_t got = -1;
    while (text != NULL && length < NOTES_MOST && (got = read(file, text + length, NOTES_MOST - length)) > 0)
        length += (size_t)got;
    if (got == 0)
        return text;
    if (got > 0)
        notice(NOTES_FILE " is larger than %d bytes", NOTES_MOST);
    else
        notice_errno("cannot read " NOTES_FILE);
    free(text);
    return NULL;
}

bool notes_load(struct notes *notes, int directory)
{
    int file = openat(directory, NOTES_FILE, O_RDONLY | O_CLOEXEC);
    notes->text = NULL;
    if (file < 0 && errno == ENOENT)
        return true;
    if (file < 0) {
        notice_errno("cannot open " NOTES_FILE);
        return false;
    }
    notes->text = read_text(file);
    close(file);
    return notes->text != NULL && all_of_goals(notes->text);
}

void notes_free(struct notes *notes)
{
    free(notes->text);
}

bool notes_print(const struct notes *notes, const char *goal, FILE *out)
{
    size_t length = strlen(goal);
    const char *line = notes->text != NULL ? next_head(notes->text) : "";
    while (*line != '\0' && (strncmp(line + HEAD, goal, length) != 0 || strcspn(line + HEAD, "\r\n") != length))
        line = next_head(next_line(line));
    if (*line == '\0')
        return false;
    const char *start = next_line(line), *end = next_head(start);
    start += strspn(start, "\r\n");
    while (end > start && strchr("\r\n ", end[-1]) != NULL)
        end--;
    if (end <= start)
        return false;
    fprintf(out, "%.*s\n", (int)(end - start), start);
    return true;
}
