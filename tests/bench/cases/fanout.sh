# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
for how in 'futex refresh' 'adaptive lease' 'fd copy' 'poll refresh' 'spin copy'; do
    read -r wait mode <<<"$how"
    measure fanout "${tiny[@]}" --hz 2000 --readers 2 --items 20 --wait "$wait" --mode "$mode"
    expect ".params | .wait == \"$wait\" and .mode == \"$mode\" and .items == 20 and .readers == 2"
    expect ".results | [.latency_ns, .handoff_ns, .schedule_lag_ns, .publish_ns, .bare_publish_ns] | all($distribution)"
    expect ".results | [.publisher_us, .subscribers_us, .bare_publisher_us, .bare_subscribers_us] | all($runs)"
    expect '.results | .publications == 22 and .seen + .missed == 44 and .latency_ns.n == .seen'
    expect '.results | .handoff_ns.n + .handoffs_missed == 44 and .publish_ns.n == 22 and .spread_ns.n <= 22'
    expect '.results | .wakes_sent <= 44 and .region_bytes > 8 * .payload_bytes and .subscribers_pss_bytes > 0'
    expect '.ratios | .fanout_publisher_cpu_percent > 0 and .fanout_subscribers_cpu_percent > 0'
    expect '.ratios | .fanout_publisher_over_bare > 0 and .fanout_subscribers_over_bare > 0'
done
measure fanout "${tiny[@]}" --hz 200 --readers 12 --mode lease
expect '.results | .publications == 11 and .seen + .missed == 132 and .payload_bytes > 100000'
wrong 64 '--mode poll: not one of: refresh (a cache), copy or lease' fanout --mode poll
wrong 64 '--hz 0: nothing would be published' fanout --hz 0
wrong 64 '--spin-ns says nothing to --wait poll' fanout --wait poll --spin-ns 10
wrong 64 '65536 are possible' fanout --hz 100000
