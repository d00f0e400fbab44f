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


def link(name):
    return f"[{name}](#{name.lower()})"


def limits(schema, least, most, unit=""):
    low, high = schema.get(least), schema.get(most)
    if high is None:
        return f", at least {low}{unit}" if low else ""
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"


def plain_type(schema):
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(schema_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    kind = schema.get("type", "any")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return f"list of {schema_type(schema['items'])}" if "items" in schema else "list"
    names = {"date-time": "time", "uuid": "UUID"}
    return names.get(schema.get("format"), kind)


def schema_type(schema):
    """A member's type in words, as links where it has a name."""
    nullable = isinstance(schema.get("type"), list) and "null" in schema["type"]
    return (plain_type(schema) + limits(schema, "minimum", "maximum") +
            limits(schema, "minItems", "maxItems", " of them") +
            limits(schema, "minLength", "maxLength", " characters") + (" or null" if nullable else ""))


def taken(members):
    """Without what is only accepted because a read shows it."""
    return {name: one for name, one in members.items()
            if not one.get("description", "").startswith("As a read shows it")}


def rows(operation):
    """(name, where, type, needed, words) of each parameter and member."""
    for one in operation.get("parameters", []):
        yield (one["name"], one["in"], one["schema"]["type"],
               one["required"], one.get("description", ""))
    schema = body_of(operation)
    for name, one in taken(schema.get("properties", {})).items():
        yield (name, "body", schema_type(one), name in schema.get("required", ()),
               one.get("description", ""))


def body_of(operation):
    body = operation.get("requestBody")
    return body["content"]["application/json"]["schema"] if body else {}


def answer_of(operation):
    """What it answers when all is well, in words."""
    for kind, media in operation["responses"]["200"]["content"].items():
        schema = media["schema"]
        if kind != "application/json":
            yield f"`{kind}`"
        elif "payload" in schema.get("properties", {}):
            yield schema_type(schema["properties"]["payload"])
        elif "$ref" in schema:
            yield schema_type(schema) + " without an envelope"


def describe(method, path, operation):
    yield f"#### {method.upper()} {path}"
    summary = operation["summary"]
    words = f"{summary}{'' if summary[-1] in '.?' else '.'} Needs {needs(operation)}."
    if "$ref" in body_of(operation):
        words += f" Takes {schema_type(body_of(operation))}."
    answer = " or ".join(answer_of(operation))
    yield words + (f" Answers {answer}." if answer else "")
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


def schemas(data):
    """Each schema that has a name once; routes and other schemas lead here."""
    for name, schema in sorted(data["openapi"]["components"]["schemas"].items()):
        yield f"#### {name}"
        if "enum" in schema:
            yield plain_type(schema)
            yield ""
            continue
        words = [schema["description"]] if "description" in schema else []
        if schema.get("additionalProperties", True):
            words.append("Further members are its author's.")
        if words:
            yield " ".join(words)
        yield ""
        yield "| member | type | |"
        yield "|---|---|---|"
        for member, one in taken(schema["properties"]).items():
            maybe = "" if member in schema["required"] else " (not always)"
            yield f"| `{member}`{maybe} | {cell(schema_type(one))} | {cell(one.get('description', ''))} |"
        yield ""


MAKERS = {"errors": errors, "routes": routes, "schemas": schemas}


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
