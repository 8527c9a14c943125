#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: probes.sh there TREE SHARED_LIBRARY HAS_PROBES
#        probes.sh off TREE CMAKE COMPILER
#   there   a library that is built with probes has each that docs/probes.md lists, with arguments of the types it gives,
#           and no other; one that is built without has none
#   off     with NETIPC_USDT=OFF nothing of them is left in the files that have some
set -euo pipefail
export LC_ALL=C
check=$1 tree=$2

# "NAME SIZE…" of each probe; a negative size is that of a signed argument.
notes()
{
    readelf -nW "$1" 2>/dev/null | awk '/Provider:/ { ours = $NF == "netipc" }
                                       $1 == "Name:" { name = $2 }
                                       $1 == "Arguments:" && ours { line = name
                                                                   for (i = 2; i <= NF; i++)
                                                                       if ($i ~ /^-?[1248]@/) {
                                                                           sub(/@.*/, "", $i)
                                                                           line = line " " $i
                                                                       }
                                                                   print line }' | sort -u
}

documented()
{
    # shellcheck disable=SC2016 # of Markdown
    sed -En 's/^\| `([a-z]+)` \| `arg([0-9])` \| [a-z]+ \| ([a-z0-9]+) \|.*/\1 \2 \3/p' "$tree/docs/probes.md" | awk '
        BEGIN { size["text"] = size["u64"] = 8; size["u32"] = 4; size["i32"] = -4 }
        { if ($2 != count[$1]++ || !($3 in size)) print "unreadable:", $0
          line[$1] = line[$1] " " size[$3] }
        END { for (name in line) print name line[name] }' | sort
}

case $check in
there)
    shared=$3 has=$4
    notes "$shared" >notes.found
    if [ "$has" = ON ]; then
        documented >notes.documented
        [ -s notes.documented ] || { echo 'docs/probes.md lists no probes'; exit 1; }
        diff notes.documented notes.found || { echo '<: as in docs/probes.md; >: as in the library'; exit 1; }
    elif [ -s notes.found ]; then
        echo 'Built without probes, and has some:'
        cat notes.found
        exit 1
    fi
    ;;
off)
    cmake=$3 compiler=$4
    "$cmake" -S "$tree" -B build -DNETIPC_USDT=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_C_COMPILER="$compiler" \
        -DNETIPC_BUILD_TESTS=OFF -DNETIPC_BUILD_BENCH=OFF -DNETIPC_BUILD_TOOLS=OFF >log || { cat log; exit 1; }
    count=0
    for file in $(cd "$tree" && grep -lE 'netipc_probe_[a-z]+\(' shm/*.c control/*.c publish/*.c); do
        command=$(sed -n 's/^ *"command": "\(.*\)",*$/\1/p' build/compile_commands.json | grep -F -- "-c $tree/$file" |
            sed 's/ -o [^ ]*//; s/\\"/"/g')
        (cd build && eval "$command -o without.o")
        if readelf -SW build/without.o | grep -F stapsdt; then
            echo "$file: that is there with NETIPC_USDT=OFF"
            exit 1
        fi
        count=$((count + 1))
    done
    [ $count -gt 0 ] || { echo 'no file has probes'; exit 1; }
    rm -rf build
    ;;
*)
    echo "unknown check $check"
    exit 2
    ;;
esac
