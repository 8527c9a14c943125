/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waking. Stands for:
 *   shm/wait.c, netipc_wait_for_change() (W1 to W4, waking the others), netipc_wait_interrupt();
 *   shm/session_table.c, wake_sleepers() and mark_doorbell(), take_rung, take_due;
 *   publish/sleep.c, the rounds of netipc_subscriber_sleep(), and netipc_subscriber_arm();
 *   publish/publish.c, make_public(); control/service_linux.c, on_wake(); control/region_offer.c, tell_doorbell();
 *   publish/subscriber.c, netipc_subscriber_abort() and _resume().
 *
 * Left out: memory orders (tests/models), spinning, time. The futex has no time limit while the publisher lives: who
 * misses a wake-up of a live publisher sleeps for ever. Once it is dead, a sleep may end by the grace. The kernel
 * wakes anybody of those who sleep. Slots, leases, other sessions, hostile words.
 *
 * Shown: all sleepers of a session, and its event loop, see the last publication or that the publisher has died at
 * whatever step; at most one doorbell is under way; an abort ends every wait that began before it, even if it is
 * over at once.
 *
 * run: -DSLEEPERS=2 -DLAST=2
 * run: -DSLEEPERS=2 -DLAST=2 -DKILLED
 * run: -DSLEEPERS=2 -DLAST=1 -DNEWS
 * run: -DSLEEPERS=2 -DLAST=0 -DABORT
 * run: -DEVENT_LOOP -DLAST=2
 * run: -DSLEEPERS=2 -DLAST=2 -DKILLED all_end
 * run: -DEVENT_LOOP -DLAST=2 -DKILLED all_end
 * long: -DSLEEPERS=3 -DLAST=1
 * long: -DSLEEPERS=2 -DLAST=4 -DKILLED
 * long: -DSLEEPERS=2 -DLAST=2 -DKILLED -DNEWS
 * long: -DSLEEPERS=1 -DLAST=1 -DEVENT_LOOP -DKILLED
 * long: -DSLEEPERS=3 -DLAST=0 -DABORT
 * long: -DLAST=5 -DEVENT_LOOP -DKILLED
 * long: -DSLEEPERS=2 -DLAST=1 -DKILLED -DNEWS all_end
 */
#ifndef SLEEPERS
#define SLEEPERS 0
#endif
#define THREADS (SLEEPERS + 1) /* the last is the event loop */
#define ODD(word) ((word) % 2 == 1)

byte latest;              /* the hot word: a generation */
byte wake, doorbell;      /* the session's line */
byte passed_on;           /* the process's own */
byte news, aborts, others;
bool asleep[THREADS];     /* the futex's queue */
bool killed;              /* the publisher */
byte ended, begun;        /* waits */
hidden byte i;            /* scratch */

/* The control thread's */
bool rung, entry_rung, eventfd;
bool doorbell_due;         /* a note that waits for room; the socket holds one packet */
mtype = { NONE, OTHER, DOORBELL };
mtype queue = NONE, waiting = NONE;

inline wake_one()
{
    if
#if SLEEPERS > 0
    :: asleep[0] -> asleep[0] = false
#endif
#if SLEEPERS > 1
    :: asleep[1] -> asleep[1] = false
#endif
#if SLEEPERS > 2
    :: asleep[2] -> asleep[2] = false
#endif
    :: else
    fi
}

inline wake_all()
{
    d_step {
        i = 0;
        do
        :: i < THREADS -> asleep[i] = false; i++
        :: else -> break
        od
    }
}

active proctype publisher()
{
    {
        do
        :: latest < LAST ->
            latest++; /* P4 */
            /* P7, wake_sleepers() */
            if
            :: ODD(wake) ->
                wake++;
                atomic { wake_one() }
            :: else
            fi;
#ifdef EVENT_LOOP
            /* P7, mark_doorbell() */
            if
            :: ODD(doorbell) ->
                doorbell++;
                entry_rung = true;
                rung = true
            :: else
            fi;
            /* make_public() */
            if
            :: rung -> eventfd = true
            :: else
            fi
#endif
        :: else -> break
        od
    } unless {
        killed -> skip
    }
}

#ifdef KILLED
active proctype killer()
{
    killed = true
}
#endif

#if SLEEPERS > 0
active [SLEEPERS] proctype sleeper()
{
    byte me, expected, seen, turn, expected_news, at_first;
    bool first;
    atomic { me = begun; begun++ }
    at_first = aborts;
    if
    :: ODD(at_first) -> goto end
    :: else
    fi;
    others++; /* netipc_reader_open() */
round:
    expected_news = news;
    if
    :: aborts != at_first -> goto end
    :: else
    fi;
    if
    :: latest != seen -> goto changed
    :: else
    fi;
    atomic { wake = wake | 1; expected = wake }; /* W1 */
    if
    :: latest != seen -> goto changed /* W3 */
    :: else
    fi;
    if
    :: news != expected_news -> goto round
    :: else
    fi;
    /* W4: the kernel compares and queues under one lock */
    atomic {
        if
        :: wake == expected -> asleep[me] = true
        :: else
        fi
    };
    do
    :: !asleep[me] -> break
    :: asleep[me] && killed -> asleep[me] = false /* the grace */
    od;
    /* pass_on(): whoever is up, once a round */
    if
    :: others > 1 ->
        atomic { turn = wake - wake % 2; first = passed_on != turn; passed_on = turn };
        if
        :: first -> wake_all()
        :: else
        fi
    :: else
    fi;
    if
    :: news != expected_news -> goto round
    :: else
    fi;
    if
    :: latest != seen -> goto changed
    :: else
    fi;
    if
    :: killed -> goto end /* look_after_publisher(): GONE */
    :: else -> goto round
    fi;
changed:
    seen = latest;
    if
    :: seen != LAST -> goto round
    :: else
    fi;
end:
    ended++
}
#endif

#if defined(NEWS) || defined(ABORT)
/* NEWS: the owner's adopt(): other threads go another round. ABORT: and a resume, after all have begun. */
active proctype interrupter()
{
#ifdef ABORT
    begun == SLEEPERS && others == SLEEPERS;
    aborts = aborts | 1;
#endif
    news++;
    wake = wake + 2;
    wake_all()
#ifdef ABORT
    ;
    aborts++
#endif
}
#endif

#ifdef EVENT_LOOP
inline send(packet)
{
    if
    :: queue == NONE -> queue = packet
    :: else -> waiting = packet
    fi
}

inline tell_doorbell()
{
    doorbell_due = waiting != NONE;
    if
    :: !doorbell_due && queue == NONE ->
        assert(queue != DOORBELL && waiting != DOORBELL);
        send(DOORBELL)
    :: else
    fi
}

active proctype control()
{
    bool was_rung, this_one;
    {
        skip;
end_waiting:
        do
        :: atomic { eventfd -> eventfd = false }; /* drain() */
            atomic { was_rung = rung; rung = false };
            if
            :: was_rung ->
                atomic { this_one = entry_rung; entry_rung = false };
                if
                :: this_one -> atomic { tell_doorbell() }
                :: else
                fi;
                this_one = false
            :: else
            fi;
            was_rung = false
        :: atomic { waiting != NONE && queue == NONE ->
                /* netipc_session_on_writable() */
                queue = waiting;
                waiting = NONE;
                if
                :: doorbell_due -> tell_doorbell()
                :: else
                fi }
        od
    } unless {
        killed -> skip
    }
}

/* Something else for the peer, and something else to wake the loop for. */
active proctype others_work()
{
    byte sent;
    {
        skip;
end_sending:
        do
        :: atomic { sent < 2 && waiting == NONE -> send(OTHER); sent++ };
            eventfd = true
        :: sent == 2 -> break
        od
    } unless {
        killed -> skip
    }
}

active proctype event_loop()
{
    byte seen;
loop:
    queue = NONE;  /* netipc_client_look() takes what has come */
    seen = latest; /* latest_is_new() */
    if
    :: seen == LAST || killed -> goto end
    :: else
    fi;
    doorbell = doorbell | 1; /* netipc_subscriber_arm(), W1 */
    if
    :: latest != seen -> goto loop /* W3 */
    :: else
    fi;
    if
    :: queue != NONE -> goto loop
    :: killed -> goto loop /* the socket hangs up */
    fi;
end:
    ended++
}
#endif

#ifdef EVENT_LOOP
#define EXPECTED THREADS
#else
#define EXPECTED SLEEPERS
#endif
ltl all_end { <> (ended == EXPECTED) }
