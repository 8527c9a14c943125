#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: prepare.sh CASE TREE: tools/prepare.sh, with a package list of our own and an apt-get and a sudo that only
# write down how they were called
#   nothing-missing   nothing is called
#   no-rights         says what is missing, and how to install it
#   as-root           installs, with daemons held back, and leaves no trace
set -euo pipefail
case=$1
tree=$2
command -v dpkg-query >/dev/null || {
    echo 'skip: this is no Debian system (no dpkg-query)'
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/tools" "$work/bin"
cp "$tree/tools/prepare.sh" "$work/tools/"
cat >"$work/tools/packages.txt" <<'END'
here dpkg
gone netipc-no-such-package
END
cat >"$work/bin/apt-get" <<END
#!/bin/sh
echo "apt-get \$*" >>"$work/calls"
if [ -x /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d; echo "policy \$?" >>"$work/calls"; fi
END
printf '#!/bin/sh\nexit 1\n' >"$work/bin/sudo"
chmod 755 "$work/bin/apt-get" "$work/bin/sudo"
PATH=$work/bin:$PATH

# expect STATUS COMMAND...: output goes to out
expect()
{
    local wanted=$1 status=0
    shift
    "$@" >"$work/out" 2>&1 </dev/null || status=$?
    if [ $status != "$wanted" ]; then
        echo "$*: status $status, wanted $wanted"
        cat "$work/out"
        exit 1
    fi
}

says()
{
    grep -qF -- "$1" "$2" || {
        echo "missing in the output: $1"
        cat "$2"
        exit 1
    }
}

case $case in
nothing-missing)
    expect 0 bash "$work/tools/prepare.sh" --group here --no-build
    if [ -s "$work/out" ] || [ -e "$work/calls" ]; then
        echo 'something was done although nothing was missing'
        exit 1
    fi
    expect 2 bash "$work/tools/prepare.sh" --group other --no-build
    expect 0 bash "$work/tools/prepare.sh" --help
    ;;
no-rights)
    as_nobody=()
    [ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    expect 1 "${as_nobody[@]}" bash "$work/tools/prepare.sh" --group here --group gone --no-build
    says 'missing packages: netipc-no-such-package' "$work/out"
    says 'apt-get install --no-install-recommends netipc-no-such-package' "$work/out"
    [ ! -e "$work/calls" ]
    ;;
as-root)
    [ "$(id -u)" = 0 ] || {
        echo 'skip: needs root'
        exit 77
    }
    before=$(ls -l /usr/sbin/policy-rc.d 2>/dev/null || true)
    # The package does not exist, so it is still missing afterwards.
    expect 1 bash "$work/tools/prepare.sh" --group here --group gone --no-build
    says 'not installed: netipc-no-such-package' "$work/out"
    [ "$(ls -l /usr/sbin/policy-rc.d 2>/dev/null || true)" = "$before" ]
    sed -i 's/ -[^ ]*=[^ ]*//g; s/ -qq//; s/ -o [^ ]*//g' "$work/calls"
    if [ -z "$before" ]; then
        diff - "$work/calls" <<'END'
apt-get update
policy 101
apt-get install -y --no-install-recommends netipc-no-such-package
policy 101
END
    fi
    ;;
*)
    echo "unknown case $case"
    exit 2
    ;;
esac
