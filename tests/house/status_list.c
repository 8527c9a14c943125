/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/status.h>

#include <stdio.h>
#include <string.h>

/* Prints number, name and text of every status that the library knows, for status_table.sh. */
int main(void)
{
    for (int number = -1; number < 1024; number++) {
        const char *name = netipc_status_name((netipc_status)number);
        if (strcmp(name, "unknown status") != 0)
            printf("%d|%s|%s\n", number, name, netipc_status_text((netipc_status)number));
    }
    return 0;
}
