/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/engine_pause.h"

static const uint64_t FIRST_PAUSE_NS = 500000000, LAST_PAUSE_NS = UINT64_C(60000000000);

unsigned engine_may_ask(const struct engine_pause *pause, uint64_t now)
{
    if (now < pause->until)
        return 0;
    return pause->failures > 0 ? 1 : ENGINE_PARALLEL;
}

void engine_answered(struct engine_pause *pause)
{
    *pause = (struct engine_pause){0};
}

/* What was asked before a pause began may fail within it: that is no news. */
void engine_failed(struct engine_pause *pause, bool reached, uint64_t now)
{
    if (now < pause->until)
        return;
    if (pause->failures < ENGINE_PARALLEL)
        pause->failures++;
    if (!reached || pause->failures == ENGINE_PARALLEL)
        pause->until = now + backoff(FIRST_PAUSE_NS, pause->pauses++, LAST_PAUSE_NS);
}

uint64_t backoff(uint64_t first, unsigned times, uint64_t last)
{
    uint64_t time = first;
    for (unsigned i = 0; i < times && time < last; i++)
        time *= 2;
    return time < last ? time : last;
}
