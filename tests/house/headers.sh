#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: headers.sh TREE CC CXX: compiles every public header alone, as C11 and as C++17, with these compilers and with
# clang++, and as strictly as a project that embeds them may.
set -euo pipefail
cd "$1"
status=0
warnings=(-Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wcast-align -Werror)
cxx=("$3")
if type clang++ >/dev/null 2>&1; then cxx+=(clang++); fi # GCC does not warn of casts within extern "C"
for header in include/netipc/*.h; do
    line="#include <${header#include/}>"
    "$2" -std=c11 "${warnings[@]}" -Wstrict-prototypes -Iinclude -x c -fsyntax-only - <<<"$line"$'\nextern int something;' ||
        status=1
    for compiler in "${cxx[@]}"; do
        "$compiler" -std=c++17 "${warnings[@]}" -Wold-style-cast -Iinclude -x c++ -fsyntax-only - \
            <<<"$line"$'\nextern int something;' || status=1
    done
    if [ "$header" != include/netipc/netipc.h ] && ! grep -qF "$line" include/netipc/netipc.h &&
        [ "$header" != include/netipc/export.h ]; then
        echo "include/netipc/netipc.h leaves out $header"
        status=1
    fi
done
exit $status
