/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/container_names.h"

#include "tools/cgroups_plugin/container_book.h"
#include "tools/cgroups_plugin/engine_client.h"
#include "tools/cgroups_plugin/engine_pause.h"
#include "tools/report.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* Names that come within this time are told together. */
static const uint64_t GATHER_NS = 100000000;

/* A container that its engine failed to tell about, and one that the engine does not know. */
static const uint64_t FIRST_RETRY_NS = 1000000000, LAST_RETRY_NS = UINT64_C(300000000000);
static const uint64_t UNKNOWN_AGAIN_NS = UINT64_C(300000000000);

/* However many there are, ten in a second are asked anew for a name that may have changed. */
static const uint64_t REFRESH_EACH_NS = 100000000;

/* An engine that comes and goes is no flood of lines. */
static const uint64_t SAY_AGAIN_NS = UINT64_C(600000000000);

struct engine_state {
    const char *name;
    const char *path; /* in front of the id */
    char socket[sizeof((struct sockaddr_un *)0)->sun_path];
    struct engine_pause pause;
    unsigned under_way;
    bool in_trouble; /* and that was said */
    uint64_t say_after_ns;
};

struct container_names {
    struct engine_client *client;
    struct container_book book;
    struct engine_state engines[ENGINE_COUNT]; /* those without a socket are not asked */
    uint64_t refresh_ns;                       /* 0: never */
    uint64_t random;
    bool news; /* that nobody was told yet */
    uint64_t tell_after_ns;
};

/* ---- when to ask ---- */

/* time, give or take a tenth. */
static uint64_t jitter(struct container_names *names, uint64_t time)
{
    names->random = names->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return time - time / 10 + (names->random >> 33) % (time / 5 + 1);
}

static void queue_refresh(struct container_names *names, struct container *container, uint64_t now)
{
    uint64_t least = names->book.count * REFRESH_EACH_NS;
    if (names->refresh_ns != 0)
        book_queue(&names->book, container, now + jitter(names, names->refresh_ns > least ? names->refresh_ns : least));
}

static void ask(struct container_names *names, struct engine_state *engine, struct container *container, uint64_t now)
{
    char path[128];
    book_unqueue(&names->book, container);
    const struct container *next = book_first(&names->book, container->engine);
    bool last = next == NULL || next->due_ns > now;
    snprintf(path, sizeof path, "%s/%s/json", engine->path, container->id);
    if (engine_client_ask(names->client, engine->socket, path, last, container))
        engine->under_way++;
    else
        book_queue(&names->book, container, now + FIRST_RETRY_NS);
}

/* Asks for what is due. Gives the time of the next thing to do, as far as that is known. */
static uint64_t ask_due(struct container_names *names, enum engine which, uint64_t now)
{
    struct engine_state *engine = &names->engines[which];
    struct container *first;
    while ((first = book_first(&names->book, which)) != NULL && first->due_ns <= now &&
           engine->under_way < engine_may_ask(&engine->pause, now))
        ask(names, engine, first, now);
    if (first == NULL)
        return UINT64_MAX;
    if (engine->pause.until > now)
        return first->due_ns > engine->pause.until ? first->due_ns : engine->pause.until;
    /* With as many under way as may be, the next answer comes first. */
    return first->due_ns > now ? first->due_ns : UINT64_MAX;
}

static void go_on(struct container_names *names)
{
    uint64_t now = engine_client_now(), wake = names->news ? names->tell_after_ns : UINT64_MAX;
    for (int i = 0; i < ENGINE_COUNT; i++) {
        uint64_t due = ask_due(names, (enum engine)i, now);
        wake = due < wake ? due : wake;
    }
    engine_client_wake_at(names->client, wake);
}

/* ---- answers ---- */

static void say_trouble(struct engine_state *engine, const char *why, uint64_t now)
{
    if (engine->in_trouble || now < engine->say_after_ns)
        return;
    engine->in_trouble = true;
    engine->say_after_ns = now + SAY_AGAIN_NS;
    report("%s: %s: %s; its containers go by their ids until it answers", engine->name, engine->socket, why);
}

static void note_answered(struct engine_state *engine)
{
    engine_answered(&engine->pause);
    if (engine->in_trouble)
        report("%s: %s: answers again", engine->name, engine->socket);
    engine->in_trouble = false;
}

static bool same_text(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static bool take_answer(struct container_names *names, struct container *container, const char *body, size_t length)
{
    struct answer answer;
    if (!answer_parse(&answer, body, length, container->engine))
        return false;
    if (answer.sandbox != container->answer.sandbox || !same_text(answer.naming.text, container->answer.naming.text))
        names->news = true;
    answer_free(&container->answer);
    container->answer = answer;
    return true;
}

static void on_done(void *context, void *subject, enum engine_outcome outcome, const char *body, size_t length,
                    const char *why)
{
    struct container_names *names = context;
    struct container *container = subject;
    struct engine_state *engine = &names->engines[container->engine];
    uint64_t now = engine_client_now();
    engine->under_way--;
    book_settle(&names->book, container);
    if (outcome == ENGINE_ANSWERED && !take_answer(names, container, body, length)) {
        outcome = ENGINE_FAILED;
        why = "an answer that does not describe a container";
    }
    if (outcome == ENGINE_FAILED || outcome == ENGINE_UNREACHED) {
        engine_failed(&engine->pause, outcome == ENGINE_FAILED, now);
        say_trouble(engine, why, now);
        uint64_t wait = outcome == ENGINE_UNREACHED
                            ? 0
                            : jitter(names, backoff(FIRST_RETRY_NS, container->failures++, LAST_RETRY_NS));
        book_queue(&names->book, container, now + wait);
        return;
    }
    note_answered(engine);
    container->failures = 0;
    if (outcome == ENGINE_REFUSED)
        book_queue(&names->book, container, now + jitter(names, UNKNOWN_AGAIN_NS));
    else
        queue_refresh(names, container, now);
}

bool container_names_handle(struct container_names *names)
{
    if (names == NULL)
        return false;
    engine_client_handle(names->client);
    uint64_t now = engine_client_now();
    bool tell = names->news && now >= names->tell_after_ns;
    if (tell) {
        names->news = false;
        names->tell_after_ns = now + GATHER_NS;
    }
    go_on(names);
    return tell;
}

/* ---- tables ---- */

/* What the path says of kubernetes is more than a name that somebody gave the container there. */
static bool wants_name(const struct record *record, const struct naming *naming)
{
    return naming->text != NULL &&
           (record->orchestrator != ORCHESTRATOR_K8S || naming->orchestrator == ORCHESTRATOR_K8S) &&
           (record->hash != naming->hash || strcmp(record->name, naming->text) != 0 ||
            record->orchestrator != naming->orchestrator);
}

static bool give_name(struct record *record, struct arena *texts, const struct naming *naming)
{
    const char *name = arena_text(texts, naming->text, strlen(naming->text));
    if (name == NULL)
        return false;
    record->name = name;
    record->hash = naming->hash;
    record->orchestrator = naming->orchestrator;
    return true;
}

static void give_labels(struct record *record, struct arena *texts, const struct answer *answer)
{
    record->labels = answer->labels == NULL ? NULL : arena_text(texts, answer->labels, answer->labels_length);
    record->labels_length = record->labels == NULL ? 0 : answer->labels_length;
}

static void forget(void *context, struct container *container)
{
    struct container_names *names = context;
    if (!container->queued && engine_client_cancel(names->client, container))
        names->engines[container->engine].under_way--;
}

static bool apply(struct record *record, struct arena *texts, const struct answer *answer)
{
    bool changed = record->sandbox != answer->sandbox;
    record->sandbox = answer->sandbox;
    give_labels(record, texts, answer);
    if (wants_name(record, &answer->naming))
        changed |= give_name(record, texts, &answer->naming);
    return changed;
}

bool container_names_apply(struct container_names *names, struct table *table)
{
    bool changed = false;
    if (names == NULL)
        return false;
    uint64_t now = engine_client_now();
    for (size_t i = 0; i < table->count; i++) {
        struct record *record = &table->records[i];
        if (record->engine == ENGINE_NONE || names->engines[record->engine].socket[0] == '\0')
            continue;
        const struct container *container =
            book_find(&names->book, record->engine, record->id + record->container_at, record->container_length, now);
        if (container != NULL)
            changed |= apply(record, &table->texts, &container->answer);
    }
    names->news = false;
    book_next_round(&names->book, forget, names);
    go_on(names);
    return changed;
}

/* ---- the whole ---- */

int container_names_descriptor(const struct container_names *names)
{
    return names == NULL ? -1 : engine_client_descriptor(names->client);
}

static bool is_settled(const struct container_names *names, uint64_t now)
{
    for (int i = 0; i < ENGINE_COUNT; i++) {
        if (names->book.unsettled[i] > 0 && names->engines[i].pause.until <= now)
            return false;
    }
    return true;
}

void container_names_wait(struct container_names *names, uint64_t timeout_ns)
{
    uint64_t now, deadline = names == NULL ? 0 : engine_client_now() + timeout_ns;
    while (names != NULL && (now = engine_client_now()) < deadline && !is_settled(names, now)) {
        struct pollfd polled = {.fd = engine_client_descriptor(names->client), .events = POLLIN};
        if (poll(&polled, 1, (int)((deadline - now) / 1000000u) + 1) > 0)
            (void)container_names_handle(names);
    }
}

/* Below a prefix the links on the way would lead out of it, and /var/run is one on every system of today. */
static void set_socket(struct engine_state *engine, const char *given, const char *prefix, const char *usual)
{
    bool is_root = strcmp(prefix, "/") == 0;
    if (!is_root && strncmp(usual, "/var/", strlen("/var")) == 0)
        usual += strlen("/var");
    int length = given != NULL ? snprintf(engine->socket, sizeof engine->socket, "%s", given)
                               : snprintf(engine->socket, sizeof engine->socket, "%s%s", is_root ? "" : prefix, usual);
    if (length >= 0 && (size_t)length < sizeof engine->socket)
        return;
    engine->socket[0] = '\0';
    report("%s is not asked for names: %.100s%s is too long for the path of a socket; give --%s-socket", engine->name,
           prefix, usual, engine->name);
}

static bool open_client(struct container_names *names, const struct options *options, struct failure *failure)
{
    names->refresh_ns = options->names_refresh_ns;
    names->random = engine_client_now();
    names->engines[ENGINE_DOCKER] = (struct engine_state){.name = "docker", .path = "/containers"};
    names->engines[ENGINE_PODMAN] = (struct engine_state){.name = "podman", .path = "/v4.0.0/libpod/containers"};
    names->client = engine_client_open(options->names_timeout_ns, on_done, names, failure);
    set_socket(&names->engines[ENGINE_DOCKER], options->docker_socket, options->host_prefix, "/var/run/docker.sock");
    set_socket(&names->engines[ENGINE_PODMAN], options->podman_socket, options->host_prefix, "/run/podman/podman.sock");
    return names->client != NULL;
}

static bool nobody_to_ask(const struct options *options)
{
    return options->docker_socket != NULL && options->docker_socket[0] == '\0' && options->podman_socket != NULL &&
           options->podman_socket[0] == '\0';
}

bool container_names_open(struct container_names **opened, const struct options *options, struct failure *failure)
{
    *opened = NULL;
    if (nobody_to_ask(options))
        return true;
    struct container_names *names = calloc(1, sizeof *names);
    if (names == NULL)
        return fail_errno(failure, ENOMEM, "names of containers");
    if (open_client(names, options, failure)) {
        *opened = names;
        return true;
    }
    free(names);
    return false;
}

void container_names_close(struct container_names *names)
{
    if (names == NULL)
        return;
    engine_client_close(names->client);
    book_free(&names->book);
    free(names);
}
