/* SPDX-License-Identifier: Apache-2.0 */
#include "control/endpoint.h"

#include "control/packet.h"
#include "control/peer.h"
#include "shm/detail.h"
#include "shm/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static_assert(sizeof((struct sockaddr_un){0}.sun_path) == NETIPC_SOCKET_PATH_MAX, "a path must fit an address");

#define LOCK_NAME ".netipc.lock"

static bool service_ok(const char *service)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strnlen(service, NETIPC_SERVICE_MAX + 1);
    return length > 0 && length <= NETIPC_SERVICE_MAX && service[0] != '.' && strspn(service, allowed) == length;
}

netipc_status netipc_endpoint_path(const char *run_dir, const char *service, char path[NETIPC_SOCKET_PATH_MAX])
{
    if (run_dir == NULL || run_dir[0] == '\0')
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no run directory given");
    if (service == NULL || !service_ok(service))
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "a service is named by 1 to %d of A-Z a-z 0-9 . _ -, not starting with a dot",
                           NETIPC_SERVICE_MAX);
    int length = snprintf(path, NETIPC_SOCKET_PATH_MAX, "%s/%s.sock", run_dir, service);
    if (length < 0 || length >= NETIPC_SOCKET_PATH_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "the socket's path would have %d bytes, %d are possible: choose a shorter run directory",
                           length, NETIPC_SOCKET_PATH_MAX - 1);
    return NETIPC_OK;
}

static netipc_status open_directory(const char *run_dir, uint32_t mode, int *directory)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    bool made = false;
    int fd = open(run_dir, flags);
    if (fd < 0 && errno == ENOENT) {
        if (mkdir(run_dir, mode & 0700) == 0)
            made = true;
        else if (errno == ENOENT)
            return netipc_fail(NETIPC_NOT_FOUND, "the parent of the run directory %.150s does not exist: make it first",
                               run_dir);
        else if (errno != EEXIST)
            return netipc_fail_errno(errno, "make the run directory %s", run_dir);
        /* A umask can take even its owner's permissions from a new directory, and then nobody could open it. */
        if (made && fchmodat(AT_FDCWD, run_dir, mode & 0700, AT_SYMLINK_NOFOLLOW) < 0)
            return netipc_fail_errno(errno, "set the mode of the run directory %s", run_dir);
        fd = open(run_dir, flags);
    }
    if (fd < 0)
        return netipc_fail_errno(errno, "open the run directory %s", run_dir);
    /* The mode that was asked for, whatever the umask is. */
    if (made && fchmod(fd, mode) < 0) {
        netipc_status status = netipc_fail_errno(errno, "set the mode of the run directory %s", run_dir);
        close(fd);
        return status;
    }
    *directory = fd;
    return NETIPC_OK;
}

static netipc_status check_directory(const struct stat *status, const char *run_dir, const struct netipc_uid_list *uids,
                                     const char *advice)
{
    if (!netipc_uid_list_has(uids, status->st_uid))
        return netipc_fail(NETIPC_UNSAFE_DIRECTORY, "%.100s belongs to uid %u: %s", run_dir, (unsigned)status->st_uid,
                           advice);
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return netipc_fail(NETIPC_UNSAFE_DIRECTORY, "%.100s has mode %04o: chmod go-w it, or use another directory",
                           run_dir, (unsigned)status->st_mode & 07777);
    return NETIPC_OK;
}

netipc_status netipc_endpoint_check_directory(const char *run_dir, const struct netipc_uid_list *uids)
{
    struct stat status;
    if (stat(run_dir, &status) < 0)
        return netipc_fail_errno(errno, "look at the run directory %s", run_dir);
    return check_directory(&status, run_dir, uids, "allow or become that uid, or use another directory");
}

/* The lock's file is for the owner of the directory, who else could not lock it again after root has made it. */
static netipc_status open_lock(int directory, int *lock)
{
    struct stat owner, file;
    int fd = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return netipc_fail_errno(errno, "open %s in the run directory", LOCK_NAME);
    if (fstat(directory, &owner) < 0 || fstat(fd, &file) < 0 ||
        (file.st_uid == geteuid() && (file.st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0) ||
        (geteuid() == 0 && file.st_uid != owner.st_uid && fchown(fd, owner.st_uid, (gid_t)-1) < 0)) {
        netipc_status status = netipc_fail_errno(errno, "prepare %s in the run directory", LOCK_NAME);
        close(fd);
        return status;
    }
    *lock = fd;
    return NETIPC_OK;
}

static bool still_there(int directory, int lock)
{
    struct stat file, named;
    return fstat(lock, &file) == 0 && fstatat(directory, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

/* A descriptor of its own for each lock: one that is kept would be shared with forked children. */
static netipc_status lock(int directory, uint64_t timeout_ns, int *locked)
{
    uint64_t start = netipc_os_monotonic_ns();
    long pause_ns = 200000;
    for (;;) {
        int fd;
        netipc_status status = open_lock(directory, &fd);
        if (status != NETIPC_OK)
            return status;
        bool held = flock(fd, LOCK_EX | LOCK_NB) == 0;
        int error = errno;
        if (held && still_there(directory, fd)) {
            *locked = fd;
            return NETIPC_OK;
        }
        close(fd);
        if (held)
            continue; /* the one before us has removed it */
        if (error != EWOULDBLOCK && error != EINTR)
            return netipc_fail_errno(error, "lock the run directory");
        if (netipc_os_monotonic_ns() - start >= timeout_ns)
            return netipc_fail(NETIPC_TIMED_OUT, "another process has held %s in the run directory for %llu ms now",
                               LOCK_NAME, (unsigned long long)(timeout_ns / 1000000u));
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        if (pause_ns < 10000000)
            pause_ns *= 2;
    }
}

/* The file goes with the lock. Who waits for it finds that out in still_there(), and takes the next one. */
static void unlock(int directory, int locked)
{
    unlinkat(directory, LOCK_NAME, 0);
    flock(locked, LOCK_UN); /* closing is not enough if a child has been forked meanwhile */
    close(locked);
}

/* NETIPC_OK: the name is free, or its owner is dead (*stale). */
static netipc_status probe(const struct sockaddr_un *address, bool *stale)
{
    *stale = false;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return netipc_fail_errno(errno, "make a socket");
    netipc_status status = NETIPC_OK;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        struct netipc_peer peer;
        status = netipc_peer_identify(fd, &peer);
        if (status == NETIPC_GONE) {
            *stale = true;
            status = NETIPC_OK;
        } else if (status == NETIPC_OK) {
            if (peer.pidfd >= 0)
                close(peer.pidfd);
            status = netipc_fail(NETIPC_ADDRESS_IN_USE, "process %u serves %s", peer.pid, address->sun_path);
        }
    } else if (errno == ECONNREFUSED) {
        *stale = true;
    } else if (errno == EAGAIN || errno == EPROTOTYPE) {
        status = netipc_fail(NETIPC_ADDRESS_IN_USE, "a process listens at %s", address->sun_path);
    } else if (errno != ENOENT) {
        status = netipc_fail_errno(errno, "probe %s", address->sun_path);
    }
    close(fd);
    return status;
}

/* Under the lock: makes the name free, or says why it is not. */
static netipc_status reclaim(const struct netipc_endpoint *endpoint, const struct sockaddr_un *address)
{
    struct stat file;
    if (fstatat(endpoint->directory, endpoint->name, &file, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NETIPC_OK : netipc_fail_errno(errno, "look at %s", address->sun_path);
    if (!S_ISSOCK(file.st_mode))
        return netipc_fail(NETIPC_ADDRESS_IN_USE, "%s is there and is not a socket: remove it", address->sun_path);
    bool stale;
    netipc_status status = probe(address, &stale);
    if (status != NETIPC_OK || !stale)
        return status;
    if (unlinkat(endpoint->directory, endpoint->name, 0) < 0 && errno != ENOENT)
        return netipc_fail_errno(errno, "remove the stale socket %s", address->sun_path);
    return NETIPC_OK;
}

static netipc_status bind_and_listen(struct netipc_endpoint *endpoint, const struct sockaddr_un *address, uint32_t mode)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return netipc_fail_errno(errno, "make a socket");
    netipc_packet_refuse_fds(fd);
    /* The mode goes onto the socket first, so that the file never has a wider one. The umask can only narrow that, and
     * then the file gets the exact mode. */
    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        netipc_status status = netipc_fail_errno(errno, "bind %s", address->sun_path);
        close(fd);
        return status;
    }
    struct stat file;
    if (fchmodat(endpoint->directory, endpoint->name, mode, 0) < 0 ||
        fstatat(endpoint->directory, endpoint->name, &file, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, SOMAXCONN) < 0) {
        netipc_status status = netipc_fail_errno(errno, "listen at %s", address->sun_path);
        unlinkat(endpoint->directory, endpoint->name, 0);
        close(fd);
        return status;
    }
    endpoint->listener = fd;
    endpoint->device = file.st_dev;
    endpoint->inode = file.st_ino;
    return NETIPC_OK;
}

netipc_status netipc_endpoint_open(const struct netipc_endpoint_config *config, struct netipc_endpoint *endpoint)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    netipc_status status = netipc_endpoint_path(config->run_dir, config->service, address.sun_path);
    if (status != NETIPC_OK)
        return status;
    *endpoint = (struct netipc_endpoint){.directory = -1, .listener = -1};
    snprintf(endpoint->name, sizeof endpoint->name, "%s.sock", config->service);
    status = open_directory(config->run_dir, config->directory_mode, &endpoint->directory);
    if (status != NETIPC_OK)
        return status;

    struct stat directory;
    struct netipc_uid_list owners = {.own = geteuid()};
    int locked = -1;
    if (fstat(endpoint->directory, &directory) < 0)
        status = netipc_fail_errno(errno, "look at the run directory %s", config->run_dir);
    else
        status = check_directory(&directory, config->run_dir, &owners, "use a directory of your own");
    if (status == NETIPC_OK)
        status = lock(endpoint->directory, config->lock_timeout_ns, &locked);
    if (status == NETIPC_OK)
        status = reclaim(endpoint, &address);
    if (status == NETIPC_OK)
        status = bind_and_listen(endpoint, &address, config->socket_mode);
    if (locked >= 0)
        unlock(endpoint->directory, locked);
    if (status != NETIPC_OK) {
        close(endpoint->directory);
        endpoint->directory = -1;
    }
    return status;
}

/* Children forked meanwhile may hold the listener open: it must refuse connections from now on, and let go of those
 * that wait. */
static void refuse_everybody(int listener)
{
    shutdown(listener, SHUT_RDWR);
    for (int waiting; (waiting = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR;)
        if (waiting >= 0)
            close(waiting);
}

void netipc_endpoint_close(struct netipc_endpoint *endpoint, uint64_t lock_timeout_ns, bool forked)
{
    if (endpoint->directory < 0)
        return;
    int locked;
    /* Without the lock the file stays: it refuses connections from now on, and the next starter reclaims it. */
    if (!forked && lock(endpoint->directory, lock_timeout_ns, &locked) == NETIPC_OK) {
        struct stat file;
        if (fstatat(endpoint->directory, endpoint->name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
            file.st_dev == endpoint->device && file.st_ino == endpoint->inode)
            unlinkat(endpoint->directory, endpoint->name, 0);
        unlock(endpoint->directory, locked);
    }
    if (!forked)
        refuse_everybody(endpoint->listener);
    close(endpoint->listener);
    close(endpoint->directory);
    *endpoint = (struct netipc_endpoint){.directory = -1, .listener = -1};
}
