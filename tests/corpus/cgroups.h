/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CORPUS_CGROUPS_H
#define NETIPC_TESTS_CORPUS_CGROUPS_H

/*
 * Cgroups as they are found on hosts: systemd services, containers of docker, podman, containerd and ECS, pods of
 * kubernetes under both drivers, machines of libvirt, Proxmox, nspawn and lxc, sessions of users, and names that are
 * hard to take. For tests of names, of codecs, and of trees that are made of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct corpus_cgroup {
    const char *id;       /* path relative to the mount */
    const char *name;     /* that cgroups.plugin gives from the id alone */
    uint8_t orchestrator; /* NETIPC_ORCHESTRATOR_… (<netipc/lookup.h>) */
    bool service;         /* the default lists call it a service of systemd */
    bool enabled;         /* the default lists enable it, if it has a file cgroup.procs */
    bool searched;        /* the default lists look at its children */
    bool unreal;          /* no file system has such an id, or no plugin gives such a name: for codecs only */
} corpus_cgroup;

/* Every id is there once, and a parent, if it is there, comes before its children. */
extern const corpus_cgroup corpus_cgroups[];
extern const size_t corpus_cgroup_count;

#endif
