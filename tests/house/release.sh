#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# release.sh TREE CMAKE COMPILER: the library compiles without a warning with -O3 -DNDEBUG as well, where compilers see
# more than at the level of the tests.
set -euo pipefail
tree=$1 cmake=$2 compiler=$3
rm -rf build
"$cmake" -S "$tree" -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_C_COMPILER="$compiler" -DNETIPC_BUILD_TESTS=OFF \
    -DNETIPC_BUILD_BENCH=OFF -DNETIPC_BUILD_TOOLS=OFF >configure.log || { cat configure.log; exit 1; }
grep -q -- '-Werror' build/compile_commands.json || { echo 'FAIL: warnings are no errors here'; exit 1; }
"$cmake" --build build --target netipc_shared >build.log || { cat build.log; exit 1; }
rm -rf build
