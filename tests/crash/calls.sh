#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: calls.sh CALLS_H STATIC_LIBRARY: each function that the library calls and does not define has a crash point in
# calls.h, or is known to do nothing that another process sees.
set -euo pipefail
export LC_ALL=C

private='__errno_location __tls_get_addr _GLOBAL_OFFSET_TABLE_ __stack_chk_fail
calloc free malloc realloc strdup
memchr memcmp memcpy memmove memset qsort snprintf vsnprintf strcmp strerror_r strlen strnlen strspn
__memcpy_chk __memset_chk __snprintf_chk __vsnprintf_chk __isoc99_sscanf __isoc23_strtoul
clock_gettime geteuid getpid getrlimit sysconf
pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_signal pthread_cond_timedwait pthread_cond_wait
pthread_condattr_destroy pthread_condattr_init pthread_condattr_setclock
pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_once pthread_self pthread_sigmask sigfillset
urcu_bp_gp urcu_bp_has_sys_membarrier urcu_bp_read_ongoing urcu_bp_reader urcu_bp_register urcu_bp_synchronize_rcu'

pointed=$(sed -n 's/^#define \([a-z0-9_]*\)(\.\.\.) CRASH_GET("\1", 0, \1(__VA_ARGS__))$/\1/p' "$1")
[ -n "$pointed" ] || {
    echo "no calls found in $1"
    exit 1
}
missing=$(nm -u "$2" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' | sort -u | grep -v '^netipc_' |
    grep -vxF -f <(tr ' ' '\n' <<<"$private $pointed") || true)
[ -z "$missing" ] || {
    printf 'Called without a crash point; put it into tests/crash/calls.h, or into %s if it is private:\n%s\n' "$0" \
        "$missing"
    exit 1
}
