# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of shmbench.sh
# What the cases of shmbench report share: it makes things in $place.
place=$(mktemp -d -p "$(dirname "$work")")

finish()
{
    [ "$running" = 0 ] || kill -KILL "$running" 2>/dev/null || true
    rm -rf "$work" "$TMPDIR" "$place"
}

# report ARGUMENTS…: a short one in $place, of three rows
part=(--quick --only 'publish-32-1 publish-64-1 read-32-1' --state "$place/state" --output "$place")
report()
{
    "$shmbench" report "${part[@]}" "$@" >stdout 2>stderr
}

# report_wrong STATUS TEXT ARGUMENTS…: it says so, and nothing in $place but the kept rows has changed
report_wrong()
{
    local status=$1 text=$2 got=0 before after
    shift 2
    before=$(document_and_pictures)
    "$shmbench" report "$@" >stdout 2>stderr || got=$?
    [ "$got" = "$status" ] || fail "report $*: exit status $got, not $status: $(cat stderr)"
    grep -qF -- "$text" stderr || fail "report $*: does not say '$text' but: $(cat stderr)"
    after=$(document_and_pictures)
    [ "$before" = "$after" ] || fail "report $*: replaced $before by $after"
    nothing_left
}

document_and_pictures()
{
    find "$place" -path "$place/state" -prune -o -type f -exec cksum {} +
}

# told TEXT: it is in the document
told()
{
    grep -qF -- "$1" "$place/benchmarks.md" || fail "the document does not say '$1': $(cat "$place/benchmarks.md")"
}

# Every picture of the document is there, and no other.
pictures_fit()
{
    local linked there
    linked=$(grep -o '](benchmarks/[^)]*svg)' "$place/benchmarks.md" | sed 's/^](//; s/)$//' | sort)
    there=$(cd "$place" && find benchmarks -name '*.svg' | sort)
    [ -n "$linked" ] || fail 'the document has no picture'
    [ "$linked" = "$there" ] || fail "linked: $linked; there: $there"
    for linked in $linked; do
        grep -q '</svg>' "$place/$linked" || fail "$linked is not whole"
        [ -s "$place/${linked%svg}png" ] || fail "$linked is there, but not as PNG"
    done
}
