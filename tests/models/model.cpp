/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: MODEL [--iterations N] [--mutant FILE:LINE:FROM:TO]... [--quiet]
 *
 * Looks at N executions, each another one, the same ones every time; without N, at so many that it takes seconds, or
 * minutes with NETIPC_TEST_LONG in the environment. --mutant weakens the memory order FROM in that
 * line of a shipped file to TO; "none" in the place of TO takes a fence away. --quiet shows no executions.
 */
#include "tests/models/model.h"

#include "shm/detail.h"
#include "shm/os.h"

namespace model
{

mutant mutants[MUTANTS_MOST];
unsigned mutant_count;
uint64_t now_ns;

/* --- the program --- */

static void wrong(const char *what)
{
    fprintf(stderr, "%s: see the usage in tests/models/model.cpp\n", what);
    exit(2);
}

static int order_named(const char *name)
{
    static const struct {
        const char *name;
        int order;
    } orders[] = {{"none", NO_FENCE},          {"relaxed", rl::mo_relaxed}, {"acquire", rl::mo_acquire},
                  {"release", rl::mo_release}, {"acq_rel", rl::mo_acq_rel}, {"seq_cst", rl::mo_seq_cst}};
    for (const auto &each : orders)
        if (strcmp(each.name, name) == 0)
            return each.order;
    wrong(name);
    return NO_FENCE;
}

static uint64_t positive(const char *text)
{
    uint64_t number = strtoull(text, NULL, 10);
    if (number == 0)
        wrong(text);
    return number;
}

static void add_mutant(char *text)
{
    const char *file = strtok(text, ":"), *line = strtok(NULL, ":"), *from = strtok(NULL, ":"), *to = strtok(NULL, ":");
    if (to == NULL || mutant_count == MUTANTS_MOST)
        wrong("--mutant");
    mutants[mutant_count++] = {file, (unsigned)positive(line), order_named(from), order_named(to), false};
}

options parse(int argc, char **argv)
{
    enum { LONG = 20 };
    options options = {0, getenv("NETIPC_TEST_LONG") != NULL ? (unsigned)LONG : 1u, false};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quiet") == 0)
            options.quiet = true;
        else if (i + 1 == argc)
            wrong(argv[i]);
        else if (strcmp(argv[i], "--iterations") == 0)
            options.iterations = positive(argv[++i]);
        else if (strcmp(argv[i], "--mutant") == 0)
            add_mutant(argv[++i]);
        else
            wrong(argv[i]);
    }
    /* Mutants are caught early, or never. */
    if (mutant_count > 0)
        options.factor = 1;
    return options;
}

bool all_reached()
{
    for (unsigned i = 0; i < mutant_count; i++)
        if (!mutants[i].reached)
            return false;
    return true;
}

std::ostream &nowhere()
{
    static std::ostream stream(NULL);
    return stream;
}

int report(bool success, const rl::test_params &params)
{
    if (!all_reached())
        return 3;
    if (!success)
        printf("fails in execution %llu: %s\n", (unsigned long long)params.stop_iteration,
               rl::test_result_str(params.test_result));
    else
        printf("%llu executions, no failure\n", (unsigned long long)params.stop_iteration);
    return success ? 0 : 1;
}

void reset()
{
    now_ns = 0;
}

} // namespace model

/* --- the operating system --- */

/* There are no timeouts: a wake-up that is lost is a deadlock. A wake-up orders what the waker has done before what the
 * woken one does, as the kernel's does; to find the word changed orders nothing. */
void netipc_os_wait(netipc_atomic_u32 *word, uint32_t expected, uint64_t timeout_ns)
{
    (void)timeout_ns;
    /* The newest value, since the kernel compares under a lock that the waker takes too. Nobody comes in between this
     * and the sleep. */
    if (netipc_fetch_or(word, 0u, relaxed) == expected)
        word->sleep($);
}

void netipc_os_wake_one(netipc_atomic_u32 *word)
{
    word->wake(1, $);
}

void netipc_os_wake_all(netipc_atomic_u32 *word)
{
    word->wake(-1, $);
}

uint64_t netipc_os_monotonic_ns(void)
{
    return model::now_ns;
}

uint64_t netipc_os_thread_cpu_ns(void)
{
    return 0;
}

uint64_t netipc_os_monotonic_coarse_ns(void)
{
    return model::now_ns;
}

void netipc_os_pause(void)
{
    rl::ctx().yield(1, $);
}

netipc_status netipc_fail(netipc_status status, const char *format, ...)
{
    (void)format;
    return status;
}
