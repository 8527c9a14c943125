/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_NETIPC_H
#define NETIPC_NETIPC_H

/*
 * netipc: a lock-free shared-memory publication engine.
 *
 * One publisher per service writes versioned snapshots; any number of subscribers in other processes
 * map them read-only, notice a new generation with one load and copy it out. Start at publisher.h and
 * subscriber.h; at index.h and cache.h for items by key, at server.h and client.h for calls. Rules for the whole API:
 * docs/lifecycle.md; results: status.h and docs/status.md.
 */

#include <netipc/apps_lookup.h>
#include <netipc/batch.h>
#include <netipc/cache.h>
#include <netipc/cgroups_lookup.h>
#include <netipc/cgroups_snapshot.h>
#include <netipc/checksum.h>
#include <netipc/client.h>
#include <netipc/increment.h>
#include <netipc/index.h>
#include <netipc/log.h>
#include <netipc/lookup.h>
#include <netipc/loop.h>
#include <netipc/placement.h>
#include <netipc/profile.h>
#include <netipc/publisher.h>
#include <netipc/reader.h>
#include <netipc/schema.h>
#include <netipc/server.h>
#include <netipc/session.h>
#include <netipc/status.h>
#include <netipc/string_reverse.h>
#include <netipc/subscriber.h>

#endif
