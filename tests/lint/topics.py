#!/usr/bin/env python3
"""Every topic of the log is in LOG_TOPIC_MAP (core/base/log.h) and in the manual: a level is
given by that name."""

import re

from lint import ROOT, files, finish

MAP = re.compile(r"#define LOG_TOPIC_MAP\(X\)((?:.*\\\n)*.*)")
LINE = re.compile(r'log_(?:line|wants)\([^;"]*?LOG_[A-Z]+(?:\s*:[^;"]*?LOG_[A-Z]+)?,\s*"([^"]*)"')


def main():
    header = (ROOT / "core/base/log.h").read_text(encoding="utf-8")
    known = set(re.findall(r"X\((\w+)\)", MAP.search(header)[1]))
    manual = (ROOT / "doc/observability.md").read_text(encoding="utf-8")
    findings = [f"doc/observability.md:1: the topic {name} is not in its list of topics"
                for name in known if not re.search(rf"Topics: `[a-z ]*\b{name}\b", manual)]
    for path in files(".c"):
        if str(path).startswith("tests/"):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        for match in LINE.finditer(text):
            if match[1] not in known:
                number = text.count("\n", 0, match.start()) + 1
                findings.append(f"{path}:{number}: the topic {match[1]} is not in LOG_TOPIC_MAP "
                                "(core/base/log.h): add it there and to doc/observability.md")
    finish(findings, "topics")


main()
