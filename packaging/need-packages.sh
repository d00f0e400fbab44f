#!/usr/bin/env bash
# need-packages.sh [--yes] SECTION...: install what is missing of the sections of
# debian-packages.txt. Says what it will install, and asks unless --yes or CI is set.
set -euo pipefail

list=$(dirname "$0")/debian-packages.txt
yes=${CI:-}
if [ "${1:-}" = --yes ]; then
    yes=1
    shift
fi

wanted() {
    awk -v sections=" $* " '
        /^\[/ { inside = index(sections, " " substr($0, 2, length($0) - 2) " "); next }
        inside && NF && !/^#/ { print $1 }' "$list"
}

is_installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=()
while read -r package; do
    is_installed "$package" || missing+=("$package")
done < <(wanted "$@")
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "Missing Debian packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "This is no Debian: install what holds these, then try again." >&2
    exit 1
fi
if [ -z "$yes" ]; then
    if [ ! -t 0 ]; then
        echo "Say --yes to install them, or: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    read -r -p "Install them now? [y/N] " answer
    case $answer in
    [yY]*) ;;
    *) exit 1 ;;
    esac
fi
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
