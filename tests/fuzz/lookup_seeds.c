/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds of lookup_view: all captured payloads of cgroups-lookup and apps-lookup, and some that are built. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed_file.h"
#include "tests/golden/golden.h"

#include <netipc/cgroups_lookup.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char payload[1 << 16];

/* Its request, and the answer to that. */
static void captured_session(const golden_file *captures, const char *name, const char *request, const char *answer)
{
    const golden_session *session = golden_session_named(captures, name);
    for (size_t step = 2; step < 4; step++) {
        golden_bytes joined;
        fuzz_check(session != NULL && golden_join_payload(session, step, &joined));
        put(joined.data, joined.length);
        free(joined.data);
        save("lookup_view", step == 2 ? request : answer);
    }
}

static void captured_seeds(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    for (size_t i = 0; i < captures->message_count; i++) {
        const golden_message *message = &captures->messages[i];
        if (strncmp(message->name, "cgroups_lookup", strlen("cgroups_lookup")) != 0 &&
            strncmp(message->name, "apps_lookup", strlen("apps_lookup")) != 0)
            continue;
        put(message->bytes.data, message->bytes.length);
        save("lookup_view", message->name);
    }
    captured_session(captures, "cgroups-lookup: known, unknown, labels, joined answers", "captured-paths",
                     "captured-cgroups");
    captured_session(captures, "apps-lookup: known, unknown, cgroup states, labels", "captured-pids", "captured-apps");
    golden_free(captures);
}

/* A request for so many paths; its length. */
static size_t build_request(unsigned count)
{
    netipc_cgroups_lookup_request_builder *builder;
    char path[64];
    size_t length;
    fuzz_check(netipc_cgroups_lookup_request_builder_new(&builder) == NETIPC_OK);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/system.slice/%.*s%u.service", (int)(i % 9), "abcdefghi", i);
        fuzz_check(netipc_cgroups_lookup_request_builder_add(builder, path, UINT32_MAX) == NETIPC_OK);
    }
    fuzz_check(netipc_cgroups_lookup_request_builder_write(builder, payload, sizeof payload, &length) == NETIPC_OK);
    netipc_cgroups_lookup_request_builder_free(builder);
    return length;
}

static void built_seeds(void)
{
    static const netipc_label labels[] = {{"namespace", "default"}, {"empty", ""}, {"pod", "web-0"}};
    netipc_cgroups_lookup_builder *builder;
    netipc_cgroups_lookup_request_view request;
    enum { PATHS = 20, BUDGET = 1500 };
    size_t length = build_request(PATHS);
    put(payload, length);
    save("lookup_view", "built-request");
    fuzz_check(netipc_cgroups_lookup_request_decode(payload, length, &request) == NETIPC_OK);
    fuzz_check(netipc_cgroups_lookup_builder_new(&builder) == NETIPC_OK);
    fuzz_check(netipc_cgroups_lookup_builder_begin(builder, &request, 9, BUDGET, BUDGET) == NETIPC_OK);
    for (unsigned i = 0; i < PATHS; i++) {
        const netipc_cgroup_lookup_answer answer = {
            .orchestrator = i, .name = "a name", .labels = labels, .label_count = i % 4};
        fuzz_check(netipc_cgroups_lookup_builder_add(builder, &answer) == NETIPC_OK);
    }
    static unsigned char answer[BUDGET];
    fuzz_check(netipc_cgroups_lookup_builder_write(builder, answer, sizeof answer, &length) == NETIPC_OK);
    netipc_cgroups_lookup_builder_free(builder);
    put(answer, length);
    save("lookup_view", "built-answer-in-part");
}

void lookup_seeds(void)
{
    captured_seeds();
    built_seeds();
}
