/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions come and go under a scanning publisher: no scan uses a line before it was made or after it was freed, and
 * none is ordered so that it might have.
 */
#include "tests/models/model.h"

#include "shm/session_table.c"

enum { SESSIONS = 2, SCANS = 3, ORDINAL = 7 };

struct session_removal : rl::test_suite<session_removal, 2> {
    struct netipc_session_table table;

    void before()
    {
        model::reset();
        netipc_session_table_open(&table, SESSIONS);
    }

    void after()
    {
        netipc_session_table_close(&table);
    }

    void thread(unsigned index)
    {
        if (index == 0)
            scan();
        else
            control();
    }

    void scan()
    {
        struct netipc_leases leases = {};
        leases.ordinal = ORDINAL;
        leases.slot_count = 4;
        uint64_t sent = 0, saved = 0;
        for (unsigned i = 0; i < SCANS; i++) {
            model::stretch stretch(4);
            if (rl::rand(2) == 0)
                netipc_session_table_scan(&table, &leases, &sent, &saved);
            else
                netipc_session_table_rescan(&table, &leases);
        }
    }

    struct netipc_session_line *add(unsigned index)
    {
        rl::ctx().disable_preemption();
        struct netipc_session_line *line = new struct netipc_session_line;
        rl::ctx().enable_preemption();
        netipc_store(netipc_line_wake(line), 1, relaxed);
        netipc_store(netipc_line_doorbell(line), 1, relaxed);
        netipc_session_table_grant(&table, index, ORDINAL, 1);
        netipc_session_table_insert(&table, index, line);
        return line;
    }

    void remove(unsigned index, struct netipc_session_line *line)
    {
        netipc_session_table_remove(&table, index);
        while (!netipc_session_table_quiet(&table))
            rl::ctx().yield(1, $);
        rl::ctx().disable_preemption();
        delete line;
        rl::ctx().enable_preemption();
    }

    /* The place of the first is used again while the second is there: below used. */
    void control()
    {
        struct netipc_session_line *first = add(0), *second = rl::rand(2) == 0 ? add(1) : NULL;
        remove(0, first);
        first = add(0);
        if (second != NULL)
            remove(1, second);
        remove(0, first);
    }
};

int main(int argc, char **argv)
{
    return model::run<session_removal>(model::parse(argc, argv), 200000);
}
