/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_STATUS_H
#define NETIPC_STATUS_H

#include <netipc/export.h>

NETIPC_BEGIN_DECLS

/*
 * The result of every call that can fail. The numbers are part of the ABI and are the exit codes of
 * the programs too; docs/status.md has the table with what to do about each.
 */
typedef enum netipc_status {
    NETIPC_OK = 0,

    /* Nothing went wrong, and nothing was done. */
    NETIPC_UNCHANGED = 1,   /* equal to the latest snapshot; no new generation */
    NETIPC_EMPTY = 2,       /* nothing has been published yet */
    NETIPC_TIMED_OUT = 3,   /* the deadline passed */
    NETIPC_ABORTED = 4,     /* an abort is in force */
    NETIPC_WOULD_BLOCK = 5, /* not now; poll and call again */

    /* The other side. */
    NETIPC_NOT_FOUND = 10,    /* nobody serves this run directory and service, or no item has this key */
    NETIPC_DISCONNECTED = 11, /* no session; refresh connects */
    NETIPC_GONE = 12,         /* the publisher or server died */
    NETIPC_CLOSED = 13,       /* the publisher or server closed */
    NETIPC_SUPERSEDED = 14,   /* the region was replaced; refresh moves to its successor */

    NETIPC_NOT_READY = 15,      /* the client is not connected; the call was not tried */
    NETIPC_REQUEST_FAILED = 16, /* the server could not carry out the request */

    /* Refused. */
    NETIPC_ADDRESS_IN_USE = 20,    /* a live process holds the endpoint */
    NETIPC_AUTH_FAILED = 21,       /* wrong uid or token */
    NETIPC_BUSY = 22,              /* a limit on sessions is reached */
    NETIPC_INCOMPATIBLE = 23,      /* another layout or protocol version */
    NETIPC_UNSUPPORTED = 24,       /* the peer or this system does not offer it */
    NETIPC_LIMIT_EXCEEDED = 25,    /* above a configured or agreed limit */
    NETIPC_UNSAFE_DIRECTORY = 26,  /* others could write the run directory, or another uid owns it */
    NETIPC_PERMISSION_DENIED = 27, /* the operating system refused access */
    NETIPC_NO_LEASE = 28,          /* this session or reader was granted none: read by copy */

    /* The caller. */
    NETIPC_INVALID_ARGUMENT = 30, /* outside the documented range */
    NETIPC_WRONG_STATE = 31,      /* not now: see the call's preconditions */
    NETIPC_TOO_SMALL = 32,        /* the buffer is; the needed length is reported */
    NETIPC_TOO_LARGE = 33,        /* the snapshot does not fit below the ceiling */
    NETIPC_FORKED = 34,           /* the object belongs to the parent process */

    /* Data. */
    NETIPC_OVERRUN = 40,           /* the publisher was faster than every retry; read again */
    NETIPC_CORRUPT = 41,           /* bytes that no correct publisher writes */
    NETIPC_PROTOCOL = 42,          /* packets that no correct peer sends */
    NETIPC_EXPIRED = 43,           /* the generation has left the ring */
    NETIPC_CHECKSUM_MISMATCH = 44, /* of a packet: some of its bytes have changed on the way */

    /* Resources. */
    NETIPC_NO_MEMORY = 50,      /* heap or shared memory */
    NETIPC_NO_DESCRIPTORS = 51, /* of this process, or of this host */
    NETIPC_SYSTEM = 52          /* another failure of the operating system; the detail names it */
} netipc_status;

/*
 * The name of a status as it is written in C, for instance "NETIPC_OVERRUN"; "NETIPC_STATUS_<n>" is
 * not invented for unknown values, they give "unknown status". Static storage; any thread;
 * async-signal-safe.
 */
NETIPC_API const char *netipc_status_name(netipc_status status);

/* One sentence in English for a status. Static storage; any thread; async-signal-safe. */
NETIPC_API const char *netipc_status_text(netipc_status status);

/*
 * What the last call of the library that failed on this thread had to add: names and numbers, for
 * instance "snapshot needs 70000 bytes, the ceiling allows 65536". Never NULL; empty when there is
 * nothing to add. Valid until the next call of the library on this thread. At most 255 bytes.
 */
NETIPC_API const char *netipc_status_detail(void);

NETIPC_END_DECLS

#endif
