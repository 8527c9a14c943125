/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases. Stands for:
 *   shm/ring_publisher.c, netipc_ring_publish() (P1 to P4) and claim_and_wake() (P5 to P9);
 *   shm/ring_reader.c, netipc_ring_acquire() (L1 to L4), netipc_ring_still() (L5), netipc_ring_release() (L6);
 *   shm/session_table.c, scan and rescan (S1 to S5), insert, remove, grant, quiet;
 *   control/region_offer.c, grantable(); control/session.c, the end; control/service_linux.c, free_session().
 *
 * Left out: memory orders and copying readers (tests/models), slot headers, wake-ups. A session has one lease word
 * and is granted one or none; a reader holds one view at a time and, when its session has ended, asks for another
 * session. The bytes of a slot are the number of the generation that was written there last. Nothing waits for a
 * peer here, so that a killed or stopped reader is one that does nothing more, for which its session is ended at
 * some time, or is not. The lease word of a hostile one has another value at each look. A killed publisher is one
 * that does nothing more: what must hold then is looked for at any time (any_moment).
 *
 * Shown: the publisher finds a slot after QUOTA rounds at most, and HISTORY + 1 whole generations stay; what is
 * leased in a session that lasts is not written; a view whose session has ended is not called good if its bytes have
 * changed; the slot that the hot word names is whole.
 *
 * run: -DREADERS=2 -DHOSTILE=0 -DSLOTS=3 -DQUOTA=1 -DMORE=1
 * run: -DREADERS=1 -DHOSTILE=0 -DSLOTS=4 -DQUOTA=2 -DMORE=3
 * run: -DREADERS=1 -DHOSTILE=1 -DSLOTS=4 -DQUOTA=1 -DMORE=2
 * run: -DREADERS=1 -DHOSTILE=1 -DSLOTS=4 -DQUOTA=2 -DMORE=1
 * long: -DREADERS=2 -DHOSTILE=0 -DSLOTS=3 -DQUOTA=1 -DMORE=2
 */
#define SESSIONS (READERS + HOSTILE)
#define HISTORY (SLOTS - 2 - QUOTA) /* netipc_ring_quota() the other way round */
#define NONE 255

/* The region. The bytes are a generation; the hot word is one word. */
byte seq[SLOTS], bytes[SLOTS];
byte hot_generation, hot_slot;

/* The session table, and the lease word of each session's page. */
bool listed[SESSIONS], granted[SESSIONS];
byte lease[SESSIONS]; /* slot + 1 */
byte scan;            /* S1 and S4: 1 is odd */
byte granted_leases;  /* netipc_server's */
mtype = { FREE, OPEN, ENDED };
mtype state[SESSIONS] = FREE;

/* What a reader looks at in place: for the assertions only. */
byte view_slot[SESSIONS] = NONE;
bool may_change[SESSIONS]; /* the session of the view has ended */
bool busy[SESSIONS];       /* the reader is between L1 and L6 */

bool started;
hidden byte each;

/* --- the publisher's ring --- */

bool leased[SLOTS], condemned[SLOTS];
byte condemned_count;
bool condemned_are_leased;
chan whole = [SLOTS] of { byte }; /* oldest first */

inline condemn_oldest()
{
    assert(len(whole) > HISTORY + 1);
    whole?slot;
    seq[slot] = seq[slot] | 1; /* P5 */
    atomic { condemned[slot] = true; condemned_count++; slot = 0 }
}

/* P6 is the order of the statements here. */
inline scan_sessions()
{
    d_step {
        scan = 1; /* S1, S2 */
        each = 0;
        do
        :: each < SLOTS -> leased[each] = false; each++
        :: each == SLOTS -> break
        od;
        session = 0
    };
    do
    :: session < SESSIONS ->
        if
        :: listed[session] -> /* S3 */
            if
            :: granted[session] ->
                /* S5 */
                if
                :: session < READERS ->
                    if
                    :: atomic { lease[session] > 0 -> leased[lease[session] - 1] = true }
                    :: lease[session] == 0
                    fi
                :: session >= READERS ->
                    atomic {
                        select (word : 0 .. SLOTS);
                        if
                        :: word < SLOTS -> leased[word] = true
                        :: word == SLOTS -> skip
                        fi;
                        word = 0
                    }
                fi
            :: else
            fi
        :: else
        fi;
        session++
    :: session == SESSIONS -> break
    od;
    atomic { scan = 0; session = 0 } /* S4 */
}

inline claim_condemned()
{
    d_step {
        claimed = NONE;
        each = 0;
        do
        :: each < SLOTS && condemned[each] && !leased[each] ->
            claimed = each;
            condemned[each] = false;
            condemned_count--;
            break
        :: each < SLOTS && !(condemned[each] && !leased[each]) -> each++
        :: each == SLOTS -> break
        od
    }
}

inline look_at_condemned()
{
    d_step {
        condemned_are_leased = true;
        each = 0;
        do
        :: each < SLOTS ->
            if
            :: condemned[each] && !leased[each] -> condemned_are_leased = false
            :: else
            fi;
            leased[each] = false;
            each++
        :: each == SLOTS -> break
        od
    }
}

inline assert_not_leased(s)
{
    d_step {
        each = 0;
        do
        :: each < SESSIONS -> assert(view_slot[each] != s || may_change[each]); each++
        :: each == SESSIONS -> break
        od
    }
}

active proctype publisher()
{
    byte generation, claimed, session, slot, word, rounds;
    d_step { /* netipc_ring_start(), and so many publications that every slot has been used */
        do
        :: generation < SLOTS - 1 ->
            bytes[generation] = generation + 1;
            seq[generation] = 2 * (generation + 1);
            whole!generation;
            generation++
        :: generation == SLOTS - 1 -> break
        od;
        hot_slot = SLOTS - 2;
        hot_generation = generation;
        claimed = SLOTS - 1;
        seq[claimed] = 2 * generation + 1;
        started = true
    };
    do
    :: generation < SLOTS - 1 + MORE ->
        assert_not_leased(claimed);
        bytes[claimed] = generation + 1;                                     /* P1, P2 */
        seq[claimed] = 2 * (generation + 1);                                 /* P3 */
        d_step { hot_generation = generation + 1; hot_slot = claimed };      /* P4 */
        atomic { generation++; whole!claimed; claimed = NONE };
        if
        :: condemned_count == 0 || condemned_are_leased -> condemn_oldest()
        :: else
        fi;
        scan_sessions(); /* P6, P7 */
        claim_condemned();
        do
        :: claimed == NONE ->
            rounds++;
            assert(rounds <= QUOTA);
            condemn_oldest(); /* P8 */
            scan_sessions();
            claim_condemned()
        :: claimed != NONE -> break
        od;
        atomic { rounds = 0; look_at_condemned() };
        assert(len(whole) >= HISTORY + 1);
        seq[claimed] = 2 * generation + 1 /* P9 */
    :: generation == SLOTS - 1 + MORE -> break
    od
}

active proctype any_moment()
{
    started;
    assert(seq[hot_slot] == 2 * hot_generation && bytes[hot_slot] == hot_generation)
}

/* --- the control thread, what it does for one session --- */

active [SESSIONS] proctype control()
{
    byte me;
    me = _pid - 2;
end_waiting:
    do
    :: state[me] == FREE && !busy[me] ->
        /* grantable() */
        d_step {
            granted[me] = granted_leases < QUOTA;
            granted_leases = granted_leases + granted[me];
            lease[me] = 0 /* a new page */
        };
        listed[me] = true; /* I1 */
        state[me] = OPEN   /* READY */
    :: state[me] == OPEN ->
        /* netipc_session_end() */
        d_step { listed[me] = false; state[me] = ENDED; may_change[me] = true } /* R1 */
    :: state[me] == ENDED && scan == 0 ->
        /* sweep(): R3, then free_session() */
        d_step { granted_leases = granted_leases - granted[me]; granted[me] = false; state[me] = FREE }
    od
} /* unreached: sessions come and go for ever */

/* --- readers --- */

active [READERS] proctype reader()
{
    byte me, generation, slot;
    bool spoiled;
    me = _pid - 2 - SESSIONS;
end_held:
    do
    :: atomic { state[me] == OPEN && granted[me] && started ->
                busy[me] = true;
                may_change[me] = false;
                /* L1: the latest, or one that is looked for */
                if
                :: generation = hot_generation; slot = hot_slot
                :: whole?[_] -> whole?<slot>; generation = seq[slot] / 2
                fi };
        lease[me] = slot + 1;                                                            /* L2, L3 */
        if
        :: atomic { seq[slot] == 2 * generation ->
                if
                :: state[me] == OPEN -> skip
                :: else -> may_change[me] = true
                fi;
                view_slot[me] = slot } /* L4 */
        :: seq[slot] != 2 * generation -> goto release
        fi;
        do
        :: !spoiled -> spoiled = bytes[slot] != generation; assert(!spoiled || may_change[me])
        :: break
        od;
        if
        :: seq[slot] == 2 * generation || seq[slot] == 2 * generation + 1 -> assert(!spoiled) /* L5 */
        :: else
        fi;
release:
        atomic {
            view_slot[me] = NONE;
            lease[me] = 0; /* L6 */
            busy[me] = false;
            spoiled = false;
            generation = 0;
            slot = 0
        }
    od
} /* unreached: readers go on for ever */
