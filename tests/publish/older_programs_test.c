/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that were compiled with other headers than the library: their structs are shorter, or longer. */
#include <netipc/netipc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1024, FILL = 0xa5 };

#define INIT(function)                                                                                                 \
    static void function##_of_bytes(void *config, size_t size)                                                         \
    {                                                                                                                  \
        function(config, size);                                                                                        \
    }

INIT(netipc_cache_config_init_sized)
INIT(netipc_client_config_init_sized)
INIT(netipc_profile_init_sized)
INIT(netipc_publisher_config_init_sized)
INIT(netipc_publisher_requests_init_sized)
INIT(netipc_server_config_init_sized)
INIT(netipc_service_config_init_sized)
INIT(netipc_session_config_init_sized)
INIT(netipc_subscriber_config_init_sized)

static const struct init {
    void (*of_bytes)(void *config, size_t size);
    size_t known;
} inits[] = {
    {netipc_cache_config_init_sized_of_bytes, sizeof(netipc_cache_config)},
    {netipc_client_config_init_sized_of_bytes, sizeof(netipc_client_config)},
    {netipc_profile_init_sized_of_bytes, sizeof(netipc_profile)},
    {netipc_publisher_config_init_sized_of_bytes, sizeof(netipc_publisher_config)},
    {netipc_publisher_requests_init_sized_of_bytes, sizeof(netipc_service_config)},
    {netipc_server_config_init_sized_of_bytes, sizeof(netipc_server_config)},
    {netipc_service_config_init_sized_of_bytes, sizeof(netipc_service_config)},
    {netipc_session_config_init_sized_of_bytes, sizeof(netipc_session_config)},
    {netipc_subscriber_config_init_sized_of_bytes, sizeof(netipc_subscriber_config)},
};
enum { INITS = sizeof inits / sizeof *inits };

/* A struct of so many bytes gets that size, and is as the one that the library knows; nothing behind it is touched. */
static void expect_initialised(const struct init *init, size_t size)
{
    static _Alignas(16) unsigned char known[ROOM], other[ROOM];
    memset(known, 0, sizeof known);
    memset(other, FILL, sizeof other);
    init->of_bytes(known, init->known);
    init->of_bytes(other, size);
    uint32_t said;
    memcpy(&said, other, sizeof said);
    assert_int_equal(said, size);
    assert_memory_equal(other + sizeof said, known + sizeof said, size - sizeof said);
    for (size_t i = size; i < ROOM; i++)
        assert_int_equal(other[i], FILL);
}

static void a_struct_of_an_older_program_is_not_written_beyond_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < INITS; i++)
        for (size_t size = sizeof(uint64_t); size <= inits[i].known; size += sizeof(uint64_t))
            expect_initialised(&inits[i], size);
}

static void what_only_a_newer_program_knows_is_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < INITS; i++)
        expect_initialised(&inits[i], inits[i].known + 64);
}

static void a_size_without_room_for_itself_is_not_exceeded_either(void **state)
{
    (void)state;
    for (size_t i = 0; i < INITS; i++)
        for (size_t size = 0; size < sizeof(uint32_t); size++) {
            static _Alignas(16) unsigned char config[ROOM];
            memset(config, FILL, sizeof config);
            inits[i].of_bytes(config, size);
            for (size_t behind = size; behind < ROOM; behind++)
                assert_int_equal(config[behind], FILL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_of_an_older_program_is_not_written_beyond_its_end),
        cmocka_unit_test(what_only_a_newer_program_knows_is_zero),
        cmocka_unit_test(a_size_without_room_for_itself_is_not_exceeded_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
