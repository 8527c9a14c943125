/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cancel.h"

#include "shm/detail.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

netipc_status netipc_cancel_open(int *cancel)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return netipc_fail_errno(errno, "make an eventfd");
    *cancel = fd;
    return NETIPC_OK;
}

void netipc_cancel_close(int cancel)
{
    close(cancel);
}

void netipc_cancel_fire(int cancel)
{
    int saved = errno; /* may run in a signal handler */
    uint64_t one = 1;
    ssize_t ignored = write(cancel, &one, sizeof one);
    (void)ignored;
    errno = saved;
}

void netipc_cancel_clear(int cancel)
{
    uint64_t value;
    ssize_t ignored = read(cancel, &value, sizeof value);
    (void)ignored;
}
