#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unpacks libraries of another architecture into a directory.
set -euo pipefail
export LC_ALL=C

usage()
{
    cat <<'END'
usage: tools/sysroot.sh ARCH DIR

Downloads the packages of the group sysroot in tools/packages.txt for ARCH (aarch64 or s390x) from the sources that apt
has here, and unpacks them into DIR. Nothing is installed, and the architectures and package lists of the system stay as
they are; no rights are needed. A DIR that has these packages already is left alone.

Exit status: 0; 1 when something failed; 2 for a wrong command line.
END
}

wrong()
{
    printf 'sysroot.sh: %s\nTry: tools/sysroot.sh --help\n' "$1" >&2
    exit 2
}

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    usage
    exit 0
fi
[ $# = 2 ] || wrong 'ARCH and DIR are needed'
case $1 in
aarch64) architecture=arm64 ;;
s390x) architecture=s390x ;;
*) wrong "architecture $1: aarch64 or s390x" ;;
esac
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mapfile -t packages < <(awk '$1 == "sysroot" { print $2 }' "$top/tools/packages.txt")
mkdir -p "$2"
dir=$(cd "$2" && pwd)
[ "$(cat "$dir/unpacked" 2>/dev/null)" != "${packages[*]}" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt downloads as a user of its own
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/packages"
: >"$work/state/status"
# apt as set up here, but as on a system of that architecture on which nothing is installed. Hooks of this system are for
# its own packages.
apt-config dump | grep -v -e Invoke -e '^APT::Architecture' >"$work/apt.conf"
cat >>"$work/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures:: "$architecture";
Acquire::Languages "none";
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
END
export APT_CONFIG=$work/apt.conf
apt-get -qq update || echo 'sysroot.sh: apt-get update failed in parts; going on with what there is' >&2
cd "$work/packages"
[ "$(id -u)" != 0 ] || chown _apt .
if ! apt-get -qq download "${packages[@]}"; then
    printf 'sysroot.sh: not to be had for %s: %s\nDo the sources of apt (/etc/apt) have that architecture?\n' \
        "$architecture" "${packages[*]}" >&2
    exit 1
fi
for package in ./*.deb; do
    dpkg-deb --extract "$package" "$dir"
done
echo "${packages[*]}" >"$dir/unpacked"
