/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quantity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

bool quantity_number(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    if (*text == '\0' || text[strspn(text, DIGITS)] != '\0')
        return false; /* strtoull takes blanks and signs */
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number >= low && *number <= high;
}

bool quantity_size(const char *text, uint64_t low, uint64_t high, uint64_t *bytes)
{
    char digits[24];
    size_t length = strspn(text, DIGITS);
    uint64_t unit = strcmp(text + length, "k") == 0 ? 1024 : strcmp(text + length, "M") == 0 ? 1048576 : 1;
    if (length >= sizeof digits || (unit == 1 && text[length] != '\0'))
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (!quantity_number(digits, 0, UINT64_MAX / unit, bytes))
        return false;
    *bytes *= unit;
    return *bytes >= low && *bytes <= high;
}

bool quantity_decimal(const char *text, double low, double high, double *value)
{
    size_t whole = strspn(text, DIGITS);
    size_t point = text[whole] == '.' ? 1 : 0;
    size_t fraction = strspn(text + whole + point, DIGITS);
    if (whole + fraction == 0 || text[whole + point + fraction] != '\0')
        return false;
    *value = strtod(text, NULL);
    return *value >= low && *value <= high;
}
