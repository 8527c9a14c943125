#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of the groups of tools/packages.txt, then configures and builds.
set -euo pipefail

usage()
{
    cat <<'END'
usage: tools/prepare.sh --group NAME... [--preset NAME | --build-dir DIR] [--no-build] [--jobs N] [-- CMAKE-ARGS]

Installs the packages of these groups of tools/packages.txt that are missing, then configures and builds.
When nothing is missing nothing is touched: no package list is updated and no rights are needed.

  --group NAME      build, peers, demo, test, lint, long, foreign; may be given several times
  --preset NAME     of CMakePresets.json; default: default, which builds in build/
  --build-dir DIR   configure without a preset, into DIR
  --no-build        stop after the packages
  --jobs N          compile N files at a time; default: the number of CPUs
  -- CMAKE-ARGS     passed on to the configuration, for instance -- -DNETIPC_SANITIZE=thread

Without the group test, a build directory that does not exist yet is configured without the tests.
Exit status: 0; 1 when something failed or could not be installed; 2 for a wrong command line.
END
}

wrong()
{
    printf 'prepare.sh: %s\nTry: tools/prepare.sh --help\n' "$1" >&2
    exit 2
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
list=$top/tools/packages.txt
groups=()
preset=''
build_dir=''
build=1
jobs=$(nproc)
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --group | --preset | --build-dir | --jobs)
        [ $# -ge 2 ] || wrong "$1 needs a value"
        case $1 in
        --group) groups+=("$2") ;;
        --preset) preset=$2 ;;
        --build-dir) build_dir=$2 ;;
        --jobs) jobs=$2 ;;
        esac
        shift
        ;;
    --no-build) build=0 ;;
    --help | -h)
        usage
        exit 0
        ;;
    --)
        shift
        arguments=("$@")
        break
        ;;
    *) wrong "unknown argument: $1" ;;
    esac
    shift
done
[ ${#groups[@]} -gt 0 ] || wrong 'no --group given'
[ -z "$preset" ] || [ -z "$build_dir" ] || wrong '--preset and --build-dir exclude each other'
[[ $jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs $jobs: not a positive number"

packages_of()
{
    awk -v group="$1" '$1 == group { print $2 }' "$list"
}

missing_packages()
{
    local group package
    for group in "${groups[@]}"; do
        packages_of "$group"
    done | sort -u | while read -r package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# Packages that bring a service would start it. Debian asks this file first; it is there only while
# apt-get runs, and one that the system has already is left alone.
policy=/usr/sbin/policy-rc.d
policy_mark='written by netipc tools/prepare.sh, removed at its end'
without_daemons()
{
    # shellcheck disable=SC2016 # expanded by the inner shell
    $as_root sh -c '
        policy=$1 mark=$2
        shift 2
        if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
            exec "$@"
        fi
        trap "rm -f $policy" EXIT
        trap "exit 1" HUP INT TERM
        printf "#!/bin/sh\n# %s\nexit 101\n" "$mark" >"$policy" && chmod 755 "$policy" && "$@"
    ' sh "$policy" "$policy_mark" env DEBIAN_FRONTEND=noninteractive "$@"
}

apt()
{
    without_daemons apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_missing()
{
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    local line="apt-get install --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    elif command -v sudo >/dev/null && [ -t 0 ] && sudo -v; then
        as_root='sudo'
    else
        printf 'prepare.sh: missing packages: %s\n' "${missing[*]}" >&2
        printf 'There is no right to install them here (neither root nor sudo). As root, run:\n  %s\n' "$line" >&2
        return 1
    fi
    printf 'Installing: %s\n' "${missing[*]}"
    apt update || echo 'prepare.sh: apt-get update failed; going on with the package lists at hand' >&2
    apt install -y --no-install-recommends "${missing[@]}" && [ -z "$(missing_packages)" ] && return 0
    printf 'prepare.sh: not installed: %s\nSee the messages above, then try as root:\n  %s\n' \
        "$(missing_packages | paste -sd' ')" "$line" >&2
    return 1
}

for group in "${groups[@]}"; do
    [ -n "$(packages_of "$group")" ] || wrong "no group $group in $list"
done
if command -v dpkg-query >/dev/null; then
    install_missing
else
    echo 'prepare.sh: this is no Debian system; packages are not looked at (their Debian names: tools/packages.txt)' >&2
fi
[ $build = 1 ] || exit 0

[[ $build_dir =~ ^(/.*)?$ ]] || build_dir=$PWD/$build_dir
cd "$top"
if [ -z "$build_dir" ]; then
    [ -n "$preset" ] || preset=default
    if [ "$preset" = default ]; then
        build_dir=build
    else
        build_dir=build-$preset
    fi
    configure=(cmake --preset "$preset")
else
    configure=(cmake -S . -B "$build_dir")
fi
if [[ " ${groups[*]} " == *' test '* ]]; then
    configure+=(-DNETIPC_BUILD_TESTS=ON)
elif [ ! -e "$build_dir/CMakeCache.txt" ]; then
    configure+=(-DNETIPC_BUILD_TESTS=OFF)
fi
# Looked at by cmake only for a directory that is not configured yet. A tenth faster than make.
[ -n "${CMAKE_GENERATOR:-}" ] || ! command -v ninja >/dev/null || export CMAKE_GENERATOR=Ninja
"${configure[@]}" "${arguments[@]}" </dev/null
cmake --build "$build_dir" --parallel "$jobs" </dev/null
