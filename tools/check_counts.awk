# SPDX-License-Identifier: Apache-2.0
# Counts what a run of ctest did, from the file of its --output-junit. A program of cmocka tests counts as many as it
# has functions, anything else as one. Prints lines of
#   skip NAME: reason
#   fail NAME
#   counts PASSED FAILED SKIPPED
# -v prefix=TEXT goes in front of the names.

function attribute(line, name)
{
    if (!match(line, " " name "=\"[^\"]*\""))
        return ""
    return substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
}

function plain(text)
{
    gsub(/&lt;/, "<", text)
    gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text)
    gsub(/&apos;/, "'", text)
    gsub(/&amp;/, "\\&", text)
    return text
}

function report_skip(what, reason)
{
    skipped++
    print "skip " prefix what ": " (reason != "" ? reason : "no reason given")
}

function report_failure(what)
{
    failed++
    print "fail " prefix what
}

# A function that was begun and neither passed nor was skipped has failed, also when the program died in it.
function count_functions(    i, failures)
{
    for (i = 1; i <= functions; i++) {
        if (outcome[i] == "passed")
            passed++
        else if (outcome[i] == "skipped")
            report_skip(test ": " label[i], reason[i])
        else {
            report_failure(test ": " label[i])
            failures++
        }
    }
    if (status == "fail" && failures == 0)
        report_failure(test ": the program itself, outside of its functions")
}

function count_test()
{
    if (status == "notrun" && message ~ /^SKIP_/)
        report_skip(test, why)
    else if (status == "disabled")
        report_skip(test, "disabled")
    else if (status == "run" || status == "fail") {
        if (functions > 0)
            count_functions()
        else if (status == "run")
            passed++
        else
            report_failure(test)
    } else
        report_failure(test ": " (message != "" ? message : "not run"))
    test = ""
}

/^\t<testcase / {
    test = plain(attribute($0, "name"))
    status = attribute($0, "status")
    message = why = ""
    functions = 0
    split("", outcome)
    split("", reason)
}

/^\t\t<(skipped|failure) / {
    message = plain(attribute($0, "message"))
}

{
    sub(/^\t\t<system-out>/, "")
}

/^skip: / {
    why = plain(substr($0, 7))
    sub(/<\/system-out>$/, "", why)
}

/^\[ RUN      \] / {
    label[++functions] = $NF
    why = ""
}

/^\[       OK \] / {
    outcome[functions] = "passed"
}

# The list at the end of a cmocka program has such lines once more.
/^\[  SKIPPED \] / && $NF == label[functions] && outcome[functions] == "" {
    outcome[functions] = "skipped"
    reason[functions] = why
}

/^\t<\/testcase>/ {
    count_test()
}

END {
    print "counts", passed + 0, failed + 0, skipped + 0
}
