#!/usr/bin/env python3
"""Adds up JUnit files and names what failed; the last line is `N passed, N failed`.

A file that is empty or cannot be read counts as a failure, and so does each --failed=STEP
(a build that broke): nothing that did not run may look as if it passed. --passed=STEP is a step
that counts without a file.
"""

import sys
import xml.etree.ElementTree as ElementTree


def outcomes(path):
    """(name, "passed", "failed" or "skipped") for each test of a file; one that was skipped has its
    reason behind its name."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        yield f"{path}: {error}", "failed"
        return
    if not cases:
        yield f"{path}: holds no test", "failed"
    for case in cases:
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed"
        elif (skipped := case.find("skipped")) is not None:
            reason = skipped.get("message") or (skipped.text or "").strip() or "no reason is given"
            yield f"{name}: {' '.join(reason.split())}", "skipped"
        else:
            yield name, "passed"


def main(arguments):
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    found = []
    for word in arguments:
        option, _, step = word.partition("=")
        if option in ("--failed", "--passed"):
            found += [(step, option.removeprefix("--"))]
        else:
            found += outcomes(word)
    for name, outcome in found:
        tally[outcome] += 1
        if outcome != "passed":
            print(f"{outcome}: {name}")
    if not found:
        tally["failed"] = 1
        print("failed: nothing ran")
    if tally["skipped"]:
        print(f"{tally['skipped']} skipped")
    print(f"{tally['passed']} passed, {tally['failed']} failed")
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
