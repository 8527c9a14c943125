# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
for wait in adaptive spin poll futex fd; do
    measure latency --duration 0.022 --repeat 11 --hz 5000 --wait $wait
    expect ".results.latency_ns | $distribution"
    expect ".results.latency_p50_ns | $runs"
    # From the date on, which is never behind the publication.
    expect ".results.latency_from_date_ns | $distribution"
    expect '.results | .latency_from_date_ns.n == .seen and .latency_from_date_ns.p50 >= .latency_ns.p50'
    expect '.results | .latency_from_date_ns.max >= .latency_ns.max'
    expect '.results | .publications == 110 and .seen + .missed == .publications and .latency_ns.n == .seen'
    expect '.results | .handoff_ns.n + .handoffs_missed <= .publications and .schedule_lag_ns.n == .publications'
    # Written to three digits; of a hand-off that waited for a CPU, what is left of the quotient may be 0.
    expect '.ratios | .latency_over_oneway > 0 and .latency_over_handoff >= 0'
    expect ".results.clock_ns | $runs and .q1 > 0"
    expect ".params.wait == \"$wait\""
done
measure latency --duration 0.022 --repeat 11 --hz 1000 --wait futex --readers 3 --size 100k
expect '.results | .publications == 22 and .seen + .missed == 66 and .latency_ns.n == .seen'
