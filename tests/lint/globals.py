#!/usr/bin/env python3
"""No writable data in our libraries: globals.py LIBRARY.a ...

Looks at the sections symbols lie in, so that constant tables of pointers (.data.rel.ro, made
read-only before main) are told from variables, and variables inside functions are found too.
"""

import os
import re
import sys

from lint import finish, run

WRITABLE = re.compile(r"\.(data|bss|tdata|tbss|lbss|ldata)(\..*)?|\*COM\*")
READ_ONLY = re.compile(r"\.data\.rel\.ro(\..*)?")
# What sanitizers and coverage add to objects.
ADDED = re.compile(r"__(odr_)?[atu]san.*|__sancov.*|__gcov.*|__profc?_.*|__llvm.*|__unnamed_\d+|\.L.*|_?__lsan.*")
SYMBOL = re.compile(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$")


def writable(library):
    good, said = run(["objdump", "-t", library])
    if not good:
        yield f"{library}: cannot be read: {said}"
    member = library
    for line in said.splitlines():
        if line.endswith("file format elf64-x86-64") or ": " in line and "file format" in line:
            member = line.split(":")[0]
        match = SYMBOL.match(line)
        if not match or match[1][-1] in "dfF":  # sections, files, functions
            continue
        section, size, name = match[2], int(match[3], 16), match[4]
        if (size > 0 and WRITABLE.fullmatch(section) and not READ_ONLY.fullmatch(section)
                and not ADDED.fullmatch(name)):
            yield (f"{member}: {name} ({size} bytes in {section}) can be written: "
                   "make it const, or a member of a struct that is passed in")


finish([one for library in sys.argv[1:] for one in writable(os.path.abspath(library))], "globals")
