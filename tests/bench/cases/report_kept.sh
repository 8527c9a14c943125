# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
# shellcheck source=/dev/null
. "$(dirname "$script")/../report.sh"
needs_gnuplot
# It is interrupted when it has measured one row.
env --default-signal=INT "$shmbench" report "${part[@]}" 2>stderr >stdout &
running=$!
until [ -e "$place/state/publish-32-1.json" ]; do
    kill -0 $running 2>/dev/null || fail "it has ended: $(cat stderr)"
    sleep 0.02
done
kill -INT "$running"
# shellcheck disable=SC2034 # ended() looks at it
workers=
ended 130
grep -q 'nothing was replaced; .* --resume goes on' stderr || fail "$(cat stderr)"
[ "$(ls -A "$place")" = state ] || fail "made of a part: $(ls -A "$place")"
nothing_left
kept=$(cksum "$place/state/publish-32-1.json")
# It is not begun anew by mistake, and goes on where it was.
report_wrong 64 'did not come to its end: go on with --resume' "${part[@]}"
sleep 1.1 # parts are told apart by the second in which they began
report --resume || fail "$(cat stderr)"
grep -q '^shmbench: [12] rows are taken over' stderr || fail "$(cat stderr)"
[ "$kept" = "$(cksum "$place/state/publish-32-1.json")" ] || fail 'a finished row was measured again'
told 'Measured in parts'
pictures_fit
# Only what is of this program, measured like this, and whole is taken over.
sed -i 's/"program": *"/&0/' "$place/state/publish-32-1.json"
sed -i 's/"arguments": *"[^"]*/& --cpus 0,1/' "$place/state/publish-64-1.json"
echo '{' >"$place/state/read-32-1.json"
report --resume || fail "$(cat stderr)"
grep -q '^shmbench: 0 rows are taken over' stderr || fail "$(cat stderr)"
grep -q '2 rows there are measured again: the last of them is measured in another way' stderr || fail "$(cat stderr)"
pictures_fit
# The document again, of what is kept, while nobody else has it.
before=$(sed 's/benchmarks\/[^)]*//' "$place/benchmarks.md")
rm "$place/benchmarks.md"
"$shmbench" report --from "$place/state" --output "$place" >stdout 2>stderr || fail "$(cat stderr)"
[ "$before" = "$(sed 's/benchmarks\/[^)]*//' "$place/benchmarks.md")" ] || fail 'it makes another document of the same'
pictures_fit
sed -i 's/"kernel": *"/&no /' "$place/state/read-32-1.json"
report_wrong 64 'keeps read-32-1 from another program or machine' --from "$place/state" --output "$place"
sed -i 's/"kernel": *"no /"kernel": "/' "$place/state/read-32-1.json"
flock "$place/state" "$shmbench" report --from "$place/state" --output "$place" 2>stderr && fail 'two at a time'
grep -q 'another report uses' stderr || fail "$(cat stderr)"
# A finished report may be begun anew.
report || fail "$(cat stderr)"
! grep -q 'taken over' stderr || fail "$(cat stderr)"
pictures_fit
