/* SPDX-License-Identifier: Apache-2.0 */
#include "control/crc.h"

/*
 * Eight bytes at a time (M. Kounavis, F. Berry, "A Systematic Approach to Building High Performance, Software-based,
 * CRC Generators", 2005): tables[n][byte] is what byte becomes when n bytes of zeros follow it. That is linear, so each
 * table is spanned by what becomes of the eight single bits, lowest first; these are written down, the rest is left to
 * the compiler, and there is nothing to be set up when a program runs.
 */
#define SPAN_1(x, a) (x), (x) ^ (a)
#define SPAN_2(x, a, b) SPAN_1(x, a), SPAN_1((x) ^ (b), a)
#define SPAN_3(x, a, b, c) SPAN_2(x, a, b), SPAN_2((x) ^ (c), a, b)
#define SPAN_4(x, a, b, c, d) SPAN_3(x, a, b, c), SPAN_3((x) ^ (d), a, b, c)
#define SPAN_5(x, a, b, c, d, e) SPAN_4(x, a, b, c, d), SPAN_4((x) ^ (e), a, b, c, d)
#define SPAN_6(x, a, b, c, d, e, f) SPAN_5(x, a, b, c, d, e), SPAN_5((x) ^ (f), a, b, c, d, e)
#define SPAN_7(x, a, b, c, d, e, f, g) SPAN_6(x, a, b, c, d, e, f), SPAN_6((x) ^ (g), a, b, c, d, e, f)
#define TABLE(a, b, c, d, e, f, g, h)                                                                                  \
    {                                                                                                                  \
        SPAN_7(0, a, b, c, d, e, f, g), SPAN_7((uint32_t)(h), a, b, c, d, e, f, g)                                     \
    }

typedef uint32_t tables[8][256];

static const tables ieee = {
    TABLE(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320),
    TABLE(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b),
    TABLE(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80),
    TABLE(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b),
    TABLE(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1, 0x60e09782, 0xc1c12f04, 0x58f35849, 0xb1e6b092),
    TABLE(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d, 0x03d6029b, 0x07ac0536, 0x0f580a6c, 0x1eb014d8),
    TABLE(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67, 0x67de9cce, 0xcfbd399c, 0x440b7579, 0x8816eaf2),
    TABLE(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5, 0x7cbb312b, 0xf9766256, 0x299dc2ed, 0x533b85da),
};

static const tables castagnoli = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint32_t word_at(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t go_on(const tables t, uint32_t before, const unsigned char *at, size_t length)
{
    uint32_t crc = ~before;
    for (; length >= 8; length -= 8, at += 8) {
        uint32_t low = crc ^ word_at(at), high = word_at(at + 4);
        crc = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][high & 255] ^
              t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
    }
    for (; length > 0; length--)
        crc = crc >> 8 ^ t[0][(crc ^ *at++) & 255];
    return ~crc;
}

uint32_t netipc_crc_ieee(uint32_t before, const void *bytes, size_t length)
{
    return go_on(ieee, before, bytes, length);
}

uint32_t netipc_crc_castagnoli(uint32_t before, const void *bytes, size_t length)
{
    return go_on(castagnoli, before, bytes, length);
}
