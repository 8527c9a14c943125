/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_NAMING_H
#define CGROUPS_PLUGIN_NAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who made a cgroup, as far as its path tells. The numbers are those of the lookup methods. */
enum orchestrator {
    ORCHESTRATOR_UNKNOWN = 0,
    ORCHESTRATOR_SYSTEMD = 1,
    ORCHESTRATOR_DOCKER = 2,
    ORCHESTRATOR_K8S = 3,
    ORCHESTRATOR_KVM = 4,
    ORCHESTRATOR_LXC = 5,
    ORCHESTRATOR_PODMAN = 6,
    ORCHESTRATOR_NSPAWN = 7
};

/* What can be asked for the name of a container. */
enum engine { ENGINE_DOCKER, ENGINE_PODMAN, ENGINE_COUNT, ENGINE_NONE = ENGINE_COUNT };

/* The longest name of a cgroup outside of kubernetes, without the prefix "cgroup_", in bytes. */
enum { NAME_MAX_BYTES = 100 };

struct naming {
    char *text; /* from malloc; with its prefix */
    uint32_t hash;
    enum orchestrator orchestrator;
    /* Who may know the name of the container, and its id: where it stands in the cgroup's, and its length. */
    enum engine engine;
    size_t container_at, container_length;
};

/*
 * Names the cgroup with this id from its path alone. service: it is a systemd service, whose name is
 * "systemd_" and its last component without ".service". All others are "cgroup_" and what the container
 * or machine is called, or else the id with `_` for each `/`. Blanks and control bytes become `_`.
 * False: out of memory.
 */
bool name_of_cgroup(struct naming *naming, const char *id, bool service);

/*
 * Names a container as somebody else calls it, in the same way: length bytes, whatever they are. In kubernetes the
 * name is taken whole. False: out of memory.
 */
bool name_of_container(struct naming *naming, const char *name, size_t length, enum orchestrator orchestrator);

const char *orchestrator_text(enum orchestrator orchestrator);

#endif
