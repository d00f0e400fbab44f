#!/usr/bin/env python3
"""Each of our headers compiles alone, as C and, but for those of tests, as C++."""

import concurrent.futures
import os
import shlex

from lint import files, finish, run

FLAGS = ["-I.", "-Iplugins-sdk/include", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C = [*shlex.split(os.environ.get("CC", "cc")), "-x", "c", "-std=gnu17"]
CXX = [*shlex.split(os.environ.get("CXX", "c++")), "-x", "c++", "-std=gnu++23"]


def check(job):
    path, name, command = job
    good, said = run([*command, *FLAGS, "-"], f'#include "{path}"\n')
    return None if good else f"{path}:1: does not compile alone as {name}: include what it uses\n{said}"


def main():
    jobs = [(path, name, command) for path in files(".h")
            for name, command in (("C", C), ("C++", CXX))
            if name == "C" or path.parts[0] != "tests"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        finish([one for one in pool.map(check, jobs) if one], "headers")


main()
