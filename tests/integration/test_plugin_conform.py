"""`sluicectl plugin conform`: good plugins of every SDK pass, deliberately broken ones are caught."""

import base64
import contextlib
import copy
import http.server
import json
import os
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest

from harness import ROOT, program, until

SDK = ROOT / "plugins-sdk"
KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
GO = "/usr/lib/go-1.19/bin/go"
TYPES = {"translator": ("TemplateTranslator", "/translate"), "factors": ("FactorGenerator", "/factors"),
         "gate": ("AccessGate", "/gate"), "decorator": ("TemplateDecorator", "/decorate"),
         "binder": ("SchedulerBinder", "/bind"), "hook": ("LifeHook", "/hook")}


def conform(url, kind, *more):
    return subprocess.run([program("sluicectl"), "plugin", "conform", url, "--type", kind, *more],
                          capture_output=True, text=True, timeout=120)


# -- the SDKs ---------------------------------------------------------------------------------

def python_reference(_):
    return ["/usr/bin/python3", "-B", str(SDK / "python/tests/reference_main.py")], \
        {"PYTHONPATH": str(SDK / "python")}


def node_reference(_):
    return ["node", str(SDK / "node/test/reference_main.js")], {}


def go_reference(folder):
    go = GO if os.path.exists(GO) else "go"
    made = subprocess.run([go, "test", "-c", "-o", str(folder / "reference"), "."], cwd=SDK / "go",
                          capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    return [str(folder / "reference")], {"BE_THE_PLUGIN": "1"}


def c_reference(_):
    return [str(program("sdk-c-reference"))], {}


@contextlib.contextmanager
def served(folder, reference):
    command, environment = reference(folder)
    port_file = folder / "port"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--port-file", str(port_file)], stderr=log,
            env={**os.environ, **environment, "PLUGIN_SIGNING_KEY": KEY})
    try:
        until(lambda: port_file.exists() or process.poll() is not None, 30, "its port is open")
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{int(port_file.read_text())}"
    finally:
        process.terminate()
        process.wait(120)


def recorded(folder, kind, path):
    """The shared calls to one path that are answered with 200, as a file of recorded calls."""
    vectors = json.loads((SDK / "conformance/vectors.json").read_bytes())["calls"]
    calls = [{"name": v["name"], "pluginType": kind, "body": v["body"], "answer": v["answer"]}
             for v in vectors if v["path"] == path and v["answer"]["status"] == 200 and "body" in v
             and "headers" not in v and v["body"].get("header", {}).get("want") != "facts"]
    file = folder / f"{kind}.json"
    file.write_text(json.dumps({"protocol": 1, "calls": calls}))
    return str(file)


@pytest.mark.parametrize("reference", [python_reference, node_reference, go_reference, c_reference])
def test_every_sdk_conforms(tmp_path, reference):
    with served(tmp_path, reference) as url:
        for alias, (kind, path) in TYPES.items():
            done = conform(url + path, alias, "--key", KEY, "--calls", recorded(tmp_path, kind, path))
            assert done.returncode == 0, (kind, done.stdout, done.stderr)
            assert "FAIL" not in done.stdout and "refuses a signature by another key" in done.stdout


# -- plugins by hand, good and broken ---------------------------------------------------------

def strict(handler):
    """The call as an object, checked as a careful plugin would."""
    try:
        document = json.loads(handler.body)
    except ValueError:
        return handler.give(400, {"error": "not JSON"})
    if not isinstance(document, dict):
        return handler.give(400, {"error": "no object"})
    if handler.server.kind == "hook":
        if not all(isinstance(document.get(name), str) for name in ("id", "current_state")):
            return handler.give(400, {"error": "id, current_state"})
    elif not all(isinstance(document.get(name), dict) for name in ("header", "job")):
        return handler.give(400, {"error": "header, job"})
    return document


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.behave(self)

    def do_GET(self):
        self.body = b""
        getattr(self.server, "on_get", lambda h: h.give(405, {"error": "POST"}))(self)

    def give(self, status, answer, kind="application/json", headers=()):
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def plugin(kind, behave, on_get=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.kind, server.behave, server.calls = kind, behave, 0
    if on_get:
        server.on_get = on_get
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/x"
    finally:
        server.shutdown()
        thread.join(120)
        server.server_close()


def careful(answer):
    """A plugin that checks its calls, and answers with answer(handler, document)."""
    def behave(handler):
        document = strict(handler)
        if document is not None:
            given = answer(handler, document)
            if given is not None:
                handler.give(200, given)
    return behave


def passes(_, __):
    return {"decision": "pass"}


def added(job, **labels):
    answer = copy.deepcopy(job)
    answer["metadata"]["labels"].update(labels)
    return answer


def counted(handler, document):
    handler.server.calls += 1
    return added(document["job"], **{f"n{handler.server.calls}": "x"})


def again(_, document):
    answer = copy.deepcopy(document["job"])
    names = [env["name"] for env in answer["spec"]["roles"][0]["template"]["spec"]["containers"][0]["env"]]
    answer["spec"]["roles"][0]["template"]["spec"]["containers"][0]["env"].append(
        {"name": f"X{len(names)}", "value": "1"})
    return answer


def without(_, document):
    answer = copy.deepcopy(document["job"])
    del answer["metadata"]["labels"]
    return answer


def slowly(handler, _):
    time.sleep(1.2)  # longer than the --timeout of the test: this is what is tested
    return {"decision": "pass"}


def only_known(handler, document):
    if set(document) - {"factors", "header", "job"}:
        handler.give(500, {"error": "unknown member"})
        return None
    return {"decision": "pass"}


def small(handler, _):
    if len(handler.body) > 100_000:
        handler.give(413, {"error": "too big"})
        return None
    return {"decision": "pass"}


def changing(handler, _):
    handler.server.calls += 1
    return {"decision": "pass" if handler.server.calls % 2 else "stop", "reason": "by chance"}


def no_dry_run(handler, _):
    if handler.headers.get("Sluice-Dry-Run"):
        handler.give(501, {"error": "dry run?"})
        return None
    return {"decision": "pass"}


def needs_headers(handler, _):
    if not handler.headers.get("Sluice-Job-Id") and not handler.headers.get("Sluice-Stage"):
        handler.give(400, {"error": "who are you?"})
        return None
    return {"decision": "pass"}


def whatever(handler):
    handler.give(200, {"decision": "pass"})


def text(words):
    return lambda handler, _: handler.give(200, words, "text/plain")


BROKEN = [
    ("gate", careful(lambda *_: {"decision": "maybe"}), "answers a call as its type must", "decision"),
    ("gate", careful(lambda *_: {"decision": "suspend", "retryAfterSec": 0}), "answers a call", "retryAfterSec"),
    ("gate", lambda h: h.give(200, b"<html>hi</html>", "text/html"), "answers a call", ""),
    ("gate", lambda h: h.give(302, {}, headers=[("Location", "/y")]), "answers a call", "redirect"),
    ("gate", lambda h: h.give(500, {"error": "broken"}), "answers a call", "broken"),
    ("gate", careful(lambda *_: {"decision": "pass", "x": "y" * (2 << 20)}), "answers a call", "bytes"),
    ("gate", careful(slowly), "answers a call", "within"),
    ("gate", careful(only_known), "leaves members alone", "unknown member"),
    ("gate", careful(small), "reads a body of 900 KiB", "413"),
    ("gate", careful(changing), "answers the same question alike", "by chance"),
    ("gate", careful(no_dry_run), "answers in a dry run", "dry run?"),
    ("gate", careful(needs_headers), "needs no header", "who are you?"),
    ("gate", whatever, "refuses what is not a JSON object", "200"),
    ("gate", whatever, "refuses a call that lacks something", "200"),
    ("factors", careful(lambda *_: {"advice": "10"}), "answers a call", "topic"),
    ("translator", careful(lambda *_: {"kind": "Pod"}), "answers a call", "TaskSet"),
    ("translator", careful(lambda *_: {"kind": "TaskSet", "spec": {"roles": []}}), "answers a call", "roles"),
    ("decorator", careful(without), "answers a call", "/metadata/labels"),
    ("decorator", careful(counted), "answers the same question alike", ""),
    ("decorator", careful(again), "adds nothing more to its own output", ""),
    ("decorator", careful(lambda _, d: d), "answers a call", ""),
    ("hook", careful(text(b"FINE")), "answers a call", "OK, RE"),
    ("hook", careful(text(b"")), "answers a call", "OK, RE"),
]


@pytest.mark.parametrize("kind,behave,check,words", BROKEN,
                         ids=[f"{kind}-{i}" for i, (kind, *_) in enumerate(BROKEN)])
def test_a_broken_plugin_is_caught(kind, behave, check, words):
    with plugin(kind, behave) as url:
        done = conform(url, kind, "--timeout", "1000" if words == "within" else "30000")
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    found = [i for i, line in enumerate(lines) if line.startswith("FAIL") and check in line]
    assert found and words in lines[found[0] + 1], done.stdout


def test_a_plugin_that_lets_anybody_in_is_caught():
    with plugin("gate", careful(passes)) as url:
        done = conform(url, "gate", "--key", KEY)
    for check in ("not signed", "by another key", "an hour old"):
        assert any(line.startswith("FAIL") and check in line for line in done.stdout.splitlines())
    assert "anybody can ask" in done.stdout and done.returncode == 1


def test_a_plugin_that_answers_get_is_caught():
    with plugin("gate", careful(passes), on_get=lambda h: h.give(200, {"decision": "pass"})) as url:
        done = conform(url, "gate")
    assert "FAIL  refuses other methods" in done.stdout


@pytest.mark.parametrize("kind,answer", [
    ("gate", passes), ("decorator", lambda _, d: added(d["job"], team="red")),
    ("factors", lambda h, _: h.give(204, b"")), ("hook", text(b" \"ok\" \n")), ("hook", text(b"EX no such job"))])
def test_a_careful_plugin_by_hand_passes(kind, answer, tmp_path):
    with plugin(kind, careful(answer)) as url:
        done = conform(url, kind, "--junit", str(tmp_path / "j.xml"))
    assert done.returncode == 0, done.stdout
    suite = xml.etree.ElementTree.parse(tmp_path / "j.xml").getroot()
    assert suite.get("failures") == "0" and int(suite.get("tests")) > 8


def test_junit_tells_what_failed(tmp_path):
    with plugin("gate", careful(lambda *_: {"decision": "<maybe>"})) as url:
        conform(url, "gate", "--junit", str(tmp_path / "j.xml"))
    suite = xml.etree.ElementTree.parse(tmp_path / "j.xml").getroot()
    failures = suite.findall("testcase/failure")
    assert int(suite.get("failures")) == len(failures) > 0
    assert "decision" in failures[0].get("message")


def test_what_was_recorded_must_come_back(tmp_path):
    call = {"name": "red", "pluginType": "AccessGate", "body": {"header": {}, "job": {}},
            "answer": {"status": 200, "body": {"decision": "stop"}}}
    (tmp_path / "calls.json").write_text(json.dumps({"protocol": 1, "calls": [call]}))
    with plugin("gate", careful(passes)) as url:
        done = conform(url, "gate", "--calls", str(tmp_path / "calls.json"))
    assert done.returncode == 1 and "recorded was" in done.stdout


def test_mistakes_at_the_command_line_are_told(tmp_path):
    url = "http://127.0.0.1:1/gate"
    assert conform(url, "door").returncode == 2
    assert conform(url, "gate", "--key", "secret").returncode == 2
    gone = conform(url, "gate")
    assert gone.returncode == 3 and "refused" in gone.stderr and "next" in gone.stderr
    (tmp_path / "none.json").write_text('{"calls": []}')
    assert conform(url, "gate", "--calls", str(tmp_path / "none.json")).returncode == 1


def test_calls_of_ones_own_are_proposed_only_where_they_can_help():
    """A plugin that did not want the made-up call is given others; one that is not there, or that
    answers what is no answer, is not."""
    def answering(status, answer):
        return lambda handler: handler.give(status, answer)
    for status, helps in ((400, True), (422, True), (401, False), (404, False), (500, False), (200, False)):
        with plugin("gate", answering(status, {"error": "job.kind: must be Script"})) as url:
            done = conform(url, "gate")
        assert done.returncode == 1
        assert ("--calls" in done.stdout + done.stderr) == helps, (status, done.stdout, done.stderr)
