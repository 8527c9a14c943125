# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
measure rpc "${tiny[@]}"
expect '.params == {size: 8, clients: 1, workers: 0, batch: 1, polite: 0, duration: 0.011, repeat: 11}'
expect ".results.rpc_p50_ns | $runs"
expect ".results.bare_p50_ns | $runs"
expect ".results.rpc_ns | $distribution"
expect ".results.bare_ns | $distribution"
expect '.results | .calls >= 11 and .items == .calls and .rpc_ns.n == .calls and .message_bytes == 40'
expect '.ratios.rpc_over_bare_socket > 0 and .results.calls_per_second > 0'
measure rpc "${tiny[@]}" --clients 5 --workers 2 --batch 16 --size 12
expect '.results | .calls >= 55 and .items == 16 * .calls and .message_bytes == 32 + 16 * 8 + 15 * 16 + 12'
measure rpc "${tiny[@]}" --size 64k --clients 2
expect '.params.size == 65536 and .results.calls >= 22'
expect '.ratios | has("polite_p99_over_alone") | not'
for polite in 50 3; do
    measure rpc "${tiny[@]}" --polite $polite --workers $((polite % 2 * 2))
    expect ".params.polite == $polite"' and .ratios.polite_p99_over_alone > 0'
    expect ".results.polite_alone_p99_ns | $runs"
    expect ".results.polite_beside_p99_ns | $runs"
    expect ".results.polite_alone_ns | $distribution"
    expect ".results.polite_beside_ns | $distribution"
    expect '.results | .polite_calls >= 22 * 3 and .polite_alone_ns.n + .polite_beside_ns.n == .polite_calls'
    expect '.results | .flood_requests >= 11 and .unread_requests >= 11'
done
wrong 64 'at most 256; 0: not' rpc --polite 257
wrong 64 'from 8 to 64k' rpc --size 7
wrong 64 '131072 are possible' rpc --size 60000 --batch 10
wrong 64 'from 1 to 256' rpc --clients 0
wrong 64 'says nothing to latency' latency --clients 2
wrong 64 'from 32 to 64M' publish --size 8
