#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs all tests: default, asan and tsan builds, and the checks of the sources.
set -euo pipefail
export LC_ALL=C

usage()
{
    cat <<'END'
usage: tools/check.sh [--long] [--only PATTERN] [--no-lint] [--no-sanitizers] [--jobs N]
       tools/check.sh --foreign ARCH [--only PATTERN] [--jobs N]

Installs the missing packages (tools/packages.txt; as root or with sudo), builds the presets default, asan and tsan
in build/, build-asan/ and build-tsan/, runs the tests in each, and counts. Tests that need root are marked [root].
Packages of the group peers that cannot be had are done without: a transport less that shmbench is tested with.
The last line is: N passed, M failed, K skipped

  --long            also the preset release, everything once more with clang, and the long runs: models, kills, an hour
                    flat out in the preset default (NETIPC_SOAK_SECONDS=N in the environment: N seconds everywhere);
                    and libFuzzer, a minute each target (NETIPC_FUZZ_SECONDS=N: N seconds)
  --only PATTERN    only tests whose name matches this regular expression
  --no-lint         without clang-format, clang-tidy and shellcheck
  --no-sanitizers   without the presets asan and tsan
  --foreign ARCH    instead of all that: the tests of the library, built for aarch64, for s390x (big-endian) or for all
                    of these and run by qemu's user emulation, in build-ARCH/
  --jobs N          compile N at a time, and test twice as many, since many tests wait; default: the number of CPUs

NETIPC_TEST_SLOW=N in the environment multiplies all time limits of the tests, for slow machines.
Exit status: 0 when something ran and nothing failed; 1 otherwise; 2 for a wrong command line.
END
}

wrong()
{
    printf 'check.sh: %s\nTry: tools/check.sh --help\n' "$1" >&2
    exit 2
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
long=0
lint=1
sanitizers=1
only=''
foreign=''
jobs=$(nproc)
slow=${NETIPC_TEST_SLOW:-1}
unset NETIPC_TEST_SLOW
fuzz_seconds=${NETIPC_FUZZ_SECONDS:-60}
while [ $# -gt 0 ]; do
    case $1 in
    --long) long=1 ;;
    --no-lint) lint=0 ;;
    --no-sanitizers) sanitizers=0 ;;
    --only | --jobs | --foreign)
        [ $# -ge 2 ] || wrong "$1 needs a value"
        case $1 in
        --only) only=$2 ;;
        --jobs) jobs=$2 ;;
        --foreign) foreign=$2 ;;
        esac
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) wrong "unknown argument: $1" ;;
    esac
    shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs $jobs: not a positive number"
case $foreign in
'' | aarch64 | s390x) ;;
all) foreign='aarch64 s390x' ;;
*) wrong "--foreign $foreign: aarch64, s390x or all" ;;
esac
[ -z "$foreign" ] || [ $long = 0 ] || wrong '--foreign and --long exclude each other'
[[ $slow =~ ^[1-9][0-9]*$ ]] || wrong "NETIPC_TEST_SLOW=$slow: not a positive whole number"
[[ $fuzz_seconds =~ ^[1-9][0-9]*$ ]] || wrong "NETIPC_FUZZ_SECONDS=$fuzz_seconds: not a positive whole number"

cd "$top"
exec </dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/counts"
started=$SECONDS

step()
{
    printf '\n== %s (after %d s)\n' "$1" $((SECONDS - started))
}

failed()
{
    printf 'fail %s\ncounts 0 1 0\n' "$1" >>"$work/counts"
}

skipped()
{
    printf 'skip %s\ncounts 0 0 1\n' "$1" >>"$work/counts"
}

# ThreadSanitizer of this compiler does not know the address layout of newer kernels: then without randomisation.
# Sets tsan_runner, or fails.
tsan_works()
{
    local compiler=$1
    echo 'int main(void) { return 0; }' >"$work/probe.c"
    "$compiler" -fsanitize=thread "$work/probe.c" -o "$work/probe" 2>"$work/probe.log" || return 1
    for tsan_runner in '' 'setarch -R'; do
        # Some layouts are only now and then out of reach.
        if (for _ in 1 2 3 4 5 6 7 8; do $tsan_runner "$work/probe" || exit 1; done) 2>"$work/probe.log"; then
            return 0
        fi
    done
    return 1
}

# check NAME BUILD-DIR SLOW PREPARE-ARGUMENTS...: builds and tests one configuration
check()
{
    local name=$1 build=$2 factor=$3
    shift 3
    step "$name: build"
    if ! bash tools/prepare.sh --group build --group test --jobs "$jobs" "$@" -DNETIPC_TEST_SLOW=$((slow * factor)) \
        >"$work/build.log" 2>&1; then
        cat "$work/build.log"
        failed "$name: the build"
        return
    fi
    grep -i 'warning' "$work/build.log" || true

    step "$name: tests"
    local select=()
    [ -z "$only" ] || select+=(-R "$only")
    [ $lint = 1 ] || select+=(-LE '^lint$')
    local root
    root=$(ctest --test-dir "$build" -N -L '^root$' | sed -n 's/^ *Test *#[0-9]*: //p' | paste -sd' ')
    rm -f "$work/junit.xml"
    # Results are taken from the file, with all output, since it has the reasons of skips.
    $runner ctest --test-dir "$build" --parallel $((2 * jobs)) --output-on-failure --no-tests=ignore "${select[@]}" \
        --output-junit "$work/junit.xml" --test-output-size-passed 10000000 --test-output-size-failed 10000000 2>&1 |
        awk -v root=" $root " '
            $0 ~ / Test +#[0-9]+: / { split($0, part, / Test +#[0-9]+: /); split(part[2], word, " ")
                                      if (index(root, " " word[1] " ")) { print $0 " [root]"; next } }
            { print }' || true
    if [ -s "$work/junit.xml" ]; then
        awk -v prefix="$name: " -f tools/check_counts.awk "$work/junit.xml" >>"$work/counts"
    elif [ -z "$only" ]; then
        failed "$name: ctest ran nothing"
    fi
}

# check_compiler PREFIX COMPILER: default, asan and tsan; PREFIX is empty for the presets' own compiler
check_compiler()
{
    local prefix=$1 compiler=$2 runner=''
    local options=(-- "-DCMAKE_C_COMPILER=$compiler")
    if [ -z "$prefix" ]; then
        check default build 1 --preset default --
    else
        check "${prefix}default" "build-${prefix}default" 1 --build-dir "build-${prefix}default" "${options[@]}"
    fi
    [ $sanitizers = 1 ] || return 0
    if [ -z "$prefix" ]; then
        check asan build-asan 4 --preset asan --
    else
        check "${prefix}asan" "build-${prefix}asan" 4 --build-dir "build-${prefix}asan" "${options[@]}" \
            -DNETIPC_SANITIZE=address,undefined
    fi
    if ! tsan_works "$compiler"; then
        cat "$work/probe.log"
        skipped "${prefix}tsan: all of it: programs with ThreadSanitizer do not start on this system"
        return 0
    fi
    runner=$tsan_runner
    if [ -z "$prefix" ]; then
        check tsan build-tsan 4 --preset tsan --
    else
        check "${prefix}tsan" "build-${prefix}tsan" 4 --build-dir "build-${prefix}tsan" "${options[@]}" \
            -DNETIPC_SANITIZE=thread
    fi
}

check_foreign()
{
    local runner='' arch
    for arch in $foreign; do
        step "$arch: libraries"
        if bash tools/sysroot.sh "$arch" "build-$arch/sysroot"; then
            check "$arch" "build-$arch" 8 --preset "$arch" --
        else
            failed "$arch: the libraries that the tests need"
        fi
    done
}

# Nothing but a comparison needs the other transports: without them the rest is as good. All at once if that can be.
packages()
{
    if [ -z "$foreign" ]; then
        bash tools/prepare.sh "${groups[@]}" --group peers --no-build && return 0
        skipped 'transports to compare with: the packages of the group peers could not be installed'
    fi
    bash tools/prepare.sh "${groups[@]}" --no-build
}

summary()
{
    step 'summary'
    if [ "$(id -u)" != 0 ]; then
        echo 'Not run as root: tests marked [root] were skipped.'
    fi
    if grep -q '^skip ' "$work/counts"; then
        echo 'Skipped:'
        sed -n 's/^skip /  /p' "$work/counts"
    fi
    if grep -q '^fail ' "$work/counts"; then
        echo 'Failed:'
        sed -n 's/^fail /  /p' "$work/counts"
    fi
    awk '$1 == "counts" { passed += $2; failed += $3; skipped += $4 }
         END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
               exit !(passed > 0 && failed == 0) }' "$work/counts"
}

groups=(--group build --group test)
[ $long = 0 ] || export NETIPC_TEST_LONG=1
if [ -n "$foreign" ]; then
    groups+=(--group foreign)
else
    groups+=(--group demo)
    [ $lint = 0 ] || groups+=(--group lint)
fi
[ $long = 0 ] || groups+=(--group long)
step 'packages'
if ! packages 2>&1; then
    failed 'the installation of packages'
elif [ -n "$foreign" ]; then
    check_foreign
else
    check_compiler '' "${CC:-cc}"
    if [ $long = 1 ]; then
        runner=''
        export NETIPC_SOAK_SECONDS=${NETIPC_SOAK_SECONDS:-300}
        check release build-release 1 --preset release --
        check_compiler clang- clang
        runner=''
        check fuzz build-fuzz 1 --build-dir build-fuzz -- -DCMAKE_C_COMPILER=clang -DNETIPC_SANITIZE=address,undefined \
            -DNETIPC_FUZZ=ON -DNETIPC_BUILD_TOOLS=OFF "-DNETIPC_FUZZ_SECONDS=$fuzz_seconds"
    fi
fi
summary
