#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh PROGRAM SECONDS CORPUS KEEP: libFuzzer for so long, beginning with CORPUS, into which nothing is written.
# An input that crashes, hangs or leaks is kept in the directory KEEP.
set -euo pipefail
program=$1
seconds=$2
corpus=$3
keep=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(basename "$program")
status=0
"$program" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    "-artifact_prefix=$keep/$name-" "$work" "$corpus" 2>"$work.log" || status=$?
grep '^stat::' "$work.log" || true
echo "new inputs: $(find "$work" -type f | wc -l)"
if [ $status != 0 ]; then
    tail -n 60 "$work.log"
    input=$(sed -n 's/^artifact_prefix=.*Test unit written to //p' "$work.log" | tail -n 1)
    echo "The input that did it is kept; to repeat: $program $input"
    echo "The programs of the same name in other builds take it, too. Once the bug is fixed, it belongs into $corpus."
fi
rm -f "$work.log"
exit $status
