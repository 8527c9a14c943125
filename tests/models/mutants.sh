#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: mutants.sh TREE MODELS COMPILE...
#
# Weakens the memory orders of the shipped files one by one, and takes their fences away: each of these mutants must
# fail in a model, or be in equivalent.txt. MODELS is the directory with the models and with what was taken out of
# publish/ for them. With NETIPC_TEST_LONG set, also swaps adjacent steps of the protocol and takes wake-ups away: for
# this, COMPILE... builds a model when followed by options, the source and "-o" file.
set -euo pipefail
export LC_ALL=C
# Whatever is caught at all is caught within the first thirty thousand executions, most of it within a few, so all models
# have a short look first. Those that equivalent.txt expects to survive get no more than that but in the long run.
looks=(4000 40000)
names=(copying_reader leasing_reader sleepers doorbell slow_wakes session_removal hazard_pointers latest_answer cache_visitors)

# try MODELS MUTANT...: the verdict on these mutants together
if [ "$1" = try ]; then
    models=$2
    shift 2
    arguments=()
    for mutant in "$@"; do arguments+=(--mutant "$mutant"); done
    if [ $# = 1 ] && [ -z "${NETIPC_TEST_LONG:-}" ] && grep -qxF "$1" "${EXPECTED:-/dev/null}"; then
        looks=("${looks[0]}")
    fi
    verdict='not reached'
    for iterations in "${looks[@]}"; do
        for name in "${names[@]}"; do
            status=0
            said=$("$models/model_$name" --quiet --iterations "$iterations" "${arguments[@]}" 2>&1 | tail -n 1) || status=$?
            case $status in
            0) verdict=survives ;;
            1) verdict="caught by $name: $said" ;;
            3) continue ;;
            *) verdict="broken: $said" ;;
            esac
            [ "$verdict" = survives ] || break 2
        done
    done
    printf '%s\t%s\n' "$*" "$verdict"
    exit 0
fi

tree=$(cd "$1" && pwd)
models=$(cd "$2" && pwd)
shift 2
compile=("$@")
here=$tree/tests/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail()
{
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# place FILE TEXT TO: the mutant that equivalent.txt means
place()
{
    local lines
    lines=$(grep -nF -- "$2" "$1" | cut -d: -f1)
    [[ $lines =~ ^[0-9]+$ ]] || {
        echo "FAIL: equivalent.txt: \"$2\" is in lines \"${lines//$'\n'/ }\" of $1" >&2
        return 1
    }
    if [ "$3" = swap ]; then
        echo "$1:$lines:swap"
        return
    fi
    grep -E "^$1:$lines:[a-z_]+:$3\$" "$work/mutants" || {
        echo "FAIL: equivalent.txt: no mutant $1:$lines to $3" >&2
        return 1
    }
}

# The mutants that equivalent.txt names, but for swaps.
expected_survivors()
{
    grep '^mutant' "$here/equivalent.txt" | sed -E 's/ +/\t/; s/ \| /\t/g' | while IFS=$'\t' read -r _ file text to; do
        [ "$to" = swap ] || place "$file" "$text" "$to" 2>/dev/null || true
    done
}

cd "$tree"
shipped=(shm/ring_publisher.c shm/ring_reader.c shm/session_table.c shm/wait.c)
awk -f "$here/mutants.awk" "${shipped[@]}" "$models"/hazard_*.inc "$models"/latest_functions.inc "$models"/visitors_functions.inc >"$work/mutants"
expected_survivors >"$work/expected"
EXPECTED=$work/expected xargs -P 2 -n 1 bash "$here/mutants.sh" try "$models" <"$work/mutants" | sort >"$work/verdicts"
[ "$(wc -l <"$work/mutants")" = "$(wc -l <"$work/verdicts")" ] || fail 'not every mutant has a verdict'
[ "$(wc -l <"$work/mutants")" -gt 20 ] || fail 'hardly any mutants were found in the shipped files'

: >"$work/equivalent"
while IFS=$'\t' read -r what file text to; do
    case $what in
    mutant)
        mutant=$(place "$file" "$text" "$to") || {
            fail 'see above'
            continue
        }
        echo "$mutant" >>"$work/equivalent"
        [ "$to" != swap ] || continue
        verdict=$(grep -F "$mutant"$'\t' "$work/verdicts" | cut -f2)
        [ "$verdict" = survives ] || fail "$mutant is named in equivalent.txt, but: $verdict"
        ;;
    with)
        [ "$file" != - ] || continue
        partner=$(place "$file" "$text" "$to") || {
            fail 'see above'
            continue
        }
        both=$(bash "$here/mutants.sh" try "$models" "$mutant" "$partner")
        [[ $both == *$'\t'caught* ]] || fail "not caught: $both"
        echo "$both"
        ;;
    esac
done < <(grep -E '^(mutant|with)' "$here/equivalent.txt" | sed -E 's/ +/\t/; s/ \| /\t/g')

while IFS=$'\t' read -r mutant verdict; do
    printf '%s\t%s\n' "$mutant" "$verdict"
    case $verdict in
    caught*) ;;
    survives) grep -qxF "$mutant" "$work/equivalent" || fail "$mutant survives" ;;
    *) fail "$mutant: $verdict" ;;
    esac
done <"$work/verdicts"

# text_mutant NAME FILE: models of the changed tree in $work/changed
text_mutant()
{
    local name status verdict='survives' said
    for name in "${names[@]}"; do
        grep -qF "#include \"$2\"" "$here/$name.cpp" || continue
        if ! "${compile[@]}" -I"$work/changed" -I"$tree" "$here/$name.cpp" -o "$work/model" >"$work/log" 2>&1; then
            cat "$work/log"
            verdict='does not compile'
            break
        fi
        status=0
        said=$("$work/model" --quiet --iterations "${looks[1]}" 2>&1 | tail -n 1) || status=$?
        if [ $status = 1 ]; then
            verdict="caught by $name: $said"
            break
        fi
    done
    printf '%s\t%s\n' "$1" "$verdict"
    if grep -qxF "$1" "$work/equivalent"; then
        [ "$verdict" = survives ] || fail "$1 is named in equivalent.txt, but: $verdict"
    else
        [[ $verdict == caught* ]] || fail "$1: $verdict"
    fi
}

if [ -n "${NETIPC_TEST_LONG:-}" ]; then
    for file in "${shipped[@]}"; do
        while IFS=$'\t' read -r what first second; do
            rm -rf "$work/changed"
            mkdir -p "$work/changed/${file%/*}"
            awk -v what="$what" -v first="$first" -v second="$second" -f "$here/change.awk" "$file" >"$work/changed/$file"
            text_mutant "$file:$first:$what" "$file"
        done < <(awk -f "$here/steps.awk" "$file")
    done
fi

echo "$(wc -l <"$work/mutants") memory orders and fences, $(wc -l <"$work/equivalent") mutants in equivalent.txt; $failures failures"
[ $failures = 0 ]
