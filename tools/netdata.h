/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NETDATA_H
#define TOOLS_NETDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where the plugins of the monitoring agent Netdata meet, and how they know each other: what it leaves in the
 * environment of what it starts. The programs take it for what their command line does not say.
 *
 * An empty variable is none. One that is set and wrong makes these functions false, with error saying which and what
 * would be right; its value is not in there.
 */
enum { NETDATA_ERROR_SIZE = 256 };

/*
 * $NETDATA_RUN_DIR, an absolute path, else the first of /run/netdata, /var/run/netdata and /tmp/netdata that fits, else
 * the first of these. Nothing is created, and whether the directory is safe is for the library to say when it is used.
 *
 * to_serve: what fits is a directory that can be written to, or that can be made. Else it is one that can be read, or
 * when there is none, one that could be made: there a publisher of the same user will be.
 */
bool netdata_run_dir(bool to_serve, const char **run_dir, char error[NETDATA_ERROR_SIZE]);

/* The choice itself, among count candidates. */
const char *netdata_choose_run_dir(const char *const *candidates, size_t count, bool to_serve);

/*
 * XXH3, 64 bits, of the 16 bytes of the UUID in $NETDATA_INVOCATION_ID, else of that in $INVOCATION_ID (systemd's); 0
 * without either. A UUID is 32 hexadecimal digits, with dashes between its five parts or without.
 */
bool netdata_token(uint64_t *token, char error[NETDATA_ERROR_SIZE]);

/* The seconds between two updates, 1 to 86400, which Netdata gives each plugin as the first argument, in front of all
 * options: takes them away. False: the first argument is something else, and everything stays. */
bool netdata_take_seconds(int *argc, char ***argv, uint64_t *seconds);

#endif
