/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_LONG_CALL_H
#define NETIPC_CONTROL_LONG_CALL_H

/* For typed calls that take several requests of a client, and have one deadline for all of them. */

#include <netipc/client.h>

/* On the monotonic clock; timeout_ns 0: the client's call_timeout_ns. */
uint64_t netipc_client_deadline(const netipc_client *client, uint64_t timeout_ns);

/* Within a call: after a request that failed but may be tried in another way, a session, if there is none any more. As
 * netipc_client_refresh(), but it does not wait for the time of the next attempt, and keeps to the deadline too. */
netipc_status netipc_client_connect_again(netipc_client *client, uint64_t deadline_ns);

#endif
