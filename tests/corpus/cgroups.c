/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/corpus/cgroups.h"

#include <netipc/lookup.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD "b7e7a1c2-03d4-4f5e-9a6b-dead00beef11"
#define POD_ "b7e7a1c2_03d4_4f5e_9a6b_dead00beef11" /* as systemd has it */

/* 1,000 bytes of a path: as deep as paths get. */
#define DEEP_100 "/deep/and/deeper/down/the/tree/of/cgroups/that/nobody/needed/but/somebody/made/all/the/same/for/test"
#define DEEP_1000 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100 DEEP_100
#define LONG_100 "n123456789n123456789n123456789n123456789n123456789n123456789n123456789n123456789n123456789n123456789"
#define LONG_1000 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100

enum {
    UNKNOWN = NETIPC_ORCHESTRATOR_UNKNOWN,
    SYSTEMD = NETIPC_ORCHESTRATOR_SYSTEMD,
    DOCKER = NETIPC_ORCHESTRATOR_DOCKER,
    K8S = NETIPC_ORCHESTRATOR_K8S,
    KVM = NETIPC_ORCHESTRATOR_KVM,
    LXC = NETIPC_ORCHESTRATOR_LXC,
    PODMAN = NETIPC_ORCHESTRATOR_PODMAN,
    NSPAWN = NETIPC_ORCHESTRATOR_NSPAWN
};

/* service, enabled, searched, unreal */
const corpus_cgroup corpus_cgroups[] = {
    {"/", "cgroup__", UNKNOWN, false, false, true, false},

    /* systemd */
    {"/init.scope", "cgroup_init.scope", UNKNOWN, false, false, false, false},
    {"/system.slice", "cgroup_system.slice", UNKNOWN, false, false, true, false},
    {"/system.slice/ssh.service", "systemd_ssh", SYSTEMD, true, true, true, false},
    {"/system.slice/systemd-journald.service", "systemd_systemd-journald", SYSTEMD, true, true, true, false},
    {"/system.slice/cron.service", "systemd_cron", SYSTEMD, true, true, true, false},
    {"/system.slice/dbus-org.freedesktop.resolve1.service", "systemd_dbus-org-freedesktop-resolve1", SYSTEMD, true,
     true, true, false},
    {"/system.slice/system-getty.slice", "cgroup_system.slice_system-getty.slice", UNKNOWN, false, false, true, false},
    {"/system.slice/system-getty.slice/getty@tty1.service", "systemd_getty@tty1", SYSTEMD, true, true, true, false},
    {"/system.slice/system-postgresql.slice/postgresql@15\\x2dmain.service", "systemd_postgresql@15\\x2dmain", SYSTEMD,
     true, true, true, false},
    {"/system.slice/systemd-udevd.service", "systemd_systemd-udevd", SYSTEMD, true, true, true, false},
    {"/system.slice/systemd-udevd.service/udev", "cgroup_system.slice_systemd-udevd.service_udev", UNKNOWN, false,
     false, true, false},
    {"/system.slice/docker.service", "systemd_docker", SYSTEMD, true, true, true, false},
    {"/system.slice/lxcfs.service/.control", "cgroup_system.slice_lxcfs.service_.control", UNKNOWN, false, false, true,
     false},
    {"/system.slice/containerd.service", "systemd_containerd", SYSTEMD, true, true, true, false},
    {"/system.slice/run-r0a1b2c3d4e5f.scope", "cgroup_system.slice_run-r0a1b2c3d4e5f.scope", UNKNOWN, false, false,
     true, false},
    {"/system.slice/run-u17.service", "systemd_run-u17", SYSTEMD, true, true, true, false},
    {"/system.slice/var-lib-docker.mount", "cgroup_system.slice_var-lib-docker.mount", UNKNOWN, false, false, true,
     false},
    {"/system.slice/snapd.socket", "cgroup_system.slice_snapd.socket", UNKNOWN, false, false, true, false},
    {"/dev-sda2.swap", "cgroup_dev-sda2.swap", UNKNOWN, false, false, true, false},
    {"/system.slice/home.partition", "cgroup_system.slice_home.partition", UNKNOWN, false, false, true, false},
    {"/system.slice/backup.timer.d.scope", "cgroup_system.slice_backup.timer.d.scope", UNKNOWN, false, true, true,
     false},

    /* users */
    {"/user.slice", "cgroup_user.slice", UNKNOWN, false, false, true, false},
    {"/user.slice/user-1000.slice", "cgroup_user.slice_user-1000.slice", UNKNOWN, false, false, true, false},
    {"/user.slice/user-1000.slice/session-2.scope", "cgroup_user.slice_user-1000.slice_session-2.scope", UNKNOWN, false,
     false, true, false},
    {"/user.slice/user-1000.slice/user@1000.service", "cgroup_user.slice_user-1000.slice_user@1000.service", UNKNOWN,
     false, false, true, false},
    {"/user.slice/user-1000.slice/user@1000.service/init.scope",
     "cgroup_user.slice_user-1000.slice_user@1000.service_init.scope", UNKNOWN, false, false, false, false},
    {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.gnome.Terminal-4242.scope",
     "cgroup_user.slice_user-1000.slice_user@1000.service_app.slice_app-gnome-org.gnome.Terminal-4242.scope", UNKNOWN,
     false, false, true, false},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", "cgroup_0123456789ab", DOCKER,
     false, true, true, false},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", "cgroup_0123456789ab", PODMAN,
     false, false, true, false},

    /* docker */
    {"/docker", "cgroup_docker", UNKNOWN, false, false, true, false},
    {"/docker/" ID, "cgroup_0123456789ab", DOCKER, false, true, true, false},
    {"/docker/fedcba987654", "cgroup_fedcba987654", DOCKER, false, true, true, false},
    {"/system.slice/docker-" ID ".scope", "cgroup_0123456789ab", DOCKER, false, true, true, false},
    {"/docker/" ID "/docker/" ID2, "cgroup_fedcba987654", DOCKER, false, true, true, false},
    {"/docker/" ID "/init.scope", "cgroup_docker_" ID "_init.scope", UNKNOWN, false, false, false, false},
    {"/docker/buildkit", "cgroup_docker_buildkit", UNKNOWN, false, true, true, false},
    {"/docker/buildkit/u1wq4k7l2v", "cgroup_docker_buildkit_u1wq4k7l2v", UNKNOWN, false, true, true, false},
    {"/docker/0123456789abc", "cgroup_docker_0123456789abc", UNKNOWN, false, true, true, false},
    {"/actions_job/" ID, "cgroup_0123456789ab", UNKNOWN, false, true, true, false},

    /* podman */
    {"/machine.slice", "cgroup_machine.slice", UNKNOWN, false, false, true, false},
    {"/machine.slice/libpod-" ID ".scope", "cgroup_0123456789ab", PODMAN, false, true, true, false},
    {"/machine.slice/libpod-" ID ".scope/container", "cgroup_machine.slice_libpod-" ID ".scope_containe", UNKNOWN,
     false, true, true, false},
    {"/machine.slice/libpod-conmon-" ID ".scope", "cgroup_machine.slice_libpod-conmon-" ID ".scope", UNKNOWN, false,
     true, true, false},
    {"/libpod_parent/libpod-" ID2, "cgroup_fedcba987654", PODMAN, false, true, true, false},
    {"/system.slice/web.service/libpod-payload-" ID, "cgroup_0123456789ab", PODMAN, false, true, true, false},

    /* containerd, cri-o, ECS */
    {"/default/" ID, "cgroup_0123456789ab", UNKNOWN, false, true, true, false},
    {"/system.slice/nerdctl-" ID ".scope", "cgroup_0123456789ab", UNKNOWN, false, true, true, false},
    {"/system.slice/cri-containerd-" ID2 ".scope", "cgroup_fedcba987654", UNKNOWN, false, true, true, false},
    {"/ecs/mycluster", "cgroup_ecs_mycluster", UNKNOWN, false, true, true, false},
    {"/ecs/mycluster/8ef63e8f6f0403466f7d8a3c36cd10b2/" ID, "cgroup_0123456789ab", DOCKER, false, true, true, false},
    {"/ecs/8ef63e8f6f0403466f7d8a3c36cd10b2/8ef63e8f6f0403466f7d8a3c36cd10b2-1234567890", "cgroup_8ef63e8f6f04", DOCKER,
     false, true, true, false},

    /* kubernetes, cgroupfs driver */
    {"/kubepods", "cgroup_kubepods", K8S, false, false, true, false},
    {"/kubepods/burstable", "cgroup_kubepods_burstable", K8S, false, false, true, false},
    {"/kubepods/besteffort", "cgroup_kubepods_besteffort", K8S, false, false, true, false},
    {"/kubepods/pod" POD, "cgroup_k8s_pod_" POD, K8S, false, false, true, false},
    {"/kubepods/pod" POD "/" ID, "cgroup_k8s_cntr_" POD "_" ID, K8S, false, true, true, false},
    {"/kubepods/burstable/pod" POD, "cgroup_k8s_pod_" POD, K8S, false, false, true, false},
    {"/kubepods/burstable/pod" POD "/" ID2, "cgroup_k8s_cntr_" POD "_" ID2, K8S, false, true, true, false},
    {"/kubepods/besteffort/pod8ef63e8f6f0403466f7d8a3c36cd10b2/" ID,
     "cgroup_k8s_cntr_8ef63e8f6f0403466f7d8a3c36cd10b2_" ID, K8S, false, true, true, false},
    {"/kubepods/pod" POD "/crio-" ID2, "cgroup_k8s_cntr_" POD "_" ID2, K8S, false, true, true, false},
    {"/docker/" ID "/kubelet/kubepods/burstable/pod" POD "/" ID2, "cgroup_k8s_cntr_" POD "_" ID2, K8S, false, true,
     true, false},

    /* kubernetes, systemd driver */
    {"/kubepods.slice", "cgroup_kubepods.slice", K8S, false, false, true, false},
    {"/kubepods.slice/kubepods-besteffort.slice", "cgroup_kubepods.slice_kubepods-besteffort.slice", K8S, false, false,
     true, false},
    {"/kubepods.slice/kubepods-pod" POD_ ".slice", "cgroup_k8s_pod_" POD, K8S, false, false, true, false},
    {"/kubepods.slice/kubepods-pod" POD_ ".slice/cri-containerd-" ID ".scope", "cgroup_k8s_cntr_" POD "_" ID, K8S,
     false, true, true, false},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice/docker-" ID ".scope",
     "cgroup_k8s_cntr_" POD "_" ID, K8S, false, true, true, false},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" POD_ ".slice/cri-containerd-" ID2 ".scope",
     "cgroup_k8s_cntr_" POD "_" ID2, K8S, false, true, true, false},
    {"/kubepods.slice/kubepods-pod" POD_ ".slice/crio-" ID2 ".scope", "cgroup_k8s_cntr_" POD "_" ID2, K8S, false, true,
     true, false},
    {"/kubepods.slice/kubepods-pod" POD_ ".slice/crio-conmon-" ID2 ".scope",
     "cgroup_kubepods.slice_kubepods-pod" POD_ ".slice_crio-conmon-" ID2 ".scope", K8S, false, true, true, false},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" POD_ ".slice/cri-containerd-" ID ".scope",
     "cgroup_k8s_cntr_" POD "_" ID, K8S, false, true, true, false},
    {"/system.slice/containerd.service/kubepods-burstable-pod" POD_ ".slice:cri-containerd:" ID,
     "cgroup_k8s_cntr_" POD "_" ID, K8S, false, false, true, false},
    {"/system.slice/kubelet.service", "systemd_kubelet", SYSTEMD, true, true, true, false},

    /* lxc */
    {"/lxc", "cgroup_lxc", UNKNOWN, false, false, true, false},
    {"/lxc/web", "cgroup_web", LXC, false, true, true, false},
    {"/lxc/101", "cgroup_101", LXC, false, true, true, false},
    {"/lxc/web/nested", "cgroup_lxc_web_nested", UNKNOWN, false, false, false, false},
    {"/lxc.monitor", "cgroup_lxc.monitor", UNKNOWN, false, false, false, false},
    {"/lxc.monitor.web", "cgroup_lxc.monitor.web", UNKNOWN, false, false, true, false},
    {"/lxc.pivot", "cgroup_lxc.pivot", UNKNOWN, false, false, true, false},
    {"/lxc.payload", "cgroup_lxc.payload", UNKNOWN, false, false, true, false},
    {"/lxc.payload/web", "cgroup_web", LXC, false, true, true, false},
    {"/lxc.payload.web.1", "cgroup_web.1", LXC, false, true, false, false},
    {"/lxc.payload.web.1/init.scope", "cgroup_lxc.payload.web.1_init.scope", UNKNOWN, false, false, false, false},
    {"/lxc.payload.web.1/system.slice/nginx.service", "cgroup_lxc.payload.web.1_system.slice_nginx.service", UNKNOWN,
     false, false, false, false},

    /* libvirt, Proxmox */
    {"/machine", "cgroup_machine", UNKNOWN, false, false, true, false},
    {"/machine/vm1.libvirt-qemu", "cgroup_qemu_vm1", KVM, false, true, false, false},
    {"/machine/qemu-1-vm2.libvirt-qemu", "cgroup_qemu_vm2", KVM, false, true, false, false},
    {"/machine/box.libvirt-lxc", "cgroup_lxc_box", LXC, false, true, true, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope", "cgroup_qemu_vm1", KVM, false, true, true, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt",
     "cgroup_machine.slice_machine-qemu\\x2d1\\x2dvm1.scope_libvirt", UNKNOWN, false, false, true, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt/vcpu0",
     "cgroup_machine.slice_machine-qemu\\x2d1\\x2dvm1.scope_libvirt_vcpu0", UNKNOWN, false, false, true, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt/emulator",
     "cgroup_machine.slice_machine-qemu\\x2d1\\x2dvm1.scope_libvirt_emulator", UNKNOWN, false, false, true, false},
    {"/machine.slice/machine-qemu\\x2d12\\x2dmy\\x2dlong\\x2dname.scope", "cgroup_qemu_my-long-name", KVM, false, true,
     true, false},
    {"/machine.slice/machine-qemu\\x2d1\\x2dm\\xc3\\xbcller.scope", "cgroup_qemu_m\xc3\xbcller", KVM, false, true, true,
     false},
    {"/machine.slice/machine-lxc\\x2d969\\x2dbox.scope", "cgroup_lxc_box", LXC, false, true, true, false},
    {"/qemu.slice/100.scope", "cgroup_qemu_100", KVM, false, true, true, false},
    {"/qemu", "cgroup_qemu", UNKNOWN, false, false, true, false},

    /* nspawn */
    {"/machine.slice/systemd-nspawn@web.service", "cgroup_web", NSPAWN, false, true, true, false},
    {"/machine.slice/systemd-nspawn@web.service/payload", "cgroup_machine.slice_systemd-nspawn@web.service_payload",
     UNKNOWN, false, false, true, false},
    {"/machine.slice/systemd-nspawn@web.service/supervisor",
     "cgroup_machine.slice_systemd-nspawn@web.service_supervisor", UNKNOWN, false, false, true, false},
    {"/machine.slice/systemd-nspawn@web\\x2d1.service", "cgroup_web-1", NSPAWN, false, true, true, false},
    {"/machine.slice/machine-old.scope", "cgroup_old", NSPAWN, false, true, true, false},

    /* hard to take */
    {"/a b/c\x09"
     "d\x01"
     "e\x7f",
     "cgroup_a_b_c_d_e_", UNKNOWN, false, true, true, false},
    {"/app-caf\xc3\xa9", "cgroup_app-caf\xc3\xa9", UNKNOWN, false, true, true, false},
    {"/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xe3\x82\xb5\xe3\x83\xbc\xe3\x83\x93\xe3\x82\xb9",
     "cgroup_\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e_\xe3\x82\xb5\xe3\x83\xbc\xe3\x83\x93\xe3\x82\xb9", UNKNOWN, false,
     true, true, false},
    {"/\xf0\x9f\x90\xb3.scope", "cgroup_\xf0\x9f\x90\xb3.scope", UNKNOWN, false, true, true, false},
    {"/\xff\xfe", "cgroup_\xff\xfe", UNKNOWN, false, true, true, false},
    {"/..data", "cgroup_..data", UNKNOWN, false, true, true, false},
    {"/-", "cgroup_-", UNKNOWN, false, true, true, false},
    {"/*\?[a]!", "cgroup_*\?[a]!", UNKNOWN, false, true, true, false},
    {"/x=\"1\",\\", "cgroup_x=\"1\",\\", UNKNOWN, false, true, true, false},
    {"/percent%s%n", "cgroup_percent%s%n", UNKNOWN, false, true, true, false},
    {DEEP_1000 DEEP_1000 DEEP_1000 DEEP_1000,
     "cgroup_deep_and_deeper_down_the_tree_of_cgroups_that_nobody_needed_but_somebody_made_all_the_same_for_test_",
     UNKNOWN, false, true, true, false},

    /* for codecs only */
    {"/no-name", "", UNKNOWN, false, false, false, true},
    {"/" LONG_1000 LONG_1000 LONG_1000 LONG_1000, LONG_1000 LONG_1000 LONG_1000 LONG_1000, K8S, false, true, true,
     true},
    {"x", "a path of one byte", UNKNOWN, false, true, true, true},
};

const size_t corpus_cgroup_count = sizeof corpus_cgroups / sizeof *corpus_cgroups;
