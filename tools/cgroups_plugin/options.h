/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_OPTIONS_H
#define CGROUPS_PLUGIN_OPTIONS_H

#include "tools/cgroups_plugin/hierarchy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The command line, checked. Strings belong to argv or to the program. */
struct options {
    const char *run_dir; /* NULL: not given */
    const char *service;
    char *host_prefix; /* absolute, without a slash at its end unless it is "/" */
    uint64_t token;
    bool token_given;
    uint64_t interval_ns;
    uint64_t early_ns;
    size_t watches_max;
    const char *lookup_service; /* "" for none */
    enum hierarchy_choice hierarchy;
    bool once;
    bool print;
    bool verbose;
    size_t max;
    const char *search_patterns;
    const char *enable_patterns;
    const char *service_patterns;
    const char *docker_socket; /* NULL: the usual one; "": none */
    const char *podman_socket; /* likewise */
    uint64_t names_refresh_ns; /* 0: never */
    uint64_t names_timeout_ns; /* for one answer */
    uint64_t wait_names_ns;    /* before printing */
    uint32_t *allowed_uids;    /* NULL: the library's default */
    uint32_t allowed_uid_count;
    uint32_t slots;      /* 0, here and below: the library's default */
    uint64_t capacity;   /* bytes */
    uint64_t ceiling;    /* bytes */
    const char *profile; /* its file; NULL: none */
    uint32_t placement;  /* NETIPC_PLACE_… */
    int32_t numa_node;   /* NETIPC_NUMA_NODE_ANY: none was given */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_USAGE /* failure->detail says which argument and what is wrong with it */
};

/* options_free() is to be called whatever the result. */
enum options_result options_parse(struct options *options, int argc, char **argv, struct failure *failure);
void options_free(struct options *options);

/* What --help prints. */
extern const char options_help[];

#endif
