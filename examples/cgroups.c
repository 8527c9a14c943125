/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/netipc.h>

#include <stdio.h>

static void print(const char *what, const netipc_item *item)
{
    netipc_cgroup_view cgroup;
    if (netipc_cgroup_of_item(item, &cgroup) == NETIPC_OK)
        printf("%s %s at %s\n", what, cgroup.name, cgroup.path);
}

int main(void)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config;
    netipc_cache *cache;
    netipc_subscriber_config_init(&subscriber);
    subscriber.run_dir = "netipc-example";
    subscriber.service = "cgroups-snapshot";
    netipc_cache_config_init(&config);
    config.schema = netipc_cgroups_schema();
    config.subscriber = &subscriber;
    config.flags = NETIPC_CACHE_CHANGES;
    if (netipc_cache_open(&config, &cache) != NETIPC_OK) {
        fprintf(stderr, "%s\n", netipc_status_detail());
        return 1;
    }
    for (;;) {
        const netipc_cache_change *changes;
        size_t count;
        int changed;
        netipc_cache_refresh(cache, &changed);
        if (changed && netipc_cache_changes(cache, &changes, &count) == NETIPC_OK)
            for (size_t i = 0; i < count; i++)
                print(changes[i].before == NULL  ? "+"
                      : changes[i].after == NULL ? "-"
                                                 : "*",
                      changes[i].after != NULL ? changes[i].after : changes[i].before);
        fflush(stdout);
        netipc_cache_wait(cache, 1000000000);
    }
}
