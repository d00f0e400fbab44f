#!/usr/bin/env python3
"""The shell scripts pass shellcheck."""

from lint import ROOT, files, finish, run


def main():
    scripts = ["run", "check", ".ci/run", *map(str, files(".sh"))]
    findings = []
    for path in scripts:
        if str(path).startswith("tests/data/"):
            continue  # inputs, kept as they came
        if not (ROOT / path).exists():
            findings.append(f"{path}:1: is missing")
            continue
        good, said = run(["shellcheck", "-x", "--format=gcc", path])
        if not good:
            findings += said.splitlines()
    finish(findings, "shell")


main()
