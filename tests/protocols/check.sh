#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: check.sh MODEL.pml [MUTANT]
#
# Searches every state of a model, once for each line " * run: ..." of its first comment, with NETIPC_TEST_LONG also of
# " * long: ...". What stands there are macros, and the name of an LTL formula, which is shown under weak fairness;
# without one, assertions and deadlocks are looked for. A search that was not complete fails, and so does a statement
# that no run has reached, unless its line says "unreached: reason". With MUTANT, one of mutants.txt, the model is
# changed first, and what is asked for is that the run that is named there finds an error.
set -euo pipefail
export LC_ALL=C
memory_mb=2000
depth=200000

model=$(realpath "$1")
mutant=${2:-}
name=$(basename "$model" .pml)
here=$(dirname "$model")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mutate()
{
    local line
    line=$(awk -F '\t+' -v m="$name" -v n="$mutant" '$1 == m && $2 == n' "$here/mutants.txt")
    [ -n "$line" ] || { echo "FAIL: $name has no mutant $mutant" && exit 1; }
    only=$(cut -d $'\t' -f 3 <<<"$(tr -s '\t' <<<"$line")")
    sed -E "$(cut -d $'\t' -f 4 <<<"$(tr -s '\t' <<<"$line")")" "$model" >"$work/$name.pml"
    ! cmp -s "$model" "$work/$name.pml" || { echo "FAIL: mutant $mutant changes nothing in $name.pml" && exit 1; }
}

# The short searches are over before a better compiler pays.
optimise=1
[ -z "${NETIPC_TEST_LONG:-}" ] || optimise=2

# verify NUMBER WORDS…: the report is in $work/report.NUMBER
verify()
{
    local number=$1 word formula='' macros=() compile=(-DSAFETY -DNOCLAIM) search=()
    shift
    for word in "$@"; do
        case $word in
        -D*) macros+=("$word") ;;
        *) formula=$word ;;
        esac
    done
    if [ -n "$formula" ]; then
        compile=(-DNFAIR=3)
        search=(-a -f -N "$formula")
    fi
    rm -f pan* ./*.trail
    spin -a "${macros[@]}" "$name.pml" >spin.log 2>&1 || { cat spin.log && return 1; }
    gcc "-O$optimise" -w -DMEMLIM=$memory_mb -DVECTORSZ=4096 -DCOLLAPSE "${compile[@]}" pan.c -o pan
    ./pan -d >"table.$number"
    ./pan "${search[@]}" -m$depth -w23 >"report.$number" 2>&1 || true
    grep -q 'errors: ' "report.$number" || { cat "report.$number" && return 1; }
    if ! grep -q 'errors: 0$' "report.$number"; then
        grep -m 1 '^pan:' "report.$number" || true
        [ -n "$mutant" ] || spin -t -p -g -l "${macros[@]}" "$name.pml" | tail -n "${NETIPC_TRAIL_LINES:-300}"
        return 2
    fi
    if grep -qE 'Search not completed|max search depth too small|out of memory|MEMLIM bound' "report.$number"; then
        cat "report.$number"
        return 1
    fi
    awk '/states, stored/ { states = $1 } /total actual memory/ { memory = $1 } /elapsed time/ { time = $4 }
         END { printf "complete: %d states, %s MB, %s s\n", states, memory, time }' "report.$number"
}

cp "$model" "$work"
only=''
[ -z "$mutant" ] || mutate
cd "$work"

kinds='run'
[ -z "${NETIPC_TEST_LONG:-}$mutant" ] || kinds='run|long'
mapfile -t runs < <(sed -nE "s/^ \* ($kinds): *//p" "$model")
[ "${#runs[@]}" -gt 0 ] || { echo "FAIL: $name.pml has no run" && exit 1; }
for i in "${!runs[@]}"; do
    [ -z "$only" ] || [ "$only" = $((i + 1)) ] || continue
    read -ra words <<<"${runs[$i]}"
    printf '%s %s: ' "$name" "${runs[$i]}"
    status=0
    verify "$i" "${words[@]}" || status=$?
    if [ -n "$mutant" ]; then
        [ $status = 2 ] || { echo "FAIL: mutant $mutant of $name is not caught (status $status)" && exit 1; }
        exit 0
    fi
    [ $status = 0 ] || { echo "FAIL: $name, run $((i + 1))" && exit 1; }
done

# Lines that no run has reached and that do not say why. An inline is many times in the program: one of them is enough.
# What pan -d leaves out of its table counts as reached in a run that has the process and does not report the line.
unreached=$(awk -v at="${name}[.]pml:[0-9]+" '
    FNR == 1 { split("", seen); run = substr(FILENAME, index(FILENAME, ".") + 1); runs[run] = 1 }
    /^(unreached in )?proctype/ { proctype = $NF; present[run, proctype] = 1 }
    !match($0, at) || !match($0, /state +[0-9]+/) { next }
    { state = proctype substr($0, RSTART + 5, RLENGTH - 5) + 0; match($0, at)
      line = substr($0, RSTART, RLENGTH); sub(/.*:/, "", line); lines[line] = proctype }
    seen[line, state]++ { next }
    FILENAME ~ /^table/ { all[run, line]++; tabled[line] = 1; next }
    { missed[run, line]++ }
    END { for (line in lines) { reached = 0
              for (run in runs)
                  if (line in tabled) { if (all[run, line] > missed[run, line] + 0) reached = 1 }
                  else if (present[run, lines[line]] && !missed[run, line]) reached = 1
              if (!reached) print line } }' table.* report.* | sort -n |
    while read -r line; do
        sed -n "${line}{/unreached:/!p}" "$name.pml" | sed "s/^/$name.pml:$line: /"
    done)
[ -z "$unreached" ] || { printf 'FAIL: never reached:\n%s\n' "$unreached" && exit 1; }
