"""Every answer that a test gets through harness.Api is held against what /openapi.json says of its
route: one that is not described there fails the test that asked for it, whatever that is about.

Needs python3-jsonschema; without it nothing is compared, and test_described.py says so."""

import datetime
import functools
import json
import re
import tempfile
import urllib.parse

try:
    import jsonschema
except ImportError:
    jsonschema = None

LOOKED_AT = 100  # elements of a long list
KNOWN_MAX = 10000  # answers that came before need no second look: polls


def is_time(text):
    """RFC 3339; what is no string is the type's matter."""
    if isinstance(text, str):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
        datetime.datetime.fromisoformat(text)
    return True


def formats():
    checker = jsonschema.FormatChecker(["uuid"])
    checker.checks("date-time", (AssertionError, ValueError))(is_time)
    return checker


class Description:
    def __init__(self, document):
        self.document, self.formats, self.known = document, formats(), set()
        self.routes = [(method.upper(), path, self.pattern(path)) for path, item in document["paths"].items()
                       for method in item]

    @staticmethod
    def pattern(path):
        text = re.escape(path).replace(r"\{path\}", ".+")
        return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", text))

    def route(self, method, target):
        path = urllib.parse.urlsplit(target).path
        for one, name, pattern in self.routes:
            if one == method and pattern.fullmatch(path):
                return name
        return None

    @functools.cache
    def validator(self, method, path, status, kind):
        """For an answer of this status and media type; None: it may be anything."""
        answers = self.document["paths"][path][method.lower()]["responses"]
        content = answers.get(str(status), answers["default"])["content"]
        assert kind in content, f"{method} {path}: {status} with {kind}, not one of {list(content)}"
        schema = content[kind]["schema"]
        return self.made({**schema, "components": self.document["components"]}) if schema else None

    def made(self, schema):
        return jsonschema.Draft202012Validator(schema, format_checker=self.formats)

    @functools.cached_property
    def refusal(self):
        return self.made({"$ref": "#/components/schemas/Refusal", "components": self.document["components"]})

    def check(self, method, target, reply):
        path = self.route(method, target)
        if path is None:
            return  # what is no route, or HEAD
        kind = reply.headers.get_content_type()
        validator = self.validator(method, path, reply.status, kind)
        mark = (method, path, reply.status, hash(reply.raw))
        if validator is None or mark in self.known:
            return
        assert reply.document is not None, f"{method} {target}: no JSON: {reply}"
        if isinstance(reply.document, dict) and reply.document.get("code", "OPERATION_SUCCEEDED") != "OPERATION_SUCCEEDED":
            validator = self.refusal  # with api.always_200 its status does not say so
        for error in validator.iter_errors(cut(reply.document)):
            raise AssertionError(f"{method} {target}: {words(error)}: {reply}")
        if len(self.known) < KNOWN_MAX:
            self.known.add(mark)


def words(error):
    """Of alternatives what is wrong with the one that comes nearest."""
    error = jsonschema.exceptions.best_match([error])
    return f"/{'/'.join(map(str, error.absolute_path))}: {error.message[:500]}"


def cut(document):
    payload = document.get("payload") if isinstance(document, dict) else None
    if isinstance(payload, list) and len(payload) > LOOKED_AT:
        return {**document, "payload": payload[:LOOKED_AT]}
    return document


class Lookout:
    """Knows the description of the gateway that is tested, from the first answer on."""

    def __init__(self):
        self.description, self.reading = None, False

    def read(self, start):
        """From a gateway of its own, so that no test sees a request that it did not make."""
        self.reading = True
        with tempfile.TemporaryDirectory(prefix="described-") as folder:
            daemon = start(folder)
            try:
                self.description = Description(daemon.start().api.get("/openapi.json").document)
            finally:
                daemon.close()
                self.reading = False

    def check(self, method, target, reply, start):
        if not jsonschema or self.reading:
            return
        if self.description is None:
            self.read(start)
        self.description.check(method, target, reply)


LOOKOUT = Lookout()
