/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CGROUPS_LOOKUP_H
#define NETIPC_CGROUPS_LOOKUP_H

#include <netipc/client.h>
#include <netipc/export.h>
#include <netipc/lookup.h>
#include <netipc/server.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The method cgroups-lookup (NETIPC_METHOD_CGROUPS_LOOKUP): some paths of cgroups are asked for, and the answer says
 * what is known of each. A path is a key and nothing else: neither side opens it.
 *
 *   a client calls           netipc_cgroups_lookup_call()
 *   a server has the handler netipc_cgroups_lookup_handle(), which asks a netipc_cgroups_lookup_service
 *   both are made of         the payloads' views and builders, further down
 *
 * The bytes are in docs/wire.md, how such a method is made in docs/services.md.
 */

/* What an item says of its path. */
typedef enum netipc_cgroup_lookup_status {
    NETIPC_CGROUP_KNOWN = 0,
    NETIPC_CGROUP_UNKNOWN_NOW = 1,      /* perhaps later: ask again */
    NETIPC_CGROUP_UNKNOWN_FOR_GOOD = 2, /* do not ask again */
    NETIPC_CGROUP_EXCEEDED = 3,         /* the answer had no room left: ask again. Never in what _call gives */
    NETIPC_CGROUP_OVERSIZED = 4         /* no answer has room for it: do not ask again */
} netipc_cgroup_lookup_status;

/* An item, borrowed. But for its path it is empty unless status is NETIPC_CGROUP_KNOWN. */
typedef struct netipc_cgroup_lookup_view {
    uint32_t status;       /* netipc_cgroup_lookup_status */
    uint32_t orchestrator; /* NETIPC_ORCHESTRATOR_… (lookup.h), or another number */
    const char *path;      /* NUL-terminated, with no other NUL; as name */
    const char *name;
    uint32_t path_length; /* bytes without the NUL; at least 1 */
    uint32_t name_length;
    uint32_t label_count;
    uint32_t length; /* private, as all below */
    const unsigned char *bytes;
    uint32_t labels;
    uint32_t index;
} netipc_cgroup_lookup_view;

/* Fills in *label with label index of item, 0 to label_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that;
 * NETIPC_CORRUPT when the bytes have changed since item was filled in. *label is untouched then. */
NETIPC_API netipc_status netipc_cgroup_lookup_label(const netipc_cgroup_lookup_view *item, uint32_t index,
                                                    netipc_label_view *label);

/* An item of the caller's own, in one piece of memory. */
typedef struct netipc_cgroup_lookup_copy {
    uint32_t status;
    uint32_t orchestrator;
    const char *path;
    const char *name;
    const netipc_label *labels;
    uint32_t label_count;
    uint32_t reserved;
} netipc_cgroup_lookup_copy;

/* *copy gets all of item, for the caller to free(). NETIPC_OK; NETIPC_NO_MEMORY, NETIPC_CORRUPT (the bytes have
 * changed), and *copy is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroup_lookup_copy_of(const netipc_cgroup_lookup_view *item,
                                                                       netipc_cgroup_lookup_copy **copy);

/* --- the client --- */

/* What was found, owned by the caller. Any thread, one that frees it excepted. */
typedef struct netipc_cgroups_lookup_result netipc_cgroups_lookup_result;

/*
 * Asks for count paths (0 to 2^32 - 1; none is a probe), each NUL-terminated and not empty, with as many requests as it
 * takes, and joins their answers: item i is that of paths[i], and says anything but NETIPC_CGROUP_EXCEEDED. A path that
 * is too long for a request, or whose answer for client's max_response_payload, is NETIPC_CGROUP_OVERSIZED. client is
 * used as by netipc_client_call(): one thread at a time, and netipc_client_abort() ends the whole call.
 *
 * timeout_ns is for the whole call, reconnecting included; 0: the client's call_timeout_ns. All parts must tell of one
 * generation of one server: NETIPC_OVERRUN when the server went on to another one between two of them, or another
 * server came; call again. NETIPC_PROTOCOL:
 * the answer is none to this request (other paths, or none of them answered). NETIPC_INVALID_ARGUMENT,
 * NETIPC_NO_MEMORY, and all that netipc_client_call() gives. *result is NULL but with NETIPC_OK; what was found before
 * a failure is lost.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_call(netipc_client *client, const char *const *paths,
                                                                     uint32_t count, uint64_t timeout_ns,
                                                                     netipc_cgroups_lookup_result **result);

NETIPC_API uint64_t netipc_cgroups_lookup_result_generation(const netipc_cgroups_lookup_result *result);

/* Items, as many as paths were asked for. */
NETIPC_API uint32_t netipc_cgroups_lookup_result_count(const netipc_cgroups_lookup_result *result);

/* *item gets item index, which lives as long as result does. NETIPC_OK; NETIPC_INVALID_ARGUMENT: index is not below
 * _count. */
NETIPC_API netipc_status netipc_cgroups_lookup_result_item(const netipc_cgroups_lookup_result *result, uint32_t index,
                                                           netipc_cgroup_lookup_view *item);

/* NULL is allowed. */
NETIPC_API void netipc_cgroups_lookup_result_free(netipc_cgroups_lookup_result *result);

/* --- the server --- */

/* What a service knows of a path. All that it points to stays the service's, and until it is asked for the next path or
 * told of the end. */
typedef struct netipc_cgroup_lookup_answer {
    uint32_t status;       /* NETIPC_CGROUP_KNOWN, _UNKNOWN_NOW or _UNKNOWN_FOR_GOOD; the rest is for _KNOWN only */
    uint32_t orchestrator; /* NETIPC_ORCHESTRATOR_…; 0 to 65535 */
    const char *name;      /* NUL-terminated; NULL: empty */
    const netipc_label *labels; /* label_count; NULL when there is none */
    uint32_t label_count;       /* 0 to NETIPC_LABELS_MAX */
    uint32_t reserved;          /* 0 */
} netipc_cgroup_lookup_answer;

/*
 * A service: what netipc_cgroups_lookup_handle() asks, for each request begin once, then find for one path after the
 * other until there is no more room, then end. They are called where handlers are (server.h): by the event loop, or
 * with workers by several threads at once.
 */
typedef struct netipc_cgroups_lookup_service {
    uint32_t size;     /* sizeof(netipc_cgroups_lookup_service) */
    uint32_t reserved; /* 0 */
    void *context;     /* handed to all three */

    /* *generation (of all that is known: it changes when an answer may) is for the whole answer; *asked, NULL before,
     * is handed to the other two: a version that is held until end, say. Anything but NETIPC_OK fails the request, and
     * there is no end then. */
    netipc_status (*begin)(void *context, const netipc_request *request, uint64_t *generation, void **asked);

    /* path is NUL-terminated, of path_length bytes, at least 1, and whatever a peer put there. *answer says
     * NETIPC_CGROUP_UNKNOWN_NOW before. Anything but NETIPC_OK fails the request. */
    netipc_status (*find)(void *context, void *asked, const char *path, uint32_t path_length,
                          netipc_cgroup_lookup_answer *answer);

    void (*end)(void *context, void *asked); /* NULL: nothing to be done */
} netipc_cgroups_lookup_service;

/*
 * A netipc_handler, for netipc_service_config (server.h): method NETIPC_METHOD_CGROUPS_LOOKUP, handler this, context
 * the netipc_cgroups_lookup_service, which must live as long as the server. A session is answered with what it takes:
 * what needs more than it agreed on, but not more than the service's max_response_payload, makes the client agree on
 * more; what needs more than that is NETIPC_CGROUP_OVERSIZED.
 */
NETIPC_API netipc_status netipc_cgroups_lookup_handle(void *service, const netipc_request *request,
                                                      netipc_answer *answer);

/*
 * --- payloads ---
 *
 * Pure functions over bytes: no allocation but in builders and _copy_of, no I/O, no state. Any thread; one builder by
 * one thread at a time.
 *
 *   ..._view     borrowed: points into the caller's bytes and lives no longer than they do
 *   ..._builder  owns the bytes it makes
 *
 * Decoding checks the whole of a payload, every string and byte of padding, in one pass. NETIPC_OK; NETIPC_CORRUPT with
 * the place in netipc_status_detail(), and *view has no item then. bytes need no alignment, may be NULL when length is
 * 0, and must stay unchanged while the view is used. Should somebody change them nevertheless, nothing outside of them
 * is ever read by the calls here; but a string may have lost its NUL: go by the lengths there, or decode a copy.
 */

typedef struct netipc_cgroups_lookup_request_view {
    uint32_t item_count;
    uint32_t reserved;
    const unsigned char *directory; /* private, as all below */
    const unsigned char *items;
    size_t items_length;
} netipc_cgroups_lookup_request_view;

NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_lookup_request_decode(const void *bytes, size_t length, netipc_cgroups_lookup_request_view *view);

/* Points *path to path index of view, 0 to item_count - 1: NUL-terminated, of *path_length bytes, at least 1.
 * NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that; NETIPC_CORRUPT when the bytes have changed since they were
 * decoded: both are untouched then. */
NETIPC_API netipc_status netipc_cgroups_lookup_request_path(const netipc_cgroups_lookup_request_view *view,
                                                            uint32_t index, const char **path, uint32_t *path_length);

typedef struct netipc_cgroups_lookup_request_builder netipc_cgroups_lookup_request_builder;

/* Makes an empty one, of which a probe is written. NETIPC_OK; NETIPC_NO_MEMORY, and *builder is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_lookup_request_builder_new(netipc_cgroups_lookup_request_builder **builder);

/* NULL is allowed. */
NETIPC_API void netipc_cgroups_lookup_request_builder_free(netipc_cgroups_lookup_request_builder *builder);

/* Forgets all paths and keeps the memory. */
NETIPC_API void netipc_cgroups_lookup_request_builder_reset(netipc_cgroups_lookup_request_builder *builder);

/*
 * Appends a path, NUL-terminated and not empty, which is copied, unless the payload would pass most bytes. NETIPC_OK;
 * NETIPC_TOO_LARGE: it would; NETIPC_INVALID_ARGUMENT; NETIPC_NO_MEMORY. Every failure leaves the builder as it was.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_request_builder_add(
    netipc_cgroups_lookup_request_builder *builder, const char *path, uint32_t most);

/* The length of the payload with what has been added so far. */
NETIPC_API size_t netipc_cgroups_lookup_request_builder_length(const netipc_cgroups_lookup_request_builder *builder);

/* Writes the payload into buffer; no alignment is needed. *length, if not NULL, gets the payload's length in both
 * cases: NETIPC_OK; NETIPC_TOO_SMALL, and buffer (NULL when capacity is 0) is untouched. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_request_builder_write(
    const netipc_cgroups_lookup_request_builder *builder, void *buffer, size_t capacity, size_t *length);

/* An answer. */
typedef struct netipc_cgroups_lookup_view {
    uint64_t generation; /* any number, 0 too */
    uint32_t item_count;
    uint32_t reserved;
    const unsigned char *directory; /* private, as all below */
    const unsigned char *items;
    size_t items_length;
} netipc_cgroups_lookup_view;

NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_decode(const void *bytes, size_t length,
                                                                       netipc_cgroups_lookup_view *view);

/* Fills in *item with item index of view, 0 to item_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that;
 * NETIPC_CORRUPT when the bytes have changed since they were decoded. *item is untouched then. */
NETIPC_API netipc_status netipc_cgroups_lookup_item(const netipc_cgroups_lookup_view *view, uint32_t index,
                                                    netipc_cgroup_lookup_view *item);

typedef struct netipc_cgroups_lookup_builder netipc_cgroups_lookup_builder;

/* NETIPC_OK; NETIPC_NO_MEMORY, and *builder is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_builder_new(netipc_cgroups_lookup_builder **builder);

/* NULL is allowed. */
NETIPC_API void netipc_cgroups_lookup_builder_free(netipc_cgroups_lookup_builder *builder);

/*
 * Begins an answer to request, which is borrowed until the answer is written, of budget bytes at most; most, not less,
 * is what another session could agree on. It has an item for every path from the start, each NETIPC_CGROUP_EXCEEDED.
 * Forgets what was built before and keeps the memory. NETIPC_OK; NETIPC_LIMIT_EXCEEDED: these alone need more than
 * budget; NETIPC_INVALID_ARGUMENT; NETIPC_CORRUPT: the request's bytes have changed. The builder is empty then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_builder_begin(
    netipc_cgroups_lookup_builder *builder, const netipc_cgroups_lookup_request_view *request, uint64_t generation,
    uint64_t budget, uint64_t most);

/*
 * Answers the next path; *answer is copied. An item that most bytes have no room for, if it were alone, becomes
 * NETIPC_CGROUP_OVERSIZED. One that does not fit into budget stays NETIPC_CGROUP_EXCEEDED, and so do all behind it,
 * whatever they are answered with; if it is the first of all, and most is more than budget, that is
 * NETIPC_LIMIT_EXCEEDED. NETIPC_OK otherwise; NETIPC_WRONG_STATE: all paths have been answered;
 * NETIPC_INVALID_ARGUMENT: answer's numbers, or something to tell of a path that is not known, an empty label key;
 * NETIPC_NO_MEMORY; NETIPC_CORRUPT: the request's bytes have changed. Every failure leaves the builder as it was.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_builder_add(netipc_cgroups_lookup_builder *builder,
                                                                            const netipc_cgroup_lookup_answer *answer);

/* Paths for which _add changes something still: 0 once all are answered, or one of them did not fit. */
NETIPC_API uint32_t netipc_cgroups_lookup_builder_open_count(const netipc_cgroups_lookup_builder *builder);

/* The length of the payload as it is now. */
NETIPC_API size_t netipc_cgroups_lookup_builder_length(const netipc_cgroups_lookup_builder *builder);

/* Writes the payload into buffer; no alignment is needed. *length, if not NULL, gets the payload's length but with
 * NETIPC_CORRUPT: NETIPC_OK; NETIPC_TOO_SMALL, and buffer (NULL when capacity is 0) is untouched; NETIPC_CORRUPT: the
 * request's bytes have changed. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_lookup_builder_write(
    const netipc_cgroups_lookup_builder *builder, void *buffer, size_t capacity, size_t *length);

NETIPC_END_DECLS

#endif
