/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_ENGINE_ANSWER_H
#define CGROUPS_PLUGIN_ENGINE_ANSWER_H

#include "tools/cgroups_plugin/naming.h"

#include <stdbool.h>
#include <stddef.h>

/* What a container engine says of one container. Zeroed says nothing. */
struct answer {
    bool sandbox;         /* it only holds a pod's namespaces; there is no name */
    struct naming naming; /* text is NULL for none */
    char *labels;         /* those of docker's and kubernetes' own: key, NUL, value, NUL and so on; NULL for none */
    size_t labels_length;
};

/*
 * Reads the JSON with which docker and podman describe a container. False: that is not what it is, or memory has run
 * out; *answer is zeroed. Else answer_free() is to be called.
 */
bool answer_parse(struct answer *answer, const char *text, size_t length, enum engine engine);
void answer_free(struct answer *answer);

#endif
