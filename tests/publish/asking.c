/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/asking.h"

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

netipc_service_config asking_requests(uint32_t method)
{
    netipc_service_config requests;
    netipc_publisher_requests_init(&requests);
    requests.method = method;
    return requests;
}

netipc_publisher *asking_publisher(const netipc_service_config *requests)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    config.requests = requests;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    return publisher;
}

netipc_publisher_info asking_info(netipc_publisher *publisher)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info;
}

netipc_client *asking_client(void)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_client_config_init(&config);
    config.run_dir = service_dir;
    config.service = SERVICE_NAME;
    config.connect_timeout_ns = patience_ns(30);
    config.call_timeout_ns = patience_ns(30);
    config.backoff_first_ns = 0;
    assert_int_equal(netipc_client_open(&config, &client), NETIPC_OK);
    return client;
}

netipc_status asking_try(netipc_client *client, uint32_t method, netipc_client_request *request)
{
    static const unsigned char asked[NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH] = {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        1
#else
        0,
        1
#endif
    };
    *request = (netipc_client_request){.size = sizeof *request, .method = method, .item_count = 1};
    if (method == NETIPC_METHOD_CGROUPS_SNAPSHOT) {
        request->payload = asked;
        request->length = sizeof asked;
    }
    netipc_status status = netipc_client_refresh(client);
    return status == NETIPC_OK ? netipc_client_call(client, request) : status;
}

void asking_expect(netipc_client *client, uint32_t method, uint64_t generation, size_t length)
{
    netipc_client_request request;
    assert_int_equal(asking_try(client, method, &request), NETIPC_OK);
    const unsigned char *bytes = request.answer;
    if (method >= NETIPC_METHOD_OWN) {
        static const unsigned char success[8];
        assert_true(request.answer_length >= sizeof success);
        assert_memory_equal(bytes, success, sizeof success);
        bytes += sizeof success;
        request.answer_length -= sizeof success;
    }
    assert_int_equal(request.answer_length, length);
    assert_true(pattern_ok(bytes, length, generation));
}
