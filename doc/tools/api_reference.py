#!/usr/bin/env python3
"""Keeps the tables of doc/api.md as the program has them.

    doc/tools/api_reference.py build/api/api-text            # writes them
    doc/tools/api_reference.py build/api/api-text --check    # ends with 1 if they differ

`api-text` prints the table of routes and the table of errors that the gateway runs on.
What stands between `<!-- made: NAME -->` and `<!-- end -->` is made here; everything else
in the file is written by hand.
"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

FILE = pathlib.Path(__file__).resolve().parents[1] / "api.md"
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.S)
GROUPS = (("Features and plugins", ("/v1/features", "/v1/plugins", "/v1/selectors")),
          ("Jobs", ("/v1/job", "/v1/admission", "/v1/events")),
          ("LifeHook deliveries", ("/v1/hooks",)),
          ("Tokens", ("/v1/tokens",)),
          ("Administration", ("/v1/admin", "/v1/audit")),
          ("Outside /v1", ("/",)))


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def errors(data):
    """One row for each status a code may come with."""
    yield "| code | status | try again? | means |"
    yield "|---|---|---|---|"
    faults = False
    for row in data["errors"]:
        if row["code"] == "INTERNAL_ERROR":
            faults = True  # told alike, whatever it was: the log knows more
            continue
        again = "yes" if row["retry"] else ""
        yield f"| `{row['code']}` | {row['status']} | {again} | {cell(row['text'])} |"
    if faults:
        yield "| `INTERNAL_ERROR` | 500 | | a fault of the gateway; its log says more |"


def needs(operation):
    if operation.get("security") == []:
        return "no token"
    return operation.get("description", "").rpartition(": ")[2].replace(", ", " or ")


def schema_type(schema):
    kind = schema.get("type", "any")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        return f"{kind}, {least} to {most}"
    most = schema.get("maxLength") or schema.get("maxItems")
    return f"{kind}, at most {most}" if most else kind


def rows(operation):
    """(name, where, type, needed, words) of each parameter and member."""
    for one in operation.get("parameters", []):
        yield (one["name"], one["in"], one["schema"]["type"],
               one["required"], one.get("description", ""))
    body = operation.get("requestBody")
    schema = body["content"]["application/json"]["schema"] if body else {}
    for name, one in schema.get("properties", {}).items():
        if not one.get("description", "").startswith("As a read shows it"):
            yield (name, "body", schema_type(one), name in schema.get("required", ()),
                   one.get("description", ""))


def describe(method, path, operation):
    yield f"#### {method.upper()} {path}"
    summary = operation["summary"]
    yield f"{summary}{'' if summary[-1] in '.?' else '.'} Needs {needs(operation)}."
    body = operation.get("requestBody")
    if body and not body["required"]:
        yield "The body may be left out."
    found = [row for row in rows(operation) if row[1] != "path"]
    if found:
        yield ""
        yield "| parameter | in | type | |"
        yield "|---|---|---|---|"
        for name, where, kind, needed, words in found:
            star = " (required)" if needed else ""
            yield f"| `{name}`{star} | {where} | {cell(kind)} | {cell(words)} |"
    yield ""


def routes(data):
    left = dict(data["openapi"]["paths"])
    for title, starts in GROUPS:
        mine = [path for path in left if path.startswith(starts)]
        if not mine:
            continue
        yield f"### {title}"
        yield ""
        for path in mine:
            for method, operation in left.pop(path).items():
                yield from describe(method, path, operation)


MAKERS = {"errors": errors, "routes": routes}


def main():
    program, check = sys.argv[1], "--check" in sys.argv[2:]
    data = json.loads(subprocess.run([program], check=True, capture_output=True).stdout)
    old = FILE.read_text(encoding="utf-8")

    def make(match):
        return match[1] + "\n".join(MAKERS[match[2]](data)).rstrip() + "\n" + match[3]

    new = PART.sub(make, old)
    if not check:
        FILE.write_text(new, encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(
        old.splitlines(True), new.splitlines(True), "doc/api.md", "as the program has it"))
    if old != new:
        print(f"doc/api.md is not up to date: {sys.argv[0]} {program}")
    return old != new


sys.exit(main())
