#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: symbols.sh CHECK TREE SHARED_LIBRARY STATIC_LIBRARY
#   exports    the shared library exports what include/netipc/ marks NETIPC_API, and nothing else
#   prefix     every global symbol of the static library begins with netipc_; one that each user of sys/sdt.h has alike,
#              weak and hidden, is not ours to name
#   globals    neither has mutable data of its own beside thread-local variables
#   undefined  the library calls nothing that ends, prints, reads the environment or changes the process
set -euo pipefail
shopt -s lastpipe
export LC_ALL=C
check=$1
tree=$2
shared=$3
static=$4
here=$(cd "$(dirname "$0")" && pwd)
status=0

# fails if there is input, and shows it behind the reason
none()
{
    local lines
    lines=$(cat)
    [ -z "$lines" ] || {
        printf '%s:\n%s\n' "$1" "$lines"
        status=1
    }
}

# The functions marked NETIPC_API: the first name before a parenthesis.
declared()
{
    awk '/^NETIPC_API/ { text = "" ; on = 1 }
         on { text = text " " $0 }
         on && /;/ { on = 0
                     if (match(text, /netipc_[a-z0-9_]+\(/)) print substr(text, RSTART, RLENGTH - 1)
                     else print "unreadable:" text }' "$tree"/include/netipc/*.h | sort -u # one that is inline is declared without, too
}

case $check in
exports)
    nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' >exports.versioned
    sed 's/@@NETIPC_0$//' exports.versioned | sort >exports.real
    declared >exports.declared
    [ -s exports.declared ] || echo 'none found' | none 'Functions marked NETIPC_API'
    comm -13 exports.declared exports.real | none 'Exported, but not marked NETIPC_API in include/netipc/'
    comm -23 exports.declared exports.real | none 'Marked NETIPC_API, but not exported'
    { grep -v '@@NETIPC_0$' exports.versioned || true; } | none 'Exported outside of the version NETIPC_0'
    readelf -d "$shared" | awk '/SONAME/ { print $NF }' | { grep -vx '\[libnetipc\.so\.0\]' || true; } |
        none 'Another SONAME than libnetipc.so.0'
    ;;
prefix)
    nm -g --defined-only "$static" | awk 'NF == 3 && $3 !~ /^netipc_/ && $3 != "_.stapsdt.base" { print $3 }' | none 'Global without netipc_'
    ;;
globals)
    # .data.rel.ro is constant once the loader is done; .tdata and .tbss belong to a thread each.
    nm -f sysv --defined-only "$static" | awk -F'|' -v allowed="$here/globals.txt" '
        BEGIN { while ((getline line < allowed) > 0) if (line !~ /^#/) { sub(/[ \t].*/, "", line); fine[line] = 1 } }
        { gsub(/[ \t]/, "") }
        $3 ~ /^[bBdDcCgGsS]$/ && $4 != "TLS" && $7 !~ /^\.data\.rel\.ro/ && !($1 in fine) { print $1, $7 }' | none 'Mutable data of the process (tests/house/globals.txt has what is allowed)'
    ;;
undefined)
    calls='abort|exit|_exit|_Exit|quick_exit|__assert_fail|__assert_perror_fail|raise|kill'
    calls+='|v?printf|v?fprintf|__v?f?printf_chk|puts|fputs|putc|fputc|putchar|fwrite|perror|v?dprintf|stdout|stderr'
    calls+='|v?syslog|v?warnx?|v?errx?|error|psignal'
    calls+='|getenv|secure_getenv|setenv|unsetenv|putenv|clearenv|environ'
    calls+='|umask|signal|sigaction|sigprocmask|chdir|fchdir|setlocale|srand|srandom|system|popen|setrlimit|set[a-z]*[ug]id'
    nm -u "$static" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' | sort -u | { grep -xE "$calls" || true; } |
        none 'The library calls what it must leave to its caller'
    ;;
*)
    echo "unknown check $check"
    exit 2
    ;;
esac
exit $status
