# SPDX-License-Identifier: Apache-2.0
# usage: awk -f mutants.awk FILES: a line "FILE:LINE:FROM:TO" for each memory order, weakened by one step, and each
# fence, taken away, that these files (paths from the top of the tree) have. The relaxed ones have nothing to lose.
# A #line in a file is obeyed.

function weaker(operation, order)
{
    if (operation == "fence")
        return order == "seq_cst" ? "acq_rel none" : order == "acq_rel" ? "acquire release" : "none"
    if (order == "seq_cst")
        return operation == "load" ? "acquire" : operation == "store" ? "release" : "acq_rel"
    return order == "acq_rel" ? "acquire release" : "relaxed"
}

# The operation that the order at the end of text belongs to: the innermost one that is still open.
function operation_of(text,    depth, at, c)
{
    depth = 0
    for (at = length(text); at > 0; at--) {
        c = substr(text, at, 1)
        if (c == ")")
            depth++
        else if (c == "(" && depth-- == 0)
            break
    }
    text = substr(text, 1, at - 1)
    if (match(text, /netipc_(load|store|fence|exchange|fetch_[a-z]+)$/))
        return substr(text, RSTART + 7)
    return ""
}

FNR == 1 {
    file = FILENAME
    ahead = 0
}

/^#line / {
    file = $3
    gsub(/"/, "", file)
    ahead = $2 - FNR - 1
    next
}

{
    line = $0
    sub(/\/\*.*$/, "", line)
    before = ""
    while (match(line, /(^|[^a-z_])(acquire|release|acq_rel|seq_cst)\)/)) {
        word = substr(line, RSTART, RLENGTH - 1)
        lead = word
        sub(/(acquire|release|acq_rel|seq_cst)$/, "", lead)
        order = substr(word, length(lead) + 1)
        before = before substr(line, 1, RSTART - 1) lead
        line = substr(line, RSTART + RLENGTH)
        operation = operation_of(before)
        if (operation != "") {
            count = split(weaker(operation, order), to, " ")
            for (i = 1; i <= count; i++)
                print file ":" (FNR + ahead) ":" order ":" to[i]
        }
        before = before order ")"
    }
}
