# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
measure read "${tiny[@]}"
expect ".results | [.read_ns, .lease_ns, .poll_ns, .memcpy_ns] | all($runs)"
expect ".results | [.read_batches_ns, .lease_batches_ns, .poll_batches_ns, .memcpy_batches_ns] | all($distribution)"
expect '.results | .publisher_rss_bytes > 0 and .subscriber_rss_bytes > 0 and .region_bytes > 0'
expect '.ratios | .lease_ns > 0 and .poll_ns > 0'
expect '.results | .publications == 12 and .reads > 0 and .overruns == 0'
expect '.ratios | .read_over_memcpy > 0 and (.read_ns_minus_memcpy | type) == "number"'
measure read "${tiny[@]}" --size 70k --readers 3 --hz 2000 --mode copy
expect '.results.publications >= 12 and .params.hz == 2000'
measure read "${tiny[@]}" --mode lease --size 4k
expect '.ratios.lease_ns > 0 and .results.reads > 0'
measure read "${tiny[@]}" --mode poll --hz 1000
expect '.ratios.poll_ns > 0 and .results.reads == 0'
