/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/placement_notes.h"
#include "publish/publisher_state.h"
#include "shm/sized.h"

static_assert((int)NETIPC_SLOTS_MIN == (int)NETIPC_SLOTS_LEAST && (int)NETIPC_SLOTS_MAX == (int)NETIPC_SLOTS_MOST, "");

void netipc_publisher_config_init_sized(netipc_publisher_config *config, size_t size)
{
    const netipc_publisher_config defaults = {
        .loop = NETIPC_LOOP_OWN_THREAD,
        .slots = 8,
        .history = 2,
        .capacity = 65536,
        .ceiling = UINT64_C(1) << 30,
        .max_sessions = 256,
        .directory_mode = 0700,
        .socket_mode = 0600,
        .handshake_timeout_ns = UINT64_C(5000000000),
        .lock_timeout_ns = UINT64_C(5000000000),
        .numa_node = NETIPC_NUMA_NODE_ANY,
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

netipc_status netipc_publisher_check_config(const netipc_publisher_config *config, uint32_t own_leases)
{
    if (config->run_dir == NULL || config->service == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "run_dir and service have no defaults");
    if (config->loop != NETIPC_LOOP_OWN_THREAD && config->loop != NETIPC_LOOP_CALLER)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "loop %u is neither own thread nor caller", config->loop);
    if (config->max_sessions < 1 || config->max_sessions > NETIPC_SESSIONS_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u sessions, 1 to %d are possible", config->max_sessions,
                           NETIPC_SESSIONS_MAX);
    uint64_t least = (uint64_t)config->history + own_leases + 2;
    if (config->slots >= NETIPC_SLOTS_MIN && config->slots < least)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a history of %u%s needs %llu slots, %u are configured",
                           config->history, own_leases != 0 ? " and answers to requests" : "",
                           (unsigned long long)least, config->slots);
    if (config->flags & ~NETIPC_PUBLISH_ON_CHANGE)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "flags 0x%x are not known", config->flags);
    if ((config->directory_mode | config->socket_mode) & ~0777u)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "modes 0%o and 0%o: only permission bits are possible",
                           config->directory_mode, config->socket_mode);
    if (config->handshake_timeout_ns == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a handshake timeout of 0 would let nobody in");
    if (config->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    if (config->numa_node != NETIPC_NUMA_NODE_ANY &&
        (config->numa_node < 0 || config->numa_node > NETIPC_NUMA_NODE_MAX))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "NUMA node %d, 0 to %d or %d for any are possible",
                           config->numa_node, NETIPC_NUMA_NODE_MAX, NETIPC_NUMA_NODE_ANY);
    return netipc_placement_check(config->placement);
}
