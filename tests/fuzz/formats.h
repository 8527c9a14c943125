/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_FUZZ_FORMATS_H
#define NETIPC_TESTS_FUZZ_FORMATS_H

/*
 * The inputs of the targets: numbers are in host byte order, u8 where nothing else is said, and every byte means
 * something, so that all inputs run. Numbers that choose are taken modulo what there is to choose from.
 *
 * snapshot_view    the payload itself; methods_view and lookup_view likewise.
 *
 * index            u16 length of the payload, payload, flags; if built: count, that many writes (u16 at, u64 word, of
 * which u32 is written); else u16 length of the index, index. Then keys until the end. key          u64 hash, of which
 * u32 counts, length, length bytes
 *
 * region           flags, shape, capacity, publications, seals, pages (signed), count of writes, the writes, then steps
 *                  until the end.
 *     write        where, index, at, length, length bytes
 *     step         FUZZ_REGION_ARM: step, fix, where, index, at, u64: the word there changes before access number
 *                      `step` of the next call; fix: and then the check word of its slot follows
 *                  others: from, room: the call, of a generation `from` behind the latest, with room for room * 8 bytes
 *
 * session_page     slots, history, sessions, a quota each, then steps until the end.
 *     step         FUZZ_PAGE_PUBLISH: length
 *                  FUZZ_PAGE_WRITE: session, word, kind, u64
 *                  FUZZ_PAGE_ARM: u16 step, and then as FUZZ_PAGE_WRITE: done at that access of the next publication
 *                  FUZZ_PAGE_TAKE: back: the honest session leases the generation so far back; _GIVE: and gives it back
 *                  FUZZ_PAGE_LEAVE, _JOIN, _GRANT: session: leaves the table, joins it, is granted or loses its quota
 *
 * attach_client    flags, then packets until the end.
 *     packet       head, length, kinds of its descriptors, length bytes
 *
 * rpc_client       packets until the end.
 *     packet       head, length, length bytes
 *
 * attach_server    steps until the end: operation and connection (operation + 16 * connection), then
 *                  FUZZ_SERVER_SEND: head, length, kinds of its descriptors, length bytes
 *                  FUZZ_SERVER_SEND_LONG: u16 length, of zeros; FUZZ_SERVER_SCRIBBLE: word, u64; FUZZ_SERVER_SEAL:
 * seals FUZZ_SERVER_PUBLISH: u16 length
 *
 * requests         flags, then steps until the end: operation and connection as above, then
 *                  FUZZ_REQUESTS_HELLO: which packet size + 4 * which checksums
 *                  FUZZ_REQUESTS_SEND: head, length, length bytes
 *                  FUZZ_REQUESTS_CONTINUE: the next packet of the message that was sent last, if that had more
 */

/* --- index --- */

enum { FUZZ_INDEX_BUILT = 1, FUZZ_INDEX_WRITES = 32, FUZZ_INDEX_KEYS_MOST = 16, FUZZ_INDEX_OWN_KEYS = 64 };

/* --- region --- */

enum {                               /* flags */
       FUZZ_REGION_BUILT = 1,        /* else all zeros, in shape pages */
       FUZZ_REGION_FIX_IDENTITY = 2, /* the check word of the identity is made right */
       FUZZ_REGION_FIX_SLOTS = 4,    /* those of the slots are */
       FUZZ_REGION_SMALL_LIMIT = 8   /* the subscriber accepts two pages only */
};

enum {
    FUZZ_REGION_SLOTS = 13,     /* 4 to 16 */
    FUZZ_REGION_PAGES = 15,     /* 2 to 16, when not built */
    FUZZ_REGION_CAPACITY = 128, /* capacity: 1 + 8 * this at most */
    FUZZ_REGION_PUBLICATIONS = 64,
    FUZZ_REGION_WRITES = 32,
    FUZZ_REGION_SEALS = 15,      /* those that are missing, a bit each */
    FUZZ_REGION_PUNCHED = 16,    /* and in the upper three bits of seals, which page was */
    FUZZ_REGION_STEPS_MOST = 64, /* calls in one input */
    FUZZ_REGION_ARMED_MOST = 8
};

enum { FUZZ_AT_IDENTITY, FUZZ_AT_HOT, FUZZ_AT_SLOT, FUZZ_AT_DATA, FUZZ_AT_ANYWHERE, FUZZ_PLACES };

enum {
    FUZZ_REGION_READ,
    FUZZ_REGION_READ_OLD,
    FUZZ_REGION_ACQUIRE,
    FUZZ_REGION_ACQUIRE_OLD,
    FUZZ_REGION_FIND,
    FUZZ_REGION_READ_LEASED,
    FUZZ_REGION_HISTORY,
    FUZZ_REGION_ARM,
    FUZZ_REGION_STEPS
};

/* --- session_page --- */

enum {
    FUZZ_PAGE_PUBLISH,
    FUZZ_PAGE_WRITE,
    FUZZ_PAGE_ARM,
    FUZZ_PAGE_TAKE,
    FUZZ_PAGE_GIVE,
    FUZZ_PAGE_LEAVE,
    FUZZ_PAGE_JOIN,
    FUZZ_PAGE_GRANT,
    FUZZ_PAGE_STEPS
};

enum { /* kinds of words */
       FUZZ_PAGE_RAW,
       FUZZ_PAGE_LEASE, /* of the slot that the value names */
       FUZZ_PAGE_OTHER, /* the same in another region */
       FUZZ_PAGE_ANY,   /* of a slot that may not be there */
       FUZZ_PAGE_KINDS
};

enum {
    FUZZ_PAGE_SLOTS = 29, /* 4 to 32 */
    FUZZ_PAGE_SESSIONS = 4,
    FUZZ_PAGE_CAPACITY = 128,
    FUZZ_PAGE_STEPS_MOST = 256,
    FUZZ_PAGE_ARMED_MOST = 16
};

/* --- rpc_client --- */

enum {                            /* head of a packet */
       FUZZ_RPC_LAST = 1,         /* the next one waits until the client waits again */
       FUZZ_RPC_ANSWER = 2,       /* its envelope is made that of an answer to the last request, of this length */
       FUZZ_RPC_FIRST = 4,        /* the same, but for the length, which is that of the whole answer */
       FUZZ_RPC_CONTINUATION = 8, /* its header is made one of that answer, of this length */
       FUZZ_RPC_HANG_UP = 16,     /* behind it */
       FUZZ_RPC_WIDE = 32         /* 256 bytes more, zeros */
};

/* --- attach_client, attach_server --- */

enum {                        /* head of a packet */
       FUZZ_PACKET_FDS = 3,   /* how many descriptors come with it */
       FUZZ_PACKET_LAST = 4,  /* client: the next one waits until the subscriber waits again */
       FUZZ_PACKET_FIX = 8,   /* its envelope is made that of a control message */
       FUZZ_PACKET_SEAL = 16, /* client: the session page that was sent is sealed first */
       FUZZ_PACKET_WIDE = 32  /* 256 bytes more, zeros */
};

enum { /* kinds of descriptors */
       FUZZ_FD_REGION,
       FUZZ_FD_PAGE,
       FUZZ_FD_NEXT_REGION, /* of the same incarnation */
       FUZZ_FD_UNSEALED,
       FUZZ_FD_SPARSE,
       FUZZ_FD_EMPTY, /* sealed memory of no bytes */
       FUZZ_FD_PIPE,
       FUZZ_FD_FILE,
       FUZZ_FD_SOCKET,
       FUZZ_FD_KINDS
};

enum { /* flags of attach_client */
       FUZZ_CLIENT_LEASES = 1,
       FUZZ_CLIENT_SMALL_LIMIT = 2
};

enum {
    FUZZ_SERVER_CONNECT,
    FUZZ_SERVER_SEND,
    FUZZ_SERVER_RECEIVE,
    FUZZ_SERVER_DISPATCH,
    FUZZ_SERVER_CLOSE,
    FUZZ_SERVER_SHUT_DOWN,
    FUZZ_SERVER_SCRIBBLE,
    FUZZ_SERVER_PUNCH,
    FUZZ_SERVER_SEAL,
    FUZZ_SERVER_PUBLISH,
    FUZZ_SERVER_SEND_LONG,
    FUZZ_SERVER_OPERATIONS
};

enum { FUZZ_SERVER_CONNECTIONS = 4, FUZZ_SERVER_STEPS_MOST = 128 };

/* --- requests --- */

enum {                       /* flags of an input */
       FUZZ_REQUESTS_OWN = 1 /* the method is NETIPC_METHOD_OWN, else FUZZ_REQUESTS_METHOD */
};

enum {                             /* head of a packet */
       FUZZ_REQUESTS_FIX = 8,      /* its envelope is made that of a request, whole in this packet */
       FUZZ_REQUESTS_WIDE = 32,    /* 256 bytes more, zeros */
       FUZZ_REQUESTS_UNSEALED = 64 /* without a checksum, though the session has them */
};

enum { /* what the first byte of a request has the handler do */
       FUZZ_REQUESTS_CORRUPT = 0xf0,
       FUZZ_REQUESTS_FAIL = 0xf1,
       FUZZ_REQUESTS_TOO_LARGE = 0xf2
};

enum {
    FUZZ_REQUESTS_CONNECT,
    FUZZ_REQUESTS_HELLO,
    FUZZ_REQUESTS_SEND,
    FUZZ_REQUESTS_CONTINUE,
    FUZZ_REQUESTS_RECEIVE,
    FUZZ_REQUESTS_DISPATCH,
    FUZZ_REQUESTS_CLOSE,
    FUZZ_REQUESTS_SHUT_DOWN,
    FUZZ_REQUESTS_OPERATIONS
};

enum { FUZZ_REQUESTS_METHOD = 1, FUZZ_REQUESTS_CONNECTIONS = 4, FUZZ_REQUESTS_STEPS_MOST = 128 };

#endif
