/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/netipc.h>

#include <stdio.h>

int main(void)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_snapshot_info info = {.size = sizeof info};
    char text[32];
    netipc_subscriber_config_init(&config);
    config.run_dir = "netipc-example";
    config.service = "clock";
    if (netipc_subscriber_open(&config, &subscriber) != NETIPC_OK) {
        fprintf(stderr, "%s\n", netipc_status_detail());
        return 1;
    }
    for (;;) {
        int changed;
        netipc_subscriber_refresh(subscriber, &changed); /* connects, and follows a publisher that was restarted */
        if (changed && netipc_subscriber_read(subscriber, text, sizeof text, &info) == NETIPC_OK) {
            printf("generation %llu: %.*s\n", (unsigned long long)info.generation, (int)info.length, text);
            fflush(stdout);
        }
        netipc_subscriber_wait(subscriber, info.generation, 1000000000); /* at most a second; no publisher is fine */
    }
}
