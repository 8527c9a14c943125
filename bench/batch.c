/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/batch.h"

#include "bench/clock.h"
#include "bench/series.h"

#include <stddef.h>

enum {
    BATCH_BYTES = 65536, /* copying that takes more than a microsecond wherever the bytes are */
    BATCH_TIMES = 256,
    BATCHES = 8192,
    WARM_UP = 16 /* twice round the buffers */
};

uint64_t batch_times(uint64_t size)
{
    uint64_t times = BATCH_BYTES / size;
    return times < 1 ? 1 : times > BATCH_TIMES ? BATCH_TIMES : times;
}

uint64_t batch_chunk_ns(double seconds, uint64_t runs)
{
    return (uint64_t)(seconds * 1e9 / 2 / (double)runs);
}

static double once(const struct batch *batch)
{
    if (batch->prepare != NULL)
        batch->prepare(batch->context, batch->times);
    uint64_t start = clock_now_ns();
    batch->timed(batch->context, batch->times);
    uint64_t taken = clock_now_ns() - start;
    if (batch->check != NULL)
        batch->check(batch->context, batch->times);
    return (double)taken / (double)batch->times;
}

/* Of a long chunk every second batch is kept, or every fourth, and so on. */
struct kept {
    double values[BATCHES];
    size_t count;
    uint64_t seen, step;
};

static void keep(struct kept *kept, double value)
{
    if (kept->seen++ % kept->step != 0)
        return;
    if (kept->count == BATCHES) {
        kept->count = BATCHES / 2;
        kept->step *= 2;
        for (size_t i = 0; i < kept->count; i++)
            kept->values[i] = kept->values[2 * i];
    }
    kept->values[kept->count++] = value;
}

double batch_measure(const struct batch *batch, uint64_t chunk_ns)
{
    struct kept kept;
    kept.count = 0;
    kept.seen = 0;
    kept.step = 1;
    for (uint64_t done = 0; done < WARM_UP; done += batch->times)
        once(batch);
    uint64_t end = clock_now_ns() + chunk_ns;
    do {
        double ns = once(batch);
        keep(&kept, ns);
        if (batch->all_ps != NULL)
            distribution_add(batch->all_ps, (uint64_t)(ns * 1000));
    } while (clock_now_ns() < end);
    return series_median_of(kept.values, kept.count);
}
