#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: headers.sh TREE CC CXX: compiles every public header alone, as C11 and as C++17, with these compilers.
set -euo pipefail
cd "$1"
status=0
for header in include/netipc/*.h; do
    line="#include <${header#include/}>"
    "$2" -std=c11 -Wall -Wextra -pedantic -Werror -Iinclude -x c -fsyntax-only - <<<"$line"$'\nextern int something;' || status=1
    "$3" -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -x c++ -fsyntax-only - <<<"$line"$'\nextern int something;' || status=1
    if [ "$header" != include/netipc/netipc.h ] && ! grep -qF "$line" include/netipc/netipc.h &&
        [ "$header" != include/netipc/export.h ]; then
        echo "include/netipc/netipc.h leaves out $header"
        status=1
    fi
done
exit $status
