/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_CACHED_H
#define TESTS_PUBLISH_CACHED_H

/* Caches of the service of the test that runs (service.h), what is published for them, and what they must hold. */

#include "tests/publish/cgroups_payload.h"

#include <netipc/cache.h>
#include <netipc/publisher.h>

#include <stdbool.h>

/* With the schema of cgroups. */
netipc_cache *cached_open(uint32_t flags);
netipc_cache *cached_open_with(const netipc_cache_config *config);

/* subscriber must outlive the config. */
netipc_cache_config cached_config(netipc_subscriber_config *subscriber);

/* Of cgroups. */
netipc_publisher *cached_publisher(void);

/* Publishes and frees it. */
void cached_publish(netipc_publisher *publisher, struct cgroups_payload payload);
void cached_publish_cgroups(netipc_publisher *publisher, uint32_t count, uint64_t value);

/* The next refresh gives this status and says whether it has changed anything. */
void cached_refresh(netipc_cache *cache, netipc_status status, bool changed);

/* Holds cgroups_payload(count, value): every item is found by its number and by its key, and no other is. */
void cached_expect(netipc_cache *cache, uint32_t count, uint64_t value);

/* Holds nothing. */
void cached_expect_empty(netipc_cache *cache);

/* By key, in a snapshot that was entered. */
const netipc_item *cached_find(const netipc_cache_snapshot *snapshot, const char *name);

/* The value in an item's options. */
uint32_t cached_value(const netipc_item *item);

netipc_cache_info cached_info(netipc_cache *cache);

/* Until the reclaimer has freed all that was replaced. */
void cached_await_reclaimed(netipc_cache *cache);

#endif
