/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/golden.h"

#include "tests/golden/host_order.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE_LENGTH 32
#define PAYLOAD_LENGTH_AT 16
#define ENVELOPE_MAGIC 0x4e495043u
#define CONTINUATION_MAGIC 0x4e43484bu

static bool complain(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", NETIPC_GOLDEN_FILE, name, what);
    return false;
}

/* The length of the array called key in object; false when there is none. */
static bool array_in(json_object *object, const char *key, json_object **array, size_t *length)
{
    if (!json_object_object_get_ex(object, key, array) || !json_object_is_type(*array, json_type_array))
        return complain(key, "no such array");
    *length = json_object_array_length(*array);
    return true;
}

/* NULL when there is no such string. */
static const char *string_in(json_object *object, const char *key)
{
    json_object *value;
    if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static int hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool bytes_of_hex(const char *hex, golden_bytes *bytes)
{
    size_t digits = strlen(hex);
    bytes->data = malloc(digits / 2);
    if (digits % 2 != 0 || !bytes->data)
        return false;
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes->data[i] = (unsigned char)(high * 16 + low);
    }
    bytes->length = digits / 2;
    return true;
}

static bool packet_of_hex(const char *hex, golden_bytes *packet)
{
    if (!bytes_of_hex(hex, packet))
        return false;
    packet_to_host(packet->data, packet->length);
    return true;
}

static bool load_step(json_object *object, golden_step *step)
{
    json_object *value;
    const char *hex;
    if ((hex = string_in(object, "send"))) {
        step->kind = GOLDEN_SEND;
        return packet_of_hex(hex, &step->packet);
    }
    if ((hex = string_in(object, "recv"))) {
        step->kind = GOLDEN_RECV;
        return packet_of_hex(hex, &step->packet);
    }
    if (json_object_object_get_ex(object, "closed", &value)) {
        step->kind = GOLDEN_CLOSED;
        return json_object_get_boolean(value);
    }
    if (json_object_object_get_ex(object, "silence_ms", &value)) {
        step->kind = GOLDEN_SILENCE;
        step->silence_ms = (unsigned)json_object_get_int(value);
        return step->silence_ms > 0;
    }
    step->kind = GOLDEN_CLIENT_CLOSED;
    const char *who = string_in(object, "closed_by");
    return who && strcmp(who, "client") == 0;
}

static bool load_session(json_object *object, golden_session *session)
{
    json_object *steps;
    size_t count;
    session->name = string_in(object, "name");
    if (!session->name)
        return complain("a session", "no name");
    if (!array_in(object, "steps", &steps, &count) || !(session->steps = calloc(count, sizeof *session->steps)))
        return complain(session->name, "no steps");
    session->step_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!load_step(json_object_array_get_idx(steps, i), &session->steps[i]))
            return complain(session->name, "a step that is none of send, recv, closed, closed_by client, silence_ms");
    }
    return true;
}

static bool load_message(json_object *object, golden_message *message)
{
    message->name = string_in(object, "name");
    const char *hex = string_in(object, "hex");
    if (!message->name || !hex || !bytes_of_hex(hex, &message->bytes))
        return complain(message->name ? message->name : "a message", "no name, or no hex");
    return true;
}

static bool load_document(golden_file *file)
{
    json_object *sessions, *messages;
    size_t session_count, message_count;
    file->document = json_object_from_file(NETIPC_GOLDEN_FILE);
    if (!file->document)
        return complain("json-c", json_util_get_last_err());
    if (!array_in(file->document, "sessions", &sessions, &session_count) ||
        !array_in(file->document, "encoded", &messages, &message_count))
        return false;
    file->sessions = calloc(session_count, sizeof *file->sessions);
    file->messages = calloc(message_count, sizeof *file->messages);
    if (!file->sessions || !file->messages)
        return complain("calloc", "no memory, or nothing captured");
    file->session_count = session_count;
    file->message_count = message_count;
    for (size_t i = 0; i < session_count; i++) {
        if (!load_session(json_object_array_get_idx(sessions, i), &file->sessions[i]))
            return false;
    }
    for (size_t i = 0; i < message_count; i++) {
        if (!load_message(json_object_array_get_idx(messages, i), &file->messages[i]))
            return false;
    }
    return true;
}

golden_file *golden_load(void)
{
    golden_file *file = calloc(1, sizeof *file);
    if (file && !load_document(file)) {
        golden_free(file);
        return NULL;
    }
    return file;
}

void golden_free(golden_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->session_count; i++) {
        for (size_t step = 0; step < file->sessions[i].step_count; step++)
            free(file->sessions[i].steps[step].packet.data);
        free(file->sessions[i].steps);
    }
    for (size_t i = 0; i < file->message_count; i++)
        free(file->messages[i].bytes.data);
    free(file->sessions);
    free(file->messages);
    json_object_put(file->document);
    free(file);
}

const golden_session *golden_session_named(const golden_file *file, const char *name)
{
    for (size_t i = 0; i < file->session_count; i++) {
        if (strcmp(file->sessions[i].name, name) == 0)
            return &file->sessions[i];
    }
    return NULL;
}

const golden_message *golden_message_named(const golden_file *file, const char *name)
{
    for (size_t i = 0; i < file->message_count; i++) {
        if (strcmp(file->messages[i].name, name) == 0)
            return &file->messages[i];
    }
    return NULL;
}

static uint32_t u32_at(const golden_bytes *bytes, size_t offset)
{
    uint32_t value;
    memcpy(&value, bytes->data + offset, sizeof value);
    return value;
}

bool golden_join_payload(const golden_session *session, size_t first, golden_bytes *joined)
{
    if (first >= session->step_count)
        return false;
    const golden_step *step = &session->steps[first];
    if (step->packet.length < ENVELOPE_LENGTH || u32_at(&step->packet, 0) != ENVELOPE_MAGIC)
        return false;
    size_t length = u32_at(&step->packet, PAYLOAD_LENGTH_AT), at = 0;
    unsigned char *data = malloc(length ? length : 1);
    for (size_t i = first; data && i < session->step_count; i++) {
        const golden_step *next = &session->steps[i];
        if (next->kind != step->kind || next->packet.length < ENVELOPE_LENGTH ||
            (i > first && u32_at(&next->packet, 0) != CONTINUATION_MAGIC))
            break;
        size_t part = next->packet.length - ENVELOPE_LENGTH;
        if (part > length - at)
            break;
        memcpy(data + at, next->packet.data + ENVELOPE_LENGTH, part);
        at += part;
    }
    if (!data || at != length) {
        free(data);
        return false;
    }
    *joined = (golden_bytes){.data = data, .length = length};
    return true;
}

void golden_snapshot_to_host(golden_bytes *payload)
{
    snapshot_to_host(payload->data, payload->length);
}

void golden_lookup_request_to_host(golden_bytes *payload)
{
    lookup_request_to_host(payload->data, payload->length);
}

void golden_lookup_answer_to_host(golden_bytes *payload)
{
    lookup_answer_to_host(payload->data, payload->length);
}

void golden_apps_request_to_host(golden_bytes *payload)
{
    apps_request_to_host(payload->data, payload->length);
}

void golden_apps_answer_to_host(golden_bytes *payload)
{
    apps_answer_to_host(payload->data, payload->length);
}

void golden_numbers_to_host(golden_bytes *payload, size_t count)
{
    numbers_to_host(payload->data, payload->length, count);
}
