#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: corpus.sh FUZZ_SEEDS CORPUS: what FUZZ_SEEDS writes is in CORPUS as it is; more files may be there
set -euo pipefail
seeds=$1
corpus=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$seeds" "$work"
status=0
while read -r file; do
    cmp "$work/$file" "$corpus/$file" || status=1
done < <(cd "$work" && find . -type f)
if [ $status != 0 ]; then
    echo "The corpus is not what the encoders make now. To make it anew: $seeds $corpus"
fi
exit $status
