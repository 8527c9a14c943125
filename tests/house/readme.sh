#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: readme.sh TREE PUBLISH FOLLOW: README and documents show examples/ as they are, and they do what they say.
set -euo pipefail
tree=$1
publish=$2
follow=$3
work=$(mktemp -d)
pids=()
finish()
{
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

# A block of C stands behind the name of its file.
for place in README.md:publish README.md:follow docs/cache.md:cgroups; do
    name=${place#*:}
    document=${place%:*}
    awk -v mark="<!-- examples/$name.c -->" '
        $0 == mark { near = 1; next }
        near && $0 == "```c" { on = 1; next }
        on && $0 == "```" { exit }
        on { print }' "$tree/$document" >"$name.c"
    if ! diff "$name.c" <(tail -n +2 "$tree/examples/$name.c"); then
        echo "$document (<) and examples/$name.c (>) differ"
        exit 1
    fi
done

"$publish" &
pids+=($!)
"$follow" >followed &
pids+=($!)
# The limit of this test is ctest's.
until [ "$(grep -cE '^generation [0-9]+: second [0-9]+$' followed)" -ge 2 ]; do
    kill -0 "${pids[@]}" || exit 1
    sleep 0.1
done
cat followed
