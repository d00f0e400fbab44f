#!/usr/bin/env python3
"""All C is as clang-format leaves it."""

import concurrent.futures
import os
import re

from lint import files, finish, run

PART = 16  # files for one run of the tool
PLACE = re.compile(r"^(\S+?):(\d+):\d+: error:", re.M)


def check(part):
    good, said = run(["clang-format", "--dry-run", "-Werror", *map(str, part)])
    first = {}
    for path, line in PLACE.findall(said):
        first.setdefault(path, line)
    if not good and not first:
        return [said]
    return [f"{path}:{line}: run clang-format -i {path}" for path, line in first.items()]


def main():
    paths = files(".c", ".h")
    parts = [paths[at:at + PART] for at in range(0, len(paths), PART)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        finish([one for found in pool.map(check, parts) for one in found], "format")


main()
