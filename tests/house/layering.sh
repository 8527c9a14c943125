#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: layering.sh TREE: checks every #include of a tree against its layers, and the first line of every file.
set -euo pipefail
rules=$(cd "$(dirname "$0")" && pwd)/layering.awk
cd "$1"
status=0

mapfile -t sources < <(find include shm control publish examples tools bench tests -name '*.[ch]' 2>/dev/null | sort)
if [ ${#sources[@]} -eq 0 ]; then
    echo "no C sources below $1"
    exit 1
fi
awk -f "$rules" "${sources[@]}" || status=1

# Scripts and build files carry the licence in their first line, or their second behind #!.
while read -r file; do
    if ! head -n 2 "$file" | grep -qx '# SPDX-License-Identifier: Apache-2.0'; then
        echo "$file: no line '# SPDX-License-Identifier: Apache-2.0' at the top"
        status=1
    fi
done < <(find .ci cmake shm control publish examples tools bench tests CMakeLists.txt -type f \
    \( -name CMakeLists.txt -o -name '*.cmake' -o -name '*.in' -o -name '*.sh' -o -name '*.awk' -o -name '*.py' \
    -o -path '.ci/*' -o -name packages.txt \) 2>/dev/null)

[ $status = 0 ] && echo "${#sources[@]} C files keep to the layers"
exit $status
