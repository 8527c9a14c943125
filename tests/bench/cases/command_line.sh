# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
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
    "$shmbench" $command --help | grep -- '--json FILE' >/dev/null || fail "$command --help does not name --json"
done
# Each tells what stands for an option that was not given.
"$shmbench" sweep --help >stdout
grep -q -- '--hz LIST .*; default 1000,10000,20000,50000,100000$' stdout || fail "$(cat stdout)"
"$shmbench" report --help >stdout
! grep -q -- '--json' stdout || fail 'report --help has an option that it refuses'
# The whole document, or none, and on the standard output nothing else.
"$shmbench" publish "${tiny[@]}" --json - 2>stderr | jq -e '.schema == 1' >/dev/null || fail 'not one document'
! grep -q 'run 1 of' stderr || fail 'progress without a terminal'
script -qec "'$shmbench' publish ${tiny[*]}" /dev/null </dev/null >stdout
grep -q 'publish: run 1 of 11' stdout || fail 'no progress on a terminal'
script -qec "'$shmbench' publish ${tiny[*]} --quiet" /dev/null </dev/null >stdout
[ ! -s stdout ] || fail "not quiet: $(cat stdout)"
# A reader that goes away leaves no file half-way.
{ "$shmbench" sweep "${tiny[@]}" --spin-ns 0 --hz 1000 --csv - --json result.json 2>stderr || echo $? >status; } | true
[ "$(cat status)" = 52 ] || fail "exit status $(cat status) without a reader"
rm status
nothing_left
# What cannot be written is told, once, and a closed output gets nothing of the files that are opened.
for command in --help 'publish --help' 'report --list' "publish ${tiny[*]}" "publish ${tiny[*]} --json -"; do
    for full in /dev/full closed; do
        got=0
        if [ $full = closed ]; then
            # shellcheck disable=SC2086 # its words
            "$shmbench" $command 2>stderr >&- || got=$?
        else
            # shellcheck disable=SC2086
            "$shmbench" $command 2>stderr >$full || got=$?
        fi
        [ $got = 52 ] || fail "$command: a standard output that is $full gives exit status $got"
        [ "$(grep -c 'cannot be written' stderr)" = 1 ] || fail "$command, $full: $(cat stderr)"
    done
done
"$shmbench" publish "${tiny[@]}" --quiet --json result.json <&- >&- 2>&- || fail "without any output: $?"
jq -e '.schema == 1' result.json >/dev/null || fail 'not one document'
rm result.json
nothing_left
