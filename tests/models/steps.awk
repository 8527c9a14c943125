# SPDX-License-Identifier: Apache-2.0
# usage: awk -f steps.awk FILE: "swap<TAB>LINE<TAB>LINE" for two steps of a protocol that follow each other, and
# "remove<TAB>LINE<TAB>LINE" for each wake-up. Two relaxed stores have no order that could be lost.

/^ *\/?\*/ {
    next
}

{
    step = /^ +(netipc_(store|fence|exchange|fetch_[a-z]+|os_wake_[a-z]+|session_table_(re)?scan)|condemn_oldest|mark_claimed|write_slot_header)\(.*;/ ||
           /^ +[a-z0-9_]+ [a-z]+ = netipc_fetch_.*;/
    relaxed = /netipc_store\(.*relaxed\)/
    if (step && before && !(relaxed && relaxed_before))
        print "swap\t" line_before "\t" FNR
    if (/^ +netipc_os_wake_/)
        print "remove\t" FNR "\t" FNR
    before = step
    relaxed_before = relaxed
    line_before = FNR
}
