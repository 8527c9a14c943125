/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/engine_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const uint64_t NEVER = UINT64_MAX;

enum { BODY_FIRST_BYTES = 16 * 1024, EVENTS = 16 };

/* One question, or room for one. */
struct transfer {
    struct transfer *next;
    CURL *easy;
    void *subject; /* NULL: room */
    char *body;
    size_t length;
    size_t capacity;
    size_t header_length;
    bool too_long;
    char why[CURL_ERROR_SIZE];
};

struct engine_client {
    CURLM *multi;
    int epoll;
    int timer;
    uint64_t multi_due; /* when curl wants to be called */
    uint64_t due;       /* when our user does */
    uint64_t armed;     /* what the timer stands at */
    long timeout_ms;
    struct transfer *transfers;
    engine_client_done *done;
    void *context;
};

uint64_t engine_client_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- what curl calls ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    if (length > ENGINE_ANSWER_MAX_BYTES - transfer->length) {
        transfer->too_long = true;
        return 0;
    }
    if (length > transfer->capacity - transfer->length) {
        size_t capacity = transfer->capacity == 0 ? BODY_FIRST_BYTES : transfer->capacity;
        while (capacity < transfer->length + length)
            capacity *= 2;
        char *body = realloc(transfer->body, capacity);
        if (body == NULL)
            return 0;
        transfer->body = body;
        transfer->capacity = capacity;
    }
    memcpy(transfer->body + transfer->length, data, length);
    transfer->length += length;
    return length;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    (void)data;
    transfer->header_length += size * count;
    transfer->too_long = transfer->header_length > ENGINE_ANSWER_MAX_BYTES;
    return transfer->too_long ? 0 : size * count;
}

/* A socket that curl has closed already is out of the epoll set. */
static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *watched)
{
    struct engine_client *client = context;
    (void)easy;
    (void)watched;
    struct epoll_event event = {.data.fd = socket};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll, EPOLL_CTL_DEL, socket, NULL);
        return 0;
    }
    event.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
    if (epoll_ctl(client->epoll, EPOLL_CTL_MOD, socket, &event) == 0 ||
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, socket, &event) == 0)
        return 0;
    return -1;
}

static void arm(struct engine_client *client)
{
    uint64_t due = client->multi_due < client->due ? client->multi_due : client->due;
    if (due == client->armed)
        return;
    /* Zero would disarm it. */
    uint64_t at = due == NEVER || due > 0 ? due : 1;
    struct itimerspec spec = {0};
    if (due != NEVER)
        spec.it_value = (struct timespec){.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
    timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &spec, NULL);
    client->armed = due;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct engine_client *client = context;
    (void)multi;
    client->multi_due = timeout_ms < 0 ? NEVER : engine_client_now() + (uint64_t)timeout_ms * 1000000u;
    arm(client);
    return 0;
}

/* ---- questions ---- */

/* Environment variables name proxies, and Unix sockets have none. */
static bool set_up(struct transfer *transfer, const struct engine_client *client)
{
    CURL *easy = transfer->easy;
    return curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, client->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "cgroups.plugin") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
}

static struct transfer *free_transfer(struct engine_client *client)
{
    struct transfer *transfer = client->transfers;
    while (transfer != NULL && transfer->subject != NULL)
        transfer = transfer->next;
    if (transfer != NULL)
        return transfer;
    transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL)
        return NULL;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL || !set_up(transfer, client)) {
        curl_easy_cleanup(transfer->easy);
        free(transfer);
        return NULL;
    }
    transfer->next = client->transfers;
    client->transfers = transfer;
    return transfer;
}

bool engine_client_ask(struct engine_client *client, const char *socket, const char *path, bool last, void *subject)
{
    char url[256];
    int length = snprintf(url, sizeof url, "http://localhost%s", path);
    struct transfer *transfer = free_transfer(client);
    if (transfer == NULL || length < 0 || (size_t)length >= sizeof url)
        return false;
    CURL *easy = transfer->easy;
    if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, last ? 1L : 0L) != CURLE_OK)
        return false;
    transfer->why[0] = '\0';
    transfer->too_long = false;
    transfer->header_length = 0;
    if (curl_multi_add_handle(client->multi, easy) != CURLM_OK)
        return false;
    transfer->subject = subject;
    return true;
}

/* What large answers need is not kept. */
static void end(struct engine_client *client, struct transfer *transfer)
{
    curl_multi_remove_handle(client->multi, transfer->easy);
    free(transfer->body);
    transfer->body = NULL;
    transfer->length = transfer->capacity = 0;
    transfer->subject = NULL;
}

bool engine_client_cancel(struct engine_client *client, const void *subject)
{
    struct transfer *transfer = client->transfers;
    while (transfer != NULL && transfer->subject != subject)
        transfer = transfer->next;
    if (transfer != NULL)
        end(client, transfer);
    return transfer != NULL;
}

static enum engine_outcome judge(struct transfer *transfer, CURLcode result)
{
    long status = 0, error = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) {
        char text[64];
        if (error != 0)
            snprintf(transfer->why, sizeof transfer->why, "%s", strerror_r((int)error, text, sizeof text));
        return ENGINE_UNREACHED;
    }
    if (transfer->too_long)
        snprintf(transfer->why, sizeof transfer->why, "an answer of more than %d bytes", ENGINE_ANSWER_MAX_BYTES);
    else if (result != CURLE_OK && transfer->why[0] == '\0')
        snprintf(transfer->why, sizeof transfer->why, "%s", curl_easy_strerror(result));
    if (result != CURLE_OK)
        return ENGINE_FAILED;
    if (status == 200)
        return ENGINE_ANSWERED;
    snprintf(transfer->why, sizeof transfer->why, "HTTP status %ld", status);
    return status >= 400 && status <= 499 ? ENGINE_REFUSED : ENGINE_FAILED;
}

static void finish_all(struct engine_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) != CURLE_OK)
            continue;
        enum engine_outcome outcome = judge(transfer, result);
        client->done(client->context, transfer->subject, outcome, transfer->body, transfer->length, transfer->why);
        end(client, transfer);
    }
}

/* ---- waiting ---- */

int engine_client_descriptor(const struct engine_client *client)
{
    return client->epoll;
}

void engine_client_wake_at(struct engine_client *client, uint64_t time_ns)
{
    client->due = time_ns;
    arm(client);
}

/* What is left for want of room in events is there the next time. */
void engine_client_handle(struct engine_client *client)
{
    struct epoll_event events[EVENTS];
    int running, count = epoll_wait(client->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        uint64_t expirations;
        if (events[i].data.fd == client->timer) {
            if (read(client->timer, &expirations, sizeof expirations) > 0)
                client->armed = NEVER;
            continue;
        }
        int bits = ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(client->multi, events[i].data.fd, bits, &running);
    }
    if (engine_client_now() >= client->multi_due) {
        client->multi_due = NEVER;
        curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_all(client);
    arm(client);
}

/* ---- the whole ---- */

static bool open_parts(struct engine_client *client, struct failure *failure)
{
    struct epoll_event event = {.events = EPOLLIN};
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event.data.fd = client->timer;
    if (client->epoll < 0 || client->timer < 0 || epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->timer, &event) != 0)
        return fail_errno(failure, errno, "container engines");
    client->multi = curl_multi_init();
    if (client->multi == NULL || curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) != CURLM_OK)
        return fail_errno(failure, ENOMEM, "container engines");
    return true;
}

struct engine_client *engine_client_open(uint64_t timeout_ns, engine_client_done *done, void *context,
                                         struct failure *failure)
{
    struct engine_client *client = calloc(1, sizeof *client);
    if (client == NULL || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        free(client);
        fail_errno(failure, ENOMEM, "container engines");
        return NULL;
    }
    *client = (struct engine_client){.epoll = -1,
                                     .timer = -1,
                                     .multi_due = NEVER,
                                     .due = NEVER,
                                     .armed = NEVER,
                                     .timeout_ms = (long)(timeout_ns / 1000000u),
                                     .done = done,
                                     .context = context};
    if (open_parts(client, failure))
        return client;
    engine_client_close(client);
    return NULL;
}

void engine_client_close(struct engine_client *client)
{
    if (client == NULL)
        return;
    while (client->transfers != NULL) {
        struct transfer *transfer = client->transfers;
        client->transfers = transfer->next;
        end(client, transfer);
        curl_easy_cleanup(transfer->easy);
        free(transfer);
    }
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    if (client->timer >= 0)
        close(client->timer);
    if (client->epoll >= 0)
        close(client->epoll);
    free(client);
}
