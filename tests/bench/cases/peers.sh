# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
in_memory
built=$("$shmbench" peers --help | sed -n 's/^Transports: //p')
[[ $built == 'netipc bare seqpacket stream pipe mq'* ]] || fail "built in is only: $built"
measure peers --duration 0.3 --repeat 11 --size 64,12347
expect ".params.peers == (\"$built\" | split(\" \")) and .params.sizes == [64, 12347]"
expect '.params | .readers == 1 and .hz == 2000 and .wait == "both"'
expect '(.params.peers | sort) == (.results | .["64"], .["12347"] | keys)'
# Each of them did it, or says why not.
expect '[.results[][] | select(has("unable") | not)] | all(has("block") or has("spin"))'
expect '.results | .["64"] | all((has("unable") | not) or (.unable | contains("mounts of its own")))'
expect '.results["12347"].mq | (has("unable") | not) or (.unable | contains("fs.mqueue.msgsize_max"))'
json=$(jq -c '. + {ways: [.results[][] | objects | .delivers as $d | (.block, .spin) | objects | . + {delivers: $d}]}' \
    <<<"$json")
expect '.ways | length >= 2 * (2 + 1 + 4 * 2) - 2'
for figure in published_per_second delivered_per_second latency_p50_ns; do
    expect ".ways | all(.$figure | $runs and .median > 0)"
done
expect ".ways | all(.latency_ns, .schedule_lag_ns | $distribution)"
expect '.ways | all(.delivers == "some" or .delivers == "each" or .delivers == "latest")'
expect '.ways | map(select(.delivers != "some")) |
        all(.flat_out, .at_rate | .delivered + .missed == .published and .published >= 11)'
expect '.ways | map(select(.delivers == "each")) | all(.flat_out.missed == 0 and .at_rate.missed == 0)'
expect '.ways | map(select(.delivers != "some")) | all(.latency_ns.n == .at_rate.delivered)'
expect ".results[][] | objects | select(has(\"read_again_ns\")) | .read_again_ns | $runs and .median > 0"
expect '.ratios["64"] | has("netipc") | not'
expect '.ratios["64"].pipe | .block, .spin | .publish_rate_over_peer > 0 and .delivery_rate_over_peer > 0 and
        .latency_peer_over_netipc > 0 and .latency_p99_peer_over_netipc > 0'
measure peers --duration 0.1 --size 100 --readers 2 --wait block --peers seqpacket,bare --hz 500
expect '.params.peers == ["netipc", "seqpacket", "bare"] and .params.wait == "block"'
expect '.results["100"].bare | keys == ["unable"] and (.unable | contains("look again"))'
expect '.results["100"].seqpacket | (has("spin") | not) and .block.at_rate.delivered == 2 * .block.at_rate.published'
wrong 64 "there is no 'fast'; shmbench peers --help has the names" peers --peers pipe,fast
wrong 64 'not one of: bytes of a message' peers --size 64,64
wrong 64 'not one of: bytes of a message' peers --size 4k,31
wrong 64 'not one of: block, spin' peers --wait futex
wrong 64 '--peers says nothing to publish' publish --peers pipe
wrong 64 '--hz 0: nothing would be published' peers --hz 0
mapfile -t missing < <("$shmbench" peers --help | sed -n 's/^Not built in: \(.*\), which needs \(.*\)/\1 \2/p')
for name in "${missing[@]}"; do
    wrong 64 "${name%% *} is not built in; install ${name#* }" peers --peers "${name%% *}"
done
# A queue that cannot be had is an error that says what to do.
(
    ulimit -q 0
    wrong 52 'mq: no message queue' peers --peers mq --duration 0.1
)
start peers
kill -TERM "$running"
ended 143
nothing_left
start peers
for worker in $workers; do
    grep -qx shmbench "/proc/$worker/comm" || continue # the broker of a transport
    kill -KILL "$worker"
    break
done
ended 52
grep -q 'was ended by signal 9' stderr || fail "$(cat stderr)"
nothing_left
start peers
kill -KILL "$running"
ended 137
