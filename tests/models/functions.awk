# SPDX-License-Identifier: Apache-2.0
# usage: awk -f functions.awk FILE:FUNCTION...: these functions of these files, as they stand there, for a model that
# cannot compile the rest of the file. Each begins in the first column and ends with a brace there. FILE:STEP where STEP
# is like O1 gives the one statement that is marked so. Ends with 1 if something is not found.

BEGIN {
    status = 0
    for (i = 1; i < ARGC; i++) {
        split(ARGV[i], part, ":")
        if (!print_function(part[1], part[2]) && !print_step(part[1], part[2])) {
            print "no " part[2] " in " part[1] > "/dev/stderr"
            status = 1
        }
    }
    exit status
}

function print_function(file, name,    line, number, inside)
{
    inside = 0
    number = 0
    while ((getline line < file) > 0) {
        number++
        if (!inside && line ~ ("^[a-z].*[ *]" name "\\(") && line !~ /;$/) {
            inside = 1
            print "#line " number " \"" file "\""
        }
        if (inside)
            print line
        if (inside && line == "}")
            break
    }
    close(file)
    return inside
}

function print_step(file, mark,    line, number, found)
{
    found = 0
    number = 0
    while ((getline line < file) > 0) {
        number++
        if (line ~ ("; +/\\* " mark " \\*/$")) {
            print "#line " number " \"" file "\""
            print line
            found = 1
        }
    }
    close(file)
    return found
}
