/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/engine_answer.h"

#include <netipc/schema.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABELS(labels) "{\"Name\": \"/web\", \"Config\": {\"Labels\": {" labels "}}}"
#define POD_LABELS                                                                                                     \
    "\"io.kubernetes.container.name\": \"c\", \"io.kubernetes.pod.name\": \"p\", "                                     \
    "\"io.kubernetes.pod.namespace\": \"n\""
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static bool parse(struct answer *answer, const char *text)
{
    /* Without a byte behind it, so that the sanitizers see who reads on. */
    size_t length = strlen(text);
    char *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, text, length);
    bool parsed = answer_parse(answer, copy, length, ENGINE_DOCKER);
    free(copy);
    return parsed;
}

static void expect(const char *text, const char *name, enum orchestrator orchestrator)
{
    struct answer answer;
    if (!parse(&answer, text) || answer.sandbox)
        fail_msg("%s has no name", text);
    assert_string_equal(answer.naming.text, name);
    assert_int_equal(answer.naming.hash, netipc_key_hash(name, strlen(name)));
    assert_int_equal(answer.naming.orchestrator, orchestrator);
    answer_free(&answer);
}

static void a_name_loses_its_slash(void **state)
{
    (void)state;
    struct answer answer;
    static const char of_podman[] = "{\"Name\": \"web\"}";
    expect("{\"Name\": \"/web\"}", "cgroup_web", ORCHESTRATOR_DOCKER);
    expect("{\"Id\": \"aa\", \"Name\": \"web\", \"Config\": {}}", "cgroup_web", ORCHESTRATOR_DOCKER);
    expect(LABELS(""), "cgroup_web", ORCHESTRATOR_DOCKER);
    expect("{\"Name\": \"/web\", \"Config\": {\"Labels\": null}}", "cgroup_web", ORCHESTRATOR_DOCKER);
    assert_true(answer_parse(&answer, of_podman, strlen(of_podman), ENGINE_PODMAN));
    assert_int_equal(answer.naming.orchestrator, ORCHESTRATOR_PODMAN);
    answer_free(&answer);
}

static void blanks_and_control_bytes_become_underscores(void **state)
{
    (void)state;
    expect("{\"Name\": \"/a b\\tc\\nd\\u0000e\\u007ff/g\"}", "cgroup_a_b_c_d_e_f_g", ORCHESTRATOR_DOCKER);
    expect("{\"Name\": \"/caf\\u00e9\"}", "cgroup_caf\xc3\xa9", ORCHESTRATOR_DOCKER);
    expect("{\"Name\": \"/\xff\xfe\"}", "cgroup_\xff\xfe", ORCHESTRATOR_DOCKER);
}

static void a_long_name_is_cut_at_a_hundred_bytes_but_not_in_kubernetes(void **state)
{
    (void)state;
    expect("{\"Name\": \"/" HUNDRED "x\"}", "cgroup_" HUNDRED, ORCHESTRATOR_DOCKER);
    expect(LABELS("\"io.kubernetes.container.name\": \"" HUNDRED "\", \"io.kubernetes.pod.name\": \"" HUNDRED
                  "\", \"io.kubernetes.pod.namespace\": \"n\""),
           "cgroup_k8s_cntr_n_" HUNDRED "_" HUNDRED, ORCHESTRATOR_K8S);
}

static void labels_of_kubernetes_come_before_the_name(void **state)
{
    (void)state;
    expect(LABELS(POD_LABELS), "cgroup_k8s_cntr_n_p_c", ORCHESTRATOR_K8S);
    expect(LABELS(POD_LABELS ", \"io.kubernetes.docker.type\": \"container\""), "cgroup_k8s_cntr_n_p_c",
           ORCHESTRATOR_K8S);
    /* some of them only, or such as no kubernetes makes */
    expect(LABELS("\"io.kubernetes.pod.name\": \"p\""), "cgroup_web", ORCHESTRATOR_DOCKER);
    expect(LABELS("\"io.kubernetes.container.name\": 7, \"io.kubernetes.pod.name\": \"p\", "
                  "\"io.kubernetes.pod.namespace\": \"n\""),
           "cgroup_web", ORCHESTRATOR_DOCKER);
    expect(LABELS("\"io.kubernetes.container.name\": \"" HUNDRED HUNDRED HUNDRED "\", "
                  "\"io.kubernetes.pod.name\": \"p\", \"io.kubernetes.pod.namespace\": \"n\""),
           "cgroup_web", ORCHESTRATOR_DOCKER);
}

static void what_only_holds_a_pod_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {
        LABELS("\"io.kubernetes.docker.type\": \"podsandbox\""),
        LABELS("\"io.kubernetes.container.name\": \"POD\", \"io.kubernetes.pod.name\": \"p\", "
               "\"io.kubernetes.pod.namespace\": \"n\""),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct answer answer;
        assert_true(parse(&answer, texts[i]));
        assert_true(answer.sandbox);
        assert_null(answer.naming.text);
        answer_free(&answer);
    }
}

static void labels_of_docker_and_kubernetes_are_kept(void **state)
{
    (void)state;
    static const char kept[] = "com.docker.compose.project\0shop\0io.kubernetes.pod.uid\0"
                               "7";
    struct answer answer;
    assert_true(parse(&answer, LABELS("\"com.docker.compose.project\": \"shop\", \"maintainer\": \"x\", "
                                      "\"io.kubernetes.pod.uid\": \"7\", \"com.docker.n\": 1")));
    assert_int_equal(answer.labels_length, sizeof kept);
    assert_memory_equal(answer.labels, kept, sizeof kept);
    answer_free(&answer);
    assert_true(parse(&answer, LABELS("\"maintainer\": \"x\"")));
    assert_null(answer.labels);
    answer_free(&answer);
}

static void labels_over_the_limit_are_not_kept(void **state)
{
    (void)state;
    struct answer answer;
    char text[8192], value[4096];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    static const char *const large[] = {
        LABELS("\"com.docker.large\": \"%s\", \"com.docker.small\": \"s\""),
        LABELS("\"com.docker.%s\": \"l\", \"com.docker.small\": \"s\""),
    };
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, large[i], value);
        assert_true(parse(&answer, text));
        assert_int_equal(answer.labels_length, sizeof "com.docker.small\0s");
        answer_free(&answer);
    }
}

static void what_describes_no_container_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "7",
                                        "{}",
                                        "{\"Name\": ",
                                        "{\"Name\": 7}",
                                        "{\"Name\": \"\"}",
                                        "{\"Name\": \"/\"}",
                                        "{\"name\": \"web\"}",
                                        "{\"Name\": {\"Name\": \"web\"}}",
                                        "not at all",
                                        "\"web\""};
    struct answer answer;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (parse(&answer, texts[i]))
            fail_msg("%s was taken", texts[i]);
        assert_null(answer.naming.text);
    }
    char deep[200];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_false(parse(&answer, deep));
}

/* An answer that is cut off anywhere, or has any of its bytes changed, is refused or gives a name in order. */
static void a_damaged_answer_does_no_harm(void **state)
{
    (void)state;
    char text[] = LABELS(POD_LABELS ", \"com.docker.x\": \"y\"");
    struct answer answer;
    for (size_t length = 0; length + 1 < sizeof text; length++) {
        assert_false(answer_parse(&answer, text, length, ENGINE_DOCKER));
        for (unsigned bit = 0; bit < 8; bit++) {
            text[length] ^= (char)(1u << bit);
            if (parse(&answer, text) && !answer.sandbox)
                assert_null(strpbrk(answer.naming.text, " \t\n/"));
            answer_free(&answer);
            text[length] ^= (char)(1u << bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_loses_its_slash),
        cmocka_unit_test(blanks_and_control_bytes_become_underscores),
        cmocka_unit_test(a_long_name_is_cut_at_a_hundred_bytes_but_not_in_kubernetes),
        cmocka_unit_test(labels_of_kubernetes_come_before_the_name),
        cmocka_unit_test(what_only_holds_a_pod_is_left_out),
        cmocka_unit_test(labels_of_docker_and_kubernetes_are_kept),
        cmocka_unit_test(labels_over_the_limit_are_not_kept),
        cmocka_unit_test(what_describes_no_container_is_refused),
        cmocka_unit_test(a_damaged_answer_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
