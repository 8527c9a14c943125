/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/reach.h"

#include "tools/cgroups_plugin/options.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse_defaults(struct rules *rules)
{
    struct options options;
    struct failure failure;
    char name[] = "cgroups.plugin";
    char *arguments[] = {name, NULL};
    assert_int_equal(options_parse(&options, 1, arguments, &failure), OPTIONS_RUN);
    assert_true(pattern_list_parse(&rules->search, options.search_patterns));
    assert_true(pattern_list_parse(&rules->enabled, options.enable_patterns));
    assert_true(pattern_list_parse(&rules->services, options.service_patterns));
    options_free(&options);
    return 0;
}

static int set_up(void **state)
{
    static struct rules rules;
    *state = &rules;
    return parse_defaults(&rules);
}

static int tear_down(void **state)
{
    struct rules *rules = *state;
    pattern_list_free(&rules->search);
    pattern_list_free(&rules->enabled);
    pattern_list_free(&rules->services);
    return 0;
}

/* The agent's own lists against what hosts have. */
static const struct {
    const char *id;
    bool visited; /* its children are looked for */
    bool service;
    bool enabled; /* services always are */
    bool found;   /* an enabled one that a scan comes upon */
} hosts[] = {
    {"/", true, false, false, false},
    /* systemd */
    {"/init.scope", false, false, false, false},
    {"/system.slice", true, false, false, false},
    {"/system.slice/ssh.service", true, true, false, true},
    {"/system.slice/system-getty.slice/getty@tty1.service", true, true, false, true},
    {"/system.slice/docker.service/sub", true, false, true, true},
    {"/system.slice/docker.service/inner.service", true, false, false, false},
    {"/system.slice/run-u12.scope", true, false, false, false},
    {"/system.slice/dbus.socket", true, false, false, false},
    {"/system.slice/dev-mqueue.mount", true, false, false, false},
    {"/system.slice/dev-sda2.swap", true, false, false, false},
    {"/system.slice/systemd-udevd.service/udev", true, false, false, false},
    {"/user.slice", true, false, false, false},
    {"/user.slice/user-1000.slice/session-2.scope", true, false, false, false},
    {"/user.slice/user-1000.slice/user@1000.service", true, false, false, false},
    {"/user.slice/user-1000.slice/user@1000.service/init.scope", false, false, false, false},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-0123456789ab.scope", true, false, true, true},
    {"/user.slice/user-1000.slice/user@1000.service/app.slice/x", true, false, false, false},
    /* docker, podman, containerd */
    {"/docker", true, false, false, false},
    {"/docker/0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef", true, false, true, true},
    {"/system.slice/docker-0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef.scope", true, false, true,
     true},
    {"/docker/0123456789ab/init.scope", false, false, false, false},
    {"/docker/0123456789ab/system.slice/cron.service", true, false, false, false},
    {"/machine.slice/libpod-0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef.scope", true, false, true,
     true},
    {"/default/0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef", true, false, true, true},
    {"/ecs/0123456789ab", true, false, true, true},
    /* kubernetes */
    {"/kubepods", true, false, false, false},
    {"/kubepods/burstable", true, false, false, false},
    {"/kubepods/pod0a1b", true, false, false, false},
    {"/kubepods/pod0a1b/0123456789ab", true, false, true, true},
    {"/kubepods/burstable/pod0a1b/0123456789ab", true, false, true, true},
    {"/kubepods.slice/kubepods-burstable.slice", true, false, false, false},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b.slice", true, false, false, false},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b.slice/cri-containerd-0123.scope", true, false,
     true, true},
    {"/kubepods.slice/kubepods-pod0a1b.slice/crio-0123.scope", true, false, true, true},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod0a1b.slice/0123", true, false, true, true},
    {"/system.slice/kubelet.service", true, true, false, true},
    {"/kubelet", true, false, false, false},
    /* machines */
    {"/machine.slice", true, false, false, false},
    {"/machine.slice/systemd-nspawn@web.service", true, false, true, true},
    {"/machine.slice/systemd-nspawn@web.service/payload", true, false, false, false},
    {"/machine.slice/systemd-nspawn@web.service/payload/system.slice/a.service", true, false, false, false},
    {"/machine.slice/systemd-nspawn@web.service/supervisor", true, false, false, false},
    {"/machine.slice/systemd-nspawn@web.service/.control", true, false, false, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope", true, false, true, true},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/emulator", true, false, false, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/vcpu0", true, false, false, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt", true, false, false, false},
    {"/machine/vm1.libvirt-qemu", false, false, true, true},
    {"/machine/vm1.libvirt-qemu/vcpu0", true, false, false, false},
    {"/machine/vm1.partition", true, false, false, false},
    {"/machine", true, false, false, false},
    {"/qemu.slice/100.scope", true, false, true, true},
    {"/qemu", true, false, false, false},
    {"/something-qemu", false, false, true, true},
    {"/something-qemu/below", true, false, true, false},
    /* lxc */
    {"/lxc", true, false, false, false},
    {"/lxc/web", true, false, true, true},
    {"/lxc/web/inner", false, false, false, false},
    {"/lxc.monitor.web", true, false, false, false},
    {"/lxc.pivot", true, false, false, false},
    {"/lxc.payload", true, false, false, false},
    {"/lxc.payload/web", true, false, true, true},
    {"/lxc.payload.web", false, false, true, true},
    {"/lxc.payload.web/system.slice", false, false, false, false},
    {"/lxc.payload.web/app", false, false, true, false},
    {"/system.slice/lxcfs.service/.control", true, false, false, false},
    /* older ones */
    {"/system", false, false, false, false},
    {"/system/a", true, false, true, false},
    {"/systemd", false, false, false, false},
    {"/user", false, false, false, false},
    {"/user/1000.user", true, false, false, false},
    {"/batch/job 1", true, false, true, true},
};

static void the_agents_lists_say_of_each_cgroup_what_they_always_said(void **state)
{
    const struct rules *rules = *state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        const char *id = hosts[i].id;
        bool service = pattern_list_matches(&rules->services, id);
        if (pattern_list_matches(&rules->search, id) != hosts[i].visited)
            fail_msg("%s: visited is not %d", id, hosts[i].visited);
        if (service != hosts[i].service)
            fail_msg("%s: service is not %d", id, hosts[i].service);
        if (pattern_list_matches(&rules->enabled, id) != hosts[i].enabled)
            fail_msg("%s: enabled is not %d", id, hosts[i].enabled);
        if (may_be_found(rules, id) != hosts[i].found)
            fail_msg("%s: found is not %d", id, hosts[i].found);
    }
}

static void what_is_no_id_is_never_found(void **state)
{
    const struct rules *rules = *state;
    static char longest[WALK_ID_MAX + 2];
    static const char *const never[] = {"",      "a",     "lxc/web", "//", "/a//b", "/a/",
                                        "/../x", "/a/..", "/a/./b",  "/.", "0::/a", "/proc/../a"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (may_be_found(rules, never[i]))
            fail_msg("'%s' could be found", never[i]);
    }
    for (size_t i = 0; i < WALK_ID_MAX; i++)
        longest[i] = i % 128 == 0 ? '/' : 'a';
    assert_true(may_be_found(rules, longest));
    longest[WALK_ID_MAX] = 'a';
    assert_false(may_be_found(rules, longest));
    longest[NAME_MAX + 1] = '\0';
    memset(longest + 1, 'a', NAME_MAX);
    assert_true(may_be_found(rules, longest));
    longest[NAME_MAX + 1] = 'a';
    longest[NAME_MAX + 2] = '\0';
    assert_false(may_be_found(rules, longest));
    assert_true(may_be_found(rules, "/..."));
    assert_true(may_be_found(rules, "/.a/..b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_agents_lists_say_of_each_cgroup_what_they_always_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_id_is_never_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
