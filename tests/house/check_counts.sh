#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: check_counts.sh TREE CMAKE CTEST: what tools/check.sh counts of a run of ctest in which everything happens
set -euo pipefail
tree=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# lines of a cmocka program
run='[ RUN      ]'
good='[       OK ]'
skip='[  SKIPPED ]'
fail='[  FAILED  ]'

# program NAME STATUS LINE...
program()
{
    {
        echo '#!/bin/sh'
        printf 'echo "%s"\n' "${@:3}"
        echo "exit $2"
    } >"$1"
    chmod 755 "$1"
    # shellcheck disable=SC2016 # a variable of CMake
    printf 'add_test(NAME %s COMMAND ${CMAKE_SOURCE_DIR}/%s)\n' "$1" "$1" >>CMakeLists.txt
    printf 'set_tests_properties(%s PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 30)\n' "$1" >>CMakeLists.txt
}

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(counts NONE)
enable_testing()
END
program plain_passes 0 'fine'
program plain_fails 1 'no'
program plain_skips 77 'skip: needs <root> & more'
program plain_skips_dumbly 77 'no reason'
program functions_pass 0 "$run one" "$good one" "$run two" "$good two"
program function_fails 1 "$run one" "$good one" "$run two" "$fail two" "$fail 1 test(s), listed below:" "$fail two"
program function_skips 0 "$run one" 'skip: no cgroup v2' "$skip one" "$run two" "$good two" "$skip 1 test(s)" "$skip one"
program dies_within 134 "$run one" "$good one" "$run two"
program leaks_at_its_end 1 "$run one" "$good one"
cat >>CMakeLists.txt <<'END'
add_test(NAME is_not_there COMMAND ${CMAKE_SOURCE_DIR}/is_not_there)
add_test(NAME hangs COMMAND sleep 30)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
END
"$2" -S . -B build >/dev/null
"$3" --test-dir build --output-junit "$work/junit.xml" --test-output-size-passed 1000000 \
    --test-output-size-failed 1000000 >/dev/null 2>&1 || true
awk -v prefix='x: ' -f "$tree/tools/check_counts.awk" junit.xml >counts
diff - counts <<'END'
fail x: plain_fails
skip x: plain_skips: needs <root> & more
skip x: plain_skips_dumbly: no reason given
fail x: function_fails: two
skip x: function_skips: one: no cgroup v2
fail x: dies_within: two
fail x: leaks_at_its_end: the program itself, outside of its functions
fail x: is_not_there: Unable to find executable
fail x: hangs
counts 7 6 3
END
