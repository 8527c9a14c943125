/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From connecting to READY, and on to larger regions. Stands for:
 *   control/dial_linux.c; control/subscription_linux.c, attaching, confirming, looking;
 *   publish/refresh.c, bring_up_to_date(), attach(), map_and_confirm(), adopt();
 *   control/admission_linux.c, admit(); control/region_offer.c; control/session.c, answers, deadlines and the end;
 *   control/service_linux.c, on_wake(), replace_offer(), sweep(), free_session(), close;
 *   shm/session_page.c; shm/session_table.c, insert, remove, grant, quiet, scan;
 *   publish/publisher_regions.c, netipc_publisher_supersede(); publish/publisher.c, netipc_publisher_close().
 *
 * Left out: memory orders (tests/models), what is in the messages, regions that are too large, requests. Two
 * subscribers connect once each, and want one lease word; the first QUOTA of a region get it. A socket holds one
 * packet each way. A deadline may pass at any time; with PATIENT none does. The control thread appears as one
 * process a session: more interleavings than it has. A subscriber may be killed, or stopped, at any step, so may the
 * publisher. With ONE the other subscriber stays away; with HOSTILE it sends anything at any time.
 *
 * Shown: nobody waits where no deadline runs; a session's page is not used by a scan before it is sealed, nor after
 * it is freed; no scan counts more lease words than there are; a lease that READY has allowed counts while its
 * session lasts; who sees SUPERSEDED is given another region; in the end everybody who lives has the newest region,
 * and what the others were granted is free again.
 *
 * run: -DENTRIES=1 -DQUOTA=1 -DREGIONS=1
 * run: -DENTRIES=2 -DQUOTA=1 -DREGIONS=1
 * run: -DENTRIES=1 -DQUOTA=1 -DREGIONS=2 -DKILLS -DONE
 * run: -DENTRIES=1 -DQUOTA=1 -DREGIONS=2 -DPUBLISHER_KILLED -DPATIENT -DONE
 * run: -DENTRIES=1 -DQUOTA=1 -DREGIONS=3 -DPATIENT -DONE
 * run: -DENTRIES=1 -DQUOTA=1 -DREGIONS=1 -DHOSTILE -DPATIENT
 * long: -DENTRIES=1 -DQUOTA=1 -DREGIONS=1 -DKILLS
 * long: -DENTRIES=2 -DQUOTA=1 -DREGIONS=1 -DHOSTILE
 * long: -DENTRIES=2 -DQUOTA=1 -DREGIONS=2 -DPATIENT
 * long: -DENTRIES=1 -DQUOTA=1 -DREGIONS=2 -DPUBLISHER_KILLED -DONE
 * long: -DENTRIES=1 -DQUOTA=1 -DREGIONS=3 -DKILLS -DONE
 */
#define SESSIONS 2

mtype = { NONE, HELLO, HELLO_ACK, BUSY, ATTACH, REGION, ATTACHED, READY, SUPERSEDED, CLOSED };
mtype = { OPEN, REGION_DUE, OFFERED, ENDED, FREED }; /* and HELLO: of a session */
mtype = { LIVE };                                    /* and SUPERSEDED, CLOSED: of a region */
mtype = { RUNS, RESTS, LEFT, STOPPED, KILLED };      /* of a subscriber */

/* Sockets: up to the publisher, down to the subscriber. */
bool connected[SESSIONS], up_closed[SESSIONS], down_closed[SESSIONS];
chan up[SESSIONS] = [1] of { mtype, byte };
chan down[SESSIONS] = [1] of { mtype, byte, bool };

/* Regions, by ordinal. */
mtype hot[REGIONS + 1] = LIVE;

/* The session table, by index. */
byte line[ENTRIES]; /* of which session, + 1 */
byte grant_ordinal[ENTRIES];
bool grant_quota[ENTRIES];
byte scan; /* 1: odd */

/* The server. */
byte offer = 1, granted_ordinal, granted_leases, free_entries = ENTRIES;
bool stopping, stopped, publisher_killed;
byte joined;
bool woken[SESSIONS]; /* by the eventfd: on_wake() has this session still to do */

/* struct netipc_session */
mtype state[SESSIONS] = NONE, pending[SESSIONS] = NONE;
bool deadline[SESSIONS], counted[SESSIONS], listed[SESSIONS], superseded_due[SESSIONS], descriptors_sent[SESSIONS];
byte entry[SESSIONS], have[SESSIONS], offered[SESSIONS], told[SESSIONS], pending_ordinal[SESSIONS];
bool leases_granted[SESSIONS];
bool page_made[SESSIONS], page_sealed[SESSIONS];

/* The subscribers. */
mtype fate[SESSIONS] = RUNS;
byte attached[SESSIONS]; /* ordinal */

hidden byte each, sum;

#define LISTENS(s) (state[s] != NONE && state[s] != ENDED && state[s] != FREED)
#define UNDER_WAY(s) (descriptors_sent[s] && !up_closed[s] && len(down[s]) > 0)

/* --- control/session.c, region_offer.c, service_linux.c. Inlines with a step each that somebody else can see. --- */

inline end_session()
{
    d_step {
        if
        :: state[me] != ENDED ->
            state[me] = ENDED;
            deadline[me] = false;
            pending[me] = NONE;
            superseded_due[me] = false;
            if
            :: listed[me] -> line[entry[me]] = 0 /* R1 */
            :: else
            fi;
            down_closed[me] = true; /* shutdown() */
            if
            :: len(up[me]) > 0 -> up[me]?_(_)
            :: else
            fi
        :: else
        fi
    }
}

inline settle_deadline()
{
    if
    :: state[me] == OPEN && pending[me] == NONE && have[me] != 0 -> deadline[me] = false
    :: else
    fi
}

inline answer(what, ordinal)
{
    if
    :: up_closed[me] -> end_session()
    :: !up_closed[me] && len(down[me]) == 0 -> down[me]!what(ordinal, false)
    :: !up_closed[me] && len(down[me]) > 0 ->
        pending[me] = what;
        pending_ordinal[me] = ordinal;
        deadline[me] = true
    fi
}

inline tell_superseded()
{
    superseded_due[me] = true;
    if
    :: state[me] == OPEN && have[me] != 0 && pending[me] == NONE ->
        superseded_due[me] = false;
        told[me] = offer;
        answer(SUPERSEDED, offer)
    :: else
    fi
}

inline offer_region()
{
    /* under offer_lock */
    page_made[me] = true;
    if
    :: granted_ordinal != offer -> granted_ordinal = offer; granted_leases = 0
    :: else
    fi;
    if
    :: up_closed[me] -> end_session()
    :: !up_closed[me] && len(down[me]) == 0 ->
        leases_granted[me] = granted_leases < QUOTA;
        granted_leases = granted_leases + leases_granted[me];
        down[me]!REGION(offer, leases_granted[me]);
        state[me] = OFFERED;
        offered[me] = offer;
        descriptors_sent[me] = true
    :: else /* retry_ns */
    fi
}

inline on_attach()
{
    if
    :: state[me] != OPEN || ordinal != have[me] -> end_session()
    :: else ->
        if
        :: have[me] == offer -> answer(READY, offer)
        :: else ->
            state[me] = REGION_DUE;
            deadline[me] = true;
            offer_region()
        fi
    fi
}

inline on_attached()
{
    if
    :: state[me] != OFFERED || ordinal != offered[me] -> end_session()
    :: state[me] == OFFERED && ordinal == offered[me] ->
        if
        :: !listed[me] ->
            page_sealed[me] = true;
            d_step { grant_ordinal[entry[me]] = offered[me]; grant_quota[entry[me]] = leases_granted[me] };
            line[entry[me]] = me + 1; /* I1 */
            listed[me] = true
        :: listed[me] ->
            d_step { grant_ordinal[entry[me]] = offered[me]; grant_quota[entry[me]] = leases_granted[me] }
        fi;
        atomic {
            have[me] = offered[me];
            descriptors_sent[me] = len(down[me]) > 0;
            state[me] = OPEN;
            settle_deadline();
            superseded_due[me] = offer > have[me];
        };
        atomic { answer(READY, have[me]) };
        atomic {
            if
            :: superseded_due[me] && state[me] == OPEN -> tell_superseded()
            :: else
            fi
        }
    fi
}

inline free_session()
{
    d_step {
        page_made[me] = false;
        page_sealed[me] = false;
        if
        :: offered[me] == granted_ordinal -> granted_leases = granted_leases - leases_granted[me]
        :: else
        fi;
        free_entries = free_entries + counted[me];
        state[me] = FREED;
        /* Nobody looks at these any more: fewer states. */
        leases_granted[me] = false;
        descriptors_sent[me] = false;
        listed[me] = false;
        counted[me] = false;
        have[me] = 0;
        offered[me] = 0;
        told[me] = 0;
        pending_ordinal[me] = 0
    }
}

active [SESSIONS] proctype control()
{
    byte me, ordinal;
    mtype message;
    me = _pid;
    {
        skip;
end_waiting:
        do
        :: atomic { connected[me] && state[me] == NONE ->
                /* admit() */
                state[me] = HELLO;
                deadline[me] = true;
                counted[me] = free_entries > 0;
                free_entries = free_entries - counted[me];
                if
                :: ENTRIES == 2 -> entry[me] = me
                :: else
                fi }
        :: atomic { LISTENS(me) && pending[me] == NONE && state[me] != HELLO && up[me]?[ATTACHED, _] ->
                up[me]?ATTACHED(ordinal) };
            on_attached();
            ordinal = 0
        :: atomic { LISTENS(me) && pending[me] == NONE && len(up[me]) > 0 &&
                    (state[me] == HELLO || !(up[me]?[ATTACHED, _])) ->
                up[me]?message(ordinal);
                if
                :: state[me] == HELLO && message == HELLO && counted[me] ->
                    state[me] = OPEN;
                    answer(HELLO_ACK, 0)
                :: state[me] == HELLO && message == HELLO && !counted[me] -> answer(BUSY, 0); end_session()
                :: state[me] != HELLO && message == ATTACH -> on_attach()
                :: else -> end_session()
                fi;
                ordinal = 0;
                message = NONE }
        :: atomic { LISTENS(me) && pending[me] != NONE && len(down[me]) == 0 ->
                /* netipc_session_on_writable() */
                down[me]!pending[me](pending_ordinal[me], false);
                pending[me] = NONE;
                pending_ordinal[me] = 0;
                settle_deadline();
                if
                :: superseded_due[me] -> tell_superseded()
                :: else
                fi }
        :: atomic { state[me] == REGION_DUE && pending[me] == NONE && len(down[me]) == 0 -> offer_region() }
        :: atomic { woken[me] -> woken[me] = false;
                if
                :: LISTENS(me) && have[me] != 0 && have[me] < offer && told[me] < offer -> tell_superseded()
                :: else
                fi }
        :: atomic { LISTENS(me) && up_closed[me] && (len(up[me]) == 0 || fate[me] == KILLED) -> end_session() }
#ifndef PATIENT
        :: atomic { LISTENS(me) && deadline[me] -> end_session() }
#endif
        :: atomic { state[me] == ENDED && scan == 0 && !UNDER_WAY(me) -> free_session() } /* R3, sweep() */
        :: stopping -> joined++; break
        od
    } unless {
        publisher_killed
    }
}

/* --- the publishing thread --- */

inline scan_sessions(in)
{
    scan = 1; /* S1, S2 */
    do
    :: at < ENTRIES ->
        found = line[at]; /* S3 */
        if
        :: found != 0 ->
            assert(page_sealed[found - 1]);
            atomic {
                counts = counts + (grant_ordinal[at] == in && grant_quota[at]); /* S5 */
                assert(page_sealed[found - 1] && counts <= QUOTA);
                found = 0
            }
        :: else
        fi;
        at++
    :: at == ENTRIES -> break
    od;
    atomic { scan = 0; at = 0; counts = 0 } /* S4 */
}

active proctype publishing()
{
    byte newest = 1, at, found, counts;
    {
        do
        :: newest < REGIONS ->
            /* netipc_publisher_supersede() */
            /* the scan behind the first publication there finds nobody who has a lease in it */
            atomic { offer = newest + 1; woken[0] = true; woken[1] = true };
            hot[newest] = SUPERSEDED;
            scan_sessions(newest);
            newest++
        :: newest == REGIONS -> break
        od;
        scan_sessions(newest); /* netipc_publish() */
        /* netipc_publisher_close(), or never */
        if
        :: skip -> goto end
#ifndef PATIENT
        :: hot[newest] = CLOSED
#endif
        fi;
        stopping = true;
        /* closing the service joins the thread, then ends the sessions */
        joined == SESSIONS;
        do
        :: at < SESSIONS ->
            atomic {
                if
                :: have[at] != 0 && pending[at] == NONE && LISTENS(at) && len(down[at]) == 0 && !up_closed[at] ->
                    down[at]!CLOSED(0, false)
                :: else
                fi;
                down_closed[at] = true;
                if
                :: LISTENS(at) -> state[at] = ENDED
                :: else
                fi
            };
            at++
        :: at == SESSIONS -> break
        od;
        stopped = true;
end:
        skip
    } unless {
        publisher_killed
    }
}

/* --- subscribers --- */

/* close() */
inline hang_up(how)
{
    fate[me] = how;
    up_closed[me] = true;
    attached[me] = 0;
    newer = 0;
    leases = false;
    if
    :: len(down[me]) > 0 -> down[me]?_(_, _)
    :: else
    fi
}

#define HUNG_UP (down_closed[me] && len(down[me]) == 0)
#ifdef PATIENT
#define TIME_OUT false
#else
#define TIME_OUT true
#endif

inline send(what, ordinal)
{
    if
    :: down_closed[me] /* a refusal may have been sent: the answer is read all the same */
    :: !down_closed[me] && len(up[me]) == 0 -> up[me]!what(ordinal)
    :: TIME_OUT -> goto leave
    fi
}

active [SESSIONS] proctype subscriber()
{
    byte me, newer;
    bool leases;
    me = _pid - SESSIONS - 1;
    {
#ifdef HOSTILE
        if
        :: me == 1 ->
            connected[me] = true;
            do
            :: atomic { len(up[me]) == 0 && !down_closed[me] ->
                    if
                    :: up[me]!HELLO(0)
                    :: up[me]!ATTACH(attached[me])
                    :: up[me]!ATTACHED(newer)
                    :: up[me]!READY(0)
                    fi }
            :: atomic { down[me]?REGION(newer, _) }
            :: atomic { down[me]?READY(attached[me], _) }
            :: atomic { down[me]?SUPERSEDED(_, _) }
            :: atomic { down[me]?HELLO_ACK(_, _) }
            :: goto leave
            od
        :: me == 0
        fi;
#endif
#ifdef ONE
        if
        :: me == 1 -> goto leave
        :: me == 0
        fi;
#endif
        connected[me] = true;
        send(HELLO, 0);
        if
        :: down[me]?HELLO_ACK(_, _)
        :: down[me]?BUSY(_, _) -> goto leave
        :: HUNG_UP -> goto leave
        :: TIME_OUT -> goto leave
        fi;
attach:
        send(ATTACH, attached[me]);
        do
        :: down[me]?REGION(newer, leases) -> break
        :: down[me]?SUPERSEDED(_, _) /* is_old_news() */
        :: down[me]?READY(_, _) ->   /* unreached: so far, news of a region comes before the region */
            assert(attached[me] != 0 && hot[attached[me]] != SUPERSEDED); /* unreached: as above */
            goto rest
        :: down[me]?CLOSED(_, _) -> goto leave
        :: HUNG_UP -> goto leave
        :: TIME_OUT -> goto leave
        od;
        send(ATTACHED, newer);
        do
        :: down[me]?READY(eval(newer), _) -> break
        :: down[me]?SUPERSEDED(_, _)
        :: down[me]?CLOSED(_, _) -> goto leave
        :: HUNG_UP -> goto leave
        :: TIME_OUT -> goto leave
        od;
        /* adopt() */
        atomic { attached[me] = newer; newer = 0; leases = false };
        assert(state[me] == ENDED || state[me] == FREED || publisher_killed ||
               (line[entry[me]] == me + 1 && grant_ordinal[entry[me]] == attached[me] &&
                grant_quota[entry[me]] == leases_granted[me]) || offered[me] != attached[me]);
rest:
        fate[me] = RESTS;
end_resting:
        if
        :: hot[attached[me]] == CLOSED -> goto leave
        :: hot[attached[me]] == SUPERSEDED -> fate[me] = RUNS; goto attach
        :: down[me]?SUPERSEDED(_, _) -> fate[me] = RUNS; goto attach
        :: down[me]?CLOSED(_, _) -> goto leave
        :: HUNG_UP -> goto leave
        :: TIME_OUT && me == 1 -> goto leave /* its user has had enough */
        fi;
leave:
        atomic { hang_up(LEFT) }
    } unless {
        if
        :: atomic { fate[me] == KILLED -> hang_up(KILLED) }
        :: atomic { fate[me] == STOPPED -> attached[me] = 0; newer = 0; leases = false }
        fi
    }
}

#ifdef PUBLISHER_KILLED
active proctype publisher_killer()
{
    if
    :: atomic { !stopped -> publisher_killed = true; down_closed[0] = true; down_closed[1] = true }
    :: skip
    fi
}
#endif

#ifdef KILLS
active proctype killer()
{
    if
    :: atomic { fate[0] != LEFT -> fate[0] = KILLED }
    :: atomic { fate[0] != LEFT -> fate[0] = STOPPED }
    :: skip
    fi
}
#endif

/* Nothing more happens. */
active proctype afterwards()
{
    timeout;
    d_step {
        each = 0;
        sum = 0;
        do
        :: each < SESSIONS ->
            sum = sum + (leases_granted[each] && offered[each] == granted_ordinal);
            if
            :: publisher_killed || stopped -> assert(fate[each] != RUNS && fate[each] != RESTS)
            :: else ->
                assert(fate[each] != RUNS);
                assert(fate[each] != RESTS || attached[each] == offer);
                assert(state[each] == FREED || state[each] == NONE ||
                       (state[each] == OPEN && !deadline[each] && have[each] != 0 &&
                        (fate[each] == RESTS || fate[each] == STOPPED)) ||
                       (state[each] == ENDED && fate[each] == STOPPED && UNDER_WAY(each)))
            fi;
            each++
        :: each == SESSIONS -> break
        od;
        assert(publisher_killed || stopped || sum == granted_leases)
    }
}
