# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # functions and variables are those of ../shmbench.sh
for how in '5000 16 33' '0 16 4096' '20000 40 32'; do
    read -r hz history size <<<"$how"
    measure history "${tiny[@]}" --hz "$hz" --history "$history" --size "$size"
    expect ".params == {size: $size, history: $history, hz: $hz, duration: 0.011, repeat: 11}"
    expect ".results | [.publish_ns, .write_memcpy_ns, .read_ns, .memcpy_ns, .lease_ns, .list_ns] | all($runs)"
    expect ".results | [.catch_up_us, .oldest_age_us] | all($distribution)"
    # All slots but the claimed one; and what was missed is read or accounted for.
    expect ".results | .slots == $history + 3 and .listed == .slots - 1 and .laps >= 11"
    expect ".results | .caught_up > 0 and .caught_up + .expired + .overruns >= 11 * ($history * 3 / 4 | floor)"
    expect '.ratios | .history_caught_up_percent > 0 and .history_caught_up_percent <= 100'
    expect '.ratios | .history_read_over_memcpy > 0 and .history_publish_over_memcpy > 0'
    expect '.ratios | .history_lease_ns > 0 and .history_list_ns > 0'
done
wrong 64 'at most 268435456 bytes together' history --size 1M
wrong 64 'from 32 to 64M' history --size 31
wrong 64 '16 to 1021' history --history 1022
