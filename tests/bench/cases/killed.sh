# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
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
kill -KILL "$running"
ended 137
