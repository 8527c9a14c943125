# SPDX-License-Identifier: Apache-2.0
# Reads C sources, given as paths from the top of the tree; prints each line that breaks the layering and
# ends with status 1 if there was one. The layers, lowest first; an #include may only point down.

BEGIN {
    level["include"] = 1
    level["shm"] = 2
    level["control"] = 3
    level["publish"] = 4
    level["examples"] = level["tools"] = level["bench"] = 5
    level["tests"] = 6

    # System headers that a layer knows nothing of, as a regular expression.
    foreign["shm"] = "^(sys/socket|sys/un|sys/epoll|netinet/.*|urcu.*)\\.h$"
    foreign["control"] = "^(urcu.*)\\.h$"
    foreign["publish"] = "^(sys/socket|sys/un|sys/epoll|linux/futex|netinet/.*)\\.h$"

    standard = "^(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|" \
               "stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|threads|time|uchar|" \
               "wchar|wctype)\\.h$"
    os_macro = "(^|[^A-Za-z0-9_])(_WIN32|_WIN64|_MSC_VER|__linux__|__linux|__gnu_linux__|linux|__unix__|__APPLE__|" \
               "__FreeBSD__)([^A-Za-z0-9_]|$)"
}

function broken(why)
{
    printf "%s:%d: %s\n", FILENAME, FNR, why
    failures++
}

# The layer that a path belongs to: its first folder.
function folder(path)
{
    return index(path, "/") ? substr(path, 1, index(path, "/") - 1) : ""
}

function directory(path)
{
    return substr(path, 1, length(path) - length(name_of(path)))
}

function name_of(path)
{
    sub(/^.*\//, "", path)
    return path
}

FNR == 1 {
    own = folder(FILENAME)
    if ($0 != "/* SPDX-License-Identifier: Apache-2.0 */")
        broken("the first line is not /* SPDX-License-Identifier: Apache-2.0 */")
    if (name_of(FILENAME) ~ /^(util|utils|common|misc|helper|helpers)\./)
        broken("a file is named after the concept in it")
}

# A quoted name is a path from the top of the tree.
/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*$/, "", name)
    other = folder(name)
    if (!(other in level))
        broken("\"" name "\" is not written from the top of the tree")
    else if (level[other] > level[own])
        broken("\"" name "\" points up: " own "/ knows nothing of " other "/")
    else if (own == "include")
        broken("\"" name "\": public headers include <netipc/...> and standard headers only")
    else if (level[own] == 5 && index(FILENAME, directory(name)) != 1)
        broken("\"" name "\": a program uses its own folder, those above it and the public headers only")
    else if (FILENAME ~ /^publish\/codec\// && other != "include" && other != "shm" && name !~ /^publish\/codec\//)
        broken("\"" name "\": publish/codec/ is pure functions over bytes")
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    name = $0
    sub(/^[^<]*</, "", name)
    sub(/>.*$/, "", name)
    if ((own in foreign) && name ~ foreign[own])
        broken("<" name ">: " own "/ knows nothing of it")
    if (name ~ /^hwloc/ && level[own] < 5)
        broken("<" name "> is used by tools/ and bench/ only")
    if (name == "sys/sdt.h" && FILENAME != "shm/probes.h")
        broken("<" name "> is behind shm/probes.h")
    if (own == "include" && name !~ /^netipc\// && name !~ standard)
        broken("<" name ">: public headers include <netipc/...> and standard headers only")
}

/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)[^a-z]/ && FILENAME !~ /_(linux|windows)\.[ch]$/ && $0 ~ os_macro {
    broken("a condition on the operating system belongs into *_linux.* and *_windows.*")
}

END {
    exit failures > 0
}
