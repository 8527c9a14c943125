#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: mutants.sh [MODEL]
#
# Each mutant in mutants.txt must be caught by its model: with NETIPC_TEST_LONG in the environment, or for one MODEL, all
# of them, which takes minutes; else the first of each model.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mutants=$(awk -F '\t+' -v m="${1:-}" '/^[a-z]/ && (m == "" || $1 == m) { print $1, $2 }' "$here/mutants.txt")
[ -n "${NETIPC_TEST_LONG:-}${1:-}" ] || mutants=$(awk '!seen[$1]++' <<<"$mutants")
failures=0
for model in attach lease supersede wake death; do
    [ -n "${1:-}" ] || grep -q "^$model " <<<"$mutants" || { echo "FAIL: no mutant of $model" && exit 1; }
done
while read -r model mutant; do
    if verdict=$(bash "$here/check.sh" "$here/$model.pml" "$mutant" 2>&1); then
        printf '%s %s: caught, %s\n' "$model" "$mutant" "${verdict##*: pan:1: }"
    else
        printf '%s\n' "$verdict"
        failures=$((failures + 1))
    fi
done <<<"$mutants"
echo "$(wc -l <<<"$mutants") mutants, $failures failures"
[ $failures = 0 ]
