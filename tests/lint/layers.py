#!/usr/bin/env python3
"""Every #include against the table of layers: includes go downwards only, and a third-party
header has one place."""

import re

from lint import files, finish, read_lines

# Each folder of ours and the folders of ours whose headers it may include.
ALLOWED = {
    "core/base": set(),
    "core/json": {"core/base"},
    "selector": {"core/base", "core/json"},
    "store": {"core/base", "core/json"},
    "net": {"core/base", "core/json"},
    "core": {"core/base", "core/json", "selector", "store", "net"},
    "runtime": {"core/base", "core/json", "selector", "store", "net", "core"},
    "api": {"core/base", "core/json", "selector", "store", "net", "core"},
    "cli": {"core/base", "core/json", "selector", "store", "net", "core", "runtime", "api"},
}
# Third-party headers and the files that may include them.
ONLY = [
    (r"sodium(/.*)?\.h", r"core/base/crypt\.c"),
    (r"openssl/.*\.h", r"core/base/crypt\.c|api/tls(_library)?\.c"),
    (r"json-c/.*|json(_.*)?\.h", r"core/json/build\.c"),
    (r"pcre2.*\.h", r"selector/pattern/regex\.c"),
    (r"lmdb\.h", r"store/lmdb/.*"),
    (r"lz4.*\.h", r"core/base/shrink\.c"),
    (r"curl/.*", r"net/[^/]*\.[ch]"),
    (r"civetweb\.h", r"api/server[^/]*\.[ch]"),
    (r"yaml\.h", r"cli/.*"),
    (r"seccomp\.h", r"cli/sluiced/confine\.c"),
]
EXEMPT = ("tests/", "bench/", "plugins-sdk/")  # programs around ours: any layer, any library
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)[">]')


def folder_of(path):
    """The longest folder of the table that holds a path, or None."""
    text = str(path)
    held = [folder for folder in ALLOWED if text.startswith(folder + "/")]
    return max(held, key=len, default=None)


def check_ours(where, home, target):
    to = folder_of(target)
    if to is None:
        return f"{where}: {target} is in no layer: write it from the root, or add its folder to the table"
    if to != home and to not in ALLOWED[home]:
        return f"{where}: {home} may not include {target}: move what is needed down, or pass it in"
    return None


def check_foreign(where, path, target):
    for pattern, place in ONLY:
        if re.fullmatch(pattern, target) and not re.fullmatch(place, path):
            return f"{where}: <{target}> may be included by {place} only: use what that file offers"
    return None


def main():
    findings = []
    for path in files(".c", ".h"):
        if str(path).startswith(EXEMPT):
            continue
        home = folder_of(path)
        if home is None:
            findings.append(f"{path}:1: is in no layer: add its folder to the table")
            continue
        for number, line in enumerate(read_lines(path), 1):
            match = INCLUDE.match(line)
            if match:
                check = check_ours if match[1] == '"' else check_foreign
                subject = home if match[1] == '"' else str(path)
                findings.append(check(f"{path}:{number}", subject, match[2]))
    finish([one for one in findings if one], "layers")


main()
