/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_ENGINE_CLIENT_H
#define CGROUPS_PLUGIN_ENGINE_CLIENT_H

#include "tools/cgroups_plugin/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gets things by HTTP over Unix sockets, several at a time, without ever blocking. */
struct engine_client;

enum engine_outcome {
    ENGINE_ANSWERED, /* status 200 */
    ENGINE_REFUSED,  /* status 400 to 499: what was asked for is not there or not to be had */
    ENGINE_FAILED,   /* no answer in time, one that is cut short, too long or no HTTP, or another status */
    ENGINE_UNREACHED /* nobody listens at the socket, or it may not be used */
};

/* Of what was asked for subject. body is valid until it returns; why says in words what went wrong. */
typedef void engine_client_done(void *context, void *subject, enum engine_outcome outcome, const char *body,
                                size_t length, const char *why);

/* An answer of this size is no answer. */
enum { ENGINE_ANSWER_MAX_BYTES = 1024 * 1024 };

/* timeout_ns: how long one answer may take as a whole. done is called only from within engine_client_handle(). */
struct engine_client *engine_client_open(uint64_t timeout_ns, engine_client_done *done, void *context,
                                         struct failure *failure);

/* Asks for this path at the socket with this path. last: the connection is not needed afterwards. False: out of memory.
 */
bool engine_client_ask(struct engine_client *client, const char *socket, const char *path, bool last, void *subject);

/* Forgets what was asked for subject. False: nothing was. */
bool engine_client_cancel(struct engine_client *client, const void *subject);

/* Readable when engine_client_handle() has something to do, and at this time (CLOCK_MONOTONIC; UINT64_MAX: never). */
int engine_client_descriptor(const struct engine_client *client);
void engine_client_wake_at(struct engine_client *client, uint64_t time_ns);
void engine_client_handle(struct engine_client *client);

void engine_client_close(struct engine_client *client);

uint64_t engine_client_now(void);

#endif
