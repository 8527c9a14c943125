#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: lint.sh CHECK TREE BUILD
#   format   clang-format finds nothing to change
#   shell    shellcheck finds nothing in the scripts
#   tidy     clang-tidy, with the checks of .clang-tidy, finds nothing in what BUILD compiles of the library, the
#            programs and the examples. Its analyzer, which takes most of the time, looks at the programs and examples
#            with NETIPC_TEST_LONG=1 only.
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

# The files of the tree whose path matches a regular expression, each ended by NUL; without git, all but build*/.
files()
{
    {
        git ls-files --cached --others --exclude-standard 2>/dev/null ||
            find . -path './build*' -prune -o -path ./.git -prune -o -type f -print | sed 's,^\./,,'
    } | grep -E "$1" | while read -r file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done
}

# tidy [-v] REGEX [OPTION...]: looks at those of the files on stdin whose names match
tidy()
{
    local select=()
    if [ "$1" = -v ]; then
        select=(-v)
        shift
    fi
    local regex=$1
    shift
    grep -E "${select[@]}" -- "$regex" | tr '\n' '\0' | xargs -0 -n 4 -P 2 clang-tidy -p "$build" --quiet "$@" 2>&1 |
        { grep -v '^[0-9]* warnings\{0,1\} generated\.$' || true; }
}

case $check in
format)
    needs clang-format
    wrong=$(files '\.[ch]$' | xargs -0 clang-format --dry-run 2>&1 | sed -n 's/^\(.*\):[0-9]*:[0-9]*: warning.*/\1/p' | sort -u)
    if [ -n "$wrong" ]; then
        printf 'clang-format -i has something to change in:\n%s\n' "$wrong"
        exit 1
    fi
    ;;
shell)
    needs shellcheck
    files '\.sh$|^\.ci/' | xargs -0 shellcheck
    ;;
tidy)
    needs clang-tidy
    compiled=$(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | grep -v "^$tree/tests/" | sort -u)
    library="^$tree/(shm|control|publish)/"
    if [ -n "${NETIPC_TEST_LONG:-}" ]; then
        tidy . <<<"$compiled"
    else
        tidy "$library" <<<"$compiled"
        tidy -v "$library" --checks=-clang-analyzer-* <<<"$compiled"
    fi
    ;;
*)
    echo "unknown check $check"
    exit 2
    ;;
esac
