/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/session_table.h"

#include "shm/detail.h"
#include "shm/os.h"
#include "shm/probes.h"

#include <stdlib.h>

/* Where nobody says otherwise. Calls for honest sessions take microseconds (docs/decisions/0012). */
enum { SLOW_WAKE_NS = 100000 };

netipc_status netipc_session_table_open(struct netipc_session_table *table, uint32_t capacity)
{
    table->entries = calloc(capacity, sizeof *table->entries);
    if (table->entries == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a table of %u sessions", capacity);
    table->capacity = capacity;
    table->slow_wake_ns = SLOW_WAKE_NS;
    netipc_store(&table->scan, 0, relaxed);
    netipc_store(&table->used, 0, relaxed);
    netipc_store(&table->rung, 0, relaxed);
    return NETIPC_OK;
}

void netipc_session_table_close(struct netipc_session_table *table)
{
    free(table->entries);
    table->entries = NULL;
}

void netipc_session_table_insert(struct netipc_session_table *table, uint32_t index, struct netipc_session_line *line)
{
    netipc_store(&table->entries[index].due, 0, relaxed);
    netipc_store(&table->entries[index].wakes, 0, relaxed);
    netipc_store(&table->entries[index].slow, 0, relaxed);
    netipc_store(&table->entries[index].line, line, release); /* I1, pairs with S3 */
    if (index >= netipc_load(&table->used, relaxed))
        netipc_store(&table->used, index + 1, release); /* pairs with the load in the scan */
}

void netipc_session_table_remove(struct netipc_session_table *table, uint32_t index)
{
    netipc_store(&table->entries[index].line, NULL, release); /* R1, pairs with S3 */
    uint32_t used = netipc_load(&table->used, relaxed);
    while (used > 0 && netipc_load(&table->entries[used - 1].line, relaxed) == NULL)
        used--;
    netipc_store(&table->used, used, release); /* R1 of a scan that does not get as far as S3 */
}

bool netipc_session_table_quiet(struct netipc_session_table *table)
{
    netipc_fence(seq_cst);                              /* R2, pairs with S2 */
    return netipc_load(&table->scan, acquire) % 2 == 0; /* R3, pairs with S4 */
}

void netipc_session_table_grant(struct netipc_session_table *table, uint32_t index, uint64_t ordinal, uint32_t quota)
{
    /* A scan that still reads the old grant honours leases that the peer does not hold: it spares a slot for nothing.
     * One that reads the new grant before the peer knows of it finds no lease. */
    netipc_store(&table->entries[index].grant, ordinal << 16 | quota, relaxed);
}

/* S5, pairs with L6 of ring_reader.h: what the reader did with the slot comes before what the publisher does with it */
static void collect_leases(const struct netipc_session_entry *entry, struct netipc_session_line *line,
                           struct netipc_leases *leases)
{
    uint64_t grant = netipc_load(&entry->grant, relaxed);
    if (grant >> 16 != leases->ordinal)
        return;
    uint32_t quota = grant & 0xffffu;
    for (uint32_t i = 0; i < quota; i++) {
        /* Hostile: loaded once, and used only if it names a slot of this region. */
        uint64_t word = netipc_load(netipc_line_lease(line, i), acquire);
        uint32_t slot = (uint32_t)(word & 0xffffu) - 1u;
        if (word >> 16 == leases->ordinal && slot < leases->slot_count)
            leases->leased[slot / 64] |= UINT64_C(1) << (slot % 64);
    }
}

/* The control thread is woken when the scan is over (netipc_session_table_rung). */
static void leave_to_control(struct netipc_session_table *table, struct netipc_session_entry *entry, uint32_t what)
{
    netipc_fetch_or(&entry->due, what, release);
    netipc_store(&table->rung, 1, release); /* pairs with the exchange of the control thread */
}

/*
 * A wake-up call walks the kernel's list of all who sleep on words with the same hash, and a peer that parks thousands
 * of threads on words that it has chosen can make that list long. So now and then a call is measured, by the CPU time
 * of this thread, which does not count the time that others have the CPU. A session that is found slow twice in a row
 * is woken by the control thread from then on.
 */
enum { MEASURED_CALLS = 16, SLOW_CALLS = 2 };

static void call_sleeper(const struct netipc_session_table *table, struct netipc_session_entry *entry,
                         struct netipc_session_line *line)
{
    uint32_t calls = netipc_load(&entry->wakes, relaxed);
    netipc_store(&entry->wakes, calls + 1, relaxed);
    if (calls % MEASURED_CALLS != MEASURED_CALLS - 1) {
        netipc_os_wake_one(netipc_line_wake(line));
        return;
    }
    uint64_t before = netipc_os_thread_cpu_ns();
    netipc_os_wake_one(netipc_line_wake(line));
    bool slow = netipc_os_thread_cpu_ns() - before > table->slow_wake_ns;
    netipc_store(&entry->slow, slow ? netipc_load(&entry->slow, relaxed) + 1 : 0, relaxed);
}

/* The peer can write anything into its line at any time; all that it can get is one wake-up call of its own. */
static void wake_sleepers(struct netipc_session_table *table, struct netipc_session_entry *entry,
                          struct netipc_session_line *line, uint64_t *sent, uint64_t *saved)
{
    if ((netipc_load(netipc_line_wake(line), relaxed) & 1u) == 0) {
        (*saved)++;
        return;
    }
    /* Only the publisher clears the bit. By adding, so that the word never takes a value again that a sleeper may
     * expect: who is about to sleep finds it changed. One is woken, and wakes the others of its process: a peer that
     * parks thousands of threads there must not make the publisher wait for them. If killed between the two: the
     * sleepers learn of the death within their grace. */
    netipc_fetch_add(netipc_line_wake(line), 1u, relaxed);
    bool left = netipc_load(&entry->slow, relaxed) >= SLOW_CALLS;
    netipc_probe_wake((uint32_t)(entry - table->entries), left, *sent);
    if (left)
        leave_to_control(table, entry, NETIPC_DUE_WAKE);
    else
        call_sleeper(table, entry, line);
    (*sent)++;
}

void netipc_session_table_wake(struct netipc_session_table *table, uint32_t index)
{
    struct netipc_session_line *line = netipc_load(&table->entries[index].line, relaxed);
    if (line != NULL)
        netipc_os_wake_one(netipc_line_wake(line));
}

/* Armed by the peer as it sets the bit of its wake word (wait.h), and cleared by the publisher alone; so at most one
 * doorbell is under way for each time that the peer armed it. The packet is the control thread's to send. */
static void mark_doorbell(struct netipc_session_table *table, struct netipc_session_entry *entry,
                          struct netipc_session_line *line)
{
    if ((netipc_load(netipc_line_doorbell(line), relaxed) & 1u) == 0)
        return;
    netipc_fetch_add(netipc_line_doorbell(line), 1u, relaxed);
    leave_to_control(table, entry, NETIPC_DUE_DOORBELL);
}

bool netipc_session_table_take_rung(struct netipc_session_table *table)
{
    return netipc_exchange(&table->rung, 0, acq_rel) != 0;
}

uint32_t netipc_session_table_take_due(struct netipc_session_table *table, uint32_t index)
{
    return netipc_exchange(&table->entries[index].due, 0, acquire); /* the word was changed before the call is made */
}

/* S1 and S2. The fence is the StoreLoad between what was published and claimed before, and what peers have set in their
 * lines. It pairs with the fences of a waiter (wait.h), of a lease (ring_reader.h), and with R2. */
static uint32_t begin_scan(struct netipc_session_table *table, struct netipc_leases *leases)
{
    netipc_store(&table->scan, netipc_load(&table->scan, relaxed) + 1, relaxed);
    netipc_fence(seq_cst);
    for (uint32_t i = 0; i < (leases->slot_count + 63) / 64; i++)
        leases->leased[i] = 0;
    return netipc_load(&table->used, acquire);
}

/* S4, pairs with R3 */
static void end_scan(struct netipc_session_table *table)
{
    netipc_store(&table->scan, netipc_load(&table->scan, relaxed) + 1, release);
}

void netipc_session_table_scan(struct netipc_session_table *table, struct netipc_leases *leases, uint64_t *sent,
                               uint64_t *saved)
{
    uint32_t used = begin_scan(table, leases);
    for (uint32_t i = 0; i < used; i++) {
        struct netipc_session_line *line = netipc_load(&table->entries[i].line, acquire); /* S3, pairs with I1 */
        if (line == NULL)
            continue;
        collect_leases(&table->entries[i], line, leases);
        wake_sleepers(table, &table->entries[i], line, sent, saved);
        mark_doorbell(table, &table->entries[i], line);
    }
    end_scan(table);
}

void netipc_session_table_rescan(struct netipc_session_table *table, struct netipc_leases *leases)
{
    uint32_t used = begin_scan(table, leases);
    for (uint32_t i = 0; i < used; i++) {
        struct netipc_session_line *line = netipc_load(&table->entries[i].line, acquire); /* S3 */
        if (line != NULL)
            collect_leases(&table->entries[i], line, leases);
    }
    end_scan(table);
}
