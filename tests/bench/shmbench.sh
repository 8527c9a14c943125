#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: shmbench.sh CASE SHMBENCH: the program does what docs/shmbench.md says. No time that it measures is judged.
set -euo pipefail
case=$1
shmbench=$2
command -v jq >/dev/null || {
    echo 'skip: jq is not installed'
    exit 77
}
if [ "$(nproc)" -lt 2 ]; then
    echo 'skip: two CPUs are needed'
    exit 77
fi

work=$(mktemp -d -p .)
work=$(cd "$work" && pwd)
# The run directories are made in it; the path of a socket is short.
export TMPDIR
TMPDIR=$(mktemp -d)
running=0
finish()
{
    [ "$running" = 0 ] || kill -KILL "$running" 2>/dev/null || true
    rm -rf "$work" "$TMPDIR"
}
trap finish EXIT
cd "$work"

fail()
{
    echo "$1"
    exit 1
}

nothing_left()
{
    local left
    left=$(find "$TMPDIR" "$work" -mindepth 1 ! -name stdout ! -name stderr)
    [ -z "$left" ] || fail "left behind: $left"
}

# measure ARGUMENTS…: a run of the program, the shortest that there is, whose JSON is in $json afterwards
measure()
{
    "$shmbench" "$@" --quiet --json result.json
    json=$(cat result.json)
    rm result.json
    nothing_left
    expect '.schema == 1'
    expect ".bench == \"$1\""
    expect 'keys == ["bench", "calibration", "machine", "params", "ratios", "results", "schema", "stable", "unstable"]'
    expect '(.stable | type) == "boolean" and .stable == (.unstable == [])'
    expect '.machine.cpus | length >= 2'
    expect '[.. | numbers | select(isnan or isinfinite)] == []'
    [ "$1" = calibrate ] || expect '[.calibration.before, .calibration.after] | all(.oneway_ns.p50 > 0 and .clock_ns > 0)'
}

expect()
{
    jq -e "$1" >/dev/null <<<"$json" || {
        echo "$json"
        fail "not so: $1"
    }
}

# wrong STATUS TEXT ARGUMENTS…: the program says so, and leaves nothing
wrong()
{
    local status=$1 text=$2 got=0
    shift 2
    "$shmbench" "$@" >stdout 2>stderr || got=$?
    [ "$got" = "$status" ] || fail "shmbench $*: exit status $got, not $status: $(cat stderr)"
    grep -qF -- "$text" stderr || fail "shmbench $*: does not say '$text' but: $(cat stderr)"
    nothing_left
}

tiny=(--duration 0.011 --repeat 11)
distribution='(.p50 <= .p95 and .p95 <= .p99 and .p99 <= .p999 and .p999 <= .max and .n > 0)'
runs='(.runs | length) == 11 and .q1 <= .median and .median <= .q3'

# start ARGUMENTS…: a measurement that takes long; returns when its publisher is there. $running, $workers
start()
{
    env --default-signal=INT,TERM,HUP "$shmbench" "$@" --duration 600 --json result.json 2>stderr >stdout &
    running=$!
    until [ -n "$(find "$TMPDIR" -name '*.sock')" ]; do
        kill -0 $running 2>/dev/null || fail "it has ended: $(cat stderr)"
        sleep 0.05
    done
    sleep 0.2
    # Others end while it looks.
    workers=$(grep -ls "^PPid:[[:space:]]*$running\$" /proc/[0-9]*/status | tr -dc '0-9\n' | paste -sd' ' || true)
    [ -n "$workers" ] || fail 'it has no workers'
}

# ended STATUS: the program ends so, and its workers are gone with it
ended()
{
    local got=0 worker
    wait $running || got=$?
    running=0
    [ "$got" = "$1" ] || fail "exit status $got, not $1: $(cat stderr)"
    for worker in $workers; do
        # A killed one may stay for a moment without its supervisor, as a zombie or about to be one.
        for _ in $(seq 100); do
            if ! [ -d "/proc/$worker" ] || grep -q '^State:.*Z' "/proc/$worker/status" 2>/dev/null; then
                continue 2
            fi
            sleep 0.1
        done
        fail "worker $worker still runs"
    done
}

case $case in
calibrate)
    measure calibrate
    expect '.results.memcpy | map(.size) == [64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 8388608]'
    expect '.results.memcpy | all(.ns > 0)'
    expect '.results | .oneway_ns.p50 > 0 and .oneway_ns.p99 >= .oneway_ns.p50 and .syscall_ns > 0 and .pause_ns > 0'
    expect '.results | .futex_wake_ns > 0 and .futex_ping_ns.n > 0 and has("steal_percent")'
    expect '.machine | has("clock_source") and has("idle_driver") and has("kernel")'
    ;;
publish)
    measure publish "${tiny[@]}" --readers 3
    expect ".results.publish_ns | $runs"
    expect ".results.memcpy_ns | $runs"
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
    ;;
read)
    measure read "${tiny[@]}"
    expect ".results | [.read_ns, .lease_ns, .poll_ns, .memcpy_ns] | all($runs)"
    expect '.ratios | .lease_ns > 0 and .poll_ns > 0'
    expect '.results | .publications == 12 and .reads > 0 and .overruns == 0'
    expect '.ratios | .read_over_memcpy > 0 and (.read_ns_minus_memcpy | type) == "number"'
    measure read "${tiny[@]}" --size 70k --readers 3 --hz 2000 --mode copy
    expect '.results.publications >= 12 and .params.hz == 2000'
    measure read "${tiny[@]}" --mode lease --size 4k
    expect '.ratios.lease_ns > 0 and .results.reads > 0'
    measure read "${tiny[@]}" --mode poll --hz 1000
    expect '.ratios.poll_ns > 0 and .results.reads == 0'
    ;;
rpc)
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
    ;;
refresh)
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
    ;;
lookup)
    figures=.bare_ns,.cached_ns,.cached_within_ns,.cached_miss_ns,.index_find_ns,.index_miss_ns,.cgroups_find_ns
    for threads in 1 3; do
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
    wrong 64 'says nothing to refresh' refresh --threads 2
    ;;
peers)
    # In memory, so that all that it makes is in it.
    [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || {
        echo 'skip: there is no tmpfs at /dev/shm'
        exit 77
    }
    rmdir "$TMPDIR"
    TMPDIR=$(mktemp -d -p /dev/shm)
    built=$("$shmbench" peers --help | sed -n 's/^Transports: //p')
    [[ $built == 'netipc bare seqpacket stream pipe mq'* ]] || fail "built in is only: $built"
    measure peers --duration 0.3 --repeat 11 --size 64,12347
    expect ".params.peers == (\"$built\" | split(\" \")) and .params.sizes == [64, 12347]"
    expect '.params | .readers == 1 and .hz == 2000 and .wait == "both"'
    expect '.params.peers as $peers | .results | all((keys - $peers) == [] and ($peers - keys) == [])'
    # Each of them did it, or says why not.
    expect '[.results[][] | select(has("unable") | not)] | all(has("block") or has("spin"))'
    expect '.results | .["64"] | all(has("unable") | not)'
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
        wrong 64 "${name% *} is not built in; install ${name#* }" peers --peers "${name% *}"
    done
    # A queue that cannot be had is an error that says what to do.
    (
        ulimit -q 0
        wrong 52 'mq: no message queue' peers --peers mq --duration 0.1
    )
    start peers
    kill -TERM $running
    ended 143
    nothing_left
    start peers
    for worker in $workers; do
        kill -KILL "$worker"
        break
    done
    ended 52
    grep -q 'was ended by signal 9' stderr || fail "$(cat stderr)"
    nothing_left
    start peers
    kill -KILL $running
    ended 137
    ;;
history)
    for how in '5000 16 33' '0 16 4096' '20000 40 32'; do
        read -r hz history size <<<"$how"
        measure history "${tiny[@]}" --hz "$hz" --history "$history" --size "$size"
        expect ".params == {size: $size, history: $history, hz: $hz, duration: 0.011, repeat: 11}"
        expect ".results | [.publish_ns, .write_memcpy_ns, .read_ns, .memcpy_ns, .lease_ns, .list_ns] | all($runs)"
        expect ".results | [.catch_up_us, .oldest_age_us] | all($distribution)"
        # All slots but the claimed one; and what was missed is read or accounted for.
        expect ".results | .slots == $history + 3 and .listed == .slots - 1 and .laps >= 11"
        expect ".results | .caught_up > 0 and .caught_up + .expired + .overruns >= 11 * ($history * 3 / 4 | floor)"
        expect '.ratios | .history_caught_up_percent > 0 and .history_caught_up_percent <= 100'
        expect '.ratios | .history_read_over_memcpy > 0 and .history_publish_over_memcpy > 0'
        expect '.ratios | .history_lease_ns > 0 and .history_list_ns > 0'
    done
    wrong 64 'at most 268435456 bytes together' history --size 1M
    wrong 64 'from 32 to 64M' history --size 31
    wrong 64 '16 to 1021' history --history 1022
    ;;
fanout)
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
    ;;
latency)
    for wait in adaptive spin poll futex fd; do
        measure latency --duration 0.022 --repeat 11 --hz 5000 --wait $wait
        expect ".results.latency_ns | $distribution"
        expect ".results.latency_p50_ns | $runs"
        expect '.results | .publications == 110 and .seen + .missed == .publications and .latency_ns.n == .seen'
        expect '.results | .handoff_ns.n + .handoffs_missed <= .publications and .schedule_lag_ns.n == .publications'
        # Written to three digits; of a hand-off that waited for a CPU, what is left of the quotient may be 0.
        expect '.ratios | .latency_over_oneway > 0 and .latency_over_handoff >= 0'
        expect ".params.wait == \"$wait\""
    done
    measure latency --duration 0.022 --repeat 11 --hz 1000 --wait futex --readers 3 --size 100k
    expect '.results | .publications == 22 and .seen + .missed == 66 and .latency_ns.n == .seen'
    ;;
command_line)
    wrong 64 'no command given'
    wrong 64 'unknown command fast; try shmbench --help' fast
    wrong 64 'unknown option --fast; try shmbench publish --help' publish --fast
    wrong 64 'unexpected argument 64' publish 64
    wrong 64 '--size needs a value' publish --size
    wrong 64 '--hz says nothing to publish' publish --hz 10
    wrong 64 '--spin-ns says nothing to --wait fd' latency --wait fd --spin-ns 10
    for size in 31 65M 1G -64 0x40 ''; do
        wrong 64 "--size $size: not one of" read --size "$size"
    done
    wrong 64 '--repeat 10: not one of' publish --repeat 10
    wrong 64 '--hz 0: nothing would be published' latency --hz 0
    wrong 64 '--readers 0: not one of: subscriber processes, from 1 to 256' read --readers 0
    wrong 64 '--wait never: not one of' latency --wait never
    wrong 64 '--topology far: not one of' calibrate --topology far
    wrong 64 '--cpus 1: not one of' calibrate --cpus 1
    wrong 64 '--cpus and --topology exclude each other' calibrate --cpus 0,1 --topology same-l3
    wrong 24 '--cpus: CPU 999999 is not there' calibrate --cpus 0,999999
    wrong 52 'see that its directory exists' publish --json missing/result.json
    wrong 52 'is something that is not a file' publish --json /dev/null
    TMPDIR=/proc/nowhere "$shmbench" publish --quiet --json result.json 2>stderr && fail 'it works without a directory'
    grep -q 'set TMPDIR' stderr || fail "$(cat stderr)"
    nothing_left
    "$shmbench" --help >stdout
    for command in calibrate publish read latency rpc; do
        grep -q "^  $command " stdout || fail "--help does not name $command"
        "$shmbench" $command --help | grep -q -- '--json FILE' || fail "$command --help does not name --json"
    done
    # The whole document, or none, and on the standard output nothing else.
    "$shmbench" publish "${tiny[@]}" --json - 2>stderr | jq -e '.schema == 1' >/dev/null || fail 'not one document'
    ! grep -q 'run 1 of' stderr || fail 'progress without a terminal'
    script -qec "'$shmbench' publish ${tiny[*]}" /dev/null </dev/null >stdout
    grep -q 'publish: run 1 of 11' stdout || fail 'no progress on a terminal'
    script -qec "'$shmbench' publish ${tiny[*]} --quiet" /dev/null </dev/null >stdout
    [ ! -s stdout ] || fail "not quiet: $(cat stdout)"
    got=0
    "$shmbench" publish "${tiny[@]}" --json - 2>stderr >/dev/full || got=$?
    [ $got = 52 ] || fail "a full disk gives exit status $got"
    nothing_left
    ;;
interrupted)
    for signal in INT:130 TERM:143 HUP:129; do
        for command in publish read latency; do
            start $command
            kill "-${signal%:*}" $running
            ended "${signal#*:}"
            nothing_left
        done
    done
    ;;
killed)
    # A worker that dies ends the measurement with it.
    start latency --readers 2
    for worker in $workers; do
        kill -KILL "$worker"
        break
    done
    ended 52
    grep -q 'was ended by signal 9' stderr || fail "$(cat stderr)"
    nothing_left
    # Workers do not outlive the program, whatever happens to it.
    start publish --readers 4
    kill -KILL $running
    ended 137
    ;;
*)
    fail "unknown case $case"
    ;;
esac
