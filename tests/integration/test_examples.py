"""The example plugins, run as programs and asked over HTTP."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness import BUILD, ROOT, role, taskset, until

EXAMPLES = ROOT / "plugins-sdk/examples"
KEY = b"0123456789abcdef0123456789abcdef"
KEY_TEXT = "whsec_" + base64.b64encode(KEY).decode()

sys.path[:0] = [str(ROOT / "plugins-sdk/python"), str(EXAMPLES / "office")]
import gates  # noqa: E402


class Service:
    """An example program, its port taken from its port file."""

    def __init__(self, folder, command, environment=None):
        port_file = pathlib.Path(folder) / "port"
        self.log = pathlib.Path(folder) / "log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        inherited["PYTHONPATH"] = str(ROOT / "plugins-sdk/python")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, "--listen", "127.0.0.1:0", "--port-file", str(port_file)], stdout=log,
                                            stderr=log, env={**inherited, **(environment or {})})
        until(lambda: port_file.exists() or self.process.poll() is not None, 20, "the port is open")
        assert self.process.poll() is None, self.log.read_text()
        self.port = int(port_file.read_text())

    def raw(self, path, body, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def ask(self, path, job, header=None, factors=None):
        return self.raw(path, json.dumps(question(job, header, factors)).encode())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        text = self.log.read_text(errors="replace")
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        return code


def question(job, header=None, factors=None):
    return {"factors": factors or {}, "job": job,
            "header": {"userID": "ann", "jobName": "a job", "jobKind": job.get("kind", ""),
                       "jobID": "01890000-0000-7000-8000-000000000001", **(header or {})}}


def signed(body, key=KEY, stamp=None, ident="msg_1"):
    stamp = str(int(time.time()) if stamp is None else stamp)
    mac = hmac.new(key, f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": ident, "webhook-timestamp": stamp,
            "webhook-signature": "v1,AAAA v1," + base64.b64encode(mac).decode()}


OFFICE = [sys.executable, "-B", str(EXAMPLES / "office/office.py")]
SHELLJOB = [str(BUILD / "plugins-sdk/example-shelljob")]


@pytest.fixture(scope="module", params=["office", "shelljob"])
def any_service(request, tmp_path_factory):
    """Both programs behind a signing key, and a path of theirs."""
    command = {"office": OFFICE, "shelljob": SHELLJOB}[request.param]
    service = Service(tmp_path_factory.mktemp("signed"), command, {"PLUGIN_SIGNING_KEY": KEY_TEXT})
    yield service, {"office": "/factors/job-size", "shelljob": "/translate"}[request.param]
    assert service.end() == 0


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("office"), [*OFFICE, "--env", "HTTPS_PROXY=http://proxy:3128",
                                 "--class", "high=10", "--class", "normal=1"])
    yield service
    assert service.end() == 0


@pytest.fixture(scope="module")
def shelljob(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("shelljob"), SHELLJOB)
    yield service
    assert service.end() == 0


def sample(path):
    if path == "/translate":
        return json.dumps(question({"kind": "ShellJob", "script": "true"})).encode()
    return json.dumps(question(taskset(role("main", "true")))).encode()


# --- what all of them do ------------------------------------------------------------------


def test_signed_call_is_answered(any_service):
    service, path = any_service
    body = sample(path)
    assert service.raw(path, body, signed(body))[0] == 200


@pytest.mark.parametrize("spoil", ["none", "body", "key", "old", "future", "form"])
def test_wrong_signature_is_refused(any_service, spoil):
    service, path = any_service
    body = sample(path)
    headers = {"none": lambda: {},
               "body": lambda: signed(body + b" "),
               "key": lambda: signed(body, key=b"x" * 32),
               "old": lambda: signed(body, stamp=int(time.time()) - 3600),
               "future": lambda: signed(body, stamp=int(time.time()) + 3600),
               "form": lambda: {**signed(body), "webhook-signature": "v1,!!! v2,abc garbage"}}
    assert service.raw(path, body, headers[spoil]())[0] == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"header": {}}', b"null",
                                  b"[" * 100000], ids=lambda body: repr(body[:20]))
def test_what_is_not_a_call_is_400(any_service, body):
    service, path = any_service
    status, answer = service.raw(path, body, signed(body))
    assert status == 400 and answer["error"]


def test_too_much_is_refused_without_reading_it(any_service):
    service, path = any_service
    with socket.create_connection(("127.0.0.1", service.port), timeout=120) as peer:
        peer.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n".encode())
        assert b" 413 " in peer.recv(4096).split(b"\r\n")[0]


def test_other_paths_are_not_answered(any_service):
    service, _ = any_service
    body = sample("/translate")
    assert service.raw("/elsewhere", body, signed(body))[0] == 404


def test_one_line_of_log_per_call(any_service):
    service, path = any_service
    body = sample(path)
    service.raw(path, body, signed(body))
    job_id = question({})["header"]["jobID"]
    until(lambda: job_id in service.log.read_text(), 10, "the call is in the log")


# --- the translator -------------------------------------------------------------------------


def test_script_becomes_one_role(shelljob):
    status, made = shelljob.ask("/translate", {
        "kind": "ShellJob", "script": "make test", "env": {"LEVEL": 2, "NAME": "a b"},
        "replicas": 3, "cpu": "1", "memory": "64Mi", "timeout": 60, "retries": 2},
        {"jobName": "My Größe job!"})
    assert status == 200
    assert (made["kind"], made["metadata"]["name"]) == ("TaskSet", "my-gr-e-job")
    assert made["spec"]["activeDeadlineSeconds"] == 60
    [one] = made["spec"]["roles"]
    assert (one["name"], one["replicas"], one["dependsOn"]) == ("main", 3, [])
    assert one["retryPolicy"] == {"retry": True, "delay": 1, "maxRetryCount": 2}
    [container] = one["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-ec", "make test"]
    assert container["env"] == [{"name": "LEVEL", "value": "2"}, {"name": "NAME", "value": "a b"}]
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "64Mi"}}


def test_steps_follow_each_other_or_what_they_name(shelljob):
    status, made = shelljob.ask("/translate", {
        "kind": "ShellJob", "env": {"A": "1", "B": "1"}, "steps": [
            {"name": "fetch", "run": "f"},
            {"name": "parse", "run": "p", "env": {"B": "2"}},
            {"name": "index", "run": "i", "after": ["fetch"], "timeout": 5},
            {"name": "alone", "run": "a", "after": [], "replicas": 2}]})
    assert status == 200
    roles = {one["name"]: one for one in made["spec"]["roles"]}
    assert {name: one["dependsOn"] for name, one in roles.items()} == {
        "fetch": [], "parse": ["fetch"], "index": ["fetch"], "alone": []}
    assert roles["index"]["activeDeadlineSeconds"] == 5
    assert roles["alone"]["replicas"] == 2
    assert roles["parse"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


@pytest.mark.parametrize("change, words", [
    ({"script": None}, "either script or steps"),
    ({"script": ""}, "script"),
    ({"script": 3}, "script"),
    ({"steps": []}, "script"),
    ({"script": None, "steps": []}, "steps"),
    ({"script": None, "steps": [1]}, "steps[0]"),
    ({"script": None, "steps": [{"name": "Bad Name", "run": "x"}]}, "name"),
    ({"script": None, "steps": [{"name": "a"}]}, "run"),
    ({"script": None, "steps": [{"name": "a", "run": "x", "after": "b"}]}, "after"),
    ({"script": None, "steps": [{"name": "a", "run": "x", "after": [1]}]}, "after"),
    ({"replicas": 0}, "replicas"), ({"replicas": "2"}, "replicas"), ({"replicas": 1e9}, "replicas"),
    ({"env": []}, "env"), ({"env": {"A": []}}, "env"), ({"cpu": []}, "cpu"),
    ({"timeout": -1}, "timeout"), ({"kind": "Other"}, "kind"),
])
def test_what_cannot_be_translated_is_400_with_its_place(shelljob, change, words):
    document = {"kind": "ShellJob", "script": "true", **change}
    status, answer = shelljob.ask("/translate", {k: v for k, v in document.items() if v is not None})
    assert status == 400
    assert words in answer["error"]


# --- factors --------------------------------------------------------------------------------


def test_priority_by_level_comes_from_the_table(tmp_path):
    table = tmp_path / "levels.json"
    content = {"levels": {"boss": 9, "none": 0}, "users": {"ann": "boss"}, "default": "none"}
    table.write_text(json.dumps(content))
    service = Service(tmp_path, [*OFFICE, "--levels", str(table)])
    ask = lambda user: service.ask("/factors/user-level", taskset(role("a", "x")),  # noqa: E731
                                   {"userID": user, "level": "boss"})[1]
    assert ask("ann") == {"topic": "priority", "advice": "9", "reason": "user is boss"}
    assert ask("eve")["advice"] == "0"
    content["users"]["eve"] = "boss"
    (tmp_path / "new").write_text(json.dumps(content))
    os.replace(tmp_path / "new", table)
    assert ask("eve")["advice"] == "9"
    assert service.end() == 0


@pytest.mark.parametrize("document, advice", [
    (taskset(role("a", "x")), "4"),
    (taskset(role("a", "x", replicas=8)), "2"),
    (taskset(role("a", "x", container={"resources": {"limits": {"memory": "9Gi"}}})), "2"),
    (taskset(role("a", "x", replicas=2, container={"resources": {"requests": {"cpu": "500m"}}})), "4"),
    (taskset(role("a", "x", replicas=1000)), "0"),
])
def test_priority_by_size(office, document, advice):
    status, answer = office.ask("/factors/job-size", document)
    assert (status, answer["topic"], answer["advice"]) == (200, "priority", advice)


def test_size_of_nonsense_is_400(office):
    for document in (taskset(), {"kind": "TaskSet"}, taskset(role("a", "x", replicas="many")),
                     taskset(role("a", "x", container={"resources": {"limits": {"cpu": "lots"}}}))):
        assert office.ask("/factors/job-size", document)[0] == 400


# --- gates ----------------------------------------------------------------------------------


def hours_at(text, zone, moment):
    return gates.OfficeHours(text, zone, lambda: datetime.datetime.fromisoformat(moment))(None)


@pytest.mark.parametrize("moment, wait", [
    ("2026-03-02T08:00:00+00:00", None),      # a Monday, just open
    ("2026-03-02T17:59:59+00:00", None),
    ("2026-03-02T18:00:00+00:00", 14 * 3600),
    ("2026-03-02T07:59:30+00:00", 30),
    ("2026-03-06T18:00:00+00:00", 62 * 3600),  # Friday evening, until Monday
    ("2026-03-07T12:00:00+00:00", 44 * 3600),
])
def test_office_hours(moment, wait):
    answer = hours_at("mon-fri 08:00-18:00", "UTC", moment)
    if wait is None:
        assert answer["decision"] == "pass"
    else:
        assert answer["decision"] == "suspend"
        assert answer["reasonCode"] == "outside_office_hours"
        assert answer["retryAfterSec"] == wait


def test_office_hours_over_a_change_of_the_clock():
    # Berlin goes from +1 to +2 on 29 March 2026 at 02:00: this night has one hour less
    answer = hours_at("mon-sun 08:00-18:00", "Europe/Berlin", "2026-03-28T22:00:00+01:00")
    assert answer["retryAfterSec"] == 9 * 3600


def test_office_hours_from_the_command_line(office, tmp_path):
    assert office.ask("/gate/office-hours", taskset(role("a", "x")))[1]["decision"] == "pass"
    bad = subprocess.run([*OFFICE, "--hours", "mon 18:00-08:00"], capture_output=True, timeout=120,
                         check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "plugins-sdk/python")})
    assert b"the hours must end" in bad.stderr
    assert bad.returncode != 0


# --- decorator and binder ---------------------------------------------------------------------


def test_decorator_only_adds(office):
    sent = taskset(role("a", "echo hi", container={
        "env": [{"name": "HTTPS_PROXY", "value": "mine"}, {"name": "X", "value": "1"}]}))
    sent["spec"]["roles"].append(role("b", "ignored", container={"command": ["java", "-jar", "x"]}))
    sent["metadata"]["labels"] = {"cost-center": "given"}
    status, made = office.ask("/decorate", sent)
    assert status == 200
    assert made["metadata"]["labels"] == {"cost-center": "given"}
    assert made["metadata"]["annotations"]["examples.sluice/submitted-by"] == "ann"
    first, second = (one["template"]["spec"]["containers"][0] for one in made["spec"]["roles"])
    assert first["env"][:2] == [{"name": "HTTPS_PROXY", "value": "mine"}, {"name": "X", "value": "1"}]
    assert {"name": "COST_CENTER", "value": "research"} in first["env"]
    assert first["command"][:2] == ["sh", "-c"]
    assert first["command"][2].endswith("\necho hi") and "umask" in first["command"][2]
    assert second["command"] == ["java", "-jar", "x"]
    assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in second["env"]


def test_binder_adds_up_the_advice(office):
    sent = taskset(role("a", "x"), role("b", "x", pod={"priority": 3}))
    factors = {"priority": [{"topic": "priority", "advice": a, "reason": ""}
                            for a in ("10", "4", "-1.5", "as soon as possible", "NaN")],
               "colour": [{"topic": "colour", "advice": "99"}]}
    status, made = office.ask("/bind", sent, factors=factors)
    assert status == 200
    first, second = (one["template"]["spec"] for one in made["spec"]["roles"])
    assert (first["priority"], first["priorityClassName"]) == (12, "high")
    assert second["priority"] == 3 and "priorityClassName" not in second


def test_binder_without_advice(office):
    status, made = office.ask("/bind", taskset(role("a", "x")))
    assert status == 200
    pod = made["spec"]["roles"][0]["template"]["spec"]
    assert pod["priority"] == 0 and "priorityClassName" not in pod
