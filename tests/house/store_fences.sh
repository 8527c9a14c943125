#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: store_fences.sh SHARED_LIBRARY: what goes past the caches of x86, or may, has a fence in front, and of what this
# library writes so there is one behind. Hardly a processor shows what happens without, so this looks at instructions.
set -euo pipefail
export LC_ALL=C
library=$1
objdump -f "$library" | grep -q x86-64 || {
    echo 'skip: not a library for x86-64'
    exit 77
}
status=0

# expect FUNCTION PATTERN: its fences (f) and stores past the caches (s), in their order
expect()
{
    local found
    found=$(objdump -d --no-show-raw-insn --disassemble="$1" "$library" |
        awk '/\tsfence/ || /<netipc_payload_order(@plt)?>$/ { printf "f" } /\tv?movnt/ { printf "s" }')
    [[ $found =~ ^$2$ ]] || {
        echo "$1 has \"$found\", not \"$2\" (f: fence, s: store past the caches)"
        status=1
    }
}

expect netipc_payload_stream_in 'f+s[fs]*f'
expect netipc_payload_copy_in 'f+'
expect netipc_payload_clear 'f+'
expect netipc_publish_begin 'f+'
exit $status
