/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/utf8.h"

#include <string.h>

/* What the first byte of a character says of the bytes behind it. */
struct lead {
    unsigned more;      /* continuation bytes; 0 for ASCII */
    unsigned char low;  /* range of the first of them: no overlong forms, */
    unsigned char high; /* surrogates or values above U+10FFFF */
};

/* 0 when byte begins no character. */
static int read_lead(unsigned char byte, struct lead *lead)
{
    *lead = (struct lead){0, 0x80, 0xBF};
    if (byte < 0x80)
        return 1;
    if (byte < 0xC2 || byte > 0xF4)
        return 0;
    if (byte < 0xE0) {
        lead->more = 1;
    } else if (byte < 0xF0) {
        lead->more = 2;
        lead->low = byte == 0xE0 ? 0xA0 : 0x80;
        lead->high = byte == 0xED ? 0x9F : 0xBF;
    } else {
        lead->more = 3;
        lead->low = byte == 0xF0 ? 0x90 : 0x80;
        lead->high = byte == 0xF4 ? 0x8F : 0xBF;
    }
    return 1;
}

/* The bytes at in that are one character, or that one U+FFFD stands for; 1 to 4. */
static size_t next_run(const unsigned char *in, size_t length, int *valid)
{
    struct lead lead;
    *valid = 0;
    if (!read_lead(in[0], &lead))
        return 1;
    size_t run = 1;
    for (; run <= lead.more; run++) {
        unsigned char low = run == 1 ? lead.low : 0x80;
        unsigned char high = run == 1 ? lead.high : 0xBF;
        if (run == length || in[run] < low || in[run] > high)
            return run;
    }
    *valid = 1;
    return run;
}

size_t utf8_clean(const char *in, size_t length, char *out)
{
    const unsigned char *bytes = (const unsigned char *)in;
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        int valid;
        size_t run = next_run(bytes + at, length - at, &valid);
        memcpy(out + written, valid ? in + at : "\xEF\xBF\xBD", valid ? run : 3);
        written += valid ? run : 3;
        at += run;
    }
    return written;
}
