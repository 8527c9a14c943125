#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo_runs.sh SOURCE BUILD: tools/demo.sh as a newcomer runs it, but short and on what is built already.
set -u
demo=$1/tools/demo.sh
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect()
{
    local wanted=$1 status=0
    shift
    "$@" >"$work/output" 2>&1 || status=$?
    [ $status = "$wanted" ] && return
    cat "$work/output"
    printf 'demo_runs.sh: exit %s where %s was expected: %s\n' "$status" "$wanted" "$*" >&2
    exit 1
}

expect 0 "$demo" --help
expect 2 "$demo" --seconds 0
expect 2 "$demo" --seconds
expect 2 "$demo" --nonsense
expect 1 "$demo" --skip-build --build-dir "$work"
grep -q 'without --skip-build' "$work/output" || exit 1

if [ "$(id -u)" != 0 ]; then
    echo 'skipped: making cgroups takes root'
    exit 77
fi
"$demo" --seconds 5 --skip-build --build-dir "$build" 2>&1 | tee "$work/output"
status=${PIPESTATUS[0]}
if [ "$status" != 0 ] && grep -q '^demo.sh: cannot make .*compared (they agreed)' "$work/output"; then
    echo 'skipped: root may not make cgroups here'
    exit 77
fi
[ "$status" = 0 ] || exit 1
name=$(grep -om 1 'netipc-demo-[0-9]*' "$work/output")
left=$(find /sys/fs/cgroup -type d -name "$name" 2>/dev/null)
[ -z "$left" ] || {
    printf 'left behind: %s\n' "$left"
    exit 1
}
