/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth, as a subscriber sees it. Stands for:
 *   publish/publisher_regions.c, netipc_publisher_supersede(); publish/publish.c, netipc_publish();
 *   publish/publisher.c, netipc_publisher_close();
 *   publish/refresh.c, netipc_subscriber_look(), bring_up_to_date(), attach(), adopt(), end_session();
 *   publish/reader.c, acquire(), netipc_reader_release(); publish/sleep.c, standing_state(), explain_change();
 *   control/service_linux.c, replace_offer(), on_wake(); control/region_offer.c, on_attach(), on_attached(),
 *   tell_superseded().
 *
 * Left out: memory orders and hazard pointers (tests/models); connecting, descriptors, full sockets, time
 * (attach.pml): an attachment to the newest offer is one exchange here, with the region looked at and mapped between
 * its steps. A region has two slots, and one lease at most, which the publisher honours as lease.pml shows; a
 * publication writes the slot that is neither the latest nor leased, or is left out. The bytes are a generation.
 *
 * Shown: bytes of a view do not change, with a lease or without one in a region that has ended, nor after the
 * publisher's death, unless the session has ended under it, which the release then tells; no generation is missing
 * or old after a move; an attachment is never told that there is no other region than a superseded one; the owner
 * comes to rest in the newest region, or with CLOSED or GONE; no generation is lost for a live subscriber; the
 * publisher may be killed at any step.
 *
 * run: -DREGIONS=2 -DLAST=3
 * run: -DREGIONS=2 -DLAST=2 -DKILLED
 * run: -DREGIONS=2 -DLAST=3 -DENDED
 * run: -DREGIONS=2 -DLAST=2 learns
 * run: -DREGIONS=2 -DLAST=2 -DKILLED learns
 * long: -DREGIONS=2 -DLAST=4
 * long: -DREGIONS=2 -DLAST=3 -DKILLED -DENDED
 * long: -DREGIONS=3 -DLAST=3 -DKILLED
 * long: -DREGIONS=3 -DLAST=3 learns
 */
#define NONE 255

mtype = { LIVE, SUPERSEDED, CLOSED };       /* of a region */
mtype = { LEASES, FROZEN, LOST };           /* protection of an attachment */
mtype = { CONNECTED, AT_REST, GONE, ALONE }; /* of the owner; and CLOSED */

/* Regions, by ordinal; slots of region r: 2 r and 2 r + 1. */
mtype hot_state[REGIONS + 1] = LIVE;
byte hot_generation[REGIONS + 1], hot_slot[REGIONS + 1];
byte bytes[2 * REGIONS + 2];
byte seq[2 * REGIONS + 2]; /* of which generation; 0: odd. The claim's own mark (P9) is claimed. */
byte claimed[2 * REGIONS + 2];

/* The session. */
byte offer = 1, have, told;
bool eventfd, note, hung_up, killed, listed;
byte granted; /* the ordinal in which its lease counts */

#define HUNG_UP (hung_up || killed)

/* The subscriber's page: one lease word, ordinal and slot. */
byte lease = NONE;

/* The subscriber. */
mtype owner_state = ALONE, protection[REGIONS + 1] = LEASES;
byte current; /* ordinal of the attachment at hand */
bool publisher_done;

/* For assertions only. */
byte view = NONE;
bool view_leased;

inline publish(r)
{
    /* P8: the other slot, unless it is leased; P5 comes before the lease is looked for */
    slot = 2 * (r) + 1 - hot_slot[r] % 2;
    if
    :: hot_generation[r] == 0 -> slot = 2 * (r)
    :: else
    fi;
    seq[slot] = 0; /* P5 */
    if
    :: listed && granted == (r) && lease == slot -> skip /* condemned */
    :: else ->
        claimed[slot] = generation + 1; /* P9 */
        bytes[slot] = generation + 1;   /* P1 */
        assert(hot_state[r] == LIVE);
        assert(view != slot || !view_leased || !listed);
        seq[slot] = generation + 1; /* P3 */
        atomic { generation++; hot_generation[r] = generation; hot_slot[r] = slot } /* P4 */
    fi;
    slot = 0
}

active proctype publisher()
{
    byte generation, newest = 1, slot;
    {
        do
        :: generation < LAST -> publish(newest)
        :: generation < LAST && generation > 0 && newest < REGIONS ->
            /* netipc_publisher_supersede() */
            publish(newest + 1);
            atomic { offer = newest + 1; eventfd = true }; /* netipc_server_replace_offer() */
            hot_state[newest] = SUPERSEDED;                /* netipc_ring_end() */
            newest++
        :: break
        od;
        if
        :: hot_state[newest] = CLOSED; hung_up = true
        :: skip
        fi;
        publisher_done = true
    } unless {
        killed
    }
}

#ifdef KILLED
active proctype killer()
{
    killed = true
}
#endif

/* The control thread. ATTACH to READY is in two steps: offered, and listed. */
byte attach_want, offered; /* ATTACH with have_ordinal + 1; REGION */
bool confirm, ready, unchanged;

active proctype control()
{
    {
        skip;
end_waiting:
        do
        :: atomic { eventfd -> eventfd = false;
                if
                :: have != 0 && have < offer && told < offer && offered == 0 -> told = offer; note = true
                :: else
                fi }
        :: atomic { attach_want != 0 && !hung_up -> attach_want = 0;
                if
                :: have == offer -> unchanged = true /* unreached: nobody asks who has the newest */
                :: else -> offered = offer
                fi }
        :: atomic { confirm && !hung_up -> confirm = false; granted = offered; listed = true };
            atomic { have = offered;
                offered = 0;
                ready = true;
                if
                :: offer > have -> told = offer; note = true
                :: else
                fi }
#ifdef ENDED
        :: atomic { have != 0 && offered == 0 && !hung_up -> listed = false; hung_up = true }
#endif
        od
    } unless {
        killed
    }
}

/* netipc_subscriber_end_session(); frozen if the process has died or the region has ended */
inline end_session(why)
{
    if
    :: current != 0 && (killed || hot_state[current] != LIVE) -> protection[current] = FROZEN
    :: current != 0 && !(killed || hot_state[current] != LIVE) -> protection[current] = LOST
    :: current == 0
    fi;
    owner_state = why
}

active proctype owner()
{
    byte got, seen;
    owner_state = CONNECTED;
attach:
    attach_want = current + 1;
    if
    :: atomic { offered != 0 && current != offered && !confirm -> got = offered;
            note = false } /* receive_answer(): what came before REGION is old */
    :: atomic { unchanged -> unchanged = false }; /* unreached: news of a region comes before the region */
        assert(current != 0 && hot_state[current] != SUPERSEDED); /* unreached: as above */
        goto rest /* unreached: as above */
    :: HUNG_UP -> goto leave
    fi;
    /* mapped; it has a generation, if the region before had one */
    assert(got == 1 || (hot_generation[got] > 0 && hot_generation[got] > hot_generation[got - 1]) ||
           hot_generation[got - 1] == hot_generation[got]);
    assert(got > current);
    confirm = true;
    if
    :: atomic { ready -> ready = false }
    :: HUNG_UP && !ready -> goto leave
    fi;
    atomic { current = got; got = 0 }; /* adopt(), O1 */
rest:
    owner_state = AT_REST;
end_resting:
    /* netipc_subscriber_look(): the hot word first, then the socket */
    do
    :: hot_generation[current] > seen -> seen = hot_generation[current]
    :: hot_state[current] == CLOSED -> end_session(CLOSED); goto end
    :: atomic { note -> note = false }; owner_state = CONNECTED; goto attach
    :: hot_state[current] == SUPERSEDED -> owner_state = CONNECTED; goto attach
    :: HUNG_UP && !note && hot_state[current] != CLOSED -> goto leave
    od;
leave:
    if
    :: current != 0 && hot_state[current] == CLOSED -> end_session(CLOSED)
    :: !(current != 0 && hot_state[current] == CLOSED) && killed -> end_session(GONE)
    :: !(current != 0 && hot_state[current] == CLOSED) && !killed -> end_session(ALONE)
    fi;
end:
    got = 0
}

/* Another thread of the subscriber: one view after another. Its attachment may be older than the one at hand. */
active proctype reader()
{
    byte r, slot, generation;
    bool spoiled;
end_reading:
    do
    :: atomic { current != 0 -> r = current }; /* pinned */
        /* acquire() */
        if
        :: protection[r] == FROZEN || hot_state[r] != LIVE -> /* netipc_ring_find() */
            atomic { slot = hot_slot[r]; generation = hot_generation[r] };
            if
            :: atomic { generation != 0 -> assert(seq[slot] == generation); view = slot }
            :: generation == 0
            fi
        :: protection[r] == LOST -> goto again
        :: protection[r] == LEASES ->
            atomic { slot = hot_slot[r]; generation = hot_generation[r] };
            if
            :: generation == 0 || granted != r && listed -> goto again
            :: else
            fi;
            lease = slot; /* L2 */
            if
            :: atomic { seq[slot] == generation -> view = slot; view_leased = true } /* L4 */
            :: seq[slot] != generation -> lease = NONE
            fi
        fi;
        do
        :: view != NONE && !spoiled ->
            spoiled = bytes[slot] != generation;
            assert(!spoiled || (view_leased && (!listed || granted != r)))
        :: break
        od;
        /* netipc_reader_release() */
        if
        :: view != NONE && claimed[slot] == generation -> assert(!spoiled) /* L5 */
        :: else
        fi;
        if
        :: view_leased -> atomic { view = NONE; view_leased = false; lease = NONE } /* L6 */
        :: else -> view = NONE
        fi;
again:
        atomic { r = 0; slot = 0; generation = 0; spoiled = false }
    od
} /* unreached: readers go on for ever */

/* The owner learns: of a new region, of a close, of a death. */
ltl learns {
    [] ((publisher_done && !hung_up) ->
        <> (owner_state == AT_REST && current == offer && hot_state[current] == LIVE || killed)) &&
    [] (HUNG_UP -> <> (owner_state == CLOSED || owner_state == GONE || owner_state == ALONE))
}
