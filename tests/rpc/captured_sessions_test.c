/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured sessions of the published protocol, played against servers of ours that are configured as the captured
 * ones were. Every byte must be the captured one, but for what the tests here list.
 */
#include "tests/golden/golden.h"
#include "tests/rpc/serve.h"

#include <string.h>
#include <unistd.h>

enum { ENVELOPE = NETIPC_WIRE_ENVELOPE_SIZE };

static golden_file *golden;

static int load_golden(void **state)
{
    (void)state;
    golden = golden_load();
    return golden == NULL ? -1 : 0;
}

static int free_golden(void **state)
{
    (void)state;
    golden_free(golden);
    return 0;
}

static const golden_session *session_named(const char *name)
{
    const golden_session *session = golden_session_named(golden, name);
    assert_non_null(session);
    return session;
}

/* --- the services that were captured --- */

/* What the captured server was asked and answered, in step 2 and 3 of its session. */
struct answered {
    const unsigned char *request, *answer;
    size_t request_length, answer_length;
};

static struct answered answered_in(const char *name)
{
    const golden_session *session = session_named(name);
    assert_true(session->step_count >= 4 && session->steps[3].kind == GOLDEN_RECV);
    const golden_bytes *request = &session->steps[2].packet, *answer = &session->steps[3].packet;
    return (struct answered){request->data + ENVELOPE, answer->data + ENVELOPE, request->length - ENVELOPE,
                             answer->length - ENVELOPE};
}

static netipc_status answer_as_captured(void *context, const netipc_request *request, netipc_answer *answer)
{
    const struct answered *captured = context;
    if (request->length != captured->request_length ||
        memcmp(request->payload, captured->request, request->length) != 0)
        return NETIPC_CORRUPT;
    return netipc_answer_write(answer, captured->answer, captured->answer_length);
}

static netipc_status begin_captured_lookup(void *context, const netipc_request *request, uint64_t *generation,
                                           void **asked)
{
    (void)context;
    (void)request;
    (void)asked;
    *generation = 17;
    return NETIPC_OK;
}

static netipc_status find_captured(void *context, void *asked, const char *path, uint32_t path_length,
                                   netipc_cgroup_lookup_answer *answer)
{
    static const netipc_label labels[] = {{"role", "db"}};
    static const struct {
        const char *path;
        netipc_cgroup_lookup_answer answer;
    } known[] = {
        {"/known", {.orchestrator = NETIPC_ORCHESTRATOR_K8S, .name = "pod-a", .labels = labels, .label_count = 1}},
        {"/permanent", {.status = NETIPC_CGROUP_UNKNOWN_FOR_GOOD}},
        {"/oversized", {.status = NETIPC_CGROUP_OVERSIZED}},
        {"/known2", {.orchestrator = NETIPC_ORCHESTRATOR_DOCKER, .name = "pod-b"}},
    };
    (void)context;
    (void)asked;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].path) == path_length && strcmp(known[i].path, path) == 0)
            *answer = known[i].answer;
    return NETIPC_OK; /* "/retry" is unknown now, as everything is that nothing is said of */
}

static netipc_status begin_captured_apps(void *context, const netipc_request *request, uint64_t *generation,
                                         void **asked)
{
    (void)context;
    (void)request;
    (void)asked;
    *generation = 19;
    return NETIPC_OK;
}

static netipc_status find_captured_app(void *context, void *asked, uint32_t pid, netipc_app_lookup_answer *answer)
{
    static const netipc_label labels[] = {{"role", "api"}};
    static const netipc_app_lookup_answer known[] = {
        {.orchestrator = NETIPC_ORCHESTRATOR_DOCKER,
         .ppid = 1,
         .uid = 1000,
         .label_count = 1,
         .starttime = 42,
         .comm = "known",
         .cgroup_path = "/cg/known",
         .cgroup_name = "pod-a",
         .labels = labels},
        {.cgroup_status = NETIPC_APP_CGROUP_HOST_ROOT, .ppid = 1, .uid = 1001, .starttime = 43, .comm = "host"},
        {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET},
        {.status = NETIPC_APP_OVERSIZED, .uid = NETIPC_UID_UNSET},
        {.cgroup_status = NETIPC_APP_CGROUP_UNKNOWN_NOW, .ppid = 1, .uid = 1002, .starttime = 44, .comm = "retry"},
    };
    (void)context;
    (void)asked;
    if (pid < 1001 || pid > 1005)
        return NETIPC_INVALID_ARGUMENT;
    *answer = known[pid - 1001];
    return NETIPC_OK;
}

static netipc_apps_lookup_service captured_apps = {
    .size = sizeof captured_apps, .begin = begin_captured_apps, .find = find_captured_app};

static netipc_cgroups_lookup_service captured_lookup = {
    .size = sizeof captured_lookup, .begin = begin_captured_lookup, .find = find_captured};

static bool begins_with(const golden_session *session, const char *what)
{
    return strncmp(session->name, what, strlen(what)) == 0;
}

static netipc_service_config service_of(const golden_session *session, struct answered *captured)
{
    netipc_service_config config = rpc_service_config(NETIPC_METHOD_CGROUPS_SNAPSHOT, answer_as_captured, captured);
    *captured = answered_in("snapshot: handshake and one refresh");
    if (begins_with(session, "increment:")) {
        config.method = NETIPC_METHOD_INCREMENT;
        config.handler = rpc_increment;
        memcpy(&config.token, session->steps[0].packet.data + ENVELOPE + 32, sizeof config.token);
    } else if (begins_with(session, "cgroups-lookup:")) {
        config.method = NETIPC_METHOD_CGROUPS_LOOKUP;
        config.handler = netipc_cgroups_lookup_handle;
        config.context = &captured_lookup;
    } else if (begins_with(session, "apps-lookup:")) {
        config.method = NETIPC_METHOD_APPS_LOOKUP;
        config.handler = netipc_apps_lookup_handle;
        config.context = &captured_apps;
    } else if (begins_with(session, "low level:")) {
        config.method = NETIPC_METHOD_INCREMENT;
        config.handler = rpc_echo;
    }
    config.response_payload = config.max_response_payload =
        begins_with(session, "increment: batch") ? 52096 : 65536; /* the server's own choice, then as now */
    return config;
}

/* --- playing --- */

/* Those that a publisher has beside the captured server's. */
static uint32_t more_profiles;

/*
 * What may differ in an accepting HELLO_ACK. packet_size, when both offers follow from the send buffer: ours offers
 * what the kernel takes in one packet, 32 bytes less than that buffer. session_id: the captured "low level" server does
 * not count. The profiles, of a publisher, since one of the captured clients prefers the publication's bit.
 */
static void allow_differences(const golden_session *session, const unsigned char *ours, unsigned char *expected)
{
    struct netipc_hello_ack wanted, got;
    memcpy(&wanted, expected + ENVELOPE, sizeof wanted);
    memcpy(&got, ours + ENVELOPE, sizeof got);
    if (wanted.server_supported_profiles != 0) {
        struct netipc_hello said = {0};
        memcpy(&said, session->steps[0].packet.data + ENVELOPE, NETIPC_WIRE_HELLO_SIZE);
        wanted.server_supported_profiles |= more_profiles;
        wanted.intersection_profiles |= more_profiles & said.supported_profiles;
        wanted.selected_profile = netipc_wire_select_profile(wanted.intersection_profiles, said.preferred_profiles);
    }
    if (wanted.packet_size > 65536) {
        assert_in_range(got.packet_size, 65536, wanted.packet_size);
        wanted.packet_size = got.packet_size;
    }
    if (begins_with(session, "low level:"))
        wanted.session_id = 1;
    memcpy(expected + ENVELOPE, &wanted, sizeof wanted);
}

static void expect_step(int socket, const golden_session *session, size_t step)
{
    unsigned char packet[65536], expected[65536];
    const golden_bytes *captured = &session->steps[step].packet;
    int length = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
    if (length != (int)captured->length)
        fail_msg("%s: step %zu: %d bytes, captured were %zu", session->name, step, length, captured->length);
    memcpy(expected, captured->data, captured->length);
    if (step == 1 && length == ENVELOPE + NETIPC_WIRE_HELLO_ACK_SIZE)
        allow_differences(session, packet, expected);
    if (memcmp(packet, expected, captured->length) != 0)
        fail_msg("%s: step %zu is not as captured", session->name, step);
}

static void play(const struct scene *scene, const golden_session *session)
{
    int socket = raw_connect(scene);
    for (size_t step = 0; step < session->step_count; step++) {
        unsigned char packet[256];
        switch (session->steps[step].kind) {
        case GOLDEN_SEND:
            raw_send(socket, session->steps[step].packet.data, session->steps[step].packet.length);
            break;
        case GOLDEN_RECV:
            expect_step(socket, session, step);
            break;
        case GOLDEN_CLOSED:
            raw_expect_closed(socket);
            break;
        case GOLDEN_SILENCE:
            assert_int_equal(raw_receive(socket, packet, sizeof packet, session->steps[step].silence_ms), RAW_SILENCE);
            break;
        case GOLDEN_CLIENT_CLOSED:
            break;
        }
    }
    close(socket);
}

/* Ours is stricter: the captured server ignores the flags of a HELLO, ours refuses what it does not know, so that a
 * flag can mean something one day. */
static const char stricter[] = "refusal: non-zero flags";

static void play_all(const struct scene *scene, uint32_t workers)
{
    const golden_session *good = NULL;
    unsigned played = 0;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        if (strcmp(session->name, stricter) == 0)
            continue;
        /* Workers answer in an order of their own: see tests/rpc/workers_test.c. */
        if (workers > 1 && strcmp(session->name, "increment: four requests before any answer") == 0)
            continue;
        struct answered captured;
        netipc_service_config service = service_of(session, &captured);
        netipc_server *server = rpc_serve(scene, &service, workers);
        play(scene, session);
        /* And the next client is served. */
        if (service.method == NETIPC_METHOD_CGROUPS_SNAPSHOT) {
            good = session_named("snapshot: handshake and one refresh");
            int socket = raw_connect(scene);
            raw_send(socket, good->steps[0].packet.data, good->steps[0].packet.length);
            struct netipc_hello_ack ack;
            assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
            raw_send(socket, good->steps[2].packet.data, good->steps[2].packet.length);
            expect_step(socket, good, 3);
            close(socket);
        }
        netipc_server_close(server);
        played++;
    }
    assert_in_range(played, golden->session_count - 2, golden->session_count - 1);
}

static void every_captured_session_is_answered_byte_for_byte(void **state)
{
    play_all(*state, 0);
}

static void every_captured_session_is_answered_byte_for_byte_by_a_worker(void **state)
{
    play_all(*state, 1);
}

static void every_captured_session_is_answered_byte_for_byte_by_workers(void **state)
{
    play_all(*state, 4);
}

/* What is asked of others is what the captured server of snapshots would not have been asked. */
static bool is_of_snapshots(const golden_session *session)
{
    return !begins_with(session, "increment:") && !begins_with(session, "cgroups-lookup:") &&
           !begins_with(session, "apps-lookup:") && !begins_with(session, "low level:");
}

static void every_captured_session_of_snapshots_is_answered_byte_for_byte_by_a_publisher(void **state)
{
    const struct scene *scene = *state;
    unsigned played = 0;
    more_profiles = NETIPC_PROFILE_PUBLICATION;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        if (strcmp(session->name, stricter) == 0 || !is_of_snapshots(session))
            continue;
        struct answered captured;
        netipc_service_config requests;
        netipc_publisher_config config = publisher_config(scene);
        netipc_publisher *publisher;
        uint64_t generation;
        netipc_publisher_requests_init(&requests);
        requests.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
        requests.response_payload = requests.max_response_payload = service_of(session, &captured).max_response_payload;
        config.requests = &requests;
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
        assert_int_equal(netipc_publish(publisher, captured.answer, captured.answer_length, &generation), NETIPC_OK);
        play(scene, session);
        netipc_publisher_close(publisher);
        played++;
    }
    more_profiles = 0;
    assert_int_equal(played, 21);
}

static void a_hello_with_flags_is_refused(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named(stricter);
    netipc_server *server = rpc_serve_increment(scene, 0);
    struct netipc_hello_ack ack;
    int socket = raw_connect(scene);
    raw_send(socket, session->steps[0].packet.data, session->steps[0].packet.length);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_BAD_ENVELOPE);
    raw_expect_closed(socket);
    close(socket);
    rpc_expect_service(scene);
    netipc_server_close(server);
}

/* In this host's byte order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define U32(number) number, 0, 0, 0
#else
#define U32(number) 0, 0, 0, number
#endif

/* No session of this method was captured: as the format's page gives it. */
static void strings_are_reversed(void **state)
{
    const struct scene *scene = *state;
    static const unsigned char asked[] = {U32(8), U32(6), 's', 't', 'r', 'e', 's', 's', 0};
    static const unsigned char answered[] = {U32(8), U32(6), 's', 's', 'e', 'r', 't', 's', 0};
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_STRING_REVERSE, rpc_reverse, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    int socket = rpc_open(scene);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_STRING_REVERSE, 5, sizeof asked);
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof answered);
    raw_send_message(socket, &request, asked, sizeof asked);
    rpc_expect(socket, &response, answered);
    request.payload_len--; /* without its NUL */
    raw_send_message(socket, &request, asked, sizeof asked - 1);
    rpc_expect_status(socket, &request, NETIPC_TRANSPORT_BAD_ENVELOPE);
    raw_expect_closed(socket);
    close(socket);
    netipc_server_close(server);
}

#define playing(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        playing(every_captured_session_is_answered_byte_for_byte),
        playing(every_captured_session_is_answered_byte_for_byte_by_a_worker),
        playing(every_captured_session_is_answered_byte_for_byte_by_workers),
        playing(every_captured_session_of_snapshots_is_answered_byte_for_byte_by_a_publisher),
        playing(a_hello_with_flags_is_refused),
        playing(strings_are_reversed),
    };
    return cmocka_run_group_tests(tests, load_golden, free_golden);
}
