/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/subscriber.h>

#include "control/cancel.h"
#include "control/endpoint.h"
#include "publish/placement_notes.h"
#include "publish/profile.h"
#include "publish/subscriber_state.h"
#include "shm/detail.h"
#include "shm/sized.h"
#include "shm/wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void netipc_subscriber_config_init_sized(netipc_subscriber_config *config, size_t size)
{
    const netipc_subscriber_config defaults = {
        .leases = 0,
        .max_region_size = UINT64_C(16) << 30,
        .connect_timeout_ns = UINT64_C(5000000000),
        .reconnect_ns = 250000000,
        .grace_ns = 1000000000,
        .spin = NETIPC_SPIN_ADAPTIVE,
        .spin_ns = 50000,
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status apply_profile(netipc_subscriber_config *config)
{
    netipc_profile profile;
    netipc_status status = netipc_profile_take(config->profile, &profile);
    if (status != NETIPC_OK)
        return status;
    if (profile.keys & NETIPC_PROFILE_SPIN)
        config->spin = profile.spin;
    if (profile.keys & NETIPC_PROFILE_SPIN_NS)
        config->spin_ns = profile.spin_ns;
    return NETIPC_OK;
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
    if (config->leases > NETIPC_SESSION_LEASES)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u leases, 0 to %d are possible", config->leases,
                           NETIPC_SESSION_LEASES);
    if (config->spin != NETIPC_SPIN_ADAPTIVE && config->spin != NETIPC_SPIN_FIXED)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "spin %u is none of NETIPC_SPIN_", config->spin);
    struct netipc_checksum_wish checksum;
    if ((status = netipc_checksum_wish(config->checksum, &checksum)) != NETIPC_OK)
        return status;
    return netipc_placement_check(config->placement);
}

static netipc_status fill(netipc_subscriber *subscriber, const netipc_subscriber_config *config)
{
    subscriber->log = (struct netipc_log){config->log, config->log_context};
    subscriber->max_region_size = config->max_region_size;
    subscriber->connect_timeout_ns = config->connect_timeout_ns;
    subscriber->reconnect_ns = config->reconnect_ns;
    subscriber->grace_ns = config->grace_ns;
    subscriber->spin_ns = config->spin_ns;
    subscriber->spin_is_fixed = config->spin == NETIPC_SPIN_FIXED;
    subscriber->leases = config->leases;
    subscriber->placement = config->placement;
    subscriber->own.subscriber = subscriber;
    subscriber->light_barrier_is_fence = !netipc_os_heavy_barrier_ready();
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
    const unsigned char *window = subscriber->hot_window;
    subscriber->front.latest = (const void *)(window + offsetof(struct netipc_region_header, latest));
    subscriber->client.run_dir = subscriber->run_dir;
    subscriber->client.service = subscriber->service;
    subscriber->client.token = config->token;
    (void)netipc_checksum_wish(config->checksum, &subscriber->client.checksum_wish); /* checked */
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
        status = apply_profile(&config);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status != NETIPC_OK)
        return status;
    netipc_subscriber *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a subscriber");
    opened->cancel = opened->watched_socket = opened->watched_pidfd = -1;
    pthread_mutex_init(&opened->readers_lock, NULL);
    pthread_mutex_init(&opened->session_lock, NULL);
    netipc_subscription_init(&opened->client);
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
    netipc_subscription_disconnect(&subscriber->client, forked);
    if (subscriber->client.poll >= 0)
        close(subscriber->client.poll);
    netipc_uid_list_free(&subscriber->client.uids);
    struct netipc_attachment *current = netipc_load(&subscriber->current, relaxed);
    if (current != NULL) {
        current->next = subscriber->old;
        subscriber->old = current;
    }
    while (subscriber->old != NULL) {
        struct netipc_attachment *next = subscriber->old->next;
        netipc_attachment_free(subscriber->old, forked);
        subscriber->old = next;
    }
    if (subscriber->hot_window != NULL)
        netipc_os_window_close(subscriber->hot_window);
    /* Fork does not inherit a session's page, and the child may have put something else at that address. */
    if (subscriber->line_window != NULL && !forked)
        netipc_os_window_close(subscriber->line_window);
    if (subscriber->cancel >= 0)
        netipc_cancel_close(subscriber->cancel);
    if (!forked) {
        pthread_mutex_destroy(&subscriber->readers_lock);
        pthread_mutex_destroy(&subscriber->session_lock);
    }
    netipc_fork_guard_disarm(&subscriber->fork_guard);
    free(subscriber->run_dir);
    free(subscriber->service);
    free(subscriber);
}

netipc_status netipc_subscriber_refuse(const netipc_subscriber *subscriber)
{
    return subscriber == NULL ? netipc_fail(NETIPC_INVALID_ARGUMENT, "no subscriber given")
                              : netipc_fail(NETIPC_FORKED, "this subscriber belongs to the parent process");
}

bool netipc_subscriber_in_session(const netipc_subscriber *subscriber)
{
    return subscriber->client.socket >= 0;
}

void netipc_subscriber_tell_news(netipc_subscriber *subscriber)
{
    netipc_fetch_add(&subscriber->news, 1u, seq_cst);
    netipc_os_wake_all(&subscriber->news);
}

/* --- reading and waiting --- */

/* For who does not have it inlined. */
extern inline uint64_t netipc_subscriber_generation(const netipc_subscriber *subscriber);

netipc_status netipc_subscriber_wait(netipc_subscriber *subscriber, uint64_t generation, uint64_t timeout_ns)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    return status == NETIPC_OK ? netipc_subscriber_sleep(&subscriber->own, generation, timeout_ns) : status;
}

int netipc_subscriber_fd(netipc_subscriber *subscriber)
{
    if (netipc_subscriber_check(subscriber) != NETIPC_OK ||
        netipc_subscription_open_poll(&subscriber->client) != NETIPC_OK)
        return -1;
    return subscriber->client.poll;
}

void netipc_subscriber_abort(netipc_subscriber *subscriber)
{
    if (subscriber == NULL || netipc_fork_guard_forked(&subscriber->fork_guard))
        return;
    netipc_fetch_or(&subscriber->aborts, 1u, seq_cst);
    netipc_subscriber_tell_news(subscriber);
    /* Who sleeps on the page of a session. When the owner changes that page meanwhile, it interrupts the old page's
     * sleepers itself, and the word added to here is a wake word or a reserved one. */
    netipc_fence(seq_cst);
    uint32_t offset = netipc_load(&subscriber->line_offset, relaxed);
    netipc_wait_interrupt((struct netipc_session_line *)(void *)((unsigned char *)subscriber->line_window + offset));
    netipc_cancel_fire(subscriber->cancel);
}

void netipc_subscriber_resume(netipc_subscriber *subscriber)
{
    if (netipc_subscriber_check(subscriber) != NETIPC_OK || netipc_load(&subscriber->aborts, relaxed) % 2 == 0)
        return;
    netipc_fetch_add(&subscriber->aborts, 1u, seq_cst);
    netipc_cancel_clear(subscriber->cancel);
}
