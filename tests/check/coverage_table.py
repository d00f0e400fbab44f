#!/usr/bin/env python3
"""What the tests ran, by folder: reads what `gcovr --json-summary` wrote. Usage: coverage_table.py FILE"""

import collections
import json
import pathlib
import sys

DEEP = ("core", "runtime", "cli", "api")  # their folders are told one by one


def folder_of(path):
    parts = pathlib.PurePath(path).parts[:-1]
    return "/".join(parts[:2] if parts and parts[0] in DEEP else parts[:1]) or "."


def main(path):
    rows = collections.defaultdict(lambda: [0, 0, 0, 0])
    for file in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["files"]:
        for name in (folder_of(file["filename"]), "all"):
            for i, what in enumerate(("line_covered", "line_total", "branch_covered", "branch_total")):
                rows[name][i] += file[what]
    print(f"{'folder':24} {'lines':>8} {'run':>7} {'branches':>9} {'taken':>7}")
    for name in sorted(rows, key=lambda one: (one == "all", one)):
        lines_run, lines, taken, branches = rows[name]
        print(f"{name:24} {lines:8} {lines_run / max(lines, 1):7.1%} {branches:9} {taken / max(branches, 1):7.1%}")


if __name__ == "__main__":
    main(sys.argv[1])
