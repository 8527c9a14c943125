#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: consumer.sh HOW TREE CMAKE BUILD CC CXX, in a directory of its own
#   install            installs the build below ../installed and moves that, as a package would be
# and then a program of somebody else is built in this way, and run:
#   pkg-config         C, shared
#   pkg-config-static  C, static
#   package            C, by the CMake package
#   package-cxx        C++17, by the CMake package
#   package-static     C, static, by the CMake package
#   subdirectory       C, with netipc's sources inside
#   subdirectory-cxx   C++17 and static, with netipc's sources inside
#   fetch              C, by FetchContent
set -euo pipefail
how=$1
tree=$2
cmake=$3
build=$4
cc=$5
cxx=$6
prefix=$PWD/../installed
rm -rf ./*

skip()
{
    echo "skip: $1"
    exit 77
}

# project HOW LIBRARY LANGUAGE
project()
{
    if [ "$3" = CXX ]; then
        [ -n "$cxx" ] || skip 'no C++ compiler is installed'
    fi
    CC=$cc CXX=$cxx "$cmake" -S "$tree/tests/house/consumer" -B build -DHOW="$1" -DLIBRARY="$2" -DLANGUAGE="$3" \
        -DTREE="$tree" -DCMAKE_PREFIX_PATH="$prefix"
    "$cmake" --build build --parallel 2
    "$cmake" --install build --prefix "$PWD/nothing"
    if [ -e nothing ]; then
        echo 'an embedded netipc installs files:'
        find nothing
        exit 1
    fi
    ./build/consumer
}

# flags PKG-CONFIG-ARGS
flags()
{
    command -v pkg-config >/dev/null || skip 'pkg-config is not installed'
    libdir=$(dirname "$(dirname "$(find "$prefix" -name netipc.pc)")")
    read -ra flags < <(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config "$@" netipc)
}

needs_shared()
{
    readelf -d "$1" | grep -q 'NEEDED.*\[libnetipc\.so\.0\]'
}

case $how in
install)
    rm -rf "$prefix"
    "$cmake" --install "$build" --prefix "$PWD/somewhere"
    mv somewhere "$prefix"
    ;;
pkg-config)
    flags --cflags --libs
    "$cc" -std=c11 "$tree/tests/house/consumer/consumer.c" "${flags[@]}" -o consumer
    needs_shared consumer
    LD_LIBRARY_PATH=$libdir ./consumer
    ;;
pkg-config-static)
    flags --static --cflags --libs
    "$cc" -std=c11 -static "$tree/tests/house/consumer/consumer.c" "${flags[@]}" -o consumer
    ./consumer
    ;;
package)
    project package netipc::netipc C
    needs_shared build/consumer
    ;;
package-cxx)
    project package netipc::netipc CXX
    needs_shared build/consumer
    ;;
package-static)
    project package netipc::netipc_static C
    ! needs_shared build/consumer
    ;;
subdirectory)
    project subdirectory netipc::netipc C
    ;;
subdirectory-cxx)
    project subdirectory netipc::netipc_static CXX
    ;;
fetch)
    project fetch netipc::netipc C
    ;;
*)
    echo "unknown way $how"
    exit 2
    ;;
esac
