# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
# shellcheck source=/dev/null
. "$(dirname "$script")/../report.sh"
needs_gnuplot
printf '# Notes\n\n## publish-64\n\nIt rained.\n' >"$place/benchmarks-notes.md"
report || fail "$(cat stderr)"
nothing_left
grep -q '3 of [0-9]* measurements' stdout || fail "$(cat stdout)"
told 'This is a partial report: 3 of'
told 'for a tenth of the time: to try the report'
told '| publish-64 |'
told '| 32 B | 1 |'
told '| ≤ 8 ns | – | not measured |'
# A sanitizer is far from the goal.
! grep -q '^| publish-64 .*not met' "$place/benchmarks.md" || told 'It rained.'
if grep -q '^| publish-64 .*| met' "$place/benchmarks.md" && grep -q 'It rained' "$place/benchmarks.md"; then
    fail 'a reason for what is met'
fi
pictures_fit
arguments=$(jq -r .arguments "$place/state/publish-64-1.json")
[ "$arguments" = 'publish --size 64 --readers 1 --quick --repeat 11 --duration 0.1' ] || fail "$arguments"
# What fails leaves all of it as it was.
report_wrong 24 'row publish-32-1 has failed' "${part[@]}" --cpus 0,999999
rm -r "$place/state"
got=0
PATH=/nowhere "$shmbench" report --quick --only 'read*' --state "$place/state" --output "$place" 2>stderr || got=$?
[ $got = 24 ] || fail "exit status $got: $(cat stderr)"
grep -q 'install the package gnuplot-nox' stderr || fail "$(cat stderr)"
[ -z "$(ls "$place/state")" ] || fail 'measured without gnuplot'
printf '\n## publsh\n' >>"$place/benchmarks-notes.md"
report_wrong 64 'section ## publsh is of no goal' "${part[@]}"
report_wrong 64 'name a directory for it with --output' --quick
report_wrong 64 'name a directory for it with --output' --only 'publish*'
report_wrong 64 'no row of that name' --only 'publsh*' --output "$place"
report_wrong 64 'excludes --state' --from "$place/state" --state "$place/state"
report_wrong 64 'keeps no rows' --from "$place/state" --output "$work"
report_wrong 52 'cannot open this directory' --output "$place/nowhere"
report_wrong 64 '--json says nothing to report' --json result.json
"$shmbench" report --list | grep '^rpc-16 .*rpc --clients 16$' >/dev/null || fail 'the rows are not listed'
