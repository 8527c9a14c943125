/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/naming.h"

#include <netipc/schema.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHORT "0123456789ab"
#define UID_ "b7e7a1c2-03d4-4f5e-9a6b-dead00beef11"
#define UNDER "b7e7a1c2_03d4_4f5e_9a6b_dead00beef11"

struct example {
    const char *id;
    const char *name;
    enum orchestrator orchestrator;
};

static const struct example containers[] = {
    /* docker */
    {"/docker/" ID, "cgroup_" SHORT, ORCHESTRATOR_DOCKER},
    {"/docker/" SHORT, "cgroup_" SHORT, ORCHESTRATOR_DOCKER},
    {"/system.slice/docker-" ID ".scope", "cgroup_" SHORT, ORCHESTRATOR_DOCKER},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", "cgroup_" SHORT,
     ORCHESTRATOR_DOCKER},
    {"/docker/" ID "/docker/" ID, "cgroup_" SHORT, ORCHESTRATOR_DOCKER},
    {"/actions_job/" ID, "cgroup_" SHORT, ORCHESTRATOR_UNKNOWN},
    {"/docker", "cgroup_docker", ORCHESTRATOR_UNKNOWN},
    {"/docker/buildkit", "cgroup_docker_buildkit", ORCHESTRATOR_UNKNOWN},
    {"/docker/buildkit/u1wq4k7l2v", "cgroup_docker_buildkit_u1wq4k7l2v", ORCHESTRATOR_UNKNOWN},
    {"/system.slice/docker.service", "cgroup_system.slice_docker.service", ORCHESTRATOR_UNKNOWN},
    /* not an id: other lengths, other digits, twelve digits of no docker */
    {"/docker/0123456789abc", "cgroup_docker_0123456789abc", ORCHESTRATOR_UNKNOWN},
    {"/docker/0123456789xy", "cgroup_docker_0123456789xy", ORCHESTRATOR_UNKNOWN},
    {"/jobs/" SHORT, "cgroup_jobs_" SHORT, ORCHESTRATOR_UNKNOWN},
    {"/process_api/8ef63e8f6f0403466f7d8a3c36cd10b2", "cgroup_process_api_8ef63e8f6f0403466f7d8a3c36cd10b2",
     ORCHESTRATOR_UNKNOWN},
    /* ECS */
    {"/ecs/mycluster/8ef63e8f6f0403466f7d8a3c36cd10b2/" ID, "cgroup_" SHORT, ORCHESTRATOR_DOCKER},
    {"/ecs/8ef63e8f6f0403466f7d8a3c36cd10b2/8ef63e8f6f0403466f7d8a3c36cd10b2-1234567890", "cgroup_8ef63e8f6f04",
     ORCHESTRATOR_DOCKER},
    {"/ecs/mycluster", "cgroup_ecs_mycluster", ORCHESTRATOR_UNKNOWN},
    /* containerd and cri-o outside of kubernetes */
    {"/default/" ID, "cgroup_" SHORT, ORCHESTRATOR_UNKNOWN},
    {"/system.slice/nerdctl-" ID ".scope", "cgroup_" SHORT, ORCHESTRATOR_UNKNOWN},
    {"/system.slice/cri-containerd-" ID ".scope", "cgroup_" SHORT, ORCHESTRATOR_UNKNOWN},
    /* podman */
    {"/machine.slice/libpod-" ID ".scope", "cgroup_" SHORT, ORCHESTRATOR_PODMAN},
    {"/libpod_parent/libpod-" ID, "cgroup_" SHORT, ORCHESTRATOR_PODMAN},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", "cgroup_" SHORT,
     ORCHESTRATOR_PODMAN},
    {"/system.slice/web.service/libpod-payload-" ID, "cgroup_" SHORT, ORCHESTRATOR_PODMAN},
    {"/machine.slice/libpod-conmon-" ID ".scope", "cgroup_machine.slice_libpod-conmon-" ID ".scope",
     ORCHESTRATOR_UNKNOWN},
    {"/machine.slice/libpod-" SHORT ".scope", "cgroup_machine.slice_libpod-" SHORT ".scope", ORCHESTRATOR_UNKNOWN},
    /* children of a container go by their ids */
    {"/docker/abc/init.scope", "cgroup_docker_abc_init.scope", ORCHESTRATOR_UNKNOWN},
};

static const struct example machines[] = {
    /* lxc */
    {"/lxc/web", "cgroup_web", ORCHESTRATOR_LXC},
    {"/lxc/101", "cgroup_101", ORCHESTRATOR_LXC},
    {"/lxc.payload.web.1", "cgroup_web.1", ORCHESTRATOR_LXC},
    {"/lxc.payload/web", "cgroup_web", ORCHESTRATOR_LXC},
    {"/lxc", "cgroup_lxc", ORCHESTRATOR_UNKNOWN},
    {"/lxc/web/nested", "cgroup_lxc_web_nested", ORCHESTRATOR_UNKNOWN},
    {"/lxc.payload.web/init.scope", "cgroup_lxc.payload.web_init.scope", ORCHESTRATOR_UNKNOWN},
    {"/lxc.monitor.web", "cgroup_lxc.monitor.web", ORCHESTRATOR_UNKNOWN},
    {"/lxc.payload.", "cgroup_lxc.payload.", ORCHESTRATOR_UNKNOWN},
    /* libvirt */
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope", "cgroup_qemu_vm1", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2d12\\x2dmy\\x2dlong\\x2dname.scope", "cgroup_qemu_my-long-name", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2dvm1.scope", "cgroup_qemu_vm1", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu-3-old.scope", "cgroup_qemu_old", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2d1\\x2d2.scope", "cgroup_qemu_2", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2d7.scope", "cgroup_qemu_7", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt",
     "cgroup_machine.slice_machine-qemu\\x2d1\\x2dvm1.scope_libvirt", ORCHESTRATOR_UNKNOWN},
    {"/machine.slice/machine-qemu\\x2d1\\x2dm\\xc3\\xbcller.scope", "cgroup_qemu_m\xc3\xbcller", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-qemu\\x2d1\\x2da\\x00\\x0ab\\x2fc\\x2.scope", "cgroup_qemu_a\\x00\\x0ab_c\\x2",
     ORCHESTRATOR_KVM},
    {"/machine/vm1.libvirt-qemu", "cgroup_qemu_vm1", ORCHESTRATOR_KVM},
    {"/machine/qemu-1-vm1.libvirt-qemu", "cgroup_qemu_vm1", ORCHESTRATOR_KVM},
    {"/qemu.slice/100.scope", "cgroup_qemu_100", ORCHESTRATOR_KVM},
    {"/machine.slice/machine-lxc\\x2d969\\x2dbox.scope", "cgroup_lxc_box", ORCHESTRATOR_LXC},
    {"/machine/box.libvirt-lxc", "cgroup_lxc_box", ORCHESTRATOR_LXC},
    /* nspawn */
    {"/machine.slice/systemd-nspawn@web.service", "cgroup_web", ORCHESTRATOR_NSPAWN},
    {"/machine.slice/systemd-nspawn@web\\x2d1.service", "cgroup_web-1", ORCHESTRATOR_NSPAWN},
    {"/machine.slice/machine-web.scope", "cgroup_web", ORCHESTRATOR_NSPAWN},
    {"/machine.slice/systemd-nspawn@web.service/payload", "cgroup_machine.slice_systemd-nspawn@web.service_payload",
     ORCHESTRATOR_UNKNOWN},
    {"/other.slice/systemd-nspawn@web.service", "cgroup_other.slice_systemd-nspawn@web.service", ORCHESTRATOR_UNKNOWN},
};

static const struct example pods[] = {
    /* cgroupfs driver */
    {"/kubepods/pod" UID_, "cgroup_k8s_pod_" UID_, ORCHESTRATOR_K8S},
    {"/kubepods/burstable/pod" UID_, "cgroup_k8s_pod_" UID_, ORCHESTRATOR_K8S},
    {"/kubepods/besteffort/pod" UID_ "/" ID, "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/kubepods/pod" UID_ "/crio-" ID, "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/docker/" ID "/kubelet/kubepods/burstable/pod" UID_ "/" ID, "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    /* systemd driver */
    {"/kubepods.slice/kubepods-pod" UNDER ".slice", "cgroup_k8s_pod_" UID_, ORCHESTRATOR_K8S},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UNDER ".slice/docker-" ID ".scope",
     "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UNDER ".slice/cri-containerd-" ID ".scope",
     "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/kubepods.slice/kubepods-pod" UNDER ".slice/crio-" ID ".scope", "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UNDER ".slice/cri-containerd-" ID ".scope",
     "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    {"/system.slice/containerd.service/kubepods-burstable-pod" UNDER ".slice:cri-containerd:" ID,
     "cgroup_k8s_cntr_" UID_ "_" ID, ORCHESTRATOR_K8S},
    /* a static pod's uid has no dashes */
    {"/kubepods/burstable/pod8ef63e8f6f0403466f7d8a3c36cd10b2", "cgroup_k8s_pod_8ef63e8f6f0403466f7d8a3c36cd10b2",
     ORCHESTRATOR_K8S},
    /* neither pod nor container */
    {"/kubepods", "cgroup_kubepods", ORCHESTRATOR_K8S},
    {"/kubepods.slice/kubepods-besteffort.slice", "cgroup_kubepods.slice_kubepods-besteffort.slice", ORCHESTRATOR_K8S},
    {"/kubepods/pod", "cgroup_kubepods_pod", ORCHESTRATOR_K8S},
    {"/kubepods/tripod" UID_, "cgroup_kubepods_tripod" UID_, ORCHESTRATOR_K8S},
    {"/kubepods.slice/kubepods-pod" UNDER ".slice/crio-conmon-" ID ".scope",
     "cgroup_kubepods.slice_kubepods-pod" UNDER ".slice_crio-conmon-" ID ".scope", ORCHESTRATOR_K8S},
};

static const struct example others[] = {
    {"/", "cgroup__", ORCHESTRATOR_UNKNOWN},
    {"/user.slice/user-1000.slice/session-2.scope", "cgroup_user.slice_user-1000.slice_session-2.scope",
     ORCHESTRATOR_UNKNOWN},
    {"/a b/c\td\ne\x7f", "cgroup_a_b_c_d_e_", ORCHESTRATOR_UNKNOWN},
    {"/\xff\xfe", "cgroup_\xff\xfe", ORCHESTRATOR_UNKNOWN},
    {"/app-caf\xc3\xa9", "cgroup_app-caf\xc3\xa9", ORCHESTRATOR_UNKNOWN},
};

static const struct example services[] = {
    {"/system.slice/ssh.service", "systemd_ssh", ORCHESTRATOR_SYSTEMD},
    {"/system.slice/systemd-journald.service", "systemd_systemd-journald", ORCHESTRATOR_SYSTEMD},
    {"/system.slice/system-getty.slice/getty@tty1.service", "systemd_getty@tty1", ORCHESTRATOR_SYSTEMD},
    {"/system.slice/dbus-org.freedesktop.resolve1.service", "systemd_dbus-org-freedesktop-resolve1",
     ORCHESTRATOR_SYSTEMD},
    {"/system.slice/system-postgresql.slice/postgresql@15\\x2dmain.service", "systemd_postgresql@15\\x2dmain",
     ORCHESTRATOR_SYSTEMD},
};

static void expect_names(const struct example *examples, size_t count, bool service)
{
    for (size_t i = 0; i < count; i++) {
        struct naming naming;
        assert_true(name_of_cgroup(&naming, examples[i].id, service));
        if (strcmp(naming.text, examples[i].name) != 0 || naming.orchestrator != examples[i].orchestrator)
            fail_msg("%s\n  gives  %s (%s)\n  wanted %s (%s)", examples[i].id, naming.text,
                     orchestrator_text(naming.orchestrator), examples[i].name,
                     orchestrator_text(examples[i].orchestrator));
        assert_int_equal(naming.hash, netipc_key_hash(naming.text, strlen(naming.text)));
        free(naming.text);
    }
}

/* Who is asked for a name, and with how many digits of which part of the id. */
static void the_engine_that_may_know_the_name_is_told_by_the_path(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum engine engine;
        const char *container;
    } asked[] = {
        {"/docker/" ID, ENGINE_DOCKER, ID},
        {"/docker/" SHORT, ENGINE_DOCKER, SHORT},
        {"/system.slice/docker-" ID ".scope", ENGINE_DOCKER, ID},
        {"/actions_job/" ID, ENGINE_DOCKER, ID},
        {"/ecs/mycluster/8ef63e8f6f0403466f7d8a3c36cd10b2/" ID, ENGINE_DOCKER, ID},
        {"/kubepods/besteffort/pod" UID_ "/" ID, ENGINE_DOCKER, ID},
        {"/kubepods.slice/kubepods-pod" UNDER ".slice/docker-" ID ".scope", ENGINE_DOCKER, ID},
        {"/machine.slice/libpod-" ID ".scope", ENGINE_PODMAN, ID},
        {"/system.slice/web.service/libpod-payload-" ID, ENGINE_PODMAN, ID},
        {"/kubepods.slice/kubepods-pod" UNDER ".slice/cri-containerd-" ID ".scope", ENGINE_NONE, ""},
        {"/kubepods.slice/kubepods-pod" UNDER ".slice/crio-" ID ".scope", ENGINE_NONE, ""},
        {"/system.slice/containerd.service/kubepods-pod" UNDER ".slice:cri-containerd:" ID, ENGINE_NONE, ""},
        {"/kubepods/pod" UID_, ENGINE_NONE, ""},
        {"/system.slice/nerdctl-" ID ".scope", ENGINE_NONE, ""},
        {"/docker/" ID "/system.slice/cri-containerd-" ID ".scope", ENGINE_NONE, ""},
        {"/ecs/8ef63e8f6f0403466f7d8a3c36cd10b2/8ef63e8f6f0403466f7d8a3c36cd10b2-1234567890", ENGINE_NONE, ""},
        {"/machine.slice/libpod-conmon-" ID ".scope", ENGINE_NONE, ""},
        {"/machine.slice/machine-web.scope", ENGINE_NONE, ""},
        {"/lxc/web", ENGINE_NONE, ""},
        {"/docker", ENGINE_NONE, ""},
        {"/", ENGINE_NONE, ""},
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct naming naming;
        assert_true(name_of_cgroup(&naming, asked[i].id, false));
        free(naming.text);
        if (naming.engine != asked[i].engine || naming.container_length != strlen(asked[i].container) ||
            strncmp(asked[i].id + naming.container_at, asked[i].container, naming.container_length) != 0)
            fail_msg("%s: engine %d, container %.*s", asked[i].id, (int)naming.engine, (int)naming.container_length,
                     asked[i].id + naming.container_at);
    }
}

static void the_numbers_of_the_orchestrators_are_those_of_the_lookup(void **state)
{
    (void)state;
    static const char *const texts[] = {"unknown", "systemd", "docker", "k8s", "kvm", "lxc", "podman", "nspawn"};
    for (int i = 0; i < 8; i++)
        assert_string_equal(orchestrator_text((enum orchestrator)i), texts[i]);
    assert_int_equal(ORCHESTRATOR_UNKNOWN, 0);
    assert_int_equal(ORCHESTRATOR_NSPAWN, 7);
}

#define EXPECT_NAMES(examples, service) expect_names(examples, sizeof(examples) / sizeof((examples)[0]), service)

static void containers_are_named_by_the_first_digits_of_their_ids(void **state)
{
    (void)state;
    EXPECT_NAMES(containers, false);
}

static void machines_have_the_names_that_their_owners_gave_them(void **state)
{
    (void)state;
    EXPECT_NAMES(machines, false);
}

static void pods_and_their_containers_are_named_by_their_ids(void **state)
{
    (void)state;
    EXPECT_NAMES(pods, false);
}

static void everything_else_is_named_by_its_path(void **state)
{
    (void)state;
    EXPECT_NAMES(others, false);
}

static void services_are_named_by_their_units(void **state)
{
    (void)state;
    EXPECT_NAMES(services, true);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    struct naming naming;
    char id[400] = "/", wanted[200] = "cgroup_";
    memset(id + 1, 'a', 300);
    id[301] = '\0';
    memset(wanted + 7, 'a', NAME_MAX_BYTES);
    assert_true(name_of_cgroup(&naming, id, false));
    assert_string_equal(naming.text, wanted);
    free(naming.text);

    memcpy(id + 1 + NAME_MAX_BYTES - 1, "\xc3\xa9", 2);
    wanted[7 + NAME_MAX_BYTES - 1] = '\0';
    assert_true(name_of_cgroup(&naming, id, false));
    assert_string_equal(naming.text, wanted);
    free(naming.text);
}

static void a_long_service_keeps_its_name(void **state)
{
    (void)state;
    struct naming naming;
    char id[512] = "/system.slice/", wanted[512] = "systemd_";
    memset(id + strlen(id), 's', 240);
    memset(wanted + strlen(wanted), 's', 240);
    memcpy(id + strlen(id), ".service", sizeof ".service");
    assert_true(name_of_cgroup(&naming, id, true));
    assert_string_equal(naming.text, wanted);
    free(naming.text);
}

/* Every prefix of every example, and each with a byte replaced: whatever a path is, the name is in order. */
static void a_name_is_never_empty_and_has_no_blanks(void **state)
{
    (void)state;
    static const struct example *const tables[] = {containers, machines, pods};
    static const size_t counts[] = {sizeof containers / sizeof containers[0], sizeof machines / sizeof machines[0],
                                    sizeof pods / sizeof pods[0]};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (size_t i = 0; i < counts[t]; i++) {
            const char *id = tables[t][i].id;
            for (size_t length = 1; length <= strlen(id); length++) {
                char *cut = strndup(id, length);
                struct naming naming;
                assert_non_null(cut);
                for (int round = 0; round < 2; round++) {
                    assert_true(name_of_cgroup(&naming, cut, false));
                    assert_true(strlen(naming.text) > strlen("cgroup_"));
                    assert_null(strpbrk(naming.text, " \t\n/"));
                    free(naming.text);
                    cut[length - 1] = length > 1 ? '-' : '/';
                }
                free(cut);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_are_named_by_the_first_digits_of_their_ids),
        cmocka_unit_test(machines_have_the_names_that_their_owners_gave_them),
        cmocka_unit_test(pods_and_their_containers_are_named_by_their_ids),
        cmocka_unit_test(everything_else_is_named_by_its_path),
        cmocka_unit_test(services_are_named_by_their_units),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(a_long_service_keeps_its_name),
        cmocka_unit_test(a_name_is_never_empty_and_has_no_blanks),
        cmocka_unit_test(the_engine_that_may_know_the_name_is_told_by_the_path),
        cmocka_unit_test(the_numbers_of_the_orchestrators_are_those_of_the_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
