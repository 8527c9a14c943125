/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_ASKING_H
#define TESTS_PUBLISH_ASKING_H

/* The service of service.h, answering requests too, and clients that ask it. */

#include "tests/publish/service.h"

#include <netipc/netipc.h>

#define ASKING_OWN_METHOD (NETIPC_METHOD_OWN + 7)

/* The defaults for that method. */
netipc_service_config asking_requests(uint32_t method);

/* With OK; of service_publisher_config(), and with at least 5 slots. */
netipc_publisher *asking_publisher(const netipc_service_config *requests);
netipc_publisher_info asking_info(netipc_publisher *publisher);

netipc_client *asking_client(void);

/* A refresh and, with OK, a call. */
netipc_status asking_try(netipc_client *client, uint32_t method, netipc_client_request *request);

/* The same; the answer must be the snapshot with this generation and length. */
void asking_expect(netipc_client *client, uint32_t method, uint64_t generation, size_t length);

#endif
