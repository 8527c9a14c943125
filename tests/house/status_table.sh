#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: status_table.sh TREE STATUS_LIST: docs/status.md, include/netipc/status.h and the library (printed by the
# program STATUS_LIST) name the same statuses.
set -euo pipefail
export LC_ALL=C
tree=$1
"$2" >status.library
status=0

sed -n 's/^ *\(NETIPC_[A-Z_]*\) = \([0-9]*\)\(,.*\|\)$/\2|\1/p; s/^ *\(NETIPC_[A-Z_]*\) = \([0-9]*\) .*$/\2|\1/p' \
    "$tree/include/netipc/status.h" >status.header
if ! [ -s status.header ] || ! diff <(cut -d'|' -f1,2 status.library) status.header; then
    echo 'netipc_status_name() (<) and include/netipc/status.h (>) differ'
    status=1
fi

# | number | `name` | meaning | what to do next | exit code |
awk -F' *[|] *' '/^\| [0-9]/ { gsub(/`/, "", $3); print $2 "|" $3 "|" $4 }' "$tree/docs/status.md" >status.docs
if ! diff status.library status.docs; then
    echo 'the library (<) and docs/status.md (>) differ'
    status=1
fi
awk -F' *[|] *' '/^\| [0-9]/ && (NF != 7 || $5 == "" || $6 != $2) { print; bad = 1 } END { exit bad }' \
    "$tree/docs/status.md" || {
    echo 'docs/status.md: each line needs five columns, what to do next, and the number as the exit code'
    status=1
}
exit $status
