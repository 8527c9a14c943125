#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: shmbench.sh CASE SHMBENCH LIBRARY: the program does what docs/shmbench.md says. No time that it measures is judged.
set -euo pipefail
# A case is a file in cases/, with the functions and variables of this one.
script=$(cd "$(dirname "$0")/cases" && pwd)/$1.sh
shmbench=$2
# shellcheck disable=SC2034 # of one of the cases: broken_library.c
library=$3
command -v jq >/dev/null || {
    echo 'skip: jq is not installed'
    exit 77
}
if [ "$(nproc)" -lt 2 ]; then
    echo 'skip: two CPUs are needed'
    exit 77
fi

# ThreadSanitizer does not see how threads of other libraries, which are not built with it, agree.
export TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}ignore_noninstrumented_modules=1

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

needs_gnuplot()
{
    command -v gnuplot >/dev/null || {
        echo 'skip: gnuplot is not installed (tools/prepare.sh --group test --no-build installs it)'
        exit 77
    }
}

# Has the run directory in memory, so that all that is made there is in it.
in_memory()
{
    [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || {
        echo 'skip: there is no tmpfs at /dev/shm'
        exit 77
    }
    rmdir "$TMPDIR"
    TMPDIR=$(mktemp -d -p /dev/shm)
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
    [ "$1" = calibrate ] ||
        expect '[.calibration.before, .calibration.after] | all(.oneway_ns.p50 > 0 and .clock_ns > 0)'
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

# Also of the cases.
# shellcheck disable=SC2034
tiny=(--duration 0.011 --repeat 11)
# shellcheck disable=SC2034
distribution='(.p50 <= .p95 and .p95 <= .p99 and .p99 <= .p999 and .p999 <= .max and .n > 0)'
# shellcheck disable=SC2034
runs='(.runs | length) == 11 and .q1 <= .median and .median <= .q3'

# The workers of the measurement, a line each. Others end while it looks.
children()
{
    grep -ls "^PPid:[[:space:]]*$running\$" /proc/[0-9]*/status | tr -dc '0-9\n' || true
}

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
    workers=$(children | paste -sd' ')
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

# shellcheck source=/dev/null
. "$script"
