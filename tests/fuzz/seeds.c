/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the corpus: usage: fuzz_seeds DIRECTORY (tests/fuzz/corpus). What is in the files comes from the shipped
 * encoders and from the captures of tests/golden, so it is the same each time; a test compares it with what is in the
 * tree.
 */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"
#include "tests/golden/golden.h"

#include <netipc/cgroups_snapshot.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_goals[] = {NULL};

static void save_snapshot(const char *name, const netipc_cgroups_snapshot_builder *builder)
{
    static unsigned char payload[1 << 16];
    size_t length;
    fuzz_check(netipc_cgroups_snapshot_builder_write(builder, 7, 1, payload, sizeof payload, &length) == NETIPC_OK);
    put(payload, length);
    save("snapshot_view", name);
}

static void snapshot_seeds(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    static const char *const captured[] = {"cgroups_resp", "cgroups_resp_empty"};
    for (size_t i = 0; i < 2; i++) {
        const golden_message *message = golden_message_named(captures, captured[i]);
        fuzz_check(message != NULL);
        put(message->bytes.data, message->bytes.length);
        save("snapshot_view", captured[i]);
    }
    const golden_session *session = golden_session_named(captures, "snapshot: handshake and one refresh");
    golden_bytes joined;
    fuzz_check(session != NULL && golden_join_payload(session, 3, &joined));
    put(joined.data, joined.length);
    free(joined.data);
    save("snapshot_view", "captured-refresh");
    golden_free(captures);

    netipc_cgroups_snapshot_builder *builder;
    char name[64];
    fuzz_check(netipc_cgroups_snapshot_builder_new(&builder) == NETIPC_OK);
    save_snapshot("built-empty", builder);
    fuzz_check(netipc_cgroups_snapshot_builder_add(builder, 0, 0, 0, "", "") == NETIPC_OK);
    save_snapshot("built-empty-strings", builder);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "service-%.*s%u", (int)(i % 9), "abcdefghi", i);
        fuzz_check(netipc_cgroups_snapshot_builder_add(builder, i * 77, i % 16, i % 2, name, "/system.slice/x") ==
                   NETIPC_OK);
    }
    save_snapshot("built-many", builder);
    netipc_cgroups_snapshot_builder_free(builder);
}

static void profile_seeds(void)
{
    static const struct {
        const char *name, *text;
    } texts[] = {
        {"none", "netipc_profile = 1\n"},
        {"all", "netipc_profile = 1\nspin = fixed\nspin_ns = 50000\nslow_wake_ns = 100000\n"},
        {"comments", "# of a machine\n\nnetipc_profile=1 # version\r\n\tspin = adaptive\r\nspin_ns=0"},
        {"next-version", "netipc_profile = 2\nspin = learned\n"},
        {"unknown", "netipc_profile = 1\nspin = adaptive\nspins = 7\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(texts[i].text, strlen(texts[i].text));
        save("profile", texts[i].name);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    seed_corpus = argv[1];
    snapshot_seeds();
    region_seeds();
    page_seeds();
    attach_client_seeds();
    attach_server_seeds();
    rpc_client_seeds();
    index_seeds();
    method_seeds();
    request_seeds();
    lookup_seeds();
    profile_seeds();
    return 0;
}
