/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/document.h"

#include "bench/notice.h"
#include "bench/whole_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void document_number(struct json_object *object, const char *name, double value)
{
    char text[64];
    struct json_object *number = NULL; /* JSON knows no infinity */
    if (isfinite(value)) {
        snprintf(text, sizeof text, "%.10g", round(value * 1000) / 1000);
        number = json_object_new_double_s(value, text);
    }
    json_object_object_add(object, name, number);
}

void document_count(struct json_object *object, const char *name, uint64_t value)
{
    json_object_object_add(object, name, json_object_new_uint64(value));
}

void document_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, text != NULL ? json_object_new_string(text) : NULL);
}

void document_series(struct json_object *object, const char *name, const struct series *series)
{
    struct json_object *json = json_object_new_object(), *runs = json_object_new_array();
    document_number(json, "median", series_quartile(series, 2));
    document_number(json, "q1", series_quartile(series, 1));
    document_number(json, "q3", series_quartile(series, 3));
    for (size_t run = 0; run < series->count; run++) {
        char text[64];
        snprintf(text, sizeof text, "%.10g", round(series->runs[run] * 1000) / 1000);
        json_object_array_add(runs, json_object_new_double_s(series->runs[run], text));
    }
    json_object_object_add(json, "runs", runs);
    json_object_object_add(object, name, json);
}

static struct json_object *quantiles(const struct distribution *distribution, double unit)
{
    struct json_object *json = json_object_new_object();
    document_number(json, "p50", distribution_quantile(distribution, 0.5) / unit);
    document_number(json, "p95", distribution_quantile(distribution, 0.95) / unit);
    document_number(json, "p99", distribution_quantile(distribution, 0.99) / unit);
    document_number(json, "p999", distribution_quantile(distribution, 0.999) / unit);
    document_number(json, "max", (double)distribution->max / unit);
    document_count(json, "n", distribution->n);
    return json;
}

void document_distribution(struct json_object *object, const char *name, const struct distribution *distribution)
{
    json_object_object_add(object, name, quantiles(distribution, 1));
}

void document_distribution_thousandths(struct json_object *object, const char *name,
                                       const struct distribution *distribution)
{
    json_object_object_add(object, name, quantiles(distribution, 1000));
}

struct json_object *document_at(struct json_object *object, const char *path)
{
    char copy[128], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    while (rest != NULL && object != NULL) {
        const char *name = strsep(&rest, "/");
        struct json_object *next = NULL;
        if (json_object_is_type(object, json_type_array))
            next = json_object_array_get_idx(object, strtoul(name, NULL, 10));
        else
            json_object_object_get_ex(object, name, &next);
        object = next;
    }
    return object;
}

bool document_is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Renaming would put a file into the place of a device or the like. */
static bool replaceable(const char *option, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || S_ISREG(status.st_mode))
        return true;
    notice("%s %s: there is something that is not a file; name a file, or - for the standard output", option, path);
    return false;
}

bool document_open(struct document_file *file, const char *option, const char *path)
{
    *file = (struct document_file){.option = option, .fd = -1};
    if (path == NULL)
        return true;
    file->path = strdup(path);
    if (file->path != NULL && document_is_stdout(path))
        return true;
    if (file->path == NULL || asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
        file->temporary = NULL;
        notice("no memory for the name of a file");
    } else if (replaceable(option, path)) {
        file->fd = mkstemp(file->temporary);
        if (file->fd < 0)
            notice_errno("%s %s: cannot write a file there; see that its directory exists and is writable", option,
                         path);
    }
    if (file->fd >= 0)
        return true;
    free(file->temporary);
    file->temporary = NULL;
    document_close(file);
    return false;
}

static bool told(const struct document_file *file, bool good)
{
    if (!good)
        notice_errno("%s %s: cannot be written", file->option, file->path);
    return good;
}

bool document_fill(struct document_file *file, const char *text)
{
    if (file->path == NULL)
        return true;
    if (file->temporary == NULL)
        return told(file, fputs(text, stdout) >= 0 && fflush(stdout) == 0);
    return told(file, whole_file_fill(file->fd, text));
}

bool document_keep(struct document_file *file)
{
    if (file->temporary == NULL)
        return true;
    mode_t mask = umask(0);
    umask(mask);
    bool good = fchmod(file->fd, 0666 & ~mask) == 0;
    good = close(file->fd) == 0 && good;
    file->fd = -1;
    good = good && rename(file->temporary, file->path) == 0;
    if (good) {
        free(file->temporary);
        file->temporary = NULL;
    }
    return told(file, good);
}

bool document_write(struct document_file *file, struct json_object *document)
{
    char *text;
    const char *json = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
    if (json == NULL || asprintf(&text, "%s\n", json) < 0)
        return told(file, false);
    bool good = document_fill(file, text) && document_keep(file);
    free(text);
    return good;
}

void document_close(struct document_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary != NULL)
        unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    *file = (struct document_file){.fd = -1};
}
