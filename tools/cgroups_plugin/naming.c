/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/naming.h"

#include <netipc/schema.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_ID = 12, LONG_ID = 64 };

/* A part of an id; not terminated. */
struct span {
    const char *at;
    size_t length;
};

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static bool is(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.at, text, span.length) == 0;
}

static bool cut_start(struct span *span, const char *start)
{
    size_t length = strlen(start);
    if (span->length < length || memcmp(span->at, start, length) != 0)
        return false;
    span->at += length;
    span->length -= length;
    return true;
}

static bool cut_end(struct span *span, const char *end)
{
    size_t length = strlen(end);
    if (span->length < length || memcmp(span->at + span->length - length, end, length) != 0)
        return false;
    span->length -= length;
    return true;
}

/* Takes the last component off *path (empty for "/"). */
static struct span cut_component(struct span *path)
{
    const char *slash = memrchr(path->at, '/', path->length);
    if (slash == NULL) {
        struct span whole = *path;
        path->length = 0;
        return whole;
    }
    struct span last = {slash + 1, path->length - (size_t)(slash + 1 - path->at)};
    path->length = (size_t)(slash - path->at);
    return last;
}

static bool has_component(struct span path, const char *name)
{
    while (path.length > 0) {
        if (is(cut_component(&path), name))
            return true;
    }
    return false;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool is_hex_id(struct span span, size_t length)
{
    for (size_t i = 0; i < span.length; i++) {
        if (!is_hex(span.at[i]))
            return false;
    }
    return span.length == length;
}

static bool is_container_id(struct span span)
{
    return is_hex_id(span, LONG_ID) || is_hex_id(span, SHORT_ID);
}

/* How the name of a cgroup is put together: start, span, then, when it is not empty, `_` and more. */
struct parts {
    const char *start;
    struct span span;
    struct span more;
    bool escaped; /* undo systemd's \xNN */
    bool dashed;  /* systemd turned the dashes of a pod's uid to `_` */
    bool whole;   /* longer than NAME_MAX_BYTES is fine */
    enum orchestrator orchestrator;
    enum engine engine;
    struct span container; /* the id that the engine knows */
};

/* ---- kubernetes ---- */

/* pod<uid>, kubepods-pod<uid>.slice, kubepods-burstable-pod<uid>.slice, and with the kubelet's own root in front */
static bool pod_uid(struct span component, struct span *uid)
{
    cut_end(&component, ".slice");
    const char *end = component.at + component.length;
    const char *at = end;
    while (at > component.at && (is_hex(at[-1]) || at[-1] == '-' || at[-1] == '_'))
        at--;
    /* The "d" of "pod" is a hexadecimal digit too. */
    static const char word[] = "po";
    if (at - component.at < 2 || memcmp(at - 2, word, 2) != 0 || end - at < 2 || *at != 'd')
        return false;
    if (at - 2 != component.at && at[-3] != '-')
        return false;
    *uid = (struct span){at + 1, (size_t)(end - at - 1)};
    return true;
}

/* Docker names the cgroups of its containers <id> and docker-<id>.scope, others put something else in front. */
static enum engine pod_engine(struct span component, struct span id)
{
    return component.at == id.at || cut_start(&component, "docker-") ? ENGINE_DOCKER : ENGINE_NONE;
}

/* <id>, docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, kubepods-….slice:cri-containerd:<id> */
static bool pod_container_id(struct span component, struct span *id)
{
    cut_end(&component, ".scope");
    const char *colon = memrchr(component.at, ':', component.length);
    const char *dash = memrchr(component.at, '-', component.length);
    const char *mark = colon != NULL ? colon : dash;
    struct span tail = component;
    if (mark != NULL)
        tail = (struct span){mark + 1, component.length - (size_t)(mark + 1 - component.at)};
    bool monitor = cut_start(&component, "crio-conmon-");
    if (monitor || !is_hex_id(tail, LONG_ID))
        return false;
    *id = tail;
    return true;
}

static bool is_kubernetes(struct span path)
{
    return memmem(path.at, path.length, "kubepods", strlen("kubepods")) != NULL;
}

static bool kubernetes(struct span path, struct parts *parts)
{
    if (!is_kubernetes(path))
        return false;
    parts->orchestrator = ORCHESTRATOR_K8S;
    parts->whole = true;
    parts->dashed = true;
    struct span last = cut_component(&path), uid, id;
    if (pod_uid(last, &uid)) {
        parts->start = "k8s_pod_";
        parts->span = uid;
        return true;
    }
    if (!pod_container_id(last, &id))
        return false;
    const char *colon = memchr(last.at, ':', last.length);
    struct span pod = colon == NULL ? cut_component(&path) : (struct span){last.at, (size_t)(colon - last.at)};
    if (!pod_uid(pod, &uid))
        return false;
    parts->start = "k8s_cntr_";
    parts->span = uid;
    parts->more = id;
    parts->engine = pod_engine(last, id);
    parts->container = id;
    return true;
}

/* ---- containers with a hexadecimal id ---- */

static bool podman(struct span last, struct parts *parts)
{
    cut_end(&last, ".scope");
    if (!cut_start(&last, "libpod-payload-") && !cut_start(&last, "libpod-"))
        return false;
    if (!is_hex_id(last, LONG_ID))
        return false;
    parts->orchestrator = ORCHESTRATOR_PODMAN;
    parts->span = (struct span){last.at, SHORT_ID};
    parts->engine = ENGINE_PODMAN;
    parts->container = last;
    return true;
}

/* Fargate: /ecs/<32 digits of the task>-<number> */
static bool is_task_container(struct span last)
{
    const char *dash = memchr(last.at, '-', last.length);
    return dash != NULL && is_hex_id((struct span){last.at, (size_t)(dash - last.at)}, 32);
}

static bool container(struct span path, struct span last, struct parts *parts)
{
    static const char *const prefixes[] = {"cri-containerd-", "containerd-", "nerdctl-", "crio-"};
    bool of_docker = has_component(path, "docker"), of_ecs = has_component(path, "ecs");
    cut_end(&last, ".scope");
    bool prefixed = cut_start(&last, "docker-"), foreign = false;
    of_docker = of_docker || prefixed;
    for (size_t i = 0; !prefixed && !foreign && i < sizeof prefixes / sizeof prefixes[0]; i++)
        foreign = cut_start(&last, prefixes[i]);

    /* Twelve digits alone are too few to tell a container where nothing else does. */
    bool known = of_docker || of_ecs || foreign;
    bool has_id = known ? is_container_id(last) : is_hex_id(last, LONG_ID);
    if (!has_id && !(of_ecs && is_task_container(last)))
        return false;
    parts->orchestrator = of_docker || of_ecs ? ORCHESTRATOR_DOCKER : ORCHESTRATOR_UNKNOWN;
    parts->span = (struct span){last.at, SHORT_ID};
    /* Docker can be told to keep its containers anywhere, so it is asked for any id that is not somebody else's. */
    parts->engine = has_id && !foreign ? ENGINE_DOCKER : ENGINE_NONE;
    parts->container = last;
    return true;
}

/* ---- machines ---- */

static const char ESCAPED_DASH[] = "\\x2d";

static bool cut_dash(struct span *span)
{
    return cut_start(span, ESCAPED_DASH) || cut_start(span, "-");
}

/* Takes "1-" off "1-vm1": libvirt numbers its machines. */
static void cut_number(struct span *span)
{
    struct span rest = *span;
    while (rest.length > 0 && is_digit(*rest.at)) {
        rest.at++;
        rest.length--;
    }
    if (rest.length < span->length && cut_dash(&rest) && rest.length > 0)
        *span = rest;
}

/* qemu-1-vm1 and lxc-1-box, with the dashes escaped or not. */
static bool libvirt(struct span machine, const char *driver, struct parts *parts)
{
    if (!cut_start(&machine, driver) || !cut_dash(&machine))
        return false;
    cut_number(&machine);
    bool is_lxc = strcmp(driver, "lxc") == 0;
    parts->start = is_lxc ? "lxc_" : "qemu_";
    parts->orchestrator = is_lxc ? ORCHESTRATOR_LXC : ORCHESTRATOR_KVM;
    parts->span = machine;
    parts->escaped = true;
    return machine.length > 0;
}

/* machine.slice: systemd-nspawn@X.service, machine-qemu\x2d1\x2dvm1.scope, machine-lxc\x2d1\x2dbox.scope,
 * machine-X.scope */
static bool machine_slice(struct span parent, struct span last, struct parts *parts)
{
    if (!is(cut_component(&parent), "machine.slice"))
        return false;
    if (cut_start(&last, "machine-")) {
        if (!cut_end(&last, ".scope"))
            return false;
        if (libvirt(last, "qemu", parts) || libvirt(last, "lxc", parts))
            return true;
    } else if (!cut_start(&last, "systemd-nspawn@") || !cut_end(&last, ".service")) {
        return false;
    }
    parts->orchestrator = ORCHESTRATOR_NSPAWN;
    parts->start = "";
    parts->span = last;
    parts->escaped = true;
    return last.length > 0;
}

/* Without systemd: /machine/vm1.libvirt-qemu; Proxmox: /qemu.slice/100.scope */
static bool machine(struct span parent, struct span last, struct parts *parts)
{
    if (cut_end(&last, ".libvirt-qemu") || cut_end(&last, ".libvirt-lxc")) {
        bool is_lxc = last.at[last.length + strlen(".libvirt-")] == 'l';
        if (libvirt(last, is_lxc ? "lxc" : "qemu", parts))
            return true;
        parts->start = is_lxc ? "lxc_" : "qemu_";
        parts->orchestrator = is_lxc ? ORCHESTRATOR_LXC : ORCHESTRATOR_KVM;
    } else if (is(cut_component(&parent), "qemu.slice") && cut_end(&last, ".scope")) {
        parts->start = "qemu_";
        parts->orchestrator = ORCHESTRATOR_KVM;
    } else {
        return false;
    }
    parts->span = last;
    parts->escaped = true;
    return last.length > 0;
}

/* lxc.payload.X, lxc.payload/X, /lxc/X */
static bool lxc(struct span parent, struct span last, struct parts *parts)
{
    bool payload = cut_start(&last, "lxc.payload.");
    struct span above = cut_component(&parent);
    if (last.length == 0 || !(payload || is(above, "lxc.payload") || (is(above, "lxc") && parent.length == 0)))
        return false;
    parts->orchestrator = ORCHESTRATOR_LXC;
    parts->span = last;
    return true;
}

/* ---- the whole ---- */

static struct parts service_parts(struct span path)
{
    struct span last = cut_component(&path);
    cut_end(&last, ".service");
    return (struct parts){
        .start = "", .span = last, .whole = true, .orchestrator = ORCHESTRATOR_SYSTEMD, .engine = ENGINE_NONE};
}

static struct parts cgroup_parts(struct span id)
{
    struct span parent = id, last = cut_component(&parent);
    struct parts parts = {.start = "", .engine = ENGINE_NONE};
    if (kubernetes(id, &parts) || podman(last, &parts) || machine_slice(parent, last, &parts) ||
        machine(parent, last, &parts) || lxc(parent, last, &parts) || container(parent, last, &parts))
        return parts;

    /* An attempt that came to nothing may have left its marks; kubernetes' are facts about any id below it. */
    parts = (struct parts){.start = "", .span = id, .engine = ENGINE_NONE};
    if (is_kubernetes(id)) {
        parts.orchestrator = ORCHESTRATOR_K8S;
        parts.whole = true;
    }
    if (parts.span.length > 1)
        cut_start(&parts.span, "/");
    return parts;
}

static int hex_value(char byte)
{
    return is_digit(byte) ? byte - '0' : (byte | 0x20) - 'a' + 10;
}

/* Copies span to `to`, undoing \xNN where that gives a byte that can be in a name. */
static char *put(char *to, struct span span, bool escaped)
{
    for (size_t i = 0; i < span.length; i++) {
        const char *at = span.at + i;
        if (escaped && span.length - i >= 4 && at[0] == '\\' && at[1] == 'x' && is_hex(at[2]) && is_hex(at[3])) {
            int byte = hex_value(at[2]) * 16 + hex_value(at[3]);
            if (byte > 0x20 && byte != 0x7f) {
                *to++ = (char)byte;
                i += 3;
                continue;
            }
        }
        *to++ = *at;
    }
    return to;
}

/* Cuts at most, and not inside of a UTF-8 sequence. */
static size_t cut_length(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    size_t at = most;
    while (at > 0 && most - at < 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return ((unsigned char)text[at] & 0xc0) == 0x80 ? most : at;
}

static void replace(char *text, size_t length, bool service)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte <= ' ' || byte == 0x7f || byte == '/')
            text[i] = '_';
        else if (service && byte == '.')
            text[i] = '-';
    }
}

static const char CGROUP_PREFIX[] = "cgroup_";

bool name_of_cgroup(struct naming *naming, const char *id, bool service)
{
    struct span path = span_of(id);
    struct parts parts = service ? service_parts(path) : cgroup_parts(path);
    const char *prefix = service ? "systemd_" : CGROUP_PREFIX;
    size_t prefix_length = strlen(prefix), start_length = strlen(parts.start);
    char *text = malloc(prefix_length + start_length + parts.span.length + parts.more.length + 2);
    if (text == NULL)
        return false;

    char *body = text + prefix_length, *end = body + start_length;
    memcpy(text, prefix, prefix_length);
    memcpy(body, parts.start, start_length);
    char *span = end;
    end = put(end, parts.span, parts.escaped);
    for (; parts.dashed && span < end; span++)
        *span = *span == '_' ? '-' : *span;
    if (parts.more.length > 0) {
        *end++ = '_';
        end = put(end, parts.more, false);
    }
    size_t length = (size_t)(end - body);
    if (!parts.whole)
        length = cut_length(body, length, NAME_MAX_BYTES);
    body[length] = '\0';
    replace(body, length, service);
    bool asked = parts.engine != ENGINE_NONE;
    *naming = (struct naming){.text = text,
                              .hash = netipc_key_hash(text, strlen(text)),
                              .orchestrator = parts.orchestrator,
                              .engine = parts.engine,
                              .container_at = asked ? (size_t)(parts.container.at - id) : 0,
                              .container_length = asked ? parts.container.length : 0};
    return true;
}

bool name_of_container(struct naming *naming, const char *name, size_t length, enum orchestrator orchestrator)
{
    if (orchestrator != ORCHESTRATOR_K8S)
        length = cut_length(name, length, NAME_MAX_BYTES);
    char *text = malloc(sizeof CGROUP_PREFIX + length);
    if (text == NULL)
        return false;
    char *body = stpcpy(text, CGROUP_PREFIX);
    memcpy(body, name, length);
    body[length] = '\0';
    replace(body, length, false);
    *naming = (struct naming){
        .text = text, .hash = netipc_key_hash(text, strlen(text)), .orchestrator = orchestrator, .engine = ENGINE_NONE};
    return true;
}

const char *orchestrator_text(enum orchestrator orchestrator)
{
    static const char *const texts[] = {"unknown", "systemd", "docker", "k8s", "kvm", "lxc", "podman", "nspawn"};
    return texts[orchestrator];
}
