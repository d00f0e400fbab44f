#!/usr/bin/env python3
"""Writes the types of the SDKs, and the reference in the manual, from protocol-1.json.

    make_types.py            write them
    make_types.py --check    tell which are not as they would be written, exit code 1

Knows just what the schema uses: objects with members, references, enums, lists, and the
simple types. Members that are not named may be there in all of them.
"""

import json
import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
SDK = HERE.parent
DEFS = json.loads((HERE / "protocol-1.json").read_bytes())["$defs"]
WRITTEN = "Written by plugins-sdk/schema/make_types.py from protocol-1.json: change that."


def target(schema):
    return schema["$ref"].rsplit("/", 1)[1]


def simple(schema):
    """The names of the JSON types that a schema allows."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def objects():
    """The definitions that are objects with members of their own, in the schema's order."""
    return [(name, schema) for name, schema in DEFS.items() if "properties" in schema]


def members(schema):
    for name, member in schema["properties"].items():
        yield name, member, name in schema.get("required", [])


# In TypeScript and Go the SDK's own Call and Change add what the headers say.
BODY_NAMES = {"Call": "CallBody", "HookCall": "HookBody"}


# -- Python ---------------------------------------------------------------------------------

PYTHON = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None",
          "object": "dict[str, Any]", "array": "list[Any]"}


def python_type(schema):
    if "$ref" in schema:
        name = target(schema)
        return f"'{name}'" if "properties" in DEFS[name] else name
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(json.dumps(value) for value in values)}]"
    if schema.get("type") == "array" and "items" in schema:
        return f"list[{python_type(schema['items'])}]"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"dict[str, {python_type(schema['additionalProperties'])}]"
    return " | ".join(PYTHON[kind] for kind in simple(schema)) or "Any"


def python():
    text = [f'"""What goes over the wire, as types. {WRITTEN}"""', "",
            "from __future__ import annotations", "",
            "from typing import Any, Literal, NotRequired, TypedDict", ""]
    for name, schema in objects():
        text += ["", f"class {name}(TypedDict):", f'    """{schema["description"]}"""', ""]
        for member, kind, required in members(schema):
            shown = python_type(kind).replace("'", "")
            text.append(f"    {member}: {shown if required else f'NotRequired[{shown}]'}")
        text.append("")
    factors, answer = DEFS["Factors"], DEFS["FactorAnswer"]
    text += ["", f"#: {factors['description']}", "Factors = dict[str, list[Factor]]", "",
             f"#: {answer['description']}", "FactorAnswer = Factor | list[Factor]"]
    return "\n".join(text) + "\n"


# -- TypeScript -----------------------------------------------------------------------------

SCRIPT = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean",
          "null": "null", "object": "Record<string, any>", "array": "any[]"}


def script_type(schema):
    if "$ref" in schema:
        return target(schema)
    if "enum" in schema or "const" in schema:
        return " | ".join(json.dumps(v) for v in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array" and "items" in schema:
        return f"{script_type(schema['items'])}[]"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"Record<string, {script_type(schema['additionalProperties'])}>"
    return " | ".join(SCRIPT[kind] for kind in simple(schema)) or "any"


def script():
    text = [f"// What goes over the wire, as types. {WRITTEN}"]
    for name, schema in objects():
        name = BODY_NAMES.get(name, name)
        text += ["", f"/** {schema['description']} */", f"export interface {name} {{"]
        for member, kind, required in members(schema):
            if "description" in kind:
                text.append(f"  /** {kind['description']} */")
            text.append(f"  {member}{'' if required else '?'}: {script_type(kind)};")
        text += ["  [member: string]: any;", "}"]
    for name in ("Factors", "FactorAnswer"):
        schema = DEFS[name]
        kind = " | ".join(script_type(s) for s in schema["anyOf"]) if "anyOf" in schema else script_type(schema)
        text += ["", f"/** {schema['description']} */", f"export type {name} = {kind};"]
    return "\n".join(text) + "\n"


# -- Go -------------------------------------------------------------------------------------

GO = {"string": "string", "number": "float64", "integer": "int", "boolean": "bool",
      "object": "map[string]any", "array": "[]any"}


def go_name(member):
    parts = member.split("_")
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    return "ID" if name == "Id" else name


def go_type(schema):
    if "$ref" in schema:
        name = target(schema)
        return name
    if "enum" in schema:
        return "string"
    if "const" in schema:
        return "int" if isinstance(schema["const"], int) else "string"
    if schema.get("type") == "array" and "items" in schema:
        return "[]" + go_type(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        return "map[string]" + go_type(schema["additionalProperties"])
    kinds = [kind for kind in simple(schema) if kind != "null"]
    return GO[kinds[0]] if len(kinds) == 1 else "any"


def go_comment(text, indent=""):
    return [f"{indent}// {line}" for line in textwrap.wrap(text, 96)]


# Documents of others keep members that nobody here knows, so in Go they stay maps.
GO_AS_MAP = ("Container", "Role", "TaskSetSpec", "TaskSet", "Header")


def go():
    text = [f"// {WRITTEN} DO NOT EDIT.", "", "package sluice"]
    for name, schema in objects():
        name = BODY_NAMES.get(name, name)
        if name in GO_AS_MAP:
            text += ["", *go_comment(f"{name}: {schema['description']}"), f"type {name} = map[string]any"]
            continue
        text += ["", *go_comment(f"{name}: {schema['description']}"), f"type {name} struct {{"]
        rows = []
        for member, kind, required in members(schema):
            tag = f'`json:"{member}{"" if required else ",omitempty"}"`'
            rows.append((go_comment(kind.get("description", ""), "\t"), go_name(member), go_type(kind), tag))
        text += go_rows(rows)
        text.append("}")
    text += ["", *go_comment(f"Factors: {DEFS['Factors']['description']}"), "type Factors map[string][]Factor"]
    return "\n".join(text) + "\n"


def go_rows(rows):
    """As gofmt sets them: aligned within runs of members that no comment parts."""
    runs = []
    for row in rows:
        if row[0] or not runs:
            runs.append([])
        runs[-1].append(row)
    lines = []
    for run in runs:
        names, kinds = max(len(row[1]) for row in run), max(len(row[2]) for row in run)
        lines += run[0][0]
        lines += [f"\t{name:<{names}} {kind:<{kinds}} {tag}" for _, name, kind, tag in run]
    return lines


# -- the manual -----------------------------------------------------------------------------

def words(schema):
    if "$ref" in schema:
        return f"[{target(schema)}](#{target(schema).lower()})"
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    kind = " or ".join(simple(schema)) or "anything"
    if "items" in schema:
        kind = f"array of {words(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        kind = f"object of {words(schema['additionalProperties'])}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        kind += f", {low} to {high}" if high is not None else f", at least {low}"
    if "pattern" in schema:
        kind += f", `{schema['pattern']}`".replace("|", "\\|")
    return kind


def manual():
    text = ["# The messages", "", f"<!-- {WRITTEN} -->", "",
            "Every request and answer of [the protocol](protocol.md), member by member. The schema is "
            "`plugins-sdk/schema/protocol-1.json`.", "Members that are not named here may be there, and are "
            "kept or ignored. A member in **bold** must be there."]
    for name, schema in DEFS.items():
        text += ["", f"## {name}", "", schema["description"]]
        if "properties" in schema:
            text += ["", "| member | | |", "|---|---|---|"]
            for member, kind, required in members(schema):
                shown = f"**`{member}`**" if required else f"`{member}`"
                text.append(f"| {shown} | {words(kind)} | {kind.get('description', '')} |")
        elif "anyOf" in schema:
            text += ["", "One of: " + "; ".join(words(kind) for kind in schema["anyOf"]) + "."]
        else:
            text += ["", f"{words(schema)[:1].upper()}{words(schema)[1:]}."]
        for example in schema["examples"]:
            text += ["", "```json", json.dumps(example, ensure_ascii=False), "```"]
    return "\n".join(text) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for path, made in ((SDK / "python/sluice_plugin/types.py", python()),
                       (SDK / "node/src/types.d.ts", script()),
                       (SDK / "go/types.go", go()),
                       (SDK.parent / "doc/messages.md", manual())):
        if path.exists() and path.read_text(encoding="utf-8") == made:
            continue
        if check:
            stale += 1
            print(f"{path.relative_to(SDK.parent)}: is not what the schema says; run {sys.argv[0]}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
