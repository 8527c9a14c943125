/* SPDX-License-Identifier: Apache-2.0 */
/* The seeds of rpc_client. */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"

#include "control/wire.h"

#include <stdio.h>
#include <string.h>

static void rpc_packet(unsigned head, const void *bytes, size_t length)
{
    put_u8(head);
    put_u8((unsigned)length);
    put(bytes, length);
}

static void rpc_ack(uint16_t status, uint32_t packet_size, uint32_t response_payload)
{
    const struct netipc_hello_ack sent = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_BASELINE,
        .intersection_profiles = NETIPC_PROFILE_BASELINE,
        .selected_profile = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 16,
        .max_response_payload_bytes = response_payload,
        .max_response_batch_items = 16,
        .packet_size = packet_size,
        .session_id = 1,
    };
    unsigned char bytes[NETIPC_WIRE_CONTROL_MAX];
    rpc_packet(FUZZ_RPC_LAST, bytes, netipc_wire_control(NETIPC_OP_HELLO_ACK, status, 0, &sent, sizeof sent, bytes));
}

static void rpc_answer(unsigned head, uint16_t status, const void *payload, size_t length, uint32_t whole)
{
    unsigned char bytes[255];
    const struct netipc_envelope envelope = {.transport_status = status, .item_count = 1, .payload_len = whole};
    memcpy(bytes, &envelope, sizeof envelope);
    if (length > 0)
        memcpy(bytes + sizeof envelope, payload, length);
    rpc_packet(head, bytes, sizeof envelope + length);
}

static const uint64_t rpc_value = 8;

/* The answers to a call and to a batch of three. */
static void rpc_two_answers(void)
{
    static const uint32_t batch[] = {0, 8, 8, 8, 16, 8, 1, 0, 2, 0, 3, 0};
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, &rpc_value, sizeof rpc_value, 0);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, batch, sizeof batch, 0);
}

/* 600 bytes in three packets. */
static void rpc_joined_answer(uint32_t wrong_index)
{
    static const unsigned char zeros[256];
    unsigned char bytes[255] = {0};
    rpc_answer(FUZZ_RPC_FIRST, 0, zeros, 200, 600);
    for (uint32_t index = 1; index < 3; index++) {
        const struct netipc_chunk chunk = {
            .total_message_len = 632, .chunk_index = index + wrong_index, .chunk_count = 3};
        memcpy(bytes, &chunk, sizeof chunk);
        rpc_packet(index == 2 ? FUZZ_RPC_LAST | FUZZ_RPC_CONTINUATION : FUZZ_RPC_CONTINUATION, bytes,
                   sizeof chunk + 200);
    }
}

static void good_rpc_seeds(void)
{
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, NULL, 0, 0);
    save("rpc_client", "answered");
    rpc_ack(0, 256, 1024);
    rpc_joined_answer(0);
    save("rpc_client", "joined");
    rpc_ack(0, 4096, 512);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_HANG_UP, 0, NULL, 0, 0); /* in the place of an answer: garbage, and the end */
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    save("rpc_client", "garbage");
    rpc_ack(0, 4096, 512);
    rpc_packet(FUZZ_RPC_LAST | FUZZ_RPC_HANG_UP, "", 0);
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    save("rpc_client", "hung-up");
    for (uint32_t granted = 512; granted < 4096; granted *= 2) {
        rpc_ack(0, 4096, granted);
        rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER | FUZZ_RPC_HANG_UP, NETIPC_TRANSPORT_LIMIT_EXCEEDED, NULL, 0, 0);
    }
    rpc_ack(0, 4096, 4096);
    rpc_two_answers();
    save("rpc_client", "grown");
}

static void bad_rpc_seeds(void)
{
    char name[32];
    for (uint16_t status = NETIPC_TRANSPORT_BAD_ENVELOPE; status <= NETIPC_TRANSPORT_INTERNAL_ERROR; status++) {
        rpc_ack(status, 4096, 512);
        snprintf(name, sizeof name, "refused-%u", status);
        save("rpc_client", name);
        rpc_ack(0, 4096, 512);
        rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, status, NULL, 0, 0);
        rpc_ack(0, 4096, 512);
        rpc_two_answers();
        snprintf(name, sizeof name, "failed-%u", status);
        save("rpc_client", name);
    }
    rpc_ack(0, 256, 1024);
    rpc_joined_answer(1);
    save("rpc_client", "wrong-index");
    rpc_ack(0, 4096, UINT32_MAX);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_FIRST, 0, &rpc_value, sizeof rpc_value, UINT32_MAX);
    save("rpc_client", "endless");
}

void rpc_client_seeds(void)
{
    good_rpc_seeds();
    bad_rpc_seeds();
}
