#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Made-up trees, each with one offence: layering.sh has to find it, and has to accept what is allowed.
set -euo pipefail
check=$(cd "$(dirname "$0")" && pwd)/layering.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# write FILE LINE: a tree with one file of that content
write()
{
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$(dirname "$1")"
    printf '%s\n%s\n' '/* SPDX-License-Identifier: Apache-2.0 */' "$2" >"$work/tree/$1"
}

refused()
{
    write "$1" "$2"
    if bash "$check" "$work/tree" >"$work/out"; then
        echo "not noticed: $1 with $2"
        status=1
    elif ! grep -q "^$1:2: " "$work/out"; then
        echo "not reported where it is: $1 with $2"
        cat "$work/out"
        status=1
    fi
}

accepted()
{
    write "$1" "$2"
    if ! bash "$check" "$work/tree" >"$work/out"; then
        echo "refused for no reason: $1 with $2"
        cat "$work/out"
        status=1
    fi
}

refused shm/ring.c '#include "control/session.h"'
refused shm/ring.c '#include "publish/publisher.h"'
refused shm/ring.c '  #  include "tools/demo.h"'
refused shm/ring.c '#include "detail.h"'
refused shm/ring.c '#include <sys/socket.h>'
refused shm/ring.c '#include <sys/un.h>'
refused shm/ring.c '#include <sys/sdt.h>'
refused control/session.c '#include "publish/publisher.h"'
refused control/session.c '#include "bench/pace.h"'
refused control/session.c '#include "tests/shm/clock.h"'
refused publish/publisher.c '#include "tools/demo.h"'
refused publish/publisher.c '#include <sys/socket.h>'
refused publish/publisher.c '#include <sys/un.h>'
refused publish/publisher.c '#include <sys/epoll.h>'
refused publish/publisher.c '#include <linux/futex.h>'
refused publish/codec/cgroups.c '#include "control/session.h"'
refused publish/codec/cgroups.c '#include "publish/publisher.h"'
refused publish/publisher.c '#include <hwloc.h>'
refused tools/ebpf/main.c '#include "shm/ring.h"'
refused tools/ebpf/main.c '#include "tools/cgroups/table.h"'
refused tools/main.c '#include "tests/clock.h"'
refused bench/main.c '#include "publish/publisher.h"'
refused include/netipc/a.h '#include "shm/ring.h"'
refused include/netipc/a.h '#include <sys/types.h>'
refused shm/wait.c '#ifdef __linux__'
refused tools/ebpf/main.c '#if defined(_WIN32)'
refused include/netipc/a.h '#elif defined _WIN32'

accepted shm/ring.c '#include "shm/checked.h"'
accepted shm/probes.h '#include <sys/sdt.h>'
accepted control/session.c '#include "shm/ring.h"'
accepted control/session_linux.c '#include <sys/socket.h>'
accepted publish/publisher.c '#include "control/session.h"'
accepted publish/codec/cgroups.c '#include "shm/detail.h"'
accepted tools/ebpf/main.c '#include "tools/ebpf/table.h"'
accepted tools/ebpf/main.c '#include "tools/arguments.h"'
accepted tools/ebpf/main.c '#include <netipc/subscriber.h>'
accepted tests/shm/ring.c '#include "shm/ring.h"'
accepted include/netipc/a.h '#include <stdint.h>'
accepted include/netipc/a.h '#include <netipc/status.h>'
accepted shm/wait_linux.c '#ifdef __linux__'

rm -rf "$work/tree"
mkdir -p "$work/tree/shm"
echo 'int netipc_x;' >"$work/tree/shm/x.c"
if bash "$check" "$work/tree" >/dev/null; then
    echo 'not noticed: a C file without its SPDX line'
    status=1
fi
write shm/ring.c ''
echo 'echo' >"$work/tree/shm/make.sh"
if bash "$check" "$work/tree" >/dev/null; then
    echo 'not noticed: a script without its SPDX line'
    status=1
fi
exit $status
