/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/shots.h"

#include "tests/crash/victim.h"
#include "tests/publish/patience.h"
#include "tests/publish/scale.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    POINTS_MOST = 2 * CRASH_SITES_MOST,
    SCENARIOS_MOST = 16,
    SOUNDINGS = 3, /* threads may come to their points in another order */
    TRIES = 20,
    /* Processes of instrumented builds take ten times as long to start, and the orders of stores and calls are the
     * same: there only every so many points have their turn. */
    STRIDE = SCALED(1, 6)
};

/* How often each point is passed at least, and whether in every sounding. */
struct plan {
    uint32_t hits[POINTS_MOST];
    bool always[POINTS_MOST];
};
static struct plan plans[SCENARIOS_MOST];

struct shot {
    size_t scenario;
    uint32_t point, hit;
    int signal;
};
static struct shot current;
static bool under_way;

static struct {
    uint64_t seed;
    struct shot only;
    bool has_only;
} options;

void crash_options(int argc, char **argv)
{
    options.seed = now_ns();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0 &&
                 sscanf(argv[i + 1], "%zu:%u:%u", &options.only.scenario, &options.only.point, &options.only.hit) == 3)
            options.has_only = true;
        else
            argc = 0;
    }
    if (argc % 2 == 0) {
        fprintf(stderr, "usage: %s [--seed NUMBER] [--only SCENARIO:POINT:HIT]\n", argv[0]);
        exit(2);
    }
}

bool crash_long(void)
{
    const char *wanted = getenv("NETIPC_TEST_LONG");
    return wanted != NULL && strcmp(wanted, "1") == 0;
}

int crash_setup(void **state)
{
    if (peers_setup(state) != 0)
        return -1;
    if (board == NULL)
        victim_make_board();
    under_way = false;
    return 0;
}

int crash_teardown(void **state)
{
    if (under_way) {
        const struct crash_listed_site *site = &board->sites[current.point / 2];
        if (current.signal == 0)
            print_error("[  CRASH   ] in the run of scenario %zu without a signal\n", current.scenario);
        else
            print_error("[  CRASH   ] signal %d %s %s:%u %s %s, hit %u, repeated by --only %zu:%u:%u\n", current.signal,
                        current.point % 2 ? "after" : "before", site->file, site->line, site->function, site->operation,
                        current.hit, current.scenario, current.point, current.hit);
    }
    return peers_teardown(state);
}

/* Whether the victim got to its point. */
static bool play(const struct crash_side *side, struct shot shot)
{
    const struct crash_scenario *scenario = &side->scenarios[shot.scenario];
    current = shot;
    under_way = true;
    scenario->prepare();
    victim_arm(shot.point, shot.hit, (uint32_t)shot.signal);
    if (scenario->act())
        (void)victim_settles();
    if (victim_comes_through())
        side->goes_on(scenario);
    else
        side->died(scenario);
    under_way = false;
    return victim_taken();
}

static void sound(const struct crash_side *side)
{
    assert_true(side->count <= SCENARIOS_MOST);
    for (size_t i = 0; i < side->count; i++) {
        struct plan *plan = &plans[i];
        for (int sounding = 0; sounding < SOUNDINGS; sounding++) {
            play(side, (struct shot){.scenario = i});
            for (uint32_t point = 0; point < 2 * board->site_count; point++) {
                uint32_t hits = atomic_load(&board->sites[point / 2].hits[point % 2]);
                if (sounding == 0)
                    plan->always[point] = true;
                plan->always[point] = plan->always[point] && hits > 0;
                if (plan->hits[point] == 0 || (hits > 0 && hits < plan->hits[point]))
                    plan->hits[point] = hits;
            }
        }
    }
}

/* Strikes until the point was reached. Those that are passed every time must be. */
static bool strike(const struct crash_side *side, struct shot shot, bool must)
{
    for (int i = 0; i < (must ? TRIES : 1); i++)
        if (play(side, shot))
            return true;
    under_way = true; /* tells which one */
    if (must)
        fail_msg("scenario %s: a point that is always passed was not reached", side->scenarios[shot.scenario].name);
    under_way = false;
    return false;
}

/* Hits of a point that have their turn: the first, the last and, to kill, one between. */
static size_t choose_hits(uint32_t hits, int signal, uint32_t chosen[3])
{
    size_t count = 0;
    chosen[count++] = 1;
    if (hits > 2 && signal == SIGKILL)
        chosen[count++] = (hits + 1) / 2;
    if (hits > 1)
        chosen[count++] = hits;
    return count;
}

void crash_everywhere(const struct crash_side *side, int signal)
{
    if (options.has_only) {
        options.only.signal = signal;
        print_message("%s\n", play(side, options.only) ? "struck" : "not reached");
        return;
    }
    sound(side);
    size_t points = 0, shots = 0, struck = 0;
    for (size_t i = 0; i < side->count; i++) {
        for (uint32_t point = 0; point < 2 * board->site_count; point++) {
            uint32_t hits[3];
            if (plans[i].hits[point] == 0 || points++ % STRIDE != 0)
                continue;
            size_t count = choose_hits(plans[i].hits[point], signal, hits);
            for (size_t hit = 0; hit < count; hit++, shots++)
                struck += strike(side, (struct shot){i, point, hits[hit], signal}, hit == 0 && plans[i].always[point]);
        }
    }
    print_message("%zu points in %zu scenarios; %zu of %zu shots struck\n", points, side->count, struck, shots);
    assert_true(struck > 0 && struck >= shots / 10 * 9);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

void crash_at_random(const struct crash_side *side, size_t kills)
{
    uint64_t random = options.seed;
    sound(side);
    print_message("repeated by --seed %llu\n", (unsigned long long)options.seed);
    for (size_t killed = 0; killed < kills;) {
        struct shot shot = {.scenario = next_random(&random) % side->count, .signal = SIGKILL};
        shot.point = (uint32_t)(next_random(&random) % (2 * board->site_count));
        uint32_t hits = plans[shot.scenario].hits[shot.point];
        if (hits == 0)
            continue;
        shot.hit = (uint32_t)(next_random(&random) % hits) + 1;
        if (strike(side, shot, false) && ++killed % 500 == 0)
            print_message("%zu of %zu killed\n", killed, kills);
    }
}

static bool is_elsewhere(const struct crash_side *side, const struct crash_listed_site *site)
{
    for (const char *const *name = side->elsewhere; *name != NULL; name++)
        if (strcmp(*name, site->file) == 0 || strcmp(*name, site->function) == 0)
            return true;
    return false;
}

/* Functions in headers have a site in each source file. */
static bool passed(const struct crash_side *side, const struct crash_listed_site *site)
{
    for (uint32_t other = 0; other < board->site_count; other++) {
        const struct crash_listed_site *same = &board->sites[other];
        if (same->line != site->line || strcmp(same->file, site->file) != 0 ||
            strcmp(same->operation, site->operation) != 0)
            continue;
        for (size_t i = 0; i < side->count; i++)
            if (plans[i].hits[2 * other + 1] > 0)
                return true;
    }
    return false;
}

void crash_reach(const struct crash_side *side)
{
    sound(side);
    size_t stores = 0, left_out = 0, calls = 0, called = 0;
    for (uint32_t i = 0; i < board->site_count; i++) {
        const struct crash_listed_site *site = &board->sites[i];
        if (is_elsewhere(side, site))
            continue;
        bool is_passed = passed(side, site);
        stores += site->is_store;
        calls += !site->is_store;
        called += !site->is_store && is_passed;
        if (site->is_store && !is_passed) {
            print_error("no scenario passes %s:%u %s %s\n", site->file, site->line, site->function, site->operation);
            left_out++;
        }
    }
    print_message("%zu stores are passed; so are %zu of %zu calls, the others are for failures\n", stores - left_out,
                  called, calls);
    assert_true(stores > 0);
    assert_int_equal(left_out, 0);
}
