/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/os.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

bool netipc_os_heavy_barrier_ready(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool netipc_os_heavy_barrier(void)
{
    netipc_fence(seq_cst);
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}
