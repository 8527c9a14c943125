/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/netipc.h>

#include <stdio.h>
#include <unistd.h>

int main(void)
{
    netipc_publisher_config config;
    netipc_publisher *publisher;
    netipc_publisher_config_init(&config);
    config.run_dir = "netipc-example";
    config.service = "clock";
    netipc_status status = netipc_publisher_open(&config, &publisher);
    for (int second = 0; status == NETIPC_OK && second < 60; second++) {
        char text[32];
        int length = snprintf(text, sizeof text, "second %d", second);
        status = netipc_publish(publisher, text, (size_t)length, NULL);
        sleep(1);
    }
    if (status != NETIPC_OK)
        fprintf(stderr, "%s: %s\n", netipc_status_text(status), netipc_status_detail());
    netipc_publisher_close(publisher);
    return status;
}
