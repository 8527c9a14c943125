/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/streaming.h"

#include "shm/payload_copy.h"

static uint8_t order_of(uint64_t length)
{
    return (uint8_t)(64 - __builtin_clzll(length));
}

static uint32_t round_of(uint32_t slots)
{
    return slots < NETIPC_STREAMING_ROUND_MOST ? slots : NETIPC_STREAMING_ROUND_MOST;
}

static void begin(struct netipc_streaming *streaming, uint8_t order)
{
    *streaming = (struct netipc_streaming){
        .order = order, .period = NETIPC_STREAMING_TRIAL_SOONEST, .left = NETIPC_STREAMING_TRIAL_SOONEST};
}

struct netipc_streaming_plan netipc_streaming_plan(struct netipc_streaming *streaming, uint64_t length)
{
    if (length < NETIPC_STREAMING_LEAST || !netipc_payload_can_stream())
        return (struct netipc_streaming_plan){false, false};
    uint8_t order = order_of(length);
    if (order + 1 < streaming->order || order > streaming->order + 1)
        begin(streaming, order);
    struct netipc_streaming_plan plan = {streaming->on != streaming->trial, false};
    if (streaming->left > 0)
        streaming->left--;
    else
        plan.timed = true;
    return plan;
}

static uint64_t median(uint64_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t larger = values[j - 1];
            values[j - 1] = values[j];
            values[j] = larger;
        }
    return values[count / 2];
}

/* To stream is to leave the bytes in memory, from where readers have to fetch them: that has to be worth it. */
static bool is_better(bool streams, uint64_t cost, uint64_t usual_cost)
{
    return streams ? cost < usual_cost / 4 * 3 : cost < usual_cost;
}

static void end_trial(struct netipc_streaming *streaming, uint64_t cost)
{
    bool other = !streaming->on;
    streaming->trial = false;
    if (is_better(other, cost, streaming->usual_cost)) {
        streaming->on = other;
        streaming->period = NETIPC_STREAMING_TRIAL_SOONEST;
    } else if (streaming->period < NETIPC_STREAMING_TRIAL_RAREST) {
        streaming->period *= 2;
    }
    streaming->left = streaming->period;
}

void netipc_streaming_learn(struct netipc_streaming *streaming, uint64_t length, uint32_t slots, uint64_t taken_ns)
{
    /* By the byte, since lengths differ; 1,024ths of a nanosecond. Above 2^53 ns nothing is to be learned. */
    streaming->costs[streaming->samples++] = (taken_ns >> 53 == 0 ? taken_ns << 10 : UINT64_MAX) / length;
    if (streaming->samples < NETIPC_STREAMING_SAMPLES)
        return;
    uint64_t cost = median(streaming->costs, streaming->samples);
    streaming->samples = 0;
    if (streaming->trial) {
        end_trial(streaming, cost);
    } else {
        streaming->usual_cost = cost;
        streaming->trial = true;
        streaming->left = round_of(slots);
    }
}
