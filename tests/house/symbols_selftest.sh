#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: symbols_selftest.sh CC: made-up libraries, each with one offence that symbols.sh has to find.
set -euo pipefail
cc=$1
check=$(cd "$(dirname "$0")" && pwd)/symbols.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p include/netipc
cat >include/netipc/a.h <<'END'
#define NETIPC_API __attribute__((visibility("default")))
NETIPC_API int netipc_one(void);
NETIPC_API int
netipc_two(int (*callback)(void));
END
echo 'NETIPC_0 { global: *; };' >map
status=0

# library SONAME SOURCE
library()
{
    printf '#include "include/netipc/a.h"\n#include <stdio.h>\n#include <stdlib.h>\n%s\n' "$2" >a.c
    "$cc" -fPIC -fvisibility=hidden -c a.c -o a.o
    rm -f liba.a
    ar rc liba.a a.o
    "$cc" -shared -Wl,-soname,"$1" -Wl,--version-script=map a.o -o liba.so
}

expect()
{
    local expected=$1 name=$2 what=$3 found=accepted
    bash "$check" "$name" . liba.so liba.a >out || found=refused
    if [ $found != "$expected" ]; then
        echo "$what: $name was $found"
        cat out
        status=1
    fi
}

good='static _Thread_local int last; int netipc_one(void) { return ++last; }
static const char *const names[] = {"a", "b"};
int netipc_two(int (*callback)(void)) { return names[callback() & 1][0]; }'
library libnetipc.so.0 "$good"
for name in exports prefix globals undefined; do
    expect accepted $name 'a good library'
done
library libnetipc.so.1 "$good"
expect refused exports 'another SONAME'
library libnetipc.so.0 'int netipc_one(void) { return 1; }'
expect refused exports 'a declared function that is missing'
library libnetipc.so.0 "$good __attribute__((visibility(\"default\"))) int netipc_three(void) { return 3; }"
expect refused exports 'an undeclared function that is exported'
library libnetipc.so.0 "$good int helper(void) { return 3; }"
expect refused prefix 'a global function without netipc_'
for data in 'static int count; int *netipc_c(void) { return &count; }' 'static int count = 5; int *netipc_c(void) { return &count; }' \
    'int netipc_count;' '__attribute__((common)) int netipc_count;'; do
    library libnetipc.so.0 "$good $data"
    expect refused globals "$data"
done
for call in 'abort()' 'exit(1)' 'printf("%d", netipc_one())' 'puts("")' 'fprintf(stderr, "%d", netipc_one())' \
    'if (getenv("X")) netipc_one()' 'perror("")'; do
    library libnetipc.so.0 "$good void netipc_c(void) { $call; }"
    expect refused undefined "$call"
done
exit $status
