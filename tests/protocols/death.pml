/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a name, and who notices whose death. Stands for:
 *   control/endpoint_linux.c, lock(), unlock(), probe(), reclaim(), bind_and_listen(), netipc_endpoint_close();
 *   control/peer_linux.c, netipc_peer_identify(); control/subscription_linux.c, await(), looking, explain_hang_up();
 *   control/session.c and service_linux.c, hang-ups and pidfds.
 *
 * -DSTARTERS=n: so many processes start to serve one name, serve and close, each killed at any step or forked at any
 * step, and the child keeps open what its parent had open, for as long as it likes. Without it: one publisher and
 * one subscriber in a session, either of them with a forked child that keeps the socket open, or without.
 *
 * Left out: modes, uids, full backlogs, kernels without SO_PEERPIDFD. A lock's deadline may pass at any time while
 * somebody holds the lock. The moment in which a hang-up is explained (DEATH_NS) is taken as long enough for a process
 * that is dying to have died.
 *
 * Shown: nobody unlinks the socket of a live publisher, nor a lock that somebody else has; two never serve one name;
 * whoever starts serves, unless another one lives there, or a lock was held until the deadline by who lives, or by a
 * dead one's child; a forked child keeps neither the lock nor the name of a parent that has let go. A killed
 * publisher is GONE for its subscriber, and only that one is; a killed subscriber's session ends; with and without
 * children.
 *
 * run: -DSTARTERS=2
 * run: -DSTARTERS=2 -DSTALE
 * run: -DSTARTERS=2 -DSTALE -DFORKS
 * run: noticed
 * run: session_ends
 * long: -DSTARTERS=3 -DSTALE
 */
#define DEATHS 1 /* of starters */

#ifdef STARTERS
#define LOCKS (STARTERS + 2)
#define NAMES (STARTERS + 3)
#define OLD STARTERS /* a process that has died, whose socket's file is there */

mtype = { STARTING, SERVING, IN_USE, TIMED_OUT, CLOSED, KILLED, BROKEN };
mtype state[STARTERS + 1] = STARTING;

/* Inodes, from 1; 0: none. A number is used again when nobody has it open and it has no name. */
byte lock_name, lock_fd[STARTERS], child_lock_fd[STARTERS];
byte lock_holder[LOCKS]; /* flock(): process + 1, whose description it is; a forked child shares it */
byte socket_name, socket_fd[STARTERS + 1], child_socket_fd[STARTERS + 1];
byte socket_owner[NAMES]; /* the process that listened, + 1 */
bool listening[NAMES];
byte deaths;
bool begun;
hidden byte each, other;

/* By somebody who lives and has it open, or by a child of one who is dead. The child of one who has let go is no
 * reason. */
#define HOLDS(p) (lock_fd[p] != 0 || (state[p] == KILLED && child_lock_fd[p] != 0))
#if STARTERS == 3
#define ANY(what, i) (what[0] == i || what[1] == i || what[2] == i)
#else
#define ANY(what, i) (what[0] == i || what[1] == i)
#endif
#define LOCK_USED(i) (lock_name == i || ANY(lock_fd, i) || ANY(child_lock_fd, i))
#define NAME_USED(i) (socket_name == i || ANY(socket_fd, i) || ANY(child_socket_fd, i) || \
                      socket_fd[OLD] == i || child_socket_fd[OLD] == i)

/* flock() ends with the last descriptor of its description. */
inline let_go()
{
    each = 0;
    do
    :: each < STARTERS ->
        other = 1;
        do
        :: other < LOCKS ->
            if
            :: lock_holder[other] == each + 1 && lock_fd[each] != other && child_lock_fd[each] != other ->
                lock_holder[other] = 0
            :: else
            fi;
            other++
        :: other == LOCKS -> break
        od;
        each++
    :: each == STARTERS -> break
    od;
    each = 0
}

inline close_lock()
{
    d_step { lock_fd[me] = 0; let_go() }
}

inline lock()
{
    do
    :: atomic { /* open_lock() */
            if
            :: lock_name == 0 ->
                other = 1;
                do
                :: LOCK_USED(other) -> other++
                :: else -> break
                od;
                lock_name = other
            :: else
            fi;
            lock_fd[me] = lock_name
        };
        if
        :: atomic { lock_holder[lock_fd[me]] == 0 -> lock_holder[lock_fd[me]] = me + 1 };
            if
            :: lock_name == lock_fd[me] -> break /* still_there() */
            :: lock_name != lock_fd[me] -> close_lock()
            fi
        :: atomic { lock_holder[lock_fd[me]] != 0 -> assert(HOLDS(lock_holder[lock_fd[me]] - 1)) };
            close_lock();
            if
            :: skip
            :: late = true; break
            fi
        fi
    od
}

inline unlock()
{
    d_step { assert(lock_name == lock_fd[me]); lock_name = 0 };
    lock_holder[lock_fd[me]] = 0; /* LOCK_UN */
    close_lock()
}

#define held(inode) (socket_fd[socket_owner[inode] - 1] == inode || child_socket_fd[socket_owner[inode] - 1] == inode)

active [STARTERS] proctype starter()
{
    byte me, found, own;
    bool late;
    me = _pid;
    begun;
    {
        lock();
        if
        :: late -> state[me] = TIMED_OUT; goto end
        :: else
        fi;
        /* reclaim() */
        found = socket_name;
        if
        :: found == 0 -> skip
        :: found != 0 ->
            /* probe(): by name */
            if
            :: d_step { socket_name == 0 -> skip } /* unreached: only under the lock is it unlinked */
            :: d_step { socket_name != 0 && !(listening[socket_name] && held(socket_name)) -> skip } /* ECONNREFUSED */
            :: d_step { socket_name != 0 && listening[socket_name] && held(socket_name) &&
                        state[socket_owner[socket_name] - 1] == KILLED -> skip } /* its pidfd */
            :: d_step { socket_name != 0 && listening[socket_name] && held(socket_name) &&
                        state[socket_owner[socket_name] - 1] != KILLED -> skip };
                unlock();
                state[me] = IN_USE;
                goto end
            fi;
            atomic {
                assert(socket_name == 0 || state[socket_owner[socket_name] - 1] != SERVING);
                socket_name = 0
            }
        fi;
        found = 0;
        /* bind_and_listen() */
        if
        :: d_step { socket_name == 0 ->
                other = 1;
                do
                :: NAME_USED(other) -> other++
                :: else -> break
                od;
                socket_name = other;
                socket_fd[me] = other;
                socket_owner[other] = me + 1;
                listening[other] = false
            }
        :: d_step { socket_name != 0 -> assert(false) } /* unreached: EADDRINUSE in spite of the lock */
        fi;
        own = socket_name; /* fstatat() */
        d_step {
            assert(own == socket_fd[me]);
            listening[own] = true;
            state[me] = SERVING
        };
        unlock();
        assert(socket_name == own);
        /* netipc_endpoint_close() */
        if
        :: goto end /* serves for ever */
        :: skip
        fi;
        lock();
        if
        :: !late ->
            d_step {
                if
                :: socket_name == own -> socket_name = 0
                :: else -> assert(false) /* unreached: only its owner unlinks it */
                fi
            };
            d_step { state[me] = CLOSED };
            unlock()
        :: else -> state[me] = CLOSED
        fi;
        listening[own] = false; /* refuse_everybody() */
        socket_fd[me] = 0;
end:
        own = 0;
        late = false
    } unless {
        d_step {
            state[me] == KILLED ->
            lock_fd[me] = 0;
            socket_fd[me] = 0;
            let_go();
            found = 0;
            own = 0;
            late = false
        }
    }
}

active proctype fate()
{
    begun;
    do
    :: atomic { deaths < DEATHS -> deaths++;
            if
            :: state[0] != KILLED -> state[0] = KILLED
            :: state[1] != KILLED -> state[1] = KILLED
            fi }
#ifdef FORKS
    :: atomic { child_lock_fd[0] == 0 && child_socket_fd[0] == 0 && (lock_fd[0] != 0 || socket_fd[0] != 0) ->
            child_lock_fd[0] = lock_fd[0];
            child_socket_fd[0] = socket_fd[0] }
    :: d_step { child_lock_fd[0] != 0 || child_socket_fd[0] != 0 ->
            child_lock_fd[0] = 0;
            child_socket_fd[0] = 0;
            let_go() }
#endif
    :: break
    od
}

init
{
#ifdef STALE
    atomic { socket_name = 1; socket_owner[1] = OLD + 1; listening[1] = true; state[OLD] = KILLED }
    if
    :: child_socket_fd[OLD] = 1 /* its child lives */
    :: skip
    fi;
#endif
    begun = true
}

/* Nothing more happens: the deadlines have passed, or everybody is through. */
active proctype afterwards()
{
    timeout;
    assert(state[0] != STARTING && state[1] != STARTING);
    assert(!ANY(state, IN_USE) || ANY(state, SERVING) || ANY(state, KILLED) || ANY(state, CLOSED));
    assert(state[0] != SERVING || state[1] != SERVING);
    assert(state[0] != SERVING || socket_owner[socket_name] == 1)
}

#else

/* --- a session --- */

bool publisher_closes, publisher_dying, publisher_dead, publisher_hung_up;
bool subscriber_dying, subscriber_dead, subscriber_hung_up, session_ended;
bool children[2]; /* that have the socket open: the publisher's, the subscriber's */
mtype = { UNTOLD, GONE, DISCONNECTED, LEFT };
mtype told = UNTOLD;

/* A process that dies closes its descriptors some time before its pidfd tells. */
active proctype publisher()
{
    bool ends;
    if
    :: children[0] = true
    :: ends = true /* for a reason of its own, some time */
    :: skip
    fi;
    {
        if
        :: (subscriber_hung_up && !children[1]) || subscriber_dead -> session_ended = true /* EPOLLHUP, or its pidfd */
        :: ends -> session_ended = true
        fi;
        publisher_hung_up = true /* shutdown() works for children too */
    } unless {
        publisher_dying ->
        if
        :: !children[0] -> publisher_hung_up = true
        :: children[0]
        fi;
        publisher_dead = true
    }
}

active proctype subscriber()
{
    bool leaves;
    if
    :: children[1] = true
    :: leaves = true
    :: skip
    fi;
    {
        if
        :: publisher_hung_up ->
            /* explain_hang_up() */
            if
            :: publisher_dead -> told = GONE
            :: !publisher_dying -> told = DISCONNECTED
            fi
        :: publisher_dead -> told = GONE
        :: leaves -> told = LEFT
        fi;
        subscriber_hung_up = true /* shutdown() */
    } unless {
        subscriber_dying ->
        if
        :: !children[1] -> subscriber_hung_up = true
        :: children[1]
        fi;
        subscriber_dead = true
    }
}

active proctype fate()
{
    if
    :: publisher_dying = true
    :: subscriber_dying = true
    :: skip
    fi
}

/* One who is killed in the session is gone, not hung up; and nobody else is gone. */
ltl noticed { [] ((publisher_dead && !session_ended && !subscriber_dying) -> <> (told == GONE || told == LEFT)) &&
              [] (told == GONE -> publisher_dead) }
ltl session_ends { [] (subscriber_dead -> <> (session_ended || publisher_dying)) }
#endif
