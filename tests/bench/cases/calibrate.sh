# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
measure calibrate
expect '.results.memcpy | map(.size) == [32, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 8388608]'
expect '.results.memcpy | all(.ns > 0)'
expect '.results | .oneway_ns.p50 > 0 and .oneway_ns.p99 >= .oneway_ns.p50 and .syscall_ns > 0 and .pause_ns > 0'
expect '.results | .futex_wake_ns > 0 and .futex_ping_ns.n > 0 and has("steal_percent")'
expect '.machine | has("clock_source") and has("idle_driver") and has("kernel")'
