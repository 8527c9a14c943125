/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CLIENT_STAGE_H
#define NETIPC_TESTS_CLIENT_STAGE_H

/*
 * What the tests of the client play on, besides the scene (tests/control/scene.h): clients, servers of ours in
 * processes of their own, and servers that say what a test wants, in a thread of the test.
 */

#include "control/wire.h"
#include "tests/control/scene.h"

#include <netipc/client.h>
#include <netipc/server.h>

#include <pthread.h>
#include <stdatomic.h>

/* --- clients --- */

/* For SCENE_SERVICE with SCENE_TOKEN; connects again at once, without a breaker. */
netipc_client_config client_config(const struct scene *scene);
netipc_client *open_client(const netipc_client_config *config);
/* … and one refresh, which has to succeed. */
netipc_client *open_ready_client(const netipc_client_config *config);
netipc_client_info client_info(netipc_client *client);

/* A call with 8 bytes; timeout_ms 0: the config's. */
netipc_status call_u64(netipc_client *client, uint16_t method, uint64_t value, unsigned timeout_ms,
                       netipc_client_request *request);
/* The same of increment, whose answer has to be value + 1 if there is one. */
netipc_status call_increment(netipc_client *client, uint64_t value);

#define expect_status(call, expected)                                                                                  \
    do {                                                                                                               \
        netipc_status got_ = (call);                                                                                   \
        if (got_ != (expected))                                                                                        \
            fail_msg("%s gave %s (%s), not %s", #call, netipc_status_name(got_), netipc_status_detail(),               \
                     netipc_status_name(expected));                                                                    \
    } while (0)

/* --- a server that a test writes --- */

struct play {
    int listener, connection; /* -1: none */
    int bell;                 /* readable once it is over */
    struct netipc_hello hello;
    struct netipc_envelope request; /* the last one that came in one packet */
    unsigned char got[1 << 16];     /* the last packet */
    size_t got_length;
    unsigned connections, requests;
    uint64_t number; /* for the part */
    void (*part)(struct play *play);
    const void *context;
    pthread_t thread;
    atomic_bool over;
};

/* Listens at the scene's endpoint, with room for so many that wait. */
void play_open(struct play *play, const struct scene *scene, int backlog);
void play_close(struct play *play);

/* Runs part in a thread, until play_end(), which waits for it to return. */
void play_begin(struct play *play, void (*part)(struct play *play), const void *context);
void play_end(struct play *play);

/* For parts. false: it is over, or the client has left. */
bool play_accept(struct play *play);
bool play_receive(struct play *play);
bool play_send(struct play *play, const void *packet, size_t length);
void play_hang_up(struct play *play);
/* Until the client leaves, or it is over. */
void play_wait_for_end(struct play *play);

/* A client comes and is granted what it asks for, in packets of packet_size (0: what it offers). */
bool play_shake_hands(struct play *play, uint32_t packet_size);
/* HELLO_ACK for what came, to be changed. */
struct netipc_hello_ack play_ack(const struct play *play);
bool play_send_ack(struct play *play, const struct netipc_hello_ack *ack, uint16_t transport_status);
/* The answer to the request that came, to be changed; and the packet of it. */
struct netipc_envelope play_answer(const struct play *play, uint32_t payload_len);
bool play_send_message(struct play *play, const struct netipc_envelope *envelope, const void *payload, size_t length);

/* Serves increment until it is over. For the next client behind a bad part. */
void play_increments(struct play *play);

/* --- a server of ours --- */

enum { METHOD_MAKE = 2 }; /* asked for n, gives n bytes of a pattern */

struct server_plan {
    uint16_t method; /* NETIPC_METHOD_INCREMENT or METHOD_MAKE */
    uint32_t workers, max_sessions, response_payload, max_response_payload, delay_ms;
    uint64_t token, write_timeout_ms;
};

/* What the server's process tells, in memory that it shares. */
struct server_board {
    atomic_int state; /* 0: not yet; 1: serves; else 2 + the netipc_status it failed with */
    atomic_ullong handled, sessions, refused_busy, timed_out, answers, broken;
};

struct server_process {
    pid_t pid;
    struct server_board *board;
};

struct server_plan server_plan(void);
void start_server(const struct scene *scene, const struct server_plan *plan, struct server_process *server);
/* Where this can fail: its result. */
netipc_status try_server(const struct scene *scene, const struct server_plan *plan, struct server_process *server);
void kill_server(struct server_process *server);
bool server_sessions_become(const struct server_process *server, uint64_t sessions);

/* What METHOD_MAKE gives. */
unsigned char made_byte(uint64_t length, size_t at);

uint64_t resident_bytes(pid_t pid);
/* By more than so many bytes; never in instrumented builds, which keep freed memory back. */
bool resident_has_grown(pid_t pid, uint64_t before, uint64_t by);

#endif
