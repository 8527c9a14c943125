/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/host_order.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
    ENVELOPE_LENGTH = 32,
    SNAPSHOT_HEADER_LENGTH = 24,
    LOOKUP_HEADER_LENGTH = 16,
    CGROUP_ITEM_LENGTH = 28,
    APP_ITEM_LENGTH = 60,
    LABEL_LENGTH = 16,
    ENTRY_LENGTH = 8,
    CONTINUATION_MAGIC = 0x4e43484b,
    CONTROL = 3,
    HELLO = 1,
    HELLO_ACK = 2
};

/* The widths of the fields, one digit each. */
static const char envelope_fields[] = "4222222448";
static const char continuation_fields[] = "42284444";
static const char hello_fields[] = "22444444484";
static const char hello_ack_fields[] = "224444444448";
static const char snapshot_fields[] = "224448";
static const char entry_fields[] = "44";
static const char number_fields[] = "8";
static const char item_fields[] = "224444444";
static const char lookup_request_fields[] = "22444";
static const char lookup_answer_fields[] = "2248";
static const char cgroup_item_fields[] = "2222444422";
static const char app_item_fields[] = "22224444844444422";
static const char label_fields[] = "4444";

static void fields_to_host(unsigned char *bytes, size_t length, const char *widths)
{
    size_t at = 0;
    for (; BYTE_ORDER == BIG_ENDIAN && *widths != '\0' && (size_t)(*widths - '0') <= length - at; widths++) {
        size_t width = (size_t)(*widths - '0');
        for (size_t i = 0; i < width / 2; i++) {
            unsigned char byte = bytes[at + i];
            bytes[at + i] = bytes[at + width - 1 - i];
            bytes[at + width - 1 - i] = byte;
        }
        at += width;
    }
}

static uint16_t u16_at(const unsigned char *bytes, size_t at)
{
    uint16_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
}

static uint32_t u32_at(const unsigned char *bytes, size_t at)
{
    uint32_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
}

void packet_to_host(unsigned char *packet, size_t length)
{
    if (length < ENVELOPE_LENGTH)
        return;
    if (le32toh(u32_at(packet, 0)) == CONTINUATION_MAGIC) {
        fields_to_host(packet, length, continuation_fields);
        return;
    }
    fields_to_host(packet, length, envelope_fields);
    uint16_t kind = u16_at(packet, 8), code = u16_at(packet, 12);
    if (kind == CONTROL && code == HELLO)
        fields_to_host(packet + ENVELOPE_LENGTH, length - ENVELOPE_LENGTH, hello_fields);
    if (kind == CONTROL && code == HELLO_ACK)
        fields_to_host(packet + ENVELOPE_LENGTH, length - ENVELOPE_LENGTH, hello_ack_fields);
}

void snapshot_to_host(unsigned char *payload, size_t length)
{
    fields_to_host(payload, length, snapshot_fields);
    size_t count = u32_at(payload, 4);
    unsigned char *entries = payload + SNAPSHOT_HEADER_LENGTH, *items = entries + count * ENTRY_LENGTH;
    for (size_t i = 0; i < count; i++) {
        unsigned char *entry = entries + i * ENTRY_LENGTH;
        fields_to_host(entry, ENTRY_LENGTH, entry_fields);
        fields_to_host(items + u32_at(entry, 0), u32_at(entry, 4), item_fields);
    }
}

/* Behind a header of a lookup; *items gets the packed area. */
static size_t lookup_entries_to_host(unsigned char *payload, unsigned char **entries, unsigned char **items)
{
    size_t count = u32_at(payload, 4);
    *entries = payload + LOOKUP_HEADER_LENGTH;
    *items = *entries + count * ENTRY_LENGTH;
    for (size_t i = 0; i < count; i++)
        fields_to_host(*entries + i * ENTRY_LENGTH, ENTRY_LENGTH, entry_fields);
    return count;
}

void lookup_request_to_host(unsigned char *payload, size_t length)
{
    unsigned char *entries, *items;
    fields_to_host(payload, length, lookup_request_fields);
    lookup_entries_to_host(payload, &entries, &items);
}

/* In a captured answer the strings are in the order of their fields, and the labels behind the last one, whose field is
 * in front of their count. */
static void labels_to_host(unsigned char *item, size_t count_at)
{
    size_t end = (size_t)u32_at(item, count_at - 8) + u32_at(item, count_at - 4) + 1, table = (end + 7) & ~(size_t)7;
    uint16_t count = u16_at(item, count_at);
    for (size_t i = 0; i < count; i++)
        fields_to_host(item + table + i * LABEL_LENGTH, LABEL_LENGTH, label_fields);
}

static void answer_to_host(unsigned char *payload, size_t length, size_t item_length, const char *fields)
{
    unsigned char *entries, *items;
    fields_to_host(payload, length, lookup_answer_fields);
    size_t count = lookup_entries_to_host(payload, &entries, &items);
    for (size_t i = 0; i < count; i++) {
        unsigned char *item = items + u32_at(entries + i * ENTRY_LENGTH, 0);
        fields_to_host(item, item_length, fields);
        labels_to_host(item, item_length - 4);
    }
}

void lookup_answer_to_host(unsigned char *payload, size_t length)
{
    answer_to_host(payload, length, CGROUP_ITEM_LENGTH, cgroup_item_fields);
}

void apps_request_to_host(unsigned char *payload, size_t length)
{
    unsigned char *entries, *items;
    fields_to_host(payload, length, lookup_request_fields);
    size_t count = lookup_entries_to_host(payload, &entries, &items);
    for (size_t i = 0; i < count; i++)
        fields_to_host(items + i * ENTRY_LENGTH, ENTRY_LENGTH, entry_fields); /* a pid, and zero */
}

void apps_answer_to_host(unsigned char *payload, size_t length)
{
    answer_to_host(payload, length, APP_ITEM_LENGTH, app_item_fields);
}

void numbers_to_host(unsigned char *payload, size_t length, size_t count)
{
    for (size_t at = 0; at < length; at += ENTRY_LENGTH)
        fields_to_host(payload + at, length - at, at < count * ENTRY_LENGTH ? entry_fields : number_fields);
}
