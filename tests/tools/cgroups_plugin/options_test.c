/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/options.h"

#include "tools/cgroups_plugin/pattern.h"

#include <netipc/placement.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS = 12 };

/* Parses the words, the last of them followed by NULL. Options point into the words until the next call. */
static enum options_result parse(struct options *options, struct failure *failure, const char *const *words)
{
    static char copies[ARGUMENTS + 1][64] = {"cgroups.plugin"};
    char *arguments[ARGUMENTS + 2] = {copies[0]};
    int count = 1;
    for (; words[count - 1] != NULL; count++) {
        assert_in_range(count, 1, ARGUMENTS);
        int length = snprintf(copies[count], sizeof copies[count], "%s", words[count - 1]);
        assert_in_range(length, 0, sizeof copies[count] - 1);
        arguments[count] = copies[count];
    }
    *failure = (struct failure){0};
    return options_parse(options, count, arguments, failure);
}

#define PARSE(options, failure, ...) parse(options, failure, (const char *const[]){__VA_ARGS__, NULL})

static void without_options_the_defaults_hold(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(parse(&options, &failure, (const char *const[]){NULL}), OPTIONS_RUN);
    assert_null(options.run_dir);
    assert_false(options.token_given);
    assert_string_equal(options.service, "cgroups-snapshot");
    assert_string_equal(options.host_prefix, "/");
    assert_int_equal(options.interval_ns, 10000000000u);
    assert_int_equal(options.max, 0);
    assert_int_equal(options.token, 0);
    assert_int_equal(options.hierarchy, HIERARCHY_AUTO);
    assert_false(options.once || options.print || options.verbose);
    assert_null(options.allowed_uids);
    assert_int_equal(options.placement, 0);
    assert_int_equal(options.numa_node, NETIPC_NUMA_NODE_ANY);
    options_free(&options);
}

static void every_value_is_taken(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--run-dir", "/r", "--service=s", "--token", "0xFFFFFFFFFFFFFFFF",
                           "--interval", "0.25", "--max", "7", "--once"),
                     OPTIONS_RUN);
    assert_string_equal(options.run_dir, "/r");
    assert_string_equal(options.service, "s");
    assert_true(options.token == UINT64_MAX);
    assert_int_equal(options.interval_ns, 250000000);
    assert_int_equal(options.max, 7);
    assert_true(options.once);
    options_free(&options);

    assert_int_equal(PARSE(&options, &failure, "--slots", "8", "--capacity", "100", "--ceiling", "1000", "--hierarchy",
                           "v2", "--enable-patterns", "", "--print", "--verbose"),
                     OPTIONS_RUN);
    assert_int_equal(options.slots, 8);
    assert_int_equal(options.capacity, 100);
    assert_int_equal(options.ceiling, 1000);
    assert_int_equal(options.hierarchy, HIERARCHY_V2);
    assert_string_equal(options.enable_patterns, "");
    assert_true(options.print && options.verbose);
    options_free(&options);

    assert_int_equal(PARSE(&options, &failure, "--huge-pages", "--lock", "--numa-node", "3", "--profile", "file"),
                     OPTIONS_RUN);
    assert_string_equal(options.profile, "file");
    assert_int_equal(options.placement, NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK);
    assert_int_equal(options.numa_node, 3);
    options_free(&options);
}

static void how_names_of_containers_are_asked_for_is_taken(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(parse(&options, &failure, (const char *const[]){NULL}), OPTIONS_RUN);
    assert_null(options.docker_socket);
    assert_null(options.podman_socket);
    assert_int_equal(options.names_refresh_ns, 300000000000u);
    assert_int_equal(options.names_timeout_ns, 5000000000u);
    assert_int_equal(options.wait_names_ns, 0);
    options_free(&options);

    assert_int_equal(PARSE(&options, &failure, "--docker-socket", "", "--podman-socket=", "--names-refresh", "0",
                           "--names-timeout", "0.5", "--wait-names", "2"),
                     OPTIONS_RUN);
    assert_string_equal(options.docker_socket, "");
    assert_string_equal(options.podman_socket, "");
    assert_int_equal(options.names_refresh_ns, 0);
    assert_int_equal(options.names_timeout_ns, 500000000);
    assert_int_equal(options.wait_names_ns, 2000000000);
    options_free(&options);

    assert_int_equal(PARSE(&options, &failure, "--names-timeout", "0"), OPTIONS_USAGE);
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--names-refresh", "-1"), OPTIONS_USAGE);
    options_free(&options);
}

#if CONTAINER_NAMES
static void a_socket_with_too_long_a_path_is_refused(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    char path[120] = "--docker-socket=/";
    char *arguments[] = {path, path, NULL};
    memset(path + strlen(path), 's', 90);
    assert_int_equal(options_parse(&options, 2, arguments, &failure), OPTIONS_RUN);
    assert_string_equal(options.docker_socket, path + strlen("--docker-socket="));
    options_free(&options);
    char long_path[140] = "--docker-socket=/";
    arguments[1] = long_path;
    memset(long_path + strlen(long_path), 's', 107);
    assert_int_equal(options_parse(&options, 2, arguments, &failure), OPTIONS_USAGE);
    assert_non_null(strstr(failure.detail, "107 bytes"));
    options_free(&options);
}
#else
static void a_socket_that_cannot_be_asked_is_refused(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--docker-socket", "/run/docker.sock"), OPTIONS_USAGE);
    assert_non_null(strstr(failure.detail, "libcurl"));
    options_free(&options);
}
#endif

static void several_uids_may_be_allowed(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--allow-uid", "0", "--allow-uid=1000"), OPTIONS_RUN);
    assert_int_equal(options.allowed_uid_count, 2);
    assert_int_equal(options.allowed_uids[0], 0);
    assert_int_equal(options.allowed_uids[1], 1000);
    options_free(&options);
}

static void a_root_is_made_absolute(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--host-prefix", "/host//"), OPTIONS_RUN);
    assert_string_equal(options.host_prefix, "/host");
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--host-prefix", "///"), OPTIONS_RUN);
    assert_string_equal(options.host_prefix, "/");
    options_free(&options);

    char wanted[4200];
    assert_non_null(getcwd(wanted, 4096));
    memcpy(wanted + strlen(wanted), "/host", sizeof "/host");
    assert_int_equal(PARSE(&options, &failure, "--host-prefix", "host"), OPTIONS_RUN);
    assert_string_equal(options.host_prefix, wanted);
    options_free(&options);
}

static void a_bad_value_is_refused_with_the_option_and_the_value(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"--interval", "0"},
        {"--interval", "-1"},
        {"--interval", "nan"},
        {"--interval", "inf"},
        {"--interval", "86401"},
        {"--interval", "1s"},
        {"--interval", ""},
        {"--interval", "0x10"},
        {"--interval", "1.2.3"},
        {"--interval", "."},
        {"--max", "-1"},
        {"--max", "ten"},
        {"--max", ""},
        {"--max", " 1"},
        {"--token", "0x"},
        {"--token", "abc"},
        {"--token", "0x10000000000000000"},
        {"--token", "18446744073709551616"},
        {"--slots", "3"},
        {"--slots", "1025"},
        {"--capacity", "0"},
        {"--ceiling", "0"},
        {"--numa-node", "-1"},
        {"--numa-node", "1024"},
        {"--lock=yes", ""},
        {"--allow-uid", "root"},
        {"--allow-uid", "4294967295"},
        {"--hierarchy", "v3"},
        {"--run-dir", ""},
        {"--service", ""},
        {"--profile", ""},
        {"--host-prefix", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct options options;
        struct failure failure;
        if (PARSE(&options, &failure, bad[i][0], bad[i][1]) != OPTIONS_USAGE)
            fail_msg("%s '%s' was taken", bad[i][0], bad[i][1]);
        assert_non_null(strstr(failure.detail, bad[i][0]));
        assert_non_null(strstr(failure.detail, bad[i][1]));
        options_free(&options);
    }
}

static void what_is_no_option_is_named(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--once", "--bogus"), OPTIONS_USAGE);
    assert_string_equal(failure.detail, "--bogus: unknown option");
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "-x"), OPTIONS_USAGE);
    assert_string_equal(failure.detail, "-x: unknown option");
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--once", "extra"), OPTIONS_USAGE);
    assert_string_equal(failure.detail, "extra: no argument is expected here");
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--run-dir"), OPTIONS_USAGE);
    assert_string_equal(failure.detail, "--run-dir: a value is missing");
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--once=yes"), OPTIONS_USAGE);
    assert_non_null(strstr(failure.detail, "--once=yes"));
    options_free(&options);
}

static void help_and_version_win_over_what_follows(void **state)
{
    (void)state;
    struct options options;
    struct failure failure;
    assert_int_equal(PARSE(&options, &failure, "--help", "--bogus"), OPTIONS_HELP);
    options_free(&options);
    assert_int_equal(PARSE(&options, &failure, "--version"), OPTIONS_VERSION);
    options_free(&options);
}

static void the_help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {
        "--run-dir", "--service",    "--token",     "--allow-uid",       "--slots",           "--capacity",
        "--ceiling", "--huge-pages", "--lock",      "--numa-node",       "--host-prefix",     "--interval",
        "--once",    "--max",        "--hierarchy", "--search-patterns", "--enable-patterns", "--service-patterns",
        "--print",   "--verbose",    "--help",      "--version",         "--profile"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(strstr(options_help, names[i]));
}

static bool default_decision(const char *options_text, const char *id)
{
    struct pattern_list list;
    assert_true(pattern_list_parse(&list, options_text));
    bool result = pattern_list_matches(&list, id);
    pattern_list_free(&list);
    return result;
}

static void the_default_lists_decide_as_operators_know_them(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool searched, enabled, service;
    } decisions[] = {
        {"/", true, false, false},
        {"/docker", true, false, false},
        {"/docker/0123456789ab", true, true, false},
        {"/init.scope", false, false, false},
        {"/docker/0123456789ab/init.scope", false, false, false},
        {"/system.slice", true, false, false},
        {"/system.slice/ssh.service", true, false, true},
        {"/system.slice/a.service/b.service", true, false, false},
        {"/system.slice/run-r1.scope", true, false, false},
        {"/system.slice/docker-x.scope", true, true, false},
        {"/user.slice/user-0.slice/session-1.scope", true, false, false},
        {"/user.slice/docker-x.scope", true, true, false},
        {"/user", false, false, false},
        {"/lxc", true, false, false},
        {"/lxc/web", true, true, false},
        {"/lxc/web/init", false, false, false},
        {"/lxc.payload.web", false, true, false},
        {"/lxc.monitor.web", true, false, false},
        {"/machine.slice/systemd-nspawn@web.service", true, true, false},
        {"/machine.slice/systemd-nspawn@web.service/payload", true, false, false},
        {"/machine/vm.libvirt-qemu", false, true, false},
        {"/kubepods/burstable", true, false, false},
        {"/kubepods/burstable/podx/y", true, true, false},
        {"/kubepods.slice/kubepods-pod1.slice", true, false, false},
        {"/kubepods.slice/kubepods-pod1.slice/docker-x.scope", true, true, false},
        {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0", true, false, false},
        {"/anything", true, true, false},
    };
    struct options options;
    struct failure failure;
    assert_int_equal(parse(&options, &failure, (const char *const[]){NULL}), OPTIONS_RUN);
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        const char *id = decisions[i].id;
        if (default_decision(options.search_patterns, id) != decisions[i].searched ||
            default_decision(options.enable_patterns, id) != decisions[i].enabled ||
            default_decision(options.service_patterns, id) != decisions[i].service)
            fail_msg("%s is decided wrongly", id);
    }
    options_free(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(every_value_is_taken),
        cmocka_unit_test(how_names_of_containers_are_asked_for_is_taken),
#if CONTAINER_NAMES
        cmocka_unit_test(a_socket_with_too_long_a_path_is_refused),
#else
        cmocka_unit_test(a_socket_that_cannot_be_asked_is_refused),
#endif
        cmocka_unit_test(several_uids_may_be_allowed),
        cmocka_unit_test(a_root_is_made_absolute),
        cmocka_unit_test(a_bad_value_is_refused_with_the_option_and_the_value),
        cmocka_unit_test(what_is_no_option_is_named),
        cmocka_unit_test(help_and_version_win_over_what_follows),
        cmocka_unit_test(the_help_names_every_option),
        cmocka_unit_test(the_default_lists_decide_as_operators_know_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
