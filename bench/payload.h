/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

/*
 * The bytes that are published, and the look whether they arrived. Every word is made of the generation and of its
 * place, so that a piece of another generation, or one at the wrong place, is noticed. In front stand the generation, a
 * time stamp, and a word that follows from both.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_LEAST = 32, PAYLOAD_PIECE = 4096 };

/* Fills size (at least PAYLOAD_LEAST) bytes, aligned to 8, for a generation, with a stamp of 0. */
void payload_fill(void *bytes, size_t size, uint64_t generation);

/* Puts a stamp into what payload_fill() made. */
void payload_stamp(void *bytes, uint64_t generation, uint64_t stamp);

/* Whether these are whole bytes of this generation. *stamp, if not NULL, gets the stamp. */
bool payload_check(const void *bytes, size_t size, uint64_t generation, uint64_t *stamp);

/* What the front says, for who does not know what to expect. Believe it after a check. */
void payload_front(const void *bytes, uint64_t *generation, uint64_t *stamp);

/* As payload_check(), but only of the front and of a piece of at most PAYLOAD_PIECE bytes, where that costs too much:
 * another piece with each turn, and all of them in as many turns. */
bool payload_check_piece(const void *bytes, size_t size, uint64_t generation, uint64_t turn);

#endif
