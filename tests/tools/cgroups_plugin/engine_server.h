/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CGROUPS_PLUGIN_ENGINE_SERVER_H
#define TESTS_CGROUPS_PLUGIN_ENGINE_SERVER_H

#include <stdatomic.h>
#include <sys/types.h>

/* A process that stands for a container engine: HTTP on a Unix socket, well done or badly. */

enum engine_conduct {
    ENGINE_SERVES,        /* the body, with the status */
    ENGINE_HANGS,         /* reads the request and says nothing */
    ENGINE_TALKS_GARBAGE, /* no HTTP */
    ENGINE_TELLS_NO_JSON, /* HTTP with other things in it */
    ENGINE_NEVER_ENDS,    /* a body without an end */
    ENGINE_HEADERS_NEVER_END,
    ENGINE_DRIPS,        /* a byte now and then */
    ENGINE_CLOSES,       /* when it has read the request */
    ENGINE_STOPS_HALFWAY /* closes with half of the body sent */
};

/* Memory that the test and the server share. What the test sets holds from the next request on. */
struct engine_shared {
    atomic_int conduct;
    atomic_int status;
    atomic_uint delay_ms;
    atomic_bool held; /* no request is answered before this is false */
    char body[4096];  /* @ stands for the first twelve digits of the id that is asked for */
    char special[16]; /* the first digits of an id for which it hangs, whatever its conduct; "" for none */
    atomic_uint requests;
    atomic_uint parallel;      /* requests under way */
    atomic_uint parallel_most; /* of them, ever */
    char request[512];         /* the first line of the last request */
};

struct engine_server {
    struct engine_shared *shared;
    char path[108];
    pid_t pid;
};

/* The memory, set to serve {"Name": "/web"}; nobody listens yet. */
void engine_server_open(struct engine_server *server, const char *path);
void engine_server_start(struct engine_server *server);

/* Ends the process as a crash would: the socket's name stays. */
void engine_server_stop(struct engine_server *server);
void engine_server_close(struct engine_server *server);

/* To be called while no request is under way. */
void engine_server_body(struct engine_server *server, const char *body);

/* Waits until there have been so many requests. */
void engine_server_expect_requests(struct engine_server *server, unsigned count);

#endif
