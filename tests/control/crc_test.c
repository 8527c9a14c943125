/* SPDX-License-Identifier: Apache-2.0 */
#include "control/crc.h"
#include "tests/control/relay.h"

#include <stdlib.h>
#include <string.h>

typedef uint32_t (*crc)(uint32_t before, const void *bytes, size_t length);

static const struct {
    uint32_t kind;
    crc crc;
} both[] = {{NETIPC_CHECKSUM_IEEE, netipc_crc_ieee}, {NETIPC_CHECKSUM_CASTAGNOLI, netipc_crc_castagnoli}};

static void known_vectors_come_out(void **state)
{
    (void)state;
    unsigned char bytes[32];
    assert_int_equal(netipc_crc_ieee(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(netipc_crc_castagnoli(0, "123456789", 9), 0xe3069283);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(netipc_crc_castagnoli(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(netipc_crc_castagnoli(0, bytes, sizeof bytes), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(netipc_crc_castagnoli(0, bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(netipc_crc_ieee(0, bytes, 0), 0);
    assert_int_equal(netipc_crc_castagnoli(0, bytes, 0), 0);
}

/* Of each byte at each distance from the end: so each entry of each table takes part. */
static void every_byte_at_every_place_counts_as_the_definition_has_it(void **state)
{
    (void)state;
    enum { LENGTH = 24 };
    unsigned char bytes[LENGTH];
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t place = 0; place < LENGTH; place++)
            for (unsigned value = 0; value < 256; value++) {
                memset(bytes, 0, sizeof bytes);
                bytes[place] = (unsigned char)value;
                assert_int_equal(both[kind].crc(0, bytes, LENGTH), reference_checksum(both[kind].kind, bytes, LENGTH));
            }
}

static void any_length_at_any_address_in_any_parts_gives_the_same(void **state)
{
    (void)state;
    enum { LONGEST = 70 };
    unsigned char noise[LONGEST + 8];
    srandom(1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(random() >> 8);
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t start = 0; start < 8; start++)
            for (size_t length = 0; length <= LONGEST; length++) {
                uint32_t expected = reference_checksum(both[kind].kind, noise + start, length);
                unsigned char *exact = malloc(length > 0 ? length : 1); /* for a sanitizer to see the end */
                assert_non_null(exact);
                memcpy(exact, noise + start, length);
                size_t cut = length * start / 8;
                uint32_t before = both[kind].crc(0, exact, cut);
                assert_int_equal(both[kind].crc(before, exact + cut, length - cut), expected);
                assert_int_equal(both[kind].crc(0, noise + start, length), expected);
                free(exact);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors_come_out),
        cmocka_unit_test(every_byte_at_every_place_counts_as_the_definition_has_it),
        cmocka_unit_test(any_length_at_any_address_in_any_parts_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
