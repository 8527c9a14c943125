/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/session_table.h"

#include "shm/detail.h"
#include "shm/os.h"

#include <stdlib.h>

netipc_status netipc_session_table_open(struct netipc_session_table *table, uint32_t capacity)
{
    table->entries = calloc(capacity, sizeof *table->entries);
    if (table->entries == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a table of %u sessions", capacity);
    table->capacity = capacity;
    netipc_store(&table->scan, 0, relaxed);
    netipc_store(&table->used, 0, relaxed);
    return NETIPC_OK;
}

void netipc_session_table_close(struct netipc_session_table *table)
{
    free(table->entries);
    table->entries = NULL;
}

void netipc_session_table_insert(struct netipc_session_table *table, uint32_t index, struct netipc_session_line *line)
{
    netipc_store(&table->entries[index].line, line, release); /* I1, pairs with S3 */
    if (index >= netipc_load(&table->used, relaxed))
        netipc_store(&table->used, index + 1, release); /* pairs with the load in the scan */
}

void netipc_session_table_remove(struct netipc_session_table *table, uint32_t index)
{
    netipc_store(&table->entries[index].line, NULL, relaxed); /* R1 */
    uint32_t used = netipc_load(&table->used, relaxed);
    while (used > 0 && netipc_load(&table->entries[used - 1].line, relaxed) == NULL)
        used--;
    netipc_store(&table->used, used, relaxed);
}

bool netipc_session_table_quiet(struct netipc_session_table *table)
{
    netipc_fence(seq_cst);                              /* R2, pairs with S2 */
    return netipc_load(&table->scan, acquire) % 2 == 0; /* R3, pairs with S4 */
}

void netipc_session_table_scan(struct netipc_session_table *table, uint64_t generation, uint64_t *sent, uint64_t *saved)
{
    uint64_t scan = netipc_load(&table->scan, relaxed);
    netipc_store(&table->scan, scan + 1, relaxed); /* S1 */
    /* S2: the StoreLoad between what was published and claimed before, and what peers have set in their lines.
     * Pairs with the fence of a waiter (wait.c) and with R2. */
    netipc_fence(seq_cst);
    uint32_t used = netipc_load(&table->used, acquire);
    for (uint32_t i = 0; i < used; i++) {
        struct netipc_session_line *line = netipc_load(&table->entries[i].line, acquire); /* S3, pairs with I1 */
        if (line == NULL)
            continue;
        /* The peer can write anything here at any time; all that it can get is one wake-up call of its own. */
        if ((netipc_load(&line->wake, relaxed) & 1u) == 0) {
            (*saved)++;
            continue;
        }
        /* One is woken: a peer that parks thousands of threads on its word would make the publisher wait for them all.
         * Only the publisher clears the bit, by a value that no sleeper expects: who is about to sleep on the old
         * one finds it changed. If killed between the two: the sleeper learns of the death within its grace. */
        netipc_store(&line->wake, (uint32_t)(generation * 2), relaxed);
        netipc_os_wake_one(&line->wake);
        (*sent)++;
    }
    netipc_store(&table->scan, scan + 2, release); /* S4, pairs with R3 */
}
