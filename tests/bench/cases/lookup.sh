# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
figures=.bare_ns,.cached_ns,.cached_within_ns,.cached_miss_ns,.index_find_ns,.index_miss_ns,.cgroups_find_ns
for threads in 1 2; do
    measure lookup "${tiny[@]}" --threads $threads --items $((threads * 400))
    expect ".params == {items: $((threads * 400)), threads: $threads, duration: 0.011, repeat: 11}"
    expect ".results | [$figures,.cached_per_us,.cached_within_per_us,.bare_per_us] | all($runs and .median > 0)"
    # 7 figures of one thread, 3 of all; a batch of 256 is the least of each.
    expect ".results | .publications == 11 and .lookups >= 11 * 256 * (7 + 3 * $threads)"
    expect '.ratios | .lookup_scaling > 0 and .lookup_within_scaling > 0 and .bare_scaling > 0 and .cached_ns > 0'
    expect '.ratios | .find_over_cached > 0 and .cgroups_find_over_cached > 0 and .cached_over_bare > 0'
done
measure lookup "${tiny[@]}" --items 1
expect '.params.threads == 2'
wrong 64 'from 1 to 64' lookup --threads 65
# Two on one CPU would be counted as if each had it alone.
[ "$(nproc)" -ge 64 ] || wrong 24 'each needs a CPU of its own' lookup --threads 64
wrong 64 'says nothing to refresh' refresh --threads 2
