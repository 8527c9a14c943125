/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PROFILE_H
#define NETIPC_PROFILE_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * What was measured of a machine's time, for those who wait and those who wake on it: given to publishers and
 * subscribers by the field profile of their configs. shmbench sweep measures it and writes it as a text,
 * docs/profile.md has the keys. Each may be there or not. One that is there stands before the field of the same name in
 * a config, and before the default of the library; one that is not changes nothing. Neither side needs to know the
 * other's.
 */

/* netipc_profile.keys */
#define NETIPC_PROFILE_SPIN 1u
#define NETIPC_PROFILE_SPIN_NS 2u
#define NETIPC_PROFILE_SLOW_WAKE_NS 4u

typedef struct netipc_profile {
    uint32_t size;         /* sizeof(netipc_profile), set by _init */
    uint32_t keys;         /* NETIPC_PROFILE_…: those of the following that are there; default 0 */
    uint32_t spin;         /* subscriber: netipc_spin, for spin of its config */
    uint32_t reserved;     /* 0 */
    uint64_t spin_ns;      /* subscriber: 0 to 1 s, for spin_ns of its config */
    uint64_t slow_wake_ns; /* publisher: 1 us to 1 s. A session whose wake-up calls take the publishing thread more than
                            * that of CPU time, twice in a row of those that are looked at, is woken by the thread of
                            * the control channel instead; 100 us without a profile */
} netipc_profile;

enum { NETIPC_PROFILE_TEXT_MAX = 65536 }; /* bytes of a text */

/* Fills in what says nothing. */
NETIPC_API void netipc_profile_init_sized(netipc_profile *profile, size_t size);
#define netipc_profile_init(profile) netipc_profile_init_sized((profile), sizeof *(profile))

/*
 * Takes a profile out of length bytes of text (which may be NULL when length is 0), that nobody changes meanwhile.
 * profile->size has to be set, as by _init. Pure: no allocation, no I/O. Any thread.
 *
 * NETIPC_OK. NETIPC_INVALID_ARGUMENT: the detail has the line, and what is wrong with it; NETIPC_UNSUPPORTED: it is of
 * another version. NETIPC_LIMIT_EXCEEDED: it has more than NETIPC_PROFILE_TEXT_MAX bytes. The profile says nothing
 * then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_profile_parse(const void *text, size_t length,
                                                               netipc_profile *profile);

/*
 * Writes a profile as text that netipc_profile_parse() takes, and a NUL behind it. *length, if not NULL, gets the
 * length without the NUL, also with NETIPC_TOO_SMALL: capacity (buffer may be NULL when it is 0) must be one more, and
 * buffer is untouched. NETIPC_INVALID_ARGUMENT: a value is outside its range. Any thread.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_profile_format(const netipc_profile *profile, char *buffer,
                                                                size_t capacity, size_t *length);

NETIPC_END_DECLS

#endif
