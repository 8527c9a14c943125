#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: lint.sh CHECK TREE BUILD
#   format   clang-format finds nothing to change
#   shell    shellcheck finds nothing in the scripts
#   tidy     clang-tidy, with the checks of .clang-tidy, finds nothing in what BUILD compiles
set -euo pipefail
check=$1
tree=$2
build=$3
cd "$tree"

needs()
{
    command -v "$1" >/dev/null || {
        echo "skip: $1 is not installed (tools/prepare.sh --group lint --no-build installs it)"
        exit 77
    }
}

existing()
{
    find . -path './build*' -prune -o -path ./.git -prune -o -type f "$@" -print0
}

case $check in
format)
    needs clang-format
    files=$(existing -name '*.[ch]' | xargs -0 clang-format --dry-run 2>&1 | sed -n 's/^\(.*\):[0-9]*:[0-9]*: warning.*/\1/p' | sort -u)
    if [ -n "$files" ]; then
        printf 'clang-format -i has something to change in:\n%s\n' "$files"
        exit 1
    fi
    ;;
shell)
    needs shellcheck
    existing \( -name '*.sh' -o -path './.ci/*' \) | xargs -0 shellcheck
    ;;
tidy)
    needs clang-tidy
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | sort -u | tr '\n' '\0' |
        xargs -0 -n 4 -P 2 clang-tidy -p "$build" --quiet 2>&1 | { grep -v '^[0-9]* warnings\{0,1\} generated\.$' || true; }
    ;;
*)
    echo "unknown check $check"
    exit 2
    ;;
esac
