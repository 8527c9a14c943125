/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_LOOKUP_H
#define NETIPC_LOOKUP_H

#include <netipc/export.h>

#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * What the answers of all lookups have in common. A lookup asks for some keys; an answer has one item for each of them,
 * in their order. An answer that would be larger than its session takes has all items nevertheless: from the first one
 * that does not fit on they say "payload exceeded", and the client asks for these again.
 */

/* Who runs a container or a service. Other numbers are passed through. */
enum {
    NETIPC_ORCHESTRATOR_UNKNOWN = 0,
    NETIPC_ORCHESTRATOR_SYSTEMD = 1,
    NETIPC_ORCHESTRATOR_DOCKER = 2,
    NETIPC_ORCHESTRATOR_K8S = 3,
    NETIPC_ORCHESTRATOR_KVM = 4,
    NETIPC_ORCHESTRATOR_LXC = 5,
    NETIPC_ORCHESTRATOR_PODMAN = 6,
    NETIPC_ORCHESTRATOR_NSPAWN = 7
};

/* Most labels of an item. */
#define NETIPC_LABELS_MAX 65535u

/* To be answered with. Both NUL-terminated; the key is not empty. */
typedef struct netipc_label {
    const char *key;
    const char *value;
} netipc_label;

/* Out of an answer: both NUL-terminated, with no other NUL among them. */
typedef struct netipc_label_view {
    const char *key;
    const char *value;
    uint32_t key_length; /* bytes without the NUL; at least 1 */
    uint32_t value_length;
} netipc_label_view;

NETIPC_END_DECLS

#endif
