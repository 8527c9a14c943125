#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: documents.sh TREE: the documents that everybody looks for are there, and what they link to in the tree exists
set -euo pipefail
cd "$1"
status=0
for file in LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs/status.md; do
    if ! [ -s $file ]; then
        echo "$file is missing"
        status=1
    fi
done
grep -q '^## \[Unreleased\]' CHANGELOG.md || {
    echo 'CHANGELOG.md has no section [Unreleased]'
    status=1
}
while IFS=: read -r file link; do
    link=${link#](}
    link=${link%)}
    case $link in
    http://* | https://* | '#'*) continue ;;
    esac
    if ! [ -e "$(dirname "$file")/${link%%#*}" ]; then
        echo "$file links to $link, which does not exist"
        status=1
    fi
done < <(find ./*.md docs examples -name '*.md' -exec grep -oH ']([^) ]*)' {} +)
exit $status
