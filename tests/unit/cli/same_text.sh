#!/bin/sh
# same_text.sh FILE PROGRAM ARGS...: does FILE hold what the program prints?
file=$1
shift
if ! "$@" | diff -u "$file" -; then
    echo "$file is not up to date; make it again: $* > $file" >&2
    exit 1
fi
