/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_FUZZ_SEED_FILE_H
#define NETIPC_TESTS_FUZZ_SEED_FILE_H

/* A file of the corpus in the making. */

#include <stddef.h>
#include <stdint.h>

extern const char *seed_corpus; /* the directory */

void put(const void *bytes, size_t length);
void put_u8(unsigned value);
void put_u16(unsigned value);
void put_u64(uint64_t value);

/* Writes what was put, and begins anew. */
void save(const char *target, const char *name);

/* Those in files of their own. */
void region_seeds(void);
void page_seeds(void);
void attach_client_seeds(void);
void attach_server_seeds(void);
void rpc_client_seeds(void);
void index_seeds(void);
void method_seeds(void);
void request_seeds(void);
void lookup_seeds(void);

#endif
