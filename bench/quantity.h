/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUANTITY_H
#define BENCH_QUANTITY_H

/* Numbers as they are written on a command line. False: not of that form, or outside low to high. */

#include <stdbool.h>
#include <stdint.h>

/* Digits only. */
bool quantity_number(const char *text, uint64_t low, uint64_t high, uint64_t *number);

/* Digits, and k or M behind them for 1,024 or 1,048,576. */
bool quantity_size(const char *text, uint64_t low, uint64_t high, uint64_t *bytes);

/* Digits with at most one point: seconds, or a rate. */
bool quantity_decimal(const char *text, double low, double high, double *value);

#endif
