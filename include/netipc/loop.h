/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_LOOP_H
#define NETIPC_LOOP_H

/* Who runs the event loop of a publisher's or server's control channel. */
typedef enum netipc_loop {
    NETIPC_LOOP_OWN_THREAD = 0, /* a thread of the library, with all signals blocked */
    NETIPC_LOOP_CALLER = 1      /* the caller, with the _fd() and _dispatch() of the object */
} netipc_loop;

#endif
