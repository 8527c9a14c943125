/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/engine_server.h"
#include "tests/tools/cgroups_plugin/fake_tree.h"
#include "tests/tools/cgroups_plugin/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define REST "0123456789abcdef0123456789abcdef0123456789abcdef0123"
#define ID "aaaaaaaaaaaa" REST
#define OTHER "bbbbbbbbbbbb" REST
#define DOCKER "sys/fs/cgroup/system.slice/docker-" ID ".scope"
#define SECOND "sys/fs/cgroup/system.slice/docker-" OTHER ".scope"

/* The program on a tree with a container, and an engine that it asks. */
struct fixture {
    struct fake_tree tree;
    char run_dir[80];
    struct engine_server engine;
    struct program program;
    struct follower follower;
};

static void open_fixture(struct fixture *fixture)
{
    char path[108];
    *fixture = (struct fixture){0};
    fake_tree_make(&fixture->tree);
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, DOCKER);
    fake_tree_directory(&fixture->tree, "run");
    snprintf(fixture->run_dir, sizeof fixture->run_dir, "%s/netdata", fixture->tree.path);
    snprintf(path, sizeof path, "%s/run/docker.sock", fixture->tree.path);
    engine_server_open(&fixture->engine, path);
    follower_open(&fixture->follower, fixture->run_dir, "cgroups-snapshot", 0);
}

static void close_fixture(struct fixture *fixture)
{
    follower_close(&fixture->follower);
    if (fixture->program.pid > 0 && kill(fixture->program.pid, 0) == 0 &&
        waitpid(fixture->program.pid, NULL, WNOHANG) == 0) {
        kill(fixture->program.pid, SIGKILL);
        waitpid(fixture->program.pid, NULL, 0);
    }
    engine_server_close(&fixture->engine);
    fake_tree_remove(&fixture->tree);
}

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    assert_non_null(fixture);
    open_fixture(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    close_fixture(*state);
    free(*state);
    return 0;
}

enum { MOST_ARGUMENTS = 20 };

static void start(struct fixture *fixture, const char *const *more)
{
    const char *arguments[MOST_ARGUMENTS + 1] = {"--run-dir", fixture->run_dir, "--host-prefix", fixture->tree.path};
    int count = 4;
    for (; more[count - 4] != NULL; count++) {
        assert_in_range(count, 4, MOST_ARGUMENTS - 1);
        arguments[count] = more[count - 4];
    }
    program_start(&fixture->program, arguments);
}

#define START(fixture, ...) start(fixture, (const char *const[]){__VA_ARGS__, NULL})

/* Reads snapshots until one has this name; gives the number of the first one that does. */
static uint64_t expect_name(struct fixture *fixture, uint64_t above, const char *name)
{
    netipc_cgroup_view item;
    do {
        follower_read_above(&fixture->follower, above);
        above = fixture->follower.info.generation;
    } while (!follower_find(&fixture->follower, name, &item));
    return above;
}

static bool has_name(const struct fixture *fixture, const char *name)
{
    netipc_cgroup_view item;
    return follower_find(&fixture->follower, name, &item);
}

static unsigned requests(const struct fixture *fixture)
{
    return atomic_load(&fixture->engine.shared->requests);
}

static unsigned lines(const struct fixture *fixture, const char *text)
{
    unsigned count = 0;
    for (const char *at = fixture->program.text; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* Asks until the answer is from the snapshot at hand, or a later one. */
static netipc_cgroups_lookup_result *look_up(const struct fixture *fixture, const char *path)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_cgroups_lookup_result *result = NULL;
    netipc_client_config_init(&config);
    config.run_dir = fixture->run_dir;
    config.service = "cgroups-lookup";
    assert_int_equal(netipc_client_open(&config, &client), NETIPC_OK);
    assert_int_equal(netipc_client_refresh(client), NETIPC_OK);
    do {
        netipc_cgroups_lookup_result_free(result);
        assert_int_equal(netipc_cgroups_lookup_call(client, &path, 1, patience_s() * UINT64_C(1000000000), &result),
                         NETIPC_OK);
    } while (netipc_cgroups_lookup_result_generation(result) < fixture->follower.info.generation);
    netipc_client_close(client);
    return result;
}

static void a_container_goes_by_its_id_until_its_name_comes(void **state)
{
    struct fixture *fixture = *state;
    netipc_cgroup_view item;
    char procs[256];
    atomic_store(&fixture->engine.shared->held, true);
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.02", "--names-timeout", "3600");
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(fixture->follower.info.generation, 1);
    assert_true(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
    atomic_store(&fixture->engine.shared->held, false);
    follower_read_above(&fixture->follower, 1);
    assert_int_equal(fixture->follower.info.generation, 2);
    assert_false(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
    assert_true(follower_find(&fixture->follower, "cgroup_web", &item));
    snprintf(procs, sizeof procs, "%s/%s/cgroup.procs", fixture->tree.path, DOCKER);
    assert_string_equal(item.path, procs);
    assert_int_equal(item.enabled, 1);
    sleep_ms(200); /* ten scans, and neither a question nor a generation more */
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 2);
    assert_int_equal(requests(fixture), 1);
    assert_string_equal(fixture->engine.shared->request, "GET /containers/" ID "/json HTTP/1.1");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_string_equal(fixture->program.text, "");
}

static void a_name_comes_without_another_scan(void **state)
{
    struct fixture *fixture = *state;
    engine_server_start(&fixture->engine);
    START(fixture, "--once");
    expect_name(fixture, 0, "cgroup_web");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void podman_tells_names_too(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/machine.slice/libpod-" OTHER ".scope");
    engine_server_body(&fixture->engine, "{\"Name\": \"of podman\", \"Config\": {\"Labels\": {}}}");
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "3600", "--docker-socket", "", "--podman-socket", fixture->engine.path);
    expect_name(fixture, 0, "cgroup_of_podman");
    assert_true(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
    assert_int_equal(requests(fixture), 1);
    assert_string_equal(fixture->engine.shared->request, "GET /v4.0.0/libpod/containers/" OTHER "/json HTTP/1.1");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void labels_of_kubernetes_make_the_name(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/kubepods/podb7e7a1c2-03d4-4f5e-9a6b-dead00beef11/" OTHER);
    engine_server_body(&fixture->engine, "{\"Name\": \"/k8s_x\", \"Config\": {\"Labels\": {"
                                         "\"io.kubernetes.container.name\": \"c-@\","
                                         "\"io.kubernetes.pod.name\": \"pod\","
                                         "\"io.kubernetes.pod.namespace\": \"space\"}}}");
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "3600");
    uint64_t generation = expect_name(fixture, 0, "cgroup_k8s_cntr_space_pod_c-bbbbbbbbbbbb");
    if (!has_name(fixture, "cgroup_k8s_cntr_space_pod_c-aaaaaaaaaaaa"))
        expect_name(fixture, generation, "cgroup_k8s_cntr_space_pod_c-aaaaaaaaaaaa");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void without_labels_of_kubernetes_a_pod_keeps_its_ids(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_remove_cgroup(&fixture->tree, DOCKER);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/kubepods/podb7e7a1c2-03d4-4f5e-9a6b-dead00beef11/" OTHER);
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.02");
    engine_server_expect_requests(&fixture->engine, 1);
    follower_read_above(&fixture->follower, 0);
    sleep_ms(300);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    assert_true(has_name(fixture, "cgroup_k8s_cntr_b7e7a1c2-03d4-4f5e-9a6b-dead00beef11_" OTHER));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void containers_that_only_hold_a_pod_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    engine_server_body(&fixture->engine, "{\"Name\": \"/k8s_POD_x\", \"Config\": {\"Labels\": {"
                                         "\"io.kubernetes.docker.type\": \"podsandbox\"}}}");
    atomic_store(&fixture->engine.shared->held, true);
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.02", "--names-timeout", "3600");
    follower_read_above(&fixture->follower, 0);
    uint32_t before = fixture->follower.view.item_count;
    atomic_store(&fixture->engine.shared->held, false);
    follower_read_above(&fixture->follower, 1);
    assert_int_equal(fixture->follower.view.item_count, before - 1);
    assert_false(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
    sleep_ms(200); /* it is found in every scan, and left out in every one */
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 2);
    assert_int_equal(requests(fixture), 1);
    netipc_cgroups_lookup_result *result = look_up(fixture, DOCKER + strlen("sys/fs/cgroup"));
    netipc_cgroup_lookup_view item;
    assert_int_equal(netipc_cgroups_lookup_result_item(result, 0, &item), NETIPC_OK);
    assert_int_equal(item.status, NETIPC_CGROUP_UNKNOWN_FOR_GOOD);
    netipc_cgroups_lookup_result_free(result);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void what_the_engine_does_not_know_is_not_asked_for_again_soon(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->engine.shared->status, 404);
    engine_server_body(&fixture->engine, "{\"message\": \"No such container: @\"}");
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.02", "--names-refresh", "0.05");
    engine_server_expect_requests(&fixture->engine, 1);
    sleep_ms(1500);
    assert_int_equal(requests(fixture), 1);
    assert_int_equal(netipc_subscriber_refresh(fixture->follower.subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_string_equal(fixture->program.text, "");
}

/* All kinds of trouble at a time, since each takes its seconds. */
static void an_engine_that_misbehaves_harms_nothing_and_is_heard_when_it_behaves(void **state)
{
    (void)state;
    static const enum engine_conduct conducts[] = {
        ENGINE_HANGS, ENGINE_TALKS_GARBAGE, ENGINE_TELLS_NO_JSON, ENGINE_NEVER_ENDS, ENGINE_HEADERS_NEVER_END,
        ENGINE_DRIPS, ENGINE_CLOSES,        ENGINE_STOPS_HALFWAY, ENGINE_SERVES /* with status 500 */};
    enum { COUNT = sizeof conducts / sizeof conducts[0] };
    struct fixture *fixtures = calloc(COUNT, sizeof *fixtures);
    assert_non_null(fixtures);
    for (int i = 0; i < COUNT; i++) {
        struct fixture *fixture = &fixtures[i];
        open_fixture(fixture);
        atomic_store(&fixture->engine.shared->conduct, conducts[i]);
        atomic_store(&fixture->engine.shared->status, 500);
        engine_server_start(&fixture->engine);
        bool slow = conducts[i] == ENGINE_HANGS || conducts[i] == ENGINE_DRIPS;
        START(fixture, "--interval", "0.05", "--names-timeout", slow ? "0.5" : "3600");
    }
    for (int i = 0; i < COUNT; i++) {
        struct fixture *fixture = &fixtures[i];
        engine_server_expect_requests(&fixture->engine, 2);
        follower_read_above(&fixture->follower, 0);
        assert_int_equal(fixture->follower.info.generation, 1);
        fake_tree_directory(&fixture->tree, "sys/fs/cgroup/lxc/new");
        expect_name(fixture, 1, "cgroup_new");
        assert_true(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
        atomic_store(&fixture->engine.shared->status, 200);
        atomic_store(&fixture->engine.shared->conduct, ENGINE_SERVES);
    }
    for (int i = 0; i < COUNT; i++) {
        struct fixture *fixture = &fixtures[i];
        expect_name(fixture, fixture->follower.info.generation, "cgroup_web");
        assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
        assert_int_equal(lines(fixture, "cgroups.plugin: docker: "), 2);
        assert_int_equal(lines(fixture, "answers again"), 1);
        close_fixture(fixture);
    }
    free(fixtures);
}

static void many_containers_of_an_engine_that_fails_are_few_questions(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "sys/fs/cgroup/docker/%012d" REST, i);
        fake_tree_cgroup(&fixture->tree, name);
    }
    atomic_store(&fixture->engine.shared->conduct, ENGINE_CLOSES);
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.05");
    engine_server_expect_requests(&fixture->engine, 8);
    sleep_ms(1000);
    assert_in_range(requests(fixture), 8, 20);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_int_equal(lines(fixture, "cgroups.plugin: docker: "), 1);
}

static void an_engine_that_comes_later_or_again_is_found(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "0.02");
    follower_read_above(&fixture->follower, 0);
    program_expect_text(&fixture->program, "No such file or directory");
    sleep_ms(300);
    engine_server_start(&fixture->engine);
    uint64_t generation = expect_name(fixture, 1, "cgroup_web");
    engine_server_stop(&fixture->engine);
    engine_server_body(&fixture->engine, "{\"Name\": \"/second\"}");
    fake_tree_cgroup(&fixture->tree, SECOND);
    generation = expect_name(fixture, generation, "cgroup_bbbbbbbbbbbb");
    assert_true(has_name(fixture, "cgroup_web"));
    sleep_ms(100);
    engine_server_start(&fixture->engine);
    expect_name(fixture, generation, "cgroup_second");
    assert_true(has_name(fixture, "cgroup_web"));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_int_equal(lines(fixture, "docker: "), 2); /* the second trouble comes soon after the first */
}

static void a_thousand_containers_are_asked_for_by_eights(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "sys/fs/cgroup/docker/%012d" REST, i);
        fake_tree_cgroup(&fixture->tree, name);
    }
    engine_server_body(&fixture->engine, "{\"Name\": \"/web-@\"}");
    atomic_store(&fixture->engine.shared->delay_ms, 2);
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.5");
    unsigned named = 0, generations = 0;
    for (uint64_t generation = 0; named < 1001; generation = fixture->follower.info.generation) {
        netipc_cgroup_view item;
        follower_read_above(&fixture->follower, generation);
        generations++;
        named = 0;
        for (uint32_t i = 0; i < fixture->follower.view.item_count; i++) {
            assert_int_equal(netipc_cgroups_snapshot_item(&fixture->follower.view, i, &item), NETIPC_OK);
            named += strncmp(item.name, "cgroup_web-", strlen("cgroup_web-")) == 0;
        }
    }
    assert_int_equal(requests(fixture), 1001);
    assert_in_range(atomic_load(&fixture->engine.shared->parallel_most), 2, 8);
    assert_true(generations < 1001 / 4); /* names are told together */
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_string_equal(fixture->program.text, "");
}

static void one_answer_that_does_not_come_holds_up_no_other(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->engine.shared->special, "aaaaaaaaaaaa");
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "0.05", "--names-timeout", "3600");
    follower_read_above(&fixture->follower, 0);
    engine_server_expect_requests(&fixture->engine, 1);
    fake_tree_cgroup(&fixture->tree, SECOND);
    expect_name(fixture, 1, "cgroup_web");
    assert_true(has_name(fixture, "cgroup_aaaaaaaaaaaa"));
    /* The question ends with its cgroup. */
    fake_tree_remove_cgroup(&fixture->tree, DOCKER);
    for (unsigned waited = 0; atomic_load(&fixture->engine.shared->parallel) != 0; waited += 5) {
        assert_true(waited < patience_s() * 1000u);
        sleep_ms(5);
    }
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void a_renamed_container_gets_its_new_name(void **state)
{
    struct fixture *fixture = *state;
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "3600", "--names-refresh", "0.1");
    uint64_t generation = expect_name(fixture, 0, "cgroup_web");
    engine_server_expect_requests(&fixture->engine, requests(fixture) + 3);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), generation);
    engine_server_stop(&fixture->engine);
    engine_server_body(&fixture->engine, "{\"Name\": \"/renamed\"}");
    engine_server_start(&fixture->engine);
    assert_int_equal(expect_name(fixture, generation, "cgroup_renamed"), generation + 1);
    assert_false(has_name(fixture, "cgroup_web"));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void lookups_tell_names_and_labels(void **state)
{
    struct fixture *fixture = *state;
    netipc_cgroup_lookup_view item;
    netipc_label_view label;
    engine_server_body(&fixture->engine, "{\"Name\": \"/web\", \"Config\": {\"Labels\": {"
                                         "\"com.docker.compose.project\": \"shop\", \"other\": \"x\","
                                         "\"com.docker.compose.service\": \"\"}}}");
    engine_server_start(&fixture->engine);
    START(fixture, "--interval", "3600");
    expect_name(fixture, 0, "cgroup_web");
    netipc_cgroups_lookup_result *result = look_up(fixture, DOCKER + strlen("sys/fs/cgroup"));
    assert_int_equal(netipc_cgroups_lookup_result_item(result, 0, &item), NETIPC_OK);
    assert_int_equal(item.status, NETIPC_CGROUP_KNOWN);
    assert_string_equal(item.name, "web");
    assert_int_equal(item.orchestrator, NETIPC_ORCHESTRATOR_DOCKER);
    assert_int_equal(item.label_count, 2);
    assert_int_equal(netipc_cgroup_lookup_label(&item, 0, &label), NETIPC_OK);
    assert_string_equal(label.key, "com.docker.compose.project");
    assert_string_equal(label.value, "shop");
    assert_int_equal(netipc_cgroup_lookup_label(&item, 1, &label), NETIPC_OK);
    assert_string_equal(label.key, "com.docker.compose.service");
    assert_string_equal(label.value, "");
    netipc_cgroups_lookup_result_free(result);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void printing_waits_for_names_when_told_to(void **state)
{
    struct fixture *fixture = *state;
    engine_server_body(&fixture->engine, "{\"Name\": \"/web\", \"Config\": {\"Labels\": {"
                                         "\"com.docker.compose.project\": \"shop\", \"other\": \"x\"}}}");
    atomic_store(&fixture->engine.shared->delay_ms, 100);
    engine_server_start(&fixture->engine);
    START(fixture, "--print");
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "\"name\": \"cgroup_aaaaaaaaaaaa\""));
    START(fixture, "--print", "--wait-names", "3600");
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "\"name\": \"cgroup_web\""));
    assert_non_null(strstr(fixture->program.text, "\"labels\": {\"com.docker.compose.project\": \"shop\"}}"));
    atomic_store(&fixture->engine.shared->conduct, ENGINE_HANGS);
    START(fixture, "--print", "--wait-names", "0.2");
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "\"name\": \"cgroup_aaaaaaaaaaaa\""));
    engine_server_stop(&fixture->engine); /* and not for one that is not there */
    for (int i = 0; i < 20; i++) {
        char name[128];
        snprintf(name, sizeof name, "sys/fs/cgroup/docker/%012d" REST, i);
        fake_tree_cgroup(&fixture->tree, name);
    }
    START(fixture, "--print", "--wait-names", "3600");
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "\"name\": \"cgroup_aaaaaaaaaaaa\""));
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ENGINE(a_container_goes_by_its_id_until_its_name_comes),
        WITH_ENGINE(a_name_comes_without_another_scan),
        WITH_ENGINE(podman_tells_names_too),
        WITH_ENGINE(labels_of_kubernetes_make_the_name),
        WITH_ENGINE(without_labels_of_kubernetes_a_pod_keeps_its_ids),
        WITH_ENGINE(containers_that_only_hold_a_pod_are_left_out),
        WITH_ENGINE(what_the_engine_does_not_know_is_not_asked_for_again_soon),
        cmocka_unit_test(an_engine_that_misbehaves_harms_nothing_and_is_heard_when_it_behaves),
        WITH_ENGINE(many_containers_of_an_engine_that_fails_are_few_questions),
        WITH_ENGINE(an_engine_that_comes_later_or_again_is_found),
        WITH_ENGINE(a_thousand_containers_are_asked_for_by_eights),
        WITH_ENGINE(one_answer_that_does_not_come_holds_up_no_other),
        WITH_ENGINE(a_renamed_container_gets_its_new_name),
        WITH_ENGINE(lookups_tell_names_and_labels),
        WITH_ENGINE(printing_waits_for_names_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
