# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
measure publish "${tiny[@]}" --readers 3
expect ".results.publish_ns | $runs"
expect ".results.memcpy_ns | $runs"
expect ".results | [.publish_batches_ns, .memcpy_batches_ns] | all($distribution)"
expect '.results | .publisher_cpu_percent > 0 and .subscribers_cpu_percent >= 0 and .subscriber_rss_bytes > 0'
expect '.params == {size: 64, readers: 3, duration: 0.011, repeat: 11}'
expect '.results.publications > 0 and .results.wakes_sent == 0'
expect '.ratios | .publish_over_memcpy > 0 and (.publish_ns_minus_memcpy | type) == "number"'
measure publish "${tiny[@]}" --size 100001 --readers 0
expect '.params.size == 100001 and .results.publications > 0'
measure publish "${tiny[@]}" --size 33 --readers 1
measure publish --quick
expect '.params.duration == 0.2'
measure publish --quick --duration 0.1
expect '.params.duration == 0.1'
