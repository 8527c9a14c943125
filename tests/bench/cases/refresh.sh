# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
measure refresh "${tiny[@]}"
expect '.params == {items: 1000, changes: false, duration: 0.011, repeat: 11}'
for figure in changed_us memcpy_us unchanged_ns unchanged_refresh_ns; do
    expect ".results.$figure | $distribution"
done
for figure in changed_p50_us memcpy_p50_us warm_memcpy_us refresh_minus_memcpy_us; do
    expect ".results.$figure | $runs"
done
# One generation more than refreshes that were timed: the first, before the runs.
expect '.results | .changed_us.n >= 11 and .publications == .changed_us.n + 1 and .memcpy_us.n == .changed_us.n'
expect '.results | .changes == 0 and .payload_bytes > 100000 and .cache_bytes > .payload_bytes'
expect '.ratios | .refresh_over_memcpy >= 0 and .refresh_over_warm_memcpy > 0 and .unchanged_ns > 0'
expect '.ratios | (.refresh_us_minus_memcpy | type) == "number"'
measure refresh "${tiny[@]}" --items 7 --changes
expect '.params.changes and .results.changes == 7 * .results.changed_us.n'
measure refresh "${tiny[@]}" --items 1
wrong 64 'from 1 to 100000' refresh --items 0
wrong 64 'says nothing to read' read --changes
