/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_OUTPUT_H
#define NETIPC_TOOL_OUTPUT_H

#include <netipc/status.h>

#include <stddef.h>

/*
 * Writes bytes to a file; NULL is standard output. A regular file gets its new content at once, or keeps the old one
 * when it cannot be written; anything else, such as a pipe or a symbolic link, is written to as it is. The reason of a
 * failure is said on stderr.
 */
netipc_status output_write(const char *path, const void *bytes, size_t length);

#endif
