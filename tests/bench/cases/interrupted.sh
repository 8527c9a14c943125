# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
for signal in INT:130 TERM:143 HUP:129; do
    for command in publish read latency; do
        start $command
        kill "-${signal%:*}" "$running"
        ended "${signal#*:}"
        nothing_left
    done
done
