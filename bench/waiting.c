/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/waiting.h"

#include "bench/notice.h"

bool waiting_fits(const struct options *options, const char *command)
{
    if (options->hz <= 0)
        notice("--hz 0: nothing would be published; try shmbench %s --help", command);
    else if (options->spin_ns_given && (options->wait == OPTIONS_WAIT_POLL || options->wait == OPTIONS_WAIT_FD))
        notice("--spin-ns says nothing to --wait %s; try shmbench %s --help", options_wait_name(options->wait),
               command);
    else if (options->profile != NULL && (options->spin_ns_given || options->wait != OPTIONS_WAIT_ADAPTIVE))
        notice("--profile says how to wait: leave --wait and --spin-ns out; try shmbench %s --help", command);
    else
        return true;
    return false;
}

void waiting_configure(const struct options *options, netipc_subscriber_config *config)
{
    netipc_subscriber_config_init(config);
    config->spin = options->wait == OPTIONS_WAIT_ADAPTIVE ? NETIPC_SPIN_ADAPTIVE : NETIPC_SPIN_FIXED;
    config->spin_ns = options_spin_ns(options);
}

enum baseline_wait waiting_of_baseline(const struct options *options, bool one)
{
    switch (options->wait) {
    case OPTIONS_WAIT_ADAPTIVE: /* what it should come to */
        return 1e9 / options->hz > (double)options_spin_ns(options) ? BASELINE_FUTEX : BASELINE_SPIN;
    case OPTIONS_WAIT_FUTEX:
        return BASELINE_FUTEX;
    case OPTIONS_WAIT_FD:
        return one ? BASELINE_DESCRIPTOR : BASELINE_FUTEX;
    default:
        return BASELINE_SPIN;
    }
}
