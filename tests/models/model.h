/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_MODELS_MODEL_H
#define NETIPC_TESTS_MODELS_MODEL_H

/* What every model has: the program around it, and stand-ins for the operating system. */

#include "shm/atomics.h"

#include <netipc/status.h>

namespace model
{

/* The thread runs on undisturbed for a while, or not: else hardly any execution has one thread stand still while
 * another one goes round the ring. */
class stretch
{
  public:
    explicit stretch(unsigned one_in) : undisturbed(rl::rand(one_in) == 0)
    {
        if (undisturbed)
            rl::ctx().disable_preemption();
    }

    ~stretch()
    {
        if (undisturbed)
            rl::ctx().enable_preemption();
    }

  private:
    bool undisturbed;
};

/* Before each execution: the clock stands at 0. */
void reset();

/* What the coarse clock shows. */
extern uint64_t now_ns;

/* The command line: see model.cpp. */
struct options {
    uint64_t iterations; /* 0: not given */
    unsigned factor;
    bool quiet;
};

/* Fills in mutants too, or ends the program. */
options parse(int argc, char **argv);

enum { SUCCESS = 0, FAILURE = 1, NOT_REACHED = 3 /* a mutant's place is not executed in this model */ };
int report(bool success, const rl::test_params &params);
bool all_reached();
std::ostream &nowhere();

/* Looks at so many executions of test, unless the command line says otherwise. Returns an exit status. */
template <typename test> int run(const options &options, uint64_t iterations)
{
    enum { PROBES = 3000 }; /* after so many executions, every place that is executed at all has been */
    rl::test_params params;
    params.execution_depth_limit = 20000;
    params.progress_stream = &nowhere();
    if (options.quiet)
        params.output_stream = &nowhere();
    bool success = true;
    if (mutant_count > 0) {
        params.iteration_count = PROBES;
        success = rl::simulate<test>(params);
    }
    if (success && all_reached()) {
        params.iteration_count = options.iterations > 0 ? options.iterations : iterations * options.factor;
        success = rl::simulate<test>(params);
    }
    return report(success, params);
}

} // namespace model

#endif
