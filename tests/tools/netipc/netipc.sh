#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: netipc.sh CASE NETIPC PEER VERSION: the tool netipc against publishers and servers (see peer.c)
#   usage         help, the version, and command lines that are wrong
#   health        what a health check says of services that are well
#   sick          … and of each that is not: its own exit code
#   calls         ipc test and ipc serve with each other, and ipc test with servers that go wrong
#   serving       ipc serve from its ready line to a signal, which leaves nothing behind
#   reading       read, to standard output and to files
#   full-disk     what cannot be written is told
#   other-user    services of another user, as root
set -euo pipefail
case=$1
netipc=$2
peer=$3
version=$4
patience=$((20 * ${NETIPC_TEST_SLOW:-1}))
timeout=$((2000 * ${NETIPC_TEST_SLOW:-1})) # for those that answer, in ms
work=$(mktemp -d)
run=$work/run
out=$work/out
err=$work/err
pids=()

finish()
{
    local pid
    exec 2>/dev/null # the shell tells of each that is killed
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$work"
}
trap finish EXIT
mkdir -m 700 "$run"
unset NETDATA_RUN_DIR NETDATA_INVOCATION_ID INVOCATION_ID

fail()
{
    printf '%s: %s\n' "$case" "$1" >&2
    tail -n 20 "$out" "$err" 2>/dev/null >&2
    exit 1
}

command -v jq >/dev/null || {
    echo 'skip: jq is not installed (tools/prepare.sh --group test --no-build installs it)'
    exit 77
}

# start COMMAND…: in the background, until it says "ready"; its pid is in $started, its output in $said.
start()
{
    local deadline=$((SECONDS + patience))
    said=$work/said.${#pids[@]}
    "$@" >"$said" 2>&1 &
    started=$!
    pids+=("$started")
    until grep -qs '^ready' "$said"; do
        kill -0 "$started" 2>/dev/null || fail "$* ended: $(cat "$said")"
        [ $SECONDS -lt $deadline ] || fail "$* is not ready: $(cat "$said")"
        sleep 0.02
    done
}

# stop PID [SIGNAL]: must end with 0.
stop()
{
    local status=0
    kill "-${2:-TERM}" "$1"
    wait "$1" || status=$?
    [ $status = 0 ] || fail "process $1 ended with $status after SIG${2:-TERM}"
}

# crash PID
crash()
{
    kill -KILL "$1"
    wait "$1" || true
}

# freeze PID: until each of its threads has stopped
freeze()
{
    local deadline=$((SECONDS + patience))
    kill -STOP "$1"
    until [ -z "$(sed 's/.*) \(.\).*/\1/' "/proc/$1/task/"*/stat | tr -d 'T\n')" ]; do
        [ $SECONDS -lt $deadline ] || fail "process $1 does not stop"
        sleep 0.01
    done
}

# expect CODE COMMAND…: runs the tool.
expect()
{
    local wanted=$1 status=0
    shift
    timeout "$patience" "$netipc" "$@" >"$out" 2>"$err" || status=$?
    [ $status = "$wanted" ] || fail "exit $status where $wanted was expected: netipc $*"
}

# expect_in FILE REGEX
expect_in()
{
    grep -qE "$2" "$1" || fail "no line with '$2'"
}

# expect_json FILTER: is true of what was written, which is one line.
expect_json()
{
    [ "$(wc -l <"$out")" = 1 ] || fail 'not one line of JSON'
    jq -e "$1" "$out" >"$work/jq" || fail "not true: $1"
}

# expect_health CODE SERVICE [OPTION…]: as text and as JSON.
expect_health()
{
    local code=$1 service=$2
    shift 2
    expect "$code" health-check --run-dir "$run" --service "$service" --timeout "$timeout" "$@"
    expect_in "$out" "^$service: "
    [ "$(wc -l <"$out")" = 1 ] || fail 'not one line'
    expect "$code" health-check --run-dir "$run" --service "$service" --timeout "$timeout" --json "$@"
    expect_json ".code == $code and .services[0].code == $code and .services[0].service == \"$service\"
                 and (.services | length) == 1"
}

test_usage()
{
    local words
    for words in '' 'health-check' 'ipc test' 'ipc serve' 'read'; do
        # shellcheck disable=SC2086 # words
        expect 0 $words --help
        expect_in "$out" "^Usage: netipc ${words:-COMMAND}"
        # shellcheck disable=SC2086
        expect 0 $words --version
        [ "$(cat "$out")" = "netipc $version" ] || fail 'not the version'
    done
    while read -r words; do
        # shellcheck disable=SC2086
        expect 30 $words
        [ ! -s "$out" ] || fail "wrong usage is told on standard output: $words"
        expect_in "$err" '^netipc: .*try --help$'
    done <<'WRONG'

nonsense
ipc
ipc nonsense
health-check nonsense
health-check --nonsense
health-check --method increment
health-check --count 1
health-check --timeout
health-check --timeout 0
health-check --timeout -1
health-check --timeout 86400001
health-check --timeout 1s
health-check --token
health-check --token 0x
health-check --token 11112222333344445
health-check --token 00000000000000001
health-check --token 12g4
health-check --verbose=1
health-check --checksum crc32
health-check --checksum
health-check --allow-uid nobody
health-check --allow-uid -1
health-check --allow-uid 4294967295
health-check --run-dir=
ipc test
ipc test --service a
ipc test --method increment
ipc test --service a --method nonsense
ipc test --service a --method increment --count 0
ipc test --service a --method increment --count 10000001
ipc test --service a --method increment --batch 0
ipc test --service a --method increment --batch 65537
ipc test --service a --method increment --workers 1
ipc serve --service a
ipc serve --service a --method increment --allow-uid 1
ipc serve --service a --method increment --workers 65
ipc serve --service a --method increment --count 1
read
read --service a --output=
read --service a --json
WRONG
    printf 'no token' >"$work/token"
    expect 30 read --run-dir "$run" --service a --token-file "$work/token"
    printf 'ab\0cd' >"$work/token"
    expect 30 read --run-dir "$run" --service a --token-file "$work/token"
    expect 10 read --run-dir "$run" --service a --token-file "$work/nowhere"
    # What the library finds wrong is a wrong command line too.
    expect 30 read --run-dir "$run" --service a/b
    expect 30 health-check --run-dir "$run" --service ''
    expect 30 ipc serve --run-dir "$run" --service .a --method increment
}

test_health()
{
    start "$peer" full "$run" full
    local publisher=$started
    start "$netipc" ipc serve --run-dir "$run" --service calls --method increment
    local server=$started
    start "$peer" small "$run" small
    start "$peer" modest "$run" modest
    touch "$run/other" "$run/no name.sock" "$run/.sock" "$run/.hidden.sock"
    expect 0 health-check --run-dir "$run"
    [ "$(cut -d ' ' -f 1,2 "$out" | paste -sd ' ')" = 'calls: healthy; full: healthy; modest: healthy; small: healthy;' ] || fail 'other lines'
    expect_in "$out" '^full: healthy; publication LIVE, generation 1 of 10 bytes, [0-9.]+ s old, region of [0-9]+ bytes, a lease; connected in [0-9]+ us$'
    expect_in "$out" '^calls: healthy; requests of at most 65536 bytes and 1024 items, answers of [0-9]+ bytes; connected in [0-9]+ us$'
    expect 0 health-check --run-dir "$run" --verbose
    expect_in "$out" "^  publisher: pid $publisher, incarnation [0-9a-f]{32}$"
    expect_in "$out" '^  region: number 1, 8 slots of 65536 bytes, schema 7 version 3$'
    expect_in "$out" "^  server: pid $server, session [0-9]+, packets of [0-9]+ bytes$"
    expect 0 health-check --run-dir "$run" --json
    expect_json "[.services[].service] == [\"calls\", \"full\", \"modest\", \"small\"] and .run_dir == \"$run\""
    expect_json '.code == 0 and .status == "NETIPC_OK" and all(.services[]; .code == 0 and .connect_ns > 0)'
    expect_json ".services[1] | .kind == \"publication\" and .state == \"LIVE\" and .pid == $publisher and .generation == 1
                 and .region_size > 65536 and .leases == 1 and .schema_id == 7 and .schema_version == 3
                 and .snapshot.generation == 1 and .snapshot.length == 10 and .snapshot.age_ns < 3600000000000"
    local age
    age=$(jq '.services[1].snapshot.age_ns' "$out")
    sleep 0.2
    expect 0 health-check --run-dir "$run" --json
    expect_json ".services[1].snapshot.age_ns >= $age + 150000000" # its clock is coarse
    expect_json ".services[0] | .kind == \"requests\" and .pid == $server and .max_request_payload == 65536
                 and .max_batch_items == 1024 and .packet_size > 0"
    expect_json 'all(.services[2, 3]; .kind == "requests" and .max_request_payload == 1)'
    # The default of the run directory, and a name that is no UTF-8.
    NETDATA_RUN_DIR=$run expect 0 health-check --service full
    mkdir -m 700 "$work/"$'b\xffd'
    expect 10 health-check --run-dir "$work/"$'b\xffd' --service nobody --json
    iconv -f UTF-8 -t UTF-8 "$out" >"$work/utf8" || fail 'JSON that is no UTF-8'
    expect_json '.run_dir | endswith("b\ufffdd")'
}

test_sick()
{
    expect 10 health-check --run-dir "$run"
    expect 10 health-check --run-dir "$run" --json
    expect_json '.code == 10 and .services == []'
    expect 10 health-check --run-dir "$work/nowhere"
    expect_health 10 nobody
    start "$peer" empty "$run" empty
    expect_health 2 empty
    start "$peer" full "$run" secret abc123
    expect_health 21 secret
    expect_health 21 secret --token abc124
    expect_health 0 secret --token 0xABC123
    printf ' abc123\n' >"$work/token"
    expect 30 health-check --run-dir "$run" --token-file "$work/token"
    printf 'abc123 \r\n' >"$work/token"
    expect_health 0 secret --token-file "$work/token"
    start "$peer" narrow "$run" narrow
    start "$peer" subscriber "$run" narrow
    local subscriber=$started
    expect_health 22 narrow
    start "$peer" lone "$run" lone
    start "$peer" client "$run" lone
    expect_health 22 lone
    start "$peer" corrupt "$run" corrupt
    expect_health 41 corrupt
    expect_in "$out" '"text":"the data is corrupt"'
    start "$peer" full "$run" stopped
    freeze "$started"
    timeout=200 expect_health 3 stopped
    kill -CONT "$started"
    expect_health 0 stopped
    start "$peer" full "$run" killed
    crash "$started"
    expect_health 10 killed
    # All at once: the gravest decides, and every one is told.
    expect 41 health-check --run-dir "$run" --json
    expect_json '[.services[] | "\(.service) \(.code)"]
                 == ["corrupt 41", "empty 2", "killed 10", "lone 22", "narrow 22", "secret 21", "stopped 0"]'
    expect_json '.status == "NETIPC_CORRUPT" and all(.services[]; (.code == 0) == (.detail == "") or .code == 2 or .code == 10)'
    stop "$subscriber"
    local deadline=$((SECONDS + patience))
    until "$netipc" health-check --run-dir "$run" --service narrow >"$out" 2>"$err"; do
        [ $SECONDS -lt $deadline ] || fail 'the session that has ended is not free again'
        sleep 0.02
    done
    chmod 777 "$run"
    expect_health 26 empty
    chmod 700 "$run"
}

# expect_calls CODE CALLS FAILURES OPTION…
expect_calls()
{
    local code=$1 calls=$2 failures=$3
    shift 3
    expect "$code" ipc test --run-dir "$run" --timeout "$timeout" "$@"
    expect_in "$out" ": $calls of [0-9]+ calls of .*, $failures failures"
    expect "$code" ipc test --run-dir "$run" --timeout "$timeout" --json "$@"
    expect_json ".calls == $calls and .failures == $failures and .code == $code"
}

test_calls()
{
    local method batch kind
    for method in increment string-reverse; do
        start "$netipc" ipc serve --run-dir "$run" --service "$method" --method "$method"
        start "$netipc" ipc serve --run-dir "$run" --service "$method-workers" --method "$method" --workers 3 --token 9
        for batch in 1 2 1000; do
            expect_calls 0 20 0 --service "$method" --method "$method" --count 20 --batch "$batch"
            expect_calls 0 20 0 --service "$method-workers" --method "$method" --count 20 --batch "$batch" --token 9
            expect_json ".round_trip_ns | .p50 > 0 and .p50 <= .p95 and .p95 <= .p99 and .p99 <= .max"
            expect_json ".method == \"$method\" and .count == 20 and .batch == $batch"
        done
        expect_calls 0 1 0 --service "$method" --method "$method" --batch 65536
    done
    expect_in "$said" '^ready: string-reverse-workers serves string-reverse in '
    expect_calls 24 5 5 --service increment --method string-reverse --count 5
    expect_calls 21 0 0 --service increment --method increment --token 1
    expect_calls 10 0 0 --service nobody --method increment
    expect_json 'has("round_trip_ns") | not'
    for kind in ieee castagnoli; do
        start "$netipc" ipc serve --run-dir "$run" --service $kind --method increment --checksum $kind
        expect_calls 0 3 0 --service $kind --method increment --count 3 --batch 9 --checksum $kind
        expect_health 0 $kind --checksum $kind
        expect_calls 24 0 0 --service $kind --method increment
        expect_json '.detail | contains("requires a packet checksum")'
        expect_health 24 $kind
        expect_calls 24 0 0 --service increment --method increment --checksum $kind
        expect_json '.detail | contains("a packet checksum (")'
    done
    start "$peer" wrong "$run" wrong
    expect 41 ipc test --run-dir "$run" --service wrong --method increment --count 9
    expect_in "$out" ': 9 of 9 calls of 1 item, 3 failures; round trip p50 '
    expect_in "$err" '^netipc: wrong: .*\(call 3 got a wrong answer of 8 bytes\)$'
    expect 41 ipc test --run-dir "$run" --service wrong --method increment --count 9 --batch 3 --json
    expect_json '.failures == 9 and .status == "NETIPC_CORRUPT"'
    start "$peer" refusing "$run" refusing
    expect_calls 16 4 4 --service refusing --method increment --count 4
    start "$peer" small "$run" small
    expect_calls 0 4 0 --service small --method increment --count 4
    expect_calls 22 0 0 --service small --method increment --batch 2
    start "$peer" lone "$run" lone
    start "$peer" client "$run" lone
    expect_calls 22 0 0 --service lone --method increment
    start "$peer" wrong "$run" stopped
    freeze "$started"
    timeout=200 expect_calls 3 0 0 --service stopped --method increment --count 100
    kill -CONT "$started"
}

# As root: the services of a daemon that runs as somebody else, in a directory of its own.
test_other_user()
{
    local other=12345 as_other=(setpriv --reuid 12345 --regid 12345 --clear-groups)
    if [ "$(id -u)" != 0 ] || ! chmod 711 "$work" || ! "${as_other[@]}" "$netipc" --version >/dev/null 2>&1; then
        echo 'skip: only root can be somebody else, and the build must be readable for that'
        exit 77
    fi
    chown $other "$run"
    start "${as_other[@]}" "$netipc" ipc serve --run-dir "$run" --service increment --method increment
    start "${as_other[@]}" "$peer" full "$run" snapshots
    expect_calls 26 0 0 --service increment --method increment
    expect_calls 26 0 0 --service increment --method increment --allow-uid 1
    expect_calls 0 3 0 --service increment --method increment --count 3 --allow-uid 1 --allow-uid $other
    expect_health 26 snapshots
    expect_health 0 snapshots --allow-uid $other
    expect_health 0 increment --allow-uid $other
    expect 26 read --run-dir "$run" --service snapshots
    expect 0 read --run-dir "$run" --service snapshots --allow-uid $other
    expect 0 read --run-dir "$run" --service snapshots --allow-uid $other --rpc
}

test_serving()
{
    local signal
    for signal in INT TERM; do
        start "$netipc" ipc serve --run-dir "$run/new" --service calls --method increment --verbose
        [ "$(head -n 1 "$said")" = "ready: calls serves increment in $run/new" ] || fail "it says: $(cat "$said")"
        expect 20 ipc serve --run-dir "$run/new" --service calls --method increment
        expect 0 ipc test --run-dir "$run/new" --service calls --method increment --count 5 --batch 2
        stop "$started" $signal
        cat "$said" >"$out"
        expect_in "$out" '^served: 5 requests of 10 items in [12] sessions, 0 failures$'
        [ -z "$(find "$run/new" -type s)" ] || fail "left behind: $(find "$run/new" -type s)"
        expect 10 ipc test --run-dir "$run/new" --service calls --method increment
    done
    expect 10 ipc serve --run-dir "$run/no/where" --service calls --method increment
    chmod 777 "$run/new"
    expect 26 ipc serve --run-dir "$run/new" --service calls --method increment
}

test_reading()
{
    start "$peer" full "$run" full abc
    local publisher=$started place=(--run-dir "$run" --service full --token abc)
    expect 0 read "${place[@]}"
    printf 'the latest' | cmp - "$out" || fail 'other bytes'
    expect_in "$err" "^netipc: full: generation 1, 10 bytes, [0-9.]+ s old, schema 7 version 3, publisher $publisher LIVE$"
    expect 0 read "${place[@]}" --rpc
    printf 'the latest' | cmp - "$out" || fail 'other bytes by request'
    expect_in "$err" "^netipc: full: 10 bytes answered by server $publisher$"
    mkdir "$work/files"
    local file=$work/files/snapshot
    (umask 027 && expect 0 read "${place[@]}" --output "$file")
    printf 'the latest' | cmp - "$file" || fail 'not in the file'
    [ ! -s "$out" ] || fail 'standard output is not empty'
    [ "$(stat -c %a "$file")" = 640 ] || fail "mode $(stat -c %a "$file")"
    printf 'a longer text that was here before' >"$file"
    chmod 604 "$file"
    expect 0 read "${place[@]}" --output "$file"
    printf 'the latest' | cmp - "$file" || fail 'not replaced'
    [ "$(stat -c %a "$file")" = 604 ] || fail "mode $(stat -c %a "$file")"
    ln -s snapshot "$work/files/link"
    printf old >"$file"
    expect 0 read "${place[@]}" --output "$work/files/link"
    [ -L "$work/files/link" ] || fail 'the link is gone'
    printf 'the latest' | cmp - "$file" || fail 'not written through the link'
    # What fails leaves the file alone.
    expect 21 read --run-dir "$run" --service full --output "$file"
    expect 10 read --run-dir "$run" --service nobody --output "$file"
    expect 10 read "${place[@]}" --output "$work/nowhere/file"
    expect 52 read "${place[@]}" --output "$work/files"
    start "$peer" empty "$run" empty
    expect 2 read --run-dir "$run" --service empty --output "$file"
    expect 16 read --run-dir "$run" --service empty --output "$file" --rpc
    start "$peer" corrupt "$run" corrupt
    expect 41 read --run-dir "$run" --service corrupt --output "$file"
    start "$peer" wrong "$run" calls
    expect 24 read --run-dir "$run" --service calls --output "$file"
    expect 24 read --run-dir "$run" --service calls --output "$file" --rpc
    expect 21 read --run-dir "$run" --service full --output "$file" --rpc
    [ "$(cat "$file")" = 'the latest' ] || fail 'a failure changed the file'
    [ "$(ls "$work/files")" = $'link\nsnapshot' ] || fail "left behind: $(ls "$work/files")"
    stop "$publisher"
    expect 10 read "${place[@]}"
}

test_full_disk()
{
    start "$peer" full "$run" full
    start "$peer" small "$run" small
    local words
    while read -r words; do
        local status=0
        # shellcheck disable=SC2086 # words
        "$netipc" $words >/dev/full 2>"$err" || status=$?
        [ $status = 52 ] || fail "exit $status where 52 was expected: netipc $words"
        expect_in "$err" '^netipc: (standard output|/dev/stdout): No space left on device$'
    done <<FULL
--help
health-check --run-dir $run
health-check --run-dir $run --json
ipc test --run-dir $run --service small --method increment
ipc test --run-dir $run --service small --method increment --json
ipc serve --run-dir $run --service calls --method increment
read --run-dir $run --service full
read --run-dir $run --service full --output /dev/stdout
FULL
    # A file keeps what it had when there is no room for the new content beside it.
    mkdir "$work/files"
    printf old >"$work/files/snapshot"
    local status=0
    (ulimit -f 0 && trap '' XFSZ && exec "$netipc" read --run-dir "$run" --service full --output "$work/files/snapshot" 2>/dev/null) ||
        status=$?
    [ $status = 52 ] || fail "exit $status"
    [ "$(cat "$work/files/snapshot")" = old ] || fail 'the old content is gone'
    [ "$(ls "$work/files")" = snapshot ] || fail "left behind: $(ls "$work/files")"
    [ -z "$(find "$run" -name 'calls*')" ] || fail "left behind: $(find "$run" -name 'calls*')"
}

"test_${case//-/_}"
