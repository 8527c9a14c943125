/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/engine_server.h"

#include "tests/tools/cgroups_plugin/program.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the process ---- */

static struct engine_shared *shared;

static bool send_all(int connection, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(connection, text, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool send_text(int connection, const char *text)
{
    return send_all(connection, text, strlen(text));
}

/* Until the other side closes. */
static void hang(int connection)
{
    char bytes[64];
    while (recv(connection, bytes, sizeof bytes, 0) > 0)
        continue;
}

static size_t fill_body(char *body, const char *id)
{
    size_t length = 0;
    for (const char *at = shared->body; *at != '\0'; at++) {
        if (*at == '@') {
            memcpy(body + length, id, 12);
            length += 12;
        } else {
            body[length++] = *at;
        }
    }
    return length;
}

/* True: the connection can go on. */
static bool serve(int connection, const char *id, bool half)
{
    static const size_t most = sizeof shared->body * 12;
    char *body = malloc(most), head[128];
    if (body == NULL)
        return false;
    size_t length = fill_body(body, id);
    snprintf(head, sizeof head, "HTTP/1.1 %d Some\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             atomic_load(&shared->status), length);
    bool sent = send_text(connection, head) && send_all(connection, body, half ? length / 2 : length);
    free(body);
    return sent && !half;
}

static void send_for_ever(int connection, const char *piece)
{
    while (send_text(connection, piece))
        continue;
}

static void drip(int connection)
{
    if (!send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"Name\": \""))
        return;
    while (send_text(connection, "a"))
        sleep_ms(20);
}

static bool answer(int connection, const char *id)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nX: y\r\n";
    char piece[4096];
    memset(piece, 'a', sizeof piece);
    memcpy(piece, "X-", 2);
    memcpy(piece + sizeof piece - 6, ": b\r\n", 6);
    int conduct = atomic_load(&shared->conduct);
    if (shared->special[0] != '\0' && strncmp(id, shared->special, strlen(shared->special)) == 0)
        conduct = ENGINE_HANGS;
    switch (conduct) {
    case ENGINE_SERVES:
        return serve(connection, id, false);
    case ENGINE_STOPS_HALFWAY:
        return serve(connection, id, true);
    case ENGINE_HANGS:
        hang(connection);
        return false;
    case ENGINE_TALKS_GARBAGE:
        return send_text(connection, "\x16\x03\x01 \xff\xfe no such thing\r\n\r\n") && false;
    case ENGINE_TELLS_NO_JSON:
        return send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"Name\": ");
    case ENGINE_NEVER_ENDS:
        if (send_text(connection, start) && send_text(connection, "\r\n"))
            send_for_ever(connection, piece);
        return false;
    case ENGINE_HEADERS_NEVER_END:
        if (send_text(connection, start))
            send_for_ever(connection, piece);
        return false;
    case ENGINE_DRIPS:
        drip(connection);
        return false;
    default:
        return false;
    }
}

static bool read_request(int connection, char *request, size_t size)
{
    size_t length = 0;
    do {
        ssize_t got = length + 1 < size ? recv(connection, request + length, size - 1 - length, 0) : 0;
        if (got <= 0)
            return false;
        length += (size_t)got;
        request[length] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    return true;
}

static void count_start(void)
{
    unsigned now = atomic_fetch_add(&shared->parallel, 1) + 1, most = atomic_load(&shared->parallel_most);
    while (now > most && !atomic_compare_exchange_weak(&shared->parallel_most, &most, now))
        continue;
}

static void *attend(void *context)
{
    int connection = (int)(intptr_t)context;
    char request[4096];
    for (bool on = true; on && read_request(connection, request, sizeof request);) {
        static const char mark[] = "/containers/";
        const char *found = strstr(request, mark), *id = found == NULL ? "" : found + strlen(mark);
        count_start();
        snprintf(shared->request, sizeof shared->request, "%.*s", (int)strcspn(request, "\r"), request);
        atomic_fetch_add(&shared->requests, 1);
        sleep_ms(atomic_load(&shared->delay_ms));
        while (atomic_load(&shared->held))
            sleep_ms(1);
        on = strlen(id) > 12 && answer(connection, id);
        atomic_fetch_sub(&shared->parallel, 1);
    }
    close(connection);
    return NULL;
}

static void run(int listener)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (connection >= 0 && pthread_create(&thread, &attributes, attend, (void *)(intptr_t)connection) != 0)
            close(connection);
    }
}

/* ---- the test's side ---- */

void engine_server_open(struct engine_server *server, const char *path)
{
    int length = snprintf(server->path, sizeof server->path, "%s", path);
    assert_in_range(length, 1, sizeof server->path - 1);
    server->shared = mmap(NULL, sizeof *server->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(server->shared != MAP_FAILED);
    server->pid = 0;
    atomic_store(&server->shared->status, 200);
    engine_server_body(server, "{\"Name\": \"/web\"}");
}

void engine_server_start(struct engine_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    strcpy(address.sun_path, server->path);
    unlink(server->path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 128), 0);
    atomic_store(&server->shared->parallel, 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        shared = server->shared;
        run(listener);
    }
    close(listener);
}

void engine_server_stop(struct engine_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void engine_server_close(struct engine_server *server)
{
    if (server->shared == NULL)
        return;
    engine_server_stop(server);
    munmap(server->shared, sizeof *server->shared);
    server->shared = NULL;
}

void engine_server_body(struct engine_server *server, const char *body)
{
    assert_in_range(strlen(body), 0, sizeof server->shared->body - 1);
    strcpy(server->shared->body, body);
}

void engine_server_expect_requests(struct engine_server *server, unsigned count)
{
    for (unsigned waited = 0; atomic_load(&server->shared->requests) < count; waited += 5) {
        if (waited >= patience_s() * 1000u)
            fail_msg("%u requests, not %u", atomic_load(&server->shared->requests), count);
        sleep_ms(5);
    }
}
