#!/usr/bin/env python3
"""The schema is a schema, and its examples and the conformance calls are what it says."""

import json
import pathlib
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = json.loads((HERE / "protocol-1.json").read_bytes())
VECTORS = json.loads((HERE.parent / "conformance/vectors.json").read_bytes())
ANSWERS = {"/translate": "TaskSet", "/factors": "FactorAnswer", "/gate": "GateAnswer",
           "/decorate": "TaskSet", "/decorate/again": "TaskSet", "/bind": "TaskSet"}


def faults(name, value):
    schema = {"$schema": SCHEMA["$schema"], "$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{name}"}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def said_by_examples():
    for name, schema in SCHEMA["$defs"].items():
        if not schema.get("examples"):
            yield f"{name}: has no example"
        for number, example in enumerate(schema.get("examples", [])):
            yield from (f"{name}, example {number}: {fault}" for fault in faults(name, example))


def said_by_vectors():
    for vector in VECTORS["calls"]:
        status, path = vector["answer"]["status"], vector["path"]
        if status == 200 and path in ANSWERS:
            name, value = ANSWERS[path], vector["answer"]["body"]
        elif status == 200 and path == "/hook":
            name, value = "HookAnswer", vector["answer"]["text"]
        else:
            continue
        yield from (f"{vector['name']}: {fault}" for fault in faults(name, value))


def said_by_mistakes():
    """What must not be valid: a schema that allows everything would pass all of the above."""
    for name, value in (("GateAnswer", {"decision": "maybe"}), ("GateAnswer", {}),
                        ("GateAnswer", {"decision": "suspend", "retryAfterSec": 0}),
                        ("FactorAnswer", {"topic": "", "advice": "x"}), ("FactorAnswer", [{"topic": "x"}]),
                        ("TaskSet", {"kind": "Pod", "spec": {"roles": []}}), ("TaskSet", {"kind": "TaskSet"}),
                        ("Call", {"header": {}, "job": {}}), ("HookCall", {"id": "x", "current_state": "asleep"}),
                        ("HookAnswer", "FINE"), ("Refusal", {})):
        if not faults(name, value):
            yield f"{name}: allows {json.dumps(value)}"


def main():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    said = [*said_by_examples(), *said_by_vectors(), *said_by_mistakes()]
    print("\n".join(said))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
