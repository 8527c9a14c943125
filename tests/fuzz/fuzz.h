/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_FUZZ_FUZZ_H
#define NETIPC_TESTS_FUZZ_FUZZ_H

/*
 * What every target shares. A target is LLVMFuzzerTestOneInput(): it does what the input says, from a fresh start each
 * time and in one thread, and aborts when the library breaks a promise. What the bytes of its inputs mean is in
 * formats.h. libFuzzer or replay.c calls it.
 */

#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of those targets that use stepped_atomics.h. */
void fuzz_step(void);

/* --- the input, taken from its front; behind its end come zeros --- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint64_t fuzz_u64(struct fuzz_input *input);
void fuzz_bytes(struct fuzz_input *input, void *bytes, size_t length);

/* --- verdicts --- */

_Noreturn void fuzz_failed(const char *what, const char *file, int line);

#define fuzz_check(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz_failed(#condition, __FILE__, __LINE__);                                                               \
    } while (0)

/* status is one of those listed, all of them below 64. */
#define FUZZ_STATUS(status) (UINT64_C(1) << (status))
void fuzz_check_status(netipc_status status, uint64_t allowed, const char *call);

/*
 * How far inputs come: the target counts its goals, and the fixed runs fail when one was never reached, so that a
 * corpus that has become stale is found out.
 */
enum { FUZZ_GOALS_MOST = 16 };
extern const char *const fuzz_goals[]; /* of the target; ends with NULL */
extern uint64_t fuzz_reached[FUZZ_GOALS_MOST];

/* --- what a process owns, to be compared before and after --- */

unsigned fuzz_descriptors(void);
unsigned fuzz_mappings(void); /* of memory from memfd_create() */

#endif
