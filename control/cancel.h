/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CANCEL_H
#define NETIPC_CONTROL_CANCEL_H

#include <netipc/status.h>

/* A descriptor that polls readable from fire to clear: ends whatever waits on it beside its own work. */
netipc_status netipc_cancel_open(int *cancel);
void netipc_cancel_close(int cancel);

void netipc_cancel_fire(int cancel); /* any thread; async-signal-safe */
void netipc_cancel_clear(int cancel);

#endif
