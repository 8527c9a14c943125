/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/subscriber.h>

#include "control/cancel.h"
#include "control/client.h"
#include "control/endpoint.h"
#include "publish/sized.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/os.h"
#include "shm/ring_reader.h"
#include "shm/session_page.h"
#include "shm/wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct netipc_subscriber {
    struct netipc_fork_guard fork_guard;
    struct netipc_log log;
    char *run_dir, *service;
    uint64_t max_region_size, connect_timeout_ns, reconnect_ns, grace_ns, spin_ns;

    /* What any thread may touch: two windows whose addresses never change, so that no attachment can be pulled from
     * under a thread or a signal handler. */
    void *hot_window;  /* the first page of the region at hand */
    void *line_window; /* the session's page */
    netipc_atomic_u32 line_offset;
    netipc_atomic_u32 aborted; /* also the word that a wait without a session sleeps on */
    int cancel;

    /* The owner thread's. */
    struct netipc_client client; /* the session, if its socket is open */
    uint64_t session_ordinal;    /* of the region attached in this session; 0: none yet */
    bool superseded_told;
    struct netipc_region_view view;                /* the region at hand; header is NULL before the first */
    bool publisher_gone;                           /* the region at hand has lost its publisher without a word */
    uint64_t seen_incarnation[2], seen_generation; /* at the last refresh */
    uint64_t
        known_incarnation[2]; /* of what was last read, or reported as changed: what generations are compared within */
    uint64_t connected_ns;    /* when the last connect began */
    netipc_subscriber_state state;
    netipc_status last_error;
    struct {
        uint64_t connects, attaches, reads, read_retries, overruns, sleeps, publishers_gone;
    } totals;
};

void netipc_subscriber_config_init(netipc_subscriber_config *config)
{
    *config = (netipc_subscriber_config){
        .size = sizeof *config,
        .max_region_size = UINT64_C(16) << 30,
        .connect_timeout_ns = UINT64_C(5000000000),
        .reconnect_ns = 250000000,
        .grace_ns = 1000000000,
        .spin_ns = 10000,
    };
}

static netipc_status check_config(const netipc_subscriber_config *config)
{
    char path[NETIPC_SOCKET_PATH_MAX];
    netipc_status status = netipc_endpoint_path(config->run_dir, config->service, path);
    if (status != NETIPC_OK)
        return status;
    if (config->grace_ns < 1000000)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "grace of %llu ns, 1 ms is the least",
                           (unsigned long long)config->grace_ns);
    if (config->spin_ns > 1000000000)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "spin of %llu ns, 1 s is the most",
                           (unsigned long long)config->spin_ns);
    if (config->connect_timeout_ns == 0 || config->reconnect_ns == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "connect_timeout_ns and reconnect_ns must not be 0");
    if (config->reserved != 0 || config->reserved2 != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    return NETIPC_OK;
}

static netipc_status fill(netipc_subscriber *subscriber, const netipc_subscriber_config *config)
{
    subscriber->log = (struct netipc_log){config->log, config->log_context};
    subscriber->max_region_size = config->max_region_size;
    subscriber->connect_timeout_ns = config->connect_timeout_ns;
    subscriber->reconnect_ns = config->reconnect_ns;
    subscriber->grace_ns = config->grace_ns;
    subscriber->spin_ns = config->spin_ns;
    subscriber->run_dir = strdup(config->run_dir);
    subscriber->service = strdup(config->service);
    if (subscriber->run_dir == NULL || subscriber->service == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a subscriber");
    netipc_status status =
        netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &subscriber->client.uids);
    if (status == NETIPC_OK)
        status = netipc_fork_guard_arm(&subscriber->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_os_window_open(false, &subscriber->hot_window);
    if (status == NETIPC_OK)
        status = netipc_os_window_open(true, &subscriber->line_window);
    if (status == NETIPC_OK)
        status = netipc_cancel_open(&subscriber->cancel);
    if (status != NETIPC_OK)
        return status;
    subscriber->client.run_dir = subscriber->run_dir;
    subscriber->client.service = subscriber->service;
    subscriber->client.token = config->token;
    subscriber->client.cancel = subscriber->cancel;
    return NETIPC_OK;
}

netipc_status netipc_subscriber_open(const netipc_subscriber_config *given, netipc_subscriber **subscriber)
{
    if (subscriber == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the subscriber given");
    *subscriber = NULL;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status != NETIPC_OK)
        return status;
    netipc_subscriber *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a subscriber");
    opened->cancel = -1;
    netipc_client_init(&opened->client);
    status = fill(opened, &config);
    if (status != NETIPC_OK) {
        netipc_subscriber_close(opened);
        return status;
    }
    *subscriber = opened;
    return NETIPC_OK;
}

void netipc_subscriber_close(netipc_subscriber *subscriber)
{
    if (subscriber == NULL)
        return;
    bool forked = subscriber->fork_guard.pid != 0 && netipc_fork_guard_forked(&subscriber->fork_guard);
    netipc_client_disconnect(&subscriber->client, forked);
    netipc_uid_list_free(&subscriber->client.uids);
    if (subscriber->view.header != NULL)
        netipc_region_detach(&subscriber->view, forked);
    if (subscriber->hot_window != NULL)
        netipc_os_window_close(subscriber->hot_window);
    /* Fork does not inherit a session's page, and the child may have put something else at that address. */
    if (subscriber->line_window != NULL && !forked)
        netipc_os_window_close(subscriber->line_window);
    if (subscriber->cancel >= 0)
        netipc_cancel_close(subscriber->cancel);
    netipc_fork_guard_disarm(&subscriber->fork_guard);
    free(subscriber->run_dir);
    free(subscriber->service);
    free(subscriber);
}

static netipc_status check_call(const netipc_subscriber *subscriber)
{
    if (subscriber == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no subscriber given");
    if (netipc_fork_guard_forked(&subscriber->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this subscriber belongs to the parent process");
    return NETIPC_OK;
}

static netipc_status aborted(void)
{
    return netipc_fail(NETIPC_ABORTED, "an abort is in force");
}

/* --- the attachment --- */

static bool in_session(const netipc_subscriber *subscriber)
{
    return subscriber->client.socket >= 0;
}

static const struct netipc_region_header *hot_header(const netipc_subscriber *subscriber)
{
    return subscriber->hot_window;
}

static uint64_t hot_word(const netipc_subscriber *subscriber)
{
    return netipc_load(&hot_header(subscriber)->latest, acquire); /* pairs with P4 of ring_publisher.h */
}

static struct netipc_session_line *line(const netipc_subscriber *subscriber)
{
    uint32_t offset = netipc_load(&subscriber->line_offset, relaxed);
    return (struct netipc_session_line *)(void *)((unsigned char *)subscriber->line_window + offset);
}

static netipc_publisher_state publisher_state(const netipc_subscriber *subscriber, uint32_t region_state)
{
    if (subscriber->view.header == NULL)
        return NETIPC_PUBLISHER_NONE;
    if (region_state == NETIPC_REGION_CLOSED)
        return NETIPC_PUBLISHER_CLOSED;
    if (subscriber->publisher_gone)
        return NETIPC_PUBLISHER_GONE;
    return region_state == NETIPC_REGION_SUPERSEDED ? NETIPC_PUBLISHER_SUPERSEDED : NETIPC_PUBLISHER_LIVE;
}

/* why: NETIPC_GONE, NETIPC_CLOSED, or what else broke it. The region at hand stays. */
static void end_session(netipc_subscriber *subscriber, netipc_status why)
{
    netipc_log_field fields[] = {{"status", netipc_status_name(why), 0}, {"pid", NULL, subscriber->client.peer.pid}};
    netipc_log_event(&subscriber->log, NETIPC_LOG_INFO, "publisher-left", fields, 2);
    if (why == NETIPC_GONE && subscriber->session_ordinal != 0) {
        subscriber->publisher_gone = true;
        subscriber->totals.publishers_gone++;
    }
    netipc_client_disconnect(&subscriber->client, false);
    subscriber->session_ordinal = 0;
    subscriber->superseded_told = false;
    subscriber->state = NETIPC_STATE_DISCONNECTED;
}

/* The caller has been told of a generation of the incarnation at hand. */
static void know_incarnation(netipc_subscriber *subscriber)
{
    memcpy(subscriber->known_incarnation, subscriber->view.identity.incarnation, sizeof subscriber->known_incarnation);
}

/* Puts a mapped and confirmed region, and the session's page if it is new, in the place of those at hand. */
static netipc_status adopt(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                           const struct netipc_region_view *view, void **page)
{
    netipc_status status = NETIPC_OK;
    if (*page != NULL) {
        status = netipc_os_window_move(subscriber->line_window, *page);
        *page = NULL;
        netipc_store(&subscriber->line_offset, region->line_offset, relaxed);
    }
    /* Last, since from then on polls and reads must speak of the same region. */
    if (status == NETIPC_OK)
        status = netipc_os_window_show(subscriber->hot_window, region->region_fd);
    if (status != NETIPC_OK)
        return status;
    bool first = subscriber->view.header == NULL;
    if (!first)
        netipc_region_detach(&subscriber->view, false);
    subscriber->view = *view;
    if (first)
        know_incarnation(subscriber);
    subscriber->publisher_gone = false;
    subscriber->session_ordinal = region->ordinal;
    subscriber->superseded_told = false;
    subscriber->totals.attaches++;
    netipc_log_field fields[] = {{"ordinal", NULL, region->ordinal}, {"region_size", NULL, region->region_size}};
    netipc_log_event(&subscriber->log, NETIPC_LOG_INFO, "attached", fields, 2);
    return NETIPC_OK;
}

static netipc_status map_and_confirm(netipc_subscriber *subscriber, const struct netipc_client_region *region,
                                     uint64_t deadline_ns)
{
    struct netipc_region_view view;
    void *page = NULL;
    netipc_status status =
        netipc_region_attach(region->region_fd, region->region_size, subscriber->max_region_size, &view);
    if (status != NETIPC_OK)
        return status;
    if (view.identity.ordinal != region->ordinal || view.identity.incarnation[0] != region->incarnation[0] ||
        view.identity.incarnation[1] != region->incarnation[1])
        status = netipc_fail(NETIPC_CORRUPT, "the region is not the one that was announced (ordinal %llu)",
                             (unsigned long long)region->ordinal);
    if (status == NETIPC_OK && region->page_fd >= 0)
        status = netipc_session_page_join(region->page_fd, region->page_size, &page);
    if (status == NETIPC_OK)
        status = netipc_client_confirm(&subscriber->client, region->ordinal, deadline_ns);
    if (status == NETIPC_OK && region->page_fd >= 0)
        status = netipc_os_memory_verify(region->page_fd, region->page_size);
    if (status == NETIPC_OK)
        status = adopt(subscriber, region, &view, &page);
    if (status != NETIPC_OK) {
        netipc_region_detach(&view, false);
        if (page != NULL)
            netipc_os_memory_unmap(page, region->page_size);
    }
    return status;
}

static netipc_status attach(netipc_subscriber *subscriber, uint64_t deadline_ns)
{
    struct netipc_client_region region;
    netipc_status status = netipc_client_attach(&subscriber->client, subscriber->session_ordinal,
                                                subscriber->max_region_size, deadline_ns, &region);
    if (status == NETIPC_UNCHANGED && netipc_hot_state(hot_word(subscriber)) == NETIPC_REGION_SUPERSEDED)
        return netipc_fail(NETIPC_PROTOCOL, "region %llu of %s is superseded, and there is no other",
                           (unsigned long long)subscriber->session_ordinal, subscriber->service);
    if (status == NETIPC_UNCHANGED) {
        subscriber->superseded_told = false;
        return NETIPC_OK;
    }
    if (status != NETIPC_OK)
        return status;
    status = map_and_confirm(subscriber, &region, deadline_ns);
    close(region.region_fd);
    if (region.page_fd >= 0)
        close(region.page_fd);
    return status;
}

static netipc_subscriber_state state_after(netipc_status failure)
{
    switch (failure) {
    case NETIPC_NOT_FOUND:
        return NETIPC_STATE_NOT_FOUND;
    case NETIPC_AUTH_FAILED:
    case NETIPC_UNSAFE_DIRECTORY:
    case NETIPC_PERMISSION_DENIED:
        return NETIPC_STATE_AUTH_FAILED;
    case NETIPC_INCOMPATIBLE:
    case NETIPC_UNSUPPORTED:
        return NETIPC_STATE_INCOMPATIBLE;
    case NETIPC_ABORTED:
    case NETIPC_GONE:
    case NETIPC_CLOSED:
        return NETIPC_STATE_DISCONNECTED;
    default:
        return NETIPC_STATE_BROKEN;
    }
}

/* Notices what has become of an open session. NETIPC_OK: it goes on; *move: to another region. */
static netipc_status look(netipc_subscriber *subscriber, bool *move)
{
    uint32_t region_state = netipc_hot_state(hot_word(subscriber));
    netipc_status news = region_state == NETIPC_REGION_CLOSED ? NETIPC_CLOSED : netipc_client_look(&subscriber->client);
    if (news == NETIPC_SUPERSEDED)
        subscriber->superseded_told = true;
    *move = subscriber->superseded_told || region_state == NETIPC_REGION_SUPERSEDED;
    if (news == NETIPC_OK || news == NETIPC_SUPERSEDED)
        return NETIPC_OK;
    end_session(subscriber, news);
    return news;
}

static netipc_status bring_up_to_date(netipc_subscriber *subscriber)
{
    netipc_status status;
    if (in_session(subscriber)) {
        bool move;
        status = look(subscriber, &move);
        if (status == NETIPC_OK && !move)
            return NETIPC_OK;
    }
    /* A resume may have left behind what the abort before it fired; an abort stores first and fires then. */
    netipc_cancel_clear(subscriber->cancel);
    if (netipc_load(&subscriber->aborted, acquire) != 0)
        return aborted();
    uint64_t now_ns = netipc_os_monotonic_ns();
    uint64_t deadline_ns = netipc_add_saturating(now_ns, subscriber->connect_timeout_ns);
    subscriber->state = NETIPC_STATE_CONNECTING;
    status = NETIPC_OK;
    if (!in_session(subscriber)) {
        subscriber->connected_ns = now_ns;
        subscriber->totals.connects++;
        status = netipc_client_connect(&subscriber->client, deadline_ns);
    }
    if (status == NETIPC_OK)
        status = attach(subscriber, deadline_ns);
    if (status == NETIPC_OK && netipc_hot_state(hot_word(subscriber)) == NETIPC_REGION_CLOSED)
        status = netipc_fail(NETIPC_CLOSED, "the publisher of %s closes", subscriber->service);
    if (status != NETIPC_OK && in_session(subscriber))
        end_session(subscriber, status);
    subscriber->state = status == NETIPC_OK ? NETIPC_STATE_READY : state_after(status);
    return status;
}

static bool latest_is_new(netipc_subscriber *subscriber)
{
    if (subscriber->view.header == NULL)
        return false;
    const uint64_t *incarnation = subscriber->view.identity.incarnation;
    uint64_t generation = netipc_hot_generation(hot_word(subscriber));
    if (generation == 0 ||
        (generation == subscriber->seen_generation && incarnation[0] == subscriber->seen_incarnation[0] &&
         incarnation[1] == subscriber->seen_incarnation[1]))
        return false;
    subscriber->seen_generation = generation;
    memcpy(subscriber->seen_incarnation, incarnation, sizeof subscriber->seen_incarnation);
    know_incarnation(subscriber);
    return true;
}

netipc_status netipc_subscriber_refresh(netipc_subscriber *subscriber, int *changed)
{
    if (changed != NULL)
        *changed = 0;
    netipc_status status = check_call(subscriber);
    if (status != NETIPC_OK)
        return status;
    if (netipc_load(&subscriber->aborted, acquire) != 0)
        status = aborted();
    else
        status = bring_up_to_date(subscriber);
    if (status != NETIPC_OK)
        subscriber->last_error = status;
    bool is_new = latest_is_new(subscriber);
    if (changed != NULL)
        *changed = is_new;
    return status;
}

/* --- reading and waiting --- */

uint64_t netipc_subscriber_generation(const netipc_subscriber *subscriber)
{
    return netipc_hot_generation(hot_word(subscriber));
}

netipc_status netipc_subscriber_read(netipc_subscriber *subscriber, void *buffer, size_t capacity,
                                     netipc_snapshot_info *info)
{
    netipc_status status = check_call(subscriber);
    if (status != NETIPC_OK)
        return status;
    if (buffer == NULL && capacity > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no buffer given for %zu bytes", capacity);
    if (info != NULL && info->size < sizeof info->size)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "the size of info is not set");
    struct netipc_ring_snapshot snapshot = {0};
    if (subscriber->view.header == NULL)
        status = netipc_fail(NETIPC_DISCONNECTED, "never attached to a publisher of %s", subscriber->service);
    else
        status = netipc_ring_read(&subscriber->view, buffer, capacity, &snapshot);
    subscriber->totals.reads += status == NETIPC_OK;
    if (status == NETIPC_OK)
        know_incarnation(subscriber);
    subscriber->totals.overruns += status == NETIPC_OVERRUN;
    subscriber->totals.read_retries += snapshot.retries;
    if (info == NULL)
        return status;
    const netipc_snapshot_info filled = {
        .size = sizeof filled,
        .publisher_state = publisher_state(subscriber, snapshot.state),
        .incarnation = {subscriber->view.identity.incarnation[0], subscriber->view.identity.incarnation[1]},
        .generation = snapshot.generation,
        .length = snapshot.length,
        .publish_time_ns = snapshot.publish_time_ns,
    };
    netipc_status copied = netipc_sized_out(info, &filled, sizeof filled);
    return copied == NETIPC_OK ? status : copied;
}

/* What the caller has seen of the incarnation at hand: a generation of another one is no generation of this. */
static uint64_t seen_here(const netipc_subscriber *subscriber, uint64_t generation)
{
    bool same = memcmp(subscriber->view.identity.incarnation, subscriber->known_incarnation,
                       sizeof subscriber->known_incarnation) == 0;
    return same ? generation : 0;
}

static bool newer(netipc_subscriber *subscriber, uint64_t seen)
{
    uint64_t latest = netipc_subscriber_generation(subscriber);
    if (latest == seen || latest == 0)
        return false;
    know_incarnation(subscriber);
    return true;
}

/* Sleeps until an abort, at most for pause_ns. */
static netipc_status pause_alone(netipc_subscriber *subscriber, uint64_t pause_ns)
{
    uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
    while (elapsed < pause_ns && netipc_load(&subscriber->aborted, acquire) == 0) {
        netipc_os_wait(&subscriber->aborted, 0, pause_ns - elapsed);
        elapsed = netipc_os_monotonic_ns() - start;
    }
    return netipc_load(&subscriber->aborted, acquire) != 0 ? aborted() : NETIPC_OK;
}

/* Without a session only time can bring anything: the next refresh. */
static netipc_status wait_alone(netipc_subscriber *subscriber, uint64_t seen, uint64_t timeout_ns)
{
    if (netipc_load(&subscriber->aborted, acquire) != 0)
        return aborted();
    if (newer(subscriber, seen))
        return NETIPC_OK;
    bool whole = timeout_ns <= subscriber->reconnect_ns;
    netipc_status status = pause_alone(subscriber, whole ? timeout_ns : subscriber->reconnect_ns);
    if (status != NETIPC_OK)
        return status;
    return whole ? netipc_fail(NETIPC_TIMED_OUT, "no publisher of %s within the timeout", subscriber->service)
                 : netipc_fail(NETIPC_DISCONNECTED, "no session with a publisher of %s", subscriber->service);
}

/* The session is over. Said at once, unless it had only just begun: a publisher that lets everybody in and hangs up
 * must not make a loop of refresh and wait run hot. */
static netipc_status report_end(netipc_subscriber *subscriber, netipc_status end, uint64_t left_ns)
{
    uint64_t since = netipc_os_monotonic_ns() - subscriber->connected_ns;
    uint64_t pause = since < subscriber->reconnect_ns ? subscriber->reconnect_ns - since : 0;
    if (pause_alone(subscriber, pause < left_ns ? pause : left_ns) != NETIPC_OK)
        return NETIPC_ABORTED;
    return end;
}

/* The hot word ended the wait. */
static netipc_status explain_change(netipc_subscriber *subscriber, uint64_t seen, uint64_t left_ns)
{
    if (newer(subscriber, seen))
        return NETIPC_OK;
    if (netipc_hot_state(hot_word(subscriber)) != NETIPC_REGION_CLOSED)
        return netipc_fail(NETIPC_SUPERSEDED, "the region of %s was replaced", subscriber->service);
    end_session(subscriber, NETIPC_CLOSED);
    return report_end(subscriber, netipc_fail(NETIPC_CLOSED, "the publisher of %s closed", subscriber->service),
                      left_ns);
}

netipc_status netipc_subscriber_wait(netipc_subscriber *subscriber, uint64_t generation, uint64_t timeout_ns)
{
    netipc_status status = check_call(subscriber);
    if (status != NETIPC_OK)
        return status;
    uint64_t seen = seen_here(subscriber, generation);
    if (!in_session(subscriber))
        return wait_alone(subscriber, seen, timeout_ns);
    uint64_t start = netipc_os_monotonic_ns(), spin_ns = subscriber->spin_ns;
    for (uint64_t elapsed = 0; elapsed <= timeout_ns; elapsed = netipc_os_monotonic_ns() - start) {
        uint64_t left = timeout_ns - elapsed;
        bool slept, move;
        enum netipc_wait_end end = netipc_wait_for_change(
            &hot_header(subscriber)->latest, seen, line(subscriber), &subscriber->aborted,
            spin_ns < left ? spin_ns : left, left < subscriber->grace_ns ? left : subscriber->grace_ns, &slept);
        subscriber->totals.sleeps += slept;
        spin_ns = 0;
        if (end == NETIPC_WAIT_ABORTED)
            return aborted();
        if (end == NETIPC_WAIT_CHANGED)
            return explain_change(subscriber, seen, left);
        status = look(subscriber, &move);
        if (status != NETIPC_OK)
            return report_end(subscriber, status, left);
        if (move)
            return netipc_fail(NETIPC_SUPERSEDED, "the region of %s was replaced", subscriber->service);
        if (left == 0)
            break;
    }
    return netipc_fail(NETIPC_TIMED_OUT, "nothing new from the publisher of %s", subscriber->service);
}

void netipc_subscriber_abort(netipc_subscriber *subscriber)
{
    if (subscriber == NULL || netipc_fork_guard_forked(&subscriber->fork_guard))
        return;
    netipc_store(&subscriber->aborted, 1, seq_cst);
    netipc_os_wake_all(&subscriber->aborted);
    netipc_wait_interrupt(line(subscriber));
    netipc_cancel_fire(subscriber->cancel);
}

void netipc_subscriber_resume(netipc_subscriber *subscriber)
{
    if (check_call(subscriber) != NETIPC_OK)
        return;
    netipc_store(&subscriber->aborted, 0, relaxed);
    netipc_cancel_clear(subscriber->cancel);
}

/* --- inspection --- */

netipc_status netipc_subscriber_status(netipc_subscriber *subscriber, netipc_subscriber_info *info)
{
    netipc_status status = check_call(subscriber);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_region_identity *identity = &subscriber->view.identity;
    uint64_t hot = hot_word(subscriber);
    const netipc_subscriber_info filled = {
        .size = sizeof filled,
        .state = subscriber->state,
        .publisher_state = publisher_state(subscriber, netipc_hot_state(hot)),
        .publisher_pid = subscriber->client.peer.pid,
        .incarnation = {identity->incarnation[0], identity->incarnation[1]},
        .ordinal = identity->ordinal,
        .generation = netipc_hot_generation(hot),
        .region_size = identity->region_size,
        .capacity = identity->capacity,
        .slots = identity->slot_count,
        .schema_id = identity->schema_id,
        .schema_version = identity->schema_version,
        .last_error = subscriber->last_error,
        .connects = subscriber->totals.connects,
        .attaches = subscriber->totals.attaches,
        .reads = subscriber->totals.reads,
        .read_retries = subscriber->totals.read_retries,
        .overruns = subscriber->totals.overruns,
        .sleeps = subscriber->totals.sleeps,
        .publishers_gone = subscriber->totals.publishers_gone,
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}

const char *netipc_subscriber_state_name(netipc_subscriber_state state)
{
    static const char *const names[] = {"DISCONNECTED", "CONNECTING",   "READY", "NOT_FOUND",
                                        "AUTH_FAILED",  "INCOMPATIBLE", "BROKEN"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *netipc_publisher_state_name(netipc_publisher_state state)
{
    static const char *const names[] = {"NONE", "LIVE", "CLOSED", "SUPERSEDED", "GONE"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}
