/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/table_json.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at text; 0: none starts here. */
static size_t sequence_length(const unsigned char *text)
{
    unsigned char first = text[0], second_low = 0x80, second_high = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (first == 0xe0)
        second_low = 0xa0; /* else it would be too long */
    else if (first == 0xed)
        second_high = 0x9f; /* surrogates */
    else if (first == 0xf0)
        second_low = 0x90;
    else if (first == 0xf4)
        second_high = 0x8f; /* above U+10FFFF */
    for (size_t i = 1; i < length; i++) {
        if (text[i] < (i == 1 ? second_low : 0x80) || text[i] > (i == 1 ? second_high : 0xbf))
            return 0;
    }
    return length;
}

static void print_text(const char *text, FILE *stream)
{
    fputc('"', stream);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = sequence_length(at);
        if (length == 0)
            fprintf(stream, "\\udc%02x", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(stream, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(stream, "\\%c", *at);
        else
            fwrite(at, 1, length, stream);
        at += length == 0 ? 1 : length;
    }
    fputc('"', stream);
}

static void print_labels(const struct record *record, FILE *stream)
{
    const char *end = record->labels + record->labels_length;
    fputs(", \"labels\": {", stream);
    for (const char *at = record->labels; at < end;) {
        const char *key = at, *value = key + strlen(key) + 1;
        fputs(key == record->labels ? "" : ", ", stream);
        print_text(key, stream);
        fputs(": ", stream);
        print_text(value, stream);
        at = value + strlen(value) + 1;
    }
    fputc('}', stream);
}

static void print_record(const struct record *record, FILE *stream)
{
    fputs("{\"id\": ", stream);
    print_text(record->id, stream);
    fputs(", \"name\": ", stream);
    print_text(record->name, stream);
    fprintf(stream, ", \"hash\": %" PRIu32 ", \"options\": %" PRIu32 ", \"enabled\": %s, \"orchestrator\": \"%s\"",
            record->hash, record->options, record->enabled ? "true" : "false", orchestrator_text(record->orchestrator));
    fputs(", \"path\": ", stream);
    print_text(record->path, stream);
    if (record->labels != NULL)
        print_labels(record, stream);
    fputc('}', stream);
}

bool table_print_json(const struct table *table, uint64_t cost_ns, FILE *stream)
{
    fprintf(stream,
            "{\"hierarchy\": \"%s\", \"count\": %zu, \"left_out\": %zu, \"truncated\": %s, \"scan_ns\": %" PRIu64
            ", \"cgroups\": [",
            table->unified ? "v2" : "v1", table_seen(table), table->left_out, table->left_out > 0 ? "true" : "false",
            cost_ns);
    size_t at = 0;
    const struct record *first = table_next(table, &at);
    for (const struct record *record = first; record != NULL; record = table_next(table, &at)) {
        fputs(record == first ? "\n  " : ",\n  ", stream);
        print_record(record, stream);
    }
    fputs(first == NULL ? "]}\n" : "\n]}\n", stream);
    return fflush(stream) == 0 && !ferror(stream);
}
