/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_APPS_LOOKUP_H
#define NETIPC_APPS_LOOKUP_H

#include <netipc/client.h>
#include <netipc/export.h>
#include <netipc/lookup.h>
#include <netipc/server.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The method apps-lookup (NETIPC_METHOD_APPS_LOOKUP): some processes are asked for by their pids, and the answer says
 * what is known of each, and of the cgroup that it is in. As cgroups_lookup.h in everything that is not told here. The
 * bytes are in docs/wire.md.
 */

/* What an item says of its process. */
typedef enum netipc_app_lookup_status {
    NETIPC_APP_KNOWN = 0,
    NETIPC_APP_UNKNOWN = 1,
    NETIPC_APP_EXCEEDED = 2, /* the answer had no room left: ask again. Never in what _call gives */
    NETIPC_APP_OVERSIZED = 3 /* no answer has room for it: do not ask again */
} netipc_app_lookup_status;

/* … and of the cgroup of a process that is known. */
typedef enum netipc_app_cgroup_status {
    NETIPC_APP_CGROUP_KNOWN = 0,            /* the path is there; name, labels and orchestrator may be */
    NETIPC_APP_CGROUP_UNKNOWN_NOW = 1,      /* perhaps later; the path may be there */
    NETIPC_APP_CGROUP_UNKNOWN_FOR_GOOD = 2, /* the path is there */
    NETIPC_APP_CGROUP_HOST_ROOT = 3         /* none but the root */
} netipc_app_cgroup_status;

/* A uid that is not known. */
#define NETIPC_UID_UNSET UINT32_MAX

/* Most bytes of comm. */
#define NETIPC_COMM_MAX 15u

/* An item, borrowed. Strings are NUL-terminated, with no other NUL; lengths are without it. But for its pid it is empty
 * unless status is NETIPC_APP_KNOWN, and the uid is NETIPC_UID_UNSET then. */
typedef struct netipc_app_lookup_view {
    uint32_t status;        /* netipc_app_lookup_status */
    uint32_t cgroup_status; /* netipc_app_cgroup_status */
    uint32_t orchestrator;  /* NETIPC_ORCHESTRATOR_…, or another number */
    uint32_t pid;
    uint32_t ppid;
    uint32_t uid;
    uint64_t starttime; /* field 22 of /proc/PID/stat */
    const char *comm;   /* 1 to NETIPC_COMM_MAX bytes of a process that is known */
    const char *cgroup_path;
    const char *cgroup_name;
    uint32_t comm_length;
    uint32_t cgroup_path_length;
    uint32_t cgroup_name_length;
    uint32_t label_count;
    uint32_t length; /* private, as all below */
    uint32_t labels;
    const unsigned char *bytes;
    uint64_t index;
} netipc_app_lookup_view;

/* Fills in *label with label index of item, 0 to label_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that;
 * NETIPC_CORRUPT when the bytes have changed since item was filled in. *label is untouched then. */
NETIPC_API netipc_status netipc_app_lookup_label(const netipc_app_lookup_view *item, uint32_t index,
                                                 netipc_label_view *label);

/* --- the client --- */

/* What was found, owned by the caller. Any thread, one that frees it excepted. */
typedef struct netipc_apps_lookup_result netipc_apps_lookup_result;

/* Asks for count pids; statuses, deadline, parts and generations as netipc_cgroups_lookup_call(). */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_call(netipc_client *client, const uint32_t *pids,
                                                                  uint32_t count, uint64_t timeout_ns,
                                                                  netipc_apps_lookup_result **result);

NETIPC_API uint64_t netipc_apps_lookup_result_generation(const netipc_apps_lookup_result *result);

/* Items, as many as pids were asked for. */
NETIPC_API uint32_t netipc_apps_lookup_result_count(const netipc_apps_lookup_result *result);

/* *item gets item index, which lives as long as result does. NETIPC_OK; NETIPC_INVALID_ARGUMENT: index is not below
 * _count. */
NETIPC_API netipc_status netipc_apps_lookup_result_item(const netipc_apps_lookup_result *result, uint32_t index,
                                                        netipc_app_lookup_view *item);

/* NULL is allowed. */
NETIPC_API void netipc_apps_lookup_result_free(netipc_apps_lookup_result *result);

/* --- the server --- */

/* What a service knows of a process. All that it points to stays the service's, and until it is asked for the next one
 * or told of the end. Strings are NUL-terminated, NULL is empty. The statuses say what has to be empty: see above. */
typedef struct netipc_app_lookup_answer {
    uint32_t status; /* any but NETIPC_APP_EXCEEDED */
    uint32_t cgroup_status;
    uint32_t orchestrator; /* 0 to 65535 */
    uint32_t ppid;
    uint32_t uid;
    uint32_t label_count; /* 0 to NETIPC_LABELS_MAX */
    uint64_t starttime;
    const char *comm; /* NETIPC_COMM_MAX bytes at most */
    const char *cgroup_path;
    const char *cgroup_name;
    const netipc_label *labels; /* label_count; NULL when there is none */
} netipc_app_lookup_answer;

/* As netipc_cgroups_lookup_service; *answer says NETIPC_APP_UNKNOWN, with NETIPC_UID_UNSET, before find. */
typedef struct netipc_apps_lookup_service {
    uint32_t size;     /* sizeof(netipc_apps_lookup_service) */
    uint32_t reserved; /* 0 */
    void *context;
    netipc_status (*begin)(void *context, const netipc_request *request, uint64_t *generation, void **asked);
    netipc_status (*find)(void *context, void *asked, uint32_t pid, netipc_app_lookup_answer *answer);
    void (*end)(void *context, void *asked); /* NULL: nothing to be done */
} netipc_apps_lookup_service;

/* A netipc_handler for NETIPC_METHOD_APPS_LOOKUP, whose context is a netipc_apps_lookup_service. */
NETIPC_API netipc_status netipc_apps_lookup_handle(void *service, const netipc_request *request, netipc_answer *answer);

/* --- payloads --- */

typedef struct netipc_apps_lookup_request_view {
    uint32_t item_count;
    uint32_t reserved;
    const unsigned char *directory; /* private, as all below */
    const unsigned char *items;
    size_t items_length;
} netipc_apps_lookup_request_view;

NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_request_decode(const void *bytes, size_t length,
                                                                            netipc_apps_lookup_request_view *view);

/* *pid gets pid index of view, 0 to item_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that; NETIPC_CORRUPT
 * when the bytes have changed since they were decoded: it is untouched then. */
NETIPC_API netipc_status netipc_apps_lookup_request_pid(const netipc_apps_lookup_request_view *view, uint32_t index,
                                                        uint32_t *pid);

/* Writes the request for count pids into buffer, which needs no alignment. *length, if not NULL, gets the payload's
 * length: NETIPC_OK; NETIPC_TOO_SMALL, and buffer (NULL when capacity is 0) is untouched; NETIPC_TOO_LARGE: more than
 * 2^32 - 1 bytes, and so is *length. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_request_encode(const uint32_t *pids, uint32_t count,
                                                                            void *buffer, size_t capacity,
                                                                            size_t *length);

/* An answer. */
typedef struct netipc_apps_lookup_view {
    uint64_t generation; /* any number, 0 too */
    uint32_t item_count;
    uint32_t reserved;
    const unsigned char *directory; /* private, as all below */
    const unsigned char *items;
    size_t items_length;
} netipc_apps_lookup_view;

NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_decode(const void *bytes, size_t length,
                                                                    netipc_apps_lookup_view *view);

/* As netipc_cgroups_lookup_item(). */
NETIPC_API netipc_status netipc_apps_lookup_item(const netipc_apps_lookup_view *view, uint32_t index,
                                                 netipc_app_lookup_view *item);

/* As netipc_cgroups_lookup_builder, call by call. */
typedef struct netipc_apps_lookup_builder netipc_apps_lookup_builder;

NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_builder_new(netipc_apps_lookup_builder **builder);
NETIPC_API void netipc_apps_lookup_builder_free(netipc_apps_lookup_builder *builder);
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_apps_lookup_builder_begin(netipc_apps_lookup_builder *builder, const netipc_apps_lookup_request_view *request,
                                 uint64_t generation, uint64_t budget, uint64_t most);
NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_builder_add(netipc_apps_lookup_builder *builder,
                                                                         const netipc_app_lookup_answer *answer);
NETIPC_API uint32_t netipc_apps_lookup_builder_open_count(const netipc_apps_lookup_builder *builder);
NETIPC_API size_t netipc_apps_lookup_builder_length(const netipc_apps_lookup_builder *builder);
NETIPC_API NETIPC_NODISCARD netipc_status netipc_apps_lookup_builder_write(const netipc_apps_lookup_builder *builder,
                                                                           void *buffer, size_t capacity,
                                                                           size_t *length);

NETIPC_END_DECLS

#endif
