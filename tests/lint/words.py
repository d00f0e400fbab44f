#!/usr/bin/env python3
"""Nothing left for later or half merged, no function over 80 lines, no file over 700."""

import re

from lint import files, finish, read_lines

TORN = re.compile(r"^(<{7} |>{7} |={7}$)")
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
FUNCTION_MAX, FILE_MAX = 80, 700
CODE = (".c", ".h", ".py", ".sh", ".ts", ".js", ".go")
TEXT = (*CODE, ".md", ".build", ".yml", ".json", ".scd", ".txt")


def long_c_functions(lines):
    """Bodies that begin and end in the first column, as ours do."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start > FUNCTION_MAX:
                yield start, number - start
            start = None


def long_python_functions(lines):
    import ast
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.end_lineno - node.lineno > FUNCTION_MAX:
                yield node.lineno, node.end_lineno - node.lineno


def main():
    findings = []
    for path in files(*TEXT):
        lines = read_lines(path)
        if not str(path).startswith("tests/data/"):
            findings += [f"{path}:{number}: says {LATER.search(line)[0]}: do it, or take it out"
                         for number, line in enumerate(lines, 1) if LATER.search(line)]
        findings += [f"{path}:{number}: a merge was left half done"
                     for number, line in enumerate(lines, 1) if TORN.match(line)]
        if path.suffix in CODE and len(lines) > FILE_MAX:
            findings.append(f"{path}:1: has {len(lines)} lines: split it (at most {FILE_MAX})")
        measure = {".c": long_c_functions, ".py": long_python_functions}.get(path.suffix)
        for number, length in measure(lines) if measure else ():
            findings.append(f"{path}:{number}: a function of {length} lines: split it "
                            f"(at most {FUNCTION_MAX})")
    finish(findings, "words")


main()
