# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
# The broker of iceoryx is a process of the measurement, in a place of its own, and ends with it.
"$shmbench" peers --help | grep -q '^Transports:.* iceoryx' || {
    echo 'skip: iceoryx is not built in (packages: tools/prepare.sh --group peers)'
    exit 77
}
in_memory
# Where it would be if it had no place of its own.
elsewhere=$(ls /tmp/roudi /dev/shm/iceoryx_mgmt 2>/dev/null || true)
measure peers --peers iceoryx --wait spin --size 64 "${tiny[@]}"
json=$(jq '.results["64"].iceoryx' <<<"$json")
if jq -e 'has("unable")' >/dev/null <<<"$json"; then
    expect '.unable | contains("mounts of its own")'
    echo "skip: $(jq -r .unable <<<"$json")"
    exit 77
fi
expect '.delivers == "latest" and .spin.flat_out.delivered > 0'

broker_starts()
{
    start peers --peers iceoryx --size 64
    broker=
    until [ -n "$broker" ]; do
        kill -0 "$running" || fail "it has ended: $(cat stderr)"
        sleep 0.05
        broker=$(children | while read -r worker; do
            ! grep -qsx iox-roudi "/proc/$worker/comm" || echo "$worker"
        done)
    done
    workers+=" $broker"
}

# One beside the other, and no name of either outside.
broker_starts
"$shmbench" peers --peers iceoryx --wait block --size 64 "${tiny[@]}" --quiet --json other.json
jq -e '.results["64"].iceoryx.block.flat_out.delivered > 0' other.json >/dev/null || fail "$(cat other.json)"
rm other.json
[ "$(ls /tmp/roudi /dev/shm/iceoryx_mgmt 2>/dev/null || true)" = "$elsewhere" ] || fail 'it has left its place'
kill -TERM "$running"
ended 143
nothing_left
broker_starts
kill -KILL "$running"
ended 137
rm -rf "${TMPDIR:?}"/*

# Without it, what to do is said.
mkdir none
got=0
env PATH="$PWD/none" "$(realpath "$shmbench")" peers --peers iceoryx --size 64 "${tiny[@]}" >stdout 2>stderr || got=$?
[ $got = 52 ] || fail "exit status $got without its program"
grep -qF 'there is no iox-roudi; install the package iceoryx' stderr || fail "$(cat stderr)"
