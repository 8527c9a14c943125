/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/profile.h"

#include <netipc/subscriber.h>

#include "shm/sized.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The text begins with this key. Another version may have other keys, or mean something else by these. */
static const char version_key[] = "netipc_profile";
enum { VERSION = 1 };

#define END_OF(name) (offsetof(netipc_profile, name) + sizeof(((netipc_profile *)NULL)->name))

/* The order is that of the text. */
static const struct key {
    const char *name;
    uint32_t bit;
    size_t field; /* uint64_t; but that of spin, which is a word */
    size_t end;   /* of the field */
    uint64_t least, most;
} keys[] = {
    {"spin", NETIPC_PROFILE_SPIN, 0, END_OF(spin), NETIPC_SPIN_ADAPTIVE, NETIPC_SPIN_FIXED},
    {"spin_ns", NETIPC_PROFILE_SPIN_NS, offsetof(netipc_profile, spin_ns), END_OF(spin_ns), 0, 1000000000},
    {"slow_wake_ns", NETIPC_PROFILE_SLOW_WAKE_NS, offsetof(netipc_profile, slow_wake_ns), END_OF(slow_wake_ns), 1000,
     1000000000},
};
enum { KEYS = sizeof keys / sizeof *keys };

static const char *const spin_words[] = {"adaptive", "fixed"};

void netipc_profile_init_sized(netipc_profile *profile, size_t size)
{
    const netipc_profile defaults = {0};
    netipc_sized_defaults(profile, size, &defaults, sizeof defaults);
}

static uint64_t value_of(const netipc_profile *profile, const struct key *key)
{
    uint64_t value = profile->spin;
    if (key->bit != NETIPC_PROFILE_SPIN)
        memcpy(&value, (const unsigned char *)profile + key->field, sizeof value);
    return value;
}

static void set_value(netipc_profile *profile, const struct key *key, uint64_t value)
{
    if (key->bit == NETIPC_PROFILE_SPIN)
        profile->spin = (uint32_t)value;
    else
        memcpy((unsigned char *)profile + key->field, &value, sizeof value);
    profile->keys |= key->bit;
}

netipc_status netipc_profile_take(const netipc_profile *given, netipc_profile *profile)
{
    uint32_t known = 0;
    netipc_profile_init(profile);
    if (given == NULL)
        return NETIPC_OK;
    netipc_status status = netipc_sized_in(profile, sizeof *profile, given);
    if (status != NETIPC_OK)
        return netipc_fail_within(status, "profile");
    for (size_t i = 0; i < KEYS; i++) {
        uint64_t value = value_of(profile, &keys[i]);
        known |= keys[i].bit;
        if ((profile->keys & keys[i].bit) != 0 && (value < keys[i].least || value > keys[i].most))
            return netipc_fail(NETIPC_INVALID_ARGUMENT,
                               "profile: %s of %" PRIu64 ", %" PRIu64 " to %" PRIu64 " are possible", keys[i].name,
                               value, keys[i].least, keys[i].most);
    }
    if ((profile->keys & ~known) != 0 || profile->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "profile: keys 0x%x with 0x%x in reserved are not known",
                           profile->keys, profile->reserved);
    return NETIPC_OK;
}

/* --- the text --- */

/* Some bytes of the text. */
struct piece {
    const char *at;
    size_t length;
};

static bool is(struct piece piece, const char *word)
{
    return piece.length == strlen(word) && memcmp(piece.at, word, piece.length) == 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct piece trimmed(struct piece piece)
{
    while (piece.length > 0 && is_blank(piece.at[0])) {
        piece.at++;
        piece.length--;
    }
    while (piece.length > 0 && is_blank(piece.at[piece.length - 1]))
        piece.length--;
    return piece;
}

/* What is in front of the first such byte, which is taken away too; all when there is none. */
static struct piece take_until(struct piece *rest, char end)
{
    const char *found = rest->length > 0 ? memchr(rest->at, end, rest->length) : NULL;
    struct piece piece = {rest->at, found != NULL ? (size_t)(found - rest->at) : rest->length};
    size_t taken = found != NULL ? piece.length + 1 : piece.length;
    rest->length -= taken;
    if (taken > 0)
        rest->at += taken;
    return piece;
}

/* Every line is shown in details, so it has to be fit for that. */
static bool is_plain(struct piece line)
{
    for (size_t i = 0; i < line.length; i++)
        if ((line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] > '~')
            return false;
    return true;
}

/* Digits only. False: there are others, none, or too many. */
static bool parse_number(struct piece text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i >= 18)
            return false;
        *number = *number * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.length > 0;
}

static bool parse_spin(struct piece text, uint64_t *spin)
{
    *spin = is(text, spin_words[NETIPC_SPIN_FIXED]) ? NETIPC_SPIN_FIXED : NETIPC_SPIN_ADAPTIVE;
    return is(text, spin_words[*spin]);
}

/* What is shown of a piece. */
enum { SHOWN = 60 };
#define PIECE(piece) (int)((piece).length < SHOWN ? (piece).length : SHOWN), (piece).at

static netipc_status take_value(netipc_profile *profile, const struct key *key, struct piece text, unsigned line)
{
    uint64_t value;
    if ((profile->keys & key->bit) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: %s for the second time", line, key->name);
    if (key->bit == NETIPC_PROFILE_SPIN) {
        if (!parse_spin(text, &value))
            return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: spin is adaptive or fixed, not '%.*s'", line,
                               PIECE(text));
    } else if (!parse_number(text, &value) || value < key->least || value > key->most) {
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "line %u: %s is a number from %" PRIu64 " to %" PRIu64 ", not '%.*s'", line, key->name,
                           key->least, key->most, PIECE(text));
    }
    set_value(profile, key, value);
    return NETIPC_OK;
}

static netipc_status check_version(struct piece name, struct piece value, unsigned line)
{
    uint64_t version;
    if (!is(name, version_key))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: a profile begins with %s = %d, not with '%.*s'", line,
                           version_key, VERSION, PIECE(name));
    if (!parse_number(value, &version) || version == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: %s is a version, not '%.*s'", line, version_key,
                           PIECE(value));
    if (version != VERSION)
        return netipc_fail(NETIPC_UNSUPPORTED, "line %u: a profile of version %" PRIu64 ", this library knows %d", line,
                           version, VERSION);
    return NETIPC_OK;
}

/* A line without its comment. *begun: the version has been there. */
static netipc_status take_line(netipc_profile *profile, struct piece text, unsigned line, bool *begun)
{
    struct piece rest = trimmed(text);
    if (rest.length == 0)
        return NETIPC_OK;
    if (!is_plain(rest))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: only comments have other bytes than printable ASCII",
                           line);
    struct piece whole = rest, name = trimmed(take_until(&rest, '=')), value = trimmed(rest);
    if (name.length == 0 || value.length == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: 'key = value' is wanted, not '%.*s'", line, PIECE(whole));
    if (!*begun) {
        netipc_status status = check_version(name, value, line);
        *begun = status == NETIPC_OK;
        return status;
    }
    for (size_t i = 0; i < KEYS; i++)
        if (is(name, keys[i].name))
            return take_value(profile, &keys[i], value, line);
    return netipc_fail(NETIPC_INVALID_ARGUMENT, "line %u: '%.*s' is none of the keys spin, spin_ns and slow_wake_ns",
                       line, PIECE(name));
}

/* A program may be older than a key: it has no place for the value, and would give the key on without. */
static void leave_out_beyond(netipc_profile *profile, uint32_t size)
{
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].end > size)
            profile->keys &= ~keys[i].bit;
}

netipc_status netipc_profile_parse(const void *text, size_t length, netipc_profile *profile)
{
    netipc_profile taken;
    netipc_profile_init(&taken);
    netipc_status status = netipc_sized_out(profile, &taken, sizeof taken);
    if (status != NETIPC_OK)
        return status;
    if (text == NULL && length > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no text given for a profile of %zu bytes", length);
    if (length > NETIPC_PROFILE_TEXT_MAX)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a profile of %zu bytes, %d are possible", length,
                           NETIPC_PROFILE_TEXT_MAX);
    struct piece rest = {text, length};
    bool begun = false;
    for (unsigned line = 1; rest.length > 0; line++) {
        struct piece with_comment = take_until(&rest, '\n');
        status = take_line(&taken, take_until(&with_comment, '#'), line, &begun);
        if (status != NETIPC_OK)
            return status;
    }
    if (!begun)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "there is no line %s = %d: this is no profile", version_key,
                           VERSION);
    leave_out_beyond(&taken, profile->size);
    return netipc_sized_out(profile, &taken, sizeof taken);
}

netipc_status netipc_profile_format(const netipc_profile *profile, char *buffer, size_t capacity, size_t *length)
{
    netipc_profile taken;
    char text[256]; /* for all keys with their largest values */
    netipc_status status = profile != NULL ? netipc_profile_take(profile, &taken)
                                           : netipc_fail(NETIPC_INVALID_ARGUMENT, "no profile given");
    if (status != NETIPC_OK)
        return status;
    size_t end = (size_t)snprintf(text, sizeof text, "%s = %d\n", version_key, VERSION);
    for (size_t i = 0; i < KEYS; i++) {
        uint64_t value = value_of(&taken, &keys[i]);
        if ((taken.keys & keys[i].bit) == 0)
            continue;
        if (keys[i].bit == NETIPC_PROFILE_SPIN)
            end += (size_t)snprintf(text + end, sizeof text - end, "%s = %s\n", keys[i].name, spin_words[value]);
        else
            end += (size_t)snprintf(text + end, sizeof text - end, "%s = %" PRIu64 "\n", keys[i].name, value);
    }
    if (length != NULL)
        *length = end;
    if (buffer == NULL || capacity <= end)
        return netipc_fail(NETIPC_TOO_SMALL, "the profile takes %zu bytes, there are %zu", end + 1, capacity);
    memcpy(buffer, text, end + 1);
    return NETIPC_OK;
}
