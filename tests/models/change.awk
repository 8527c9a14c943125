# SPDX-License-Identifier: Apache-2.0
# usage: awk -v what=swap|remove -v first=LINE -v second=LINE -f change.awk FILE

{
    line[FNR] = $0
}

END {
    if (what == "swap") {
        kept = line[first]
        line[first] = line[second]
        line[second] = kept
    } else {
        line[first] = ";"
    }
    for (i = 1; i <= FNR; i++)
        print line[i]
}
