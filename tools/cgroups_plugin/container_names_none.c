/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for container_names.c in a program built without libcurl. */
#include "tools/cgroups_plugin/container_names.h"

#include <stddef.h>

bool container_names_open(struct container_names **names, const struct options *options, struct failure *failure)
{
    (void)options;
    (void)failure;
    *names = NULL;
    return true;
}

void container_names_close(struct container_names *names)
{
    (void)names;
}

bool container_names_apply(struct container_names *names, struct table *table)
{
    (void)names;
    (void)table;
    return false;
}

int container_names_descriptor(const struct container_names *names)
{
    (void)names;
    return -1;
}

bool container_names_handle(struct container_names *names)
{
    (void)names;
    return false;
}

void container_names_wait(struct container_names *names, uint64_t timeout_ns)
{
    (void)names;
    (void)timeout_ns;
}
