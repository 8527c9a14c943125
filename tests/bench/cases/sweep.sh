# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
needs_gnuplot
grid=(--spin-ns "0,1000:100000:x100" --hz "2000,20000")
# The table goes to the standard output, whole, and nothing beside it.
measure sweep "${grid[@]}" --duration 0.2 --readers 2
expect '.params == {size: 64, readers: 2, hz: [2000, 20000], duration: 0.2, repeat: 11, spin_ns: [0, 1000, 100000]}'
# shellcheck disable=SC2016
expect '.results.points | map([.hz, .spin, .spin_ns]) == [(2000, 20000) as $hz |
    ([0, 1000, 100000][] | [$hz, "fixed", .]), [$hz, "adaptive", 50000]]'
expect ".results.points | all(.latency_ns | $distribution)"
expect ".results.points | all(.latency_p50_ns, .subscriber_cpu_ns | $runs)"
expect '.results.points | all(.seen + .missed == 2 * .publications and .latency_ns.n == .seen)'
expect '.results.points | all(.publish_ns.n == .publications and .publications_per_second > 0 and .cost_ns > 0)'
expect '.results.points | map(select(.spin_ns == 0)) | all(.spins == 0) and (map(.sleeps) | add > 0)'
expect '.results.points | map(select(.spin == "fixed" and .spin_ns > 0).spins) | add > 0'
# What is recommended follows from the points by the documented rule.
# shellcheck disable=SC2016
expect '.results as $all | $all.knees | map(.hz) == [2000, 20000] and all(. as $knee | $all.points |
    map(select(.hz == $knee.hz and .spin == "fixed")) | (map(.cost_ns) | min) as $least |
    map(select(.cost_ns <= $least * 1.1)) | .[0].spin_ns == $knee.spin_ns)'
expect '.results.knee | .spin == "adaptive" and .slow_wake_ns >= 100000 and .wake_ns > 0'
# shellcheck disable=SC2016
expect '.results as $all | $all.knees | all(. as $knee | $all.points |
    map(select(.hz == $knee.hz and .spin == "fixed")) | .[0].cost_ns as $least |
    any(.spin_ns >= 1e9 / .hz and .cost_ns < $least) == $knee.spinning_pays)'
expect '.results | .knee.spin_ns == if .knees[1].spinning_pays then 158113 else 0 end'
expect '.ratios.adaptive_over_knee > 0'

"$shmbench" sweep "${grid[@]}" --duration 0.1 --quiet --json - --csv points.csv --plot picture --profile machine >stdout
json=$(cat stdout)
expect '.results.points | length == 8'
[ "$(wc -l <points.csv)" = 9 ] || fail "$(cat points.csv)"
[ "$(awk -F, '{ print NF }' points.csv | sort -u)" = 21 ] || fail "$(cat points.csv)"
[ "$(awk -F, '$NF == 1' points.csv | wc -l)" = 2 ] || fail "not one knee for each rate: $(cat points.csv)"
grep -q '</svg>' picture.svg || fail 'the SVG is not whole'
[ "$(tail -c 8 picture.png | head -c 4)" = IEND ] || fail 'the PNG is not whole'
grep -qx "spin_ns = $(jq .results.knee.spin_ns <<<"$json")" machine || fail "$(cat machine)"
grep -qx "slow_wake_ns = $(jq .results.knee.slow_wake_ns <<<"$json")" machine || fail "$(cat machine)"
[ "$(grep -c '^# The machine changed' machine || true)" = "$(jq 'if .stable then 0 else 1 end' <<<"$json")" ] ||
    fail "$(cat machine)"
# It is taken by what takes profiles.
"$shmbench" latency --duration 0.011 --repeat 11 --hz 5000 --quiet --profile machine --json latency
[ "$(jq .params.spin_ns latency)" = "$(jq .results.knee.spin_ns <<<"$json")" ] || fail "$(cat latency)"
printf 'netipc_profile = 1\nspin = fixed\nspin_ns = 1000\n' >machine
"$shmbench" latency --duration 0.022 --repeat 11 --hz 1000 --quiet --profile machine --json latency
jq -e '.results.spins > 0' latency >/dev/null || fail "$(cat latency)"
if "$shmbench" --help | grep '^  fanout ' >/dev/null; then
    "$shmbench" fanout "${tiny[@]}" --hz 1000 --items 1 --readers 1 --quiet --profile machine --json latency
    jq -e '.params | .spin == "fixed" and .spin_ns == 1000' latency >/dev/null || fail "$(cat latency)"
fi
echo 'spin_ns = 2' >>machine
mv machine "$TMPDIR"
rm points.csv picture.svg picture.png latency
got=0
"$shmbench" latency --quiet --profile "$TMPDIR/machine" 2>stderr || got=$?
[ $got = 30 ] || fail "a profile that is wrong gives exit status $got"
grep -q 'machine: .*line 4: spin_ns for the second time' stderr || fail "$(cat stderr)"
rm "$TMPDIR/machine"
wrong 52 'shmbench sweep --profile FILE writes one' latency --profile nowhere
wrong 64 'leave --wait and --spin-ns out' latency --profile x --spin-ns 1

# Nothing is measured, and nothing left, when it could not be written.
wrong 52 '--csv missing/points: cannot write' sweep --csv missing/points
wrong 52 '--plot missing/picture.svg: cannot write' sweep --csv points --plot missing/picture
wrong 52 '--profile /dev/null: there is something that is not a file' sweep --profile /dev/null
wrong 64 'only one of' sweep --csv - --json -
wrong 64 'two name the same file' sweep --csv points --json points
wrong 64 'pictures do not go to the standard output' sweep --plot -
wrong 64 '--spin-ns 1:2: not one of' sweep --spin-ns 1:2
wrong 64 '--hz 0,1: not one of' sweep --hz 0,1
wrong 64 '--csv says nothing to latency' latency --csv points
shmbench=$(command -v "$shmbench")
got=0
timeout 30 env PATH=/nowhere "$shmbench" sweep --plot picture 2>stderr || got=$?
[ $got = 24 ] || fail "without gnuplot: exit status $got"
grep -q 'install the package gnuplot-nox' stderr || fail "$(cat stderr)"
nothing_left
# Interrupted, it leaves what was there before.
echo 'the old one' | tee points.csv picture.svg picture.png >machine
start sweep "${grid[@]}" --csv points.csv --plot picture --profile machine
kill -INT "$running"
ended 130
for file in points.csv picture.svg picture.png machine; do
    [ "$(cat $file)" = 'the old one' ] || fail "$file was replaced"
    rm $file
done
nothing_left
