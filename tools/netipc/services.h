/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_SERVICES_H
#define NETIPC_TOOL_SERVICES_H

#include <netipc/status.h>

#include <stddef.h>

/* The names of the services of a run directory, sorted. */
struct services {
    char **names;
    size_t count;
    size_t capacity;
};

/*
 * Lists what has a file NAME.sock, dead or alive; files whose NAME no service can have are left out. NETIPC_NOT_FOUND:
 * there is no directory, or no such file in it; else as the operating system says. The reason is said on stderr.
 * services_free() is to be called whatever it gives.
 */
netipc_status services_list(struct services *services, const char *run_dir);
void services_free(struct services *services);

#endif
