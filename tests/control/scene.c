/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/control/scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_MAX = 256 };

static pid_t children[CHILDREN_MAX];
static size_t child_count;

unsigned slow_ms(unsigned ms)
{
    const char *slow = getenv("NETIPC_TEST_SLOW");
    double factor = slow != NULL ? strtod(slow, NULL) : 1;
    return factor > 0 ? (unsigned)(ms * factor) : ms;
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* --- the run directory --- */

int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (scene == NULL)
        return -1;
    strcpy(scene->run_dir, "/tmp/netipc-control-XXXXXX");
    if (mkdtemp(scene->run_dir) == NULL) {
        free(scene);
        return -1;
    }
    snprintf(scene->socket_path, sizeof scene->socket_path, "%s/%s.sock", scene->run_dir, SCENE_SERVICE);
    *state = scene;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

int scene_close(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < child_count; i++)
        kill_and_reap(children[i]);
    child_count = 0;
    nftw(scene->run_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(scene);
    return 0;
}

netipc_publisher_config publisher_config(const struct scene *scene)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    config.capacity = 4096;
    config.handshake_timeout_ns = (uint64_t)slow_ms(5000) * 1000000;
    return config;
}

netipc_subscriber_config subscriber_config(const struct scene *scene)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    config.connect_timeout_ns = (uint64_t)slow_ms(5000) * 1000000;
    return config;
}

netipc_subscriber *open_subscriber(const netipc_subscriber_config *config, netipc_status *status)
{
    netipc_subscriber *subscriber;
    assert_int_equal(netipc_subscriber_open(config, &subscriber), NETIPC_OK);
    *status = netipc_subscriber_refresh(subscriber, NULL);
    return subscriber;
}

netipc_status visit_once(const struct scene *scene)
{
    netipc_status status;
    netipc_subscriber_config config = subscriber_config(scene);
    netipc_subscriber_close(open_subscriber(&config, &status));
    return status;
}

/* --- snapshots --- */

static unsigned char byte_of(uint64_t seed, size_t at)
{
    return (unsigned char)((seed * UINT64_C(0x9e3779b97f4a7c15) >> 32) + at * 7 + (at >> 8));
}

void make_snapshot(uint64_t seed, unsigned char *bytes, size_t length)
{
    memcpy(bytes, &seed, sizeof seed);
    for (size_t i = sizeof seed; i < length; i++)
        bytes[i] = byte_of(seed, i);
}

bool snapshot_is_whole(const unsigned char *bytes, size_t length)
{
    uint64_t seed;
    if (length < sizeof seed)
        return false;
    memcpy(&seed, bytes, sizeof seed);
    for (size_t i = sizeof seed; i < length; i++)
        if (bytes[i] != byte_of(seed, i))
            return false;
    return true;
}

/* --- processes --- */

void kill_and_reap(pid_t pid)
{
    for (size_t i = 0; i < child_count; i++) {
        if (children[i] != pid || pid <= 0)
            continue;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        children[i] = 0;
    }
}

static void remember_child(pid_t pid)
{
    for (size_t i = 0; i < child_count; i++)
        if (children[i] == 0) {
            children[i] = pid;
            return;
        }
    assert_true(child_count < CHILDREN_MAX);
    children[child_count++] = pid;
}

static pid_t fork_child(void)
{
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        remember_child(pid);
        return pid;
    }
    child_count = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(99);
    return 0;
}

pid_t start_child(int (*body)(void *context), void *context)
{
    pid_t pid = fork_child();
    if (pid == 0)
        _exit(body(context));
    return pid;
}

int wait_child(pid_t pid, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    for (;;) {
        int how;
        pid_t ended = waitpid(pid, &how, WNOHANG);
        if (ended == pid) {
            for (size_t i = 0; i < child_count; i++)
                if (children[i] == pid)
                    children[i] = 0;
            return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
        }
        if (now_ms() > end)
            return -1;
        pause_ms(1);
    }
}

unsigned count_descriptors(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.' && (pid != getpid() || atoi(entry->d_name) != dirfd(directory));
    closedir(directory);
    return count;
}

bool descriptors_become(pid_t pid, unsigned count)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(2))
        if (count_descriptors(pid) == count)
            return true;
    return false;
}

unsigned count_mappings(pid_t pid, const char *name_part)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    assert_non_null(maps);
    unsigned count = 0;
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, name_part) != NULL;
    fclose(maps);
    return count;
}

unsigned long cpu_ms(pid_t pid)
{
    char path[64], line[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    unsigned long user, system;
    const char *behind_name = strrchr(line, ')');
    assert_int_equal(sscanf(behind_name, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system), 2);
    return (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

/* --- the publisher over there --- */

enum order_kind { PUBLISH, INFO, LEAVE_DESCRIPTORS, FREE_DESCRIPTORS, FORK_HOLDER, CLOSE };

struct order {
    enum order_kind kind;
    uint64_t seed, count, length;
};

struct report {
    netipc_status status;
    pid_t pid;
    netipc_publisher_info info;
};

static netipc_status publish_many(netipc_publisher *publisher, const struct order *order)
{
    netipc_status status = NETIPC_OK;
    unsigned char *bytes = malloc(order->length);
    if (bytes == NULL)
        return NETIPC_NO_MEMORY;
    for (uint64_t i = 0; i < order->count && status == NETIPC_OK; i++) {
        make_snapshot(order->seed + i, bytes, order->length);
        status = netipc_publish(publisher, bytes, order->length, NULL);
    }
    free(bytes);
    return status;
}

static void occupy_descriptors(uint64_t free_descriptors, int *occupied, unsigned *occupied_count)
{
    unsigned count = *occupied_count;
    int fd;
    while (count < 1024 && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        occupied[count++] = fd;
    for (; free_descriptors > 0 && count > 0; free_descriptors--)
        close(occupied[--count]);
    *occupied_count = count;
}

static pid_t fork_holder(int orders)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, 0); /* outlives its parent: that is the point */
    close(orders);
    alarm(60);
    for (;;)
        pause();
}

static void obey(netipc_publisher *publisher, int orders)
{
    static int occupied[1024];
    unsigned occupied_count = 0;
    struct order order;
    while (recv(orders, &order, sizeof order, 0) == sizeof order) {
        struct report report = {.info.size = sizeof report.info};
        switch (order.kind) {
        case PUBLISH:
            report.status = publish_many(publisher, &order);
            break;
        case INFO:
            report.status = netipc_publisher_stats(publisher, &report.info);
            break;
        case LEAVE_DESCRIPTORS:
            occupy_descriptors(order.count, occupied, &occupied_count);
            break;
        case FREE_DESCRIPTORS:
            while (occupied_count > 0)
                close(occupied[--occupied_count]);
            break;
        case FORK_HOLDER:
            report.pid = fork_holder(orders);
            break;
        case CLOSE:
            netipc_publisher_close(publisher);
            break;
        }
        send(orders, &report, sizeof report, MSG_NOSIGNAL);
        if (order.kind == CLOSE)
            return;
    }
    netipc_publisher_close(publisher);
}

static void be_publisher(const netipc_publisher_config *config, before_open before, void *context, int orders)
{
    if (before != NULL) {
        before(context);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of uid has cleared it */
    }
    netipc_publisher *publisher;
    struct report report = {.status = netipc_publisher_open(config, &publisher)};
    send(orders, &report, sizeof report, MSG_NOSIGNAL);
    if (report.status == NETIPC_OK)
        obey(publisher, orders);
}

static struct report receive_report(struct publisher_process *process)
{
    struct pollfd polled = {.fd = process->orders, .events = POLLIN};
    struct report report = {0};
    assert_int_equal(poll(&polled, 1, (int)slow_ms(60000)), 1);
    assert_int_equal(recv(process->orders, &report, sizeof report, 0), sizeof report);
    return report;
}

static void give_order(struct publisher_process *process, const struct order *order)
{
    assert_int_equal(send(process->orders, order, sizeof *order, MSG_NOSIGNAL), sizeof *order);
}

static struct report obeyed(struct publisher_process *process, const struct order *order)
{
    give_order(process, order);
    return receive_report(process);
}

netipc_status start_publisher(const netipc_publisher_config *config, before_open before, void *context,
                              struct publisher_process *process)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    process->pid = fork_child();
    if (process->pid == 0) {
        close(pair[0]);
        be_publisher(config, before, context, pair[1]);
        _exit(0);
    }
    close(pair[1]);
    process->orders = pair[0];
    netipc_status status = receive_report(process).status;
    if (status != NETIPC_OK) {
        assert_int_equal(wait_child(process->pid, slow_ms(5000)), 0);
        close(process->orders);
        process->orders = -1;
    }
    return status;
}

netipc_status order_publish(struct publisher_process *process, uint64_t seed, uint64_t count, uint64_t length)
{
    return obeyed(process, &(struct order){PUBLISH, seed, count, length}).status;
}

void order_publish_begin(struct publisher_process *process, uint64_t seed, uint64_t count, uint64_t length)
{
    give_order(process, &(struct order){PUBLISH, seed, count, length});
}

netipc_status order_wait(struct publisher_process *process)
{
    return receive_report(process).status;
}

netipc_publisher_info order_info(struct publisher_process *process)
{
    struct report report = obeyed(process, &(struct order){.kind = INFO});
    assert_int_equal(report.status, NETIPC_OK);
    return report.info;
}

bool sessions_become(struct publisher_process *process, uint64_t sessions, uint64_t attached)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(2)) {
        netipc_publisher_info info = order_info(process);
        if (info.sessions == sessions && info.attached == attached)
            return true;
    }
    return false;
}

void order_leave_descriptors(struct publisher_process *process, unsigned free_descriptors)
{
    obeyed(process, &(struct order){.kind = LEAVE_DESCRIPTORS, .count = free_descriptors});
}

void order_free_descriptors(struct publisher_process *process)
{
    obeyed(process, &(struct order){.kind = FREE_DESCRIPTORS});
}

pid_t order_fork_holder(struct publisher_process *process)
{
    return obeyed(process, &(struct order){.kind = FORK_HOLDER}).pid;
}

void order_close(struct publisher_process *process)
{
    obeyed(process, &(struct order){.kind = CLOSE});
    assert_int_equal(wait_child(process->pid, slow_ms(5000)), 0);
    close(process->orders);
}

void kill_publisher(struct publisher_process *process)
{
    kill_and_reap(process->pid);
    close(process->orders);
}
