#!/usr/bin/env python3
"""All C is as clang-format leaves it."""

from lint import files, finish, run


def main():
    findings = []
    for path in files(".c", ".h"):
        good, said = run(["clang-format", "--dry-run", "-Werror", str(path)])
        if not good:
            first = next((line for line in said.splitlines() if "error:" in line), f"{path}:1:")
            findings.append(f"{':'.join(first.split(':')[:2])}: run clang-format -i {path}")
    finish(findings, "format")


main()
