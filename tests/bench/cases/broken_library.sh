# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
# A library with a fault gives no figures.
short=(--duration 0.11 --repeat 11)
refused()
{
    local how=$1 got=0
    shift
    # The runtime of a sanitizer wants to come first of all libraries.
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 BROKEN=$how LD_PRELOAD=$library \
        "$shmbench" "$@" --quiet --json result.json >stdout 2>stderr || got=$?
    [ $got = 41 ] || fail "$how: shmbench $*: exit status $got, not 41: $(cat stderr)"
    nothing_left
}
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 BROKEN=no LD_PRELOAD=$library \
    "$shmbench" publish "${tiny[@]}" --quiet || fail 'it fails without a fault'
peers=(peers "${short[@]}" --peers bare --size 64 --wait spin)
refused byte publish "${tiny[@]}"
refused byte publish "${tiny[@]}" --readers 0
refused byte read "${tiny[@]}" --mode copy
refused byte latency "${short[@]}"
refused byte history "${tiny[@]}" --history 16
refused byte sweep "${short[@]}" --spin-ns 0 --hz 10000
for how in byte drop twice nothing; do
    refused $how "${peers[@]}"
done
refused drop publish "${tiny[@]}"
refused drop latency "${short[@]}"
refused twice publish "${tiny[@]}" --readers 0
refused twice read "${tiny[@]}" --mode copy
refused nothing publish "${tiny[@]}"
refused nothing latency "${short[@]}"
refused nothing history "${tiny[@]}" --history 16
