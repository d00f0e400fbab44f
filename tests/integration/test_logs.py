"""GET /v1/job/logs beyond the plain text: lines as JSON, following, and hostile readers and writers."""

import contextlib
import datetime
import http.client
import json
import socket
import time

import pytest

from harness import feature, job, plugin, role, taskset, until

LINES = {"Accept": "application/x-ndjson"}
LONG = "sleep 600"


class Follower:
    """A connection that reads a stream as it comes."""

    def __init__(self, api, job_id, query="follow=true", headers=None, timeout=120):
        self.http = http.client.HTTPConnection("127.0.0.1", api.port, timeout=timeout)
        sent = {"Authorization": f"Bearer {api.token}", **(headers or {})}
        self.http.request("GET", f"/v1/job/logs/{job_id}?{query}", headers=sent)
        self.answer = self.http.getresponse()

    def line(self):
        return self.answer.readline()

    def rest(self):
        return self.answer.read()

    def close(self):
        self.http.close()


@contextlib.contextmanager
def following(api, job_id, *arguments, **more):
    made = Follower(api, job_id, *arguments, **more)
    try:
        yield made
    finally:
        made.close()


def lines_of(api, job_id, query=""):
    reply = api.get(f"/v1/job/logs/{job_id}{query}", headers=LINES)
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.raw.splitlines()]


def done(api, *roles):
    job_id = api.submit(job(taskset(*roles)))
    assert api.wait_final(job_id)["state"] == "succeeded"
    return job_id


def gate_script(path, before, after):
    """Says `before`, waits for the file, says `after`."""
    return f"{before}; while ! [ -e {path} ]; do sleep 0.02; done; {after}"


def hold_all(api, server):
    address = server.on("/gate", {"decision": "suspend", "reason": "not yet"})
    api.register(feature("gate", plugin("AccessGate", address)))


# --- lines as JSON ------------------------------------------------------------------------


def test_lines_say_whose_they_are_and_when(api):
    begun = datetime.datetime.now(datetime.timezone.utc)
    job_id = done(api, role("talk", "echo one; echo two; echo bad >&2", 2))
    got = lines_of(api, job_id)
    for replica in (0, 1):
        own = [(g["stream"], g["line"]) for g in got if g["replica"] == replica]
        assert own == [("stdout", "one"), ("stdout", "two"), ("stderr", "bad")]
    for g in got:
        assert set(g) == {"role", "replica", "stream", "time", "line"} and g["role"] == "talk"
        at = datetime.datetime.fromisoformat(g["time"].replace("Z", "+00:00"))
        assert begun - datetime.timedelta(seconds=1) < at < begun + datetime.timedelta(seconds=60)


def test_times_tell_pauses(api):
    job_id = done(api, role("slow", "echo one; sleep 1.5; printf 'two\\nthree\\n'"))
    one, two, three = [datetime.datetime.fromisoformat(g["time"].replace("Z", "+00:00"))
                       for g in lines_of(api, job_id)]
    assert (two - one).total_seconds() >= 0.5
    assert two == three
    last = lines_of(api, job_id, "?tail=1")
    assert [g["line"] for g in last] == ["three"]
    assert last[0]["time"] == lines_of(api, job_id)[2]["time"]


def test_hostile_bytes_are_valid_json(api):
    script = r"""printf 'a\000b\377c\n\033[31m"q\\\n'; printf 'no end'"""
    job_id = done(api, role("bin", script))
    got = [g["line"] for g in lines_of(api, job_id)]
    assert got == ["a\0b�c", '\x1b[31m"q\\', "no end"]
    assert api.get(f"/v1/job/logs/{job_id}").raw == b'a\0b\xffc\n\x1b[31m"q\\\nno end'


def test_a_line_without_end_comes_in_parts(api):
    job_id = done(api, role("wide", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo after"))
    got = lines_of(api, job_id)
    assert got[-1]["line"] == "after" and "partial" not in got[-1]
    parts = got[:-1]
    assert len(parts) > 1 and "".join(g["line"] for g in parts) == "x" * 100000
    assert all(g["partial"] for g in parts[:-1]) and "partial" not in parts[-1]


def test_parts_do_not_cut_characters(api):
    job_id = done(api, role("wide", "printf x; for i in $(seq 20000); do printf é; done"))
    got = lines_of(api, job_id)
    assert "".join(g["line"] for g in got) == "x" + "é" * 20000


# --- following ----------------------------------------------------------------------------


def test_following_ends_with_the_job(api, tmp_path):
    gate = tmp_path / "go"
    job_id = api.submit(job(taskset(role("talk", gate_script(gate, "echo first", "echo last")))))
    with following(api, job_id) as f:
        assert f.line() == b"first\n"
        gate.touch()
        assert f.line() == b"last\n"
        assert f.rest() == b""
    assert api.job(job_id)["state"] == "succeeded"


def test_following_begins_before_there_is_anything(api, plugin_server):
    """Held by a gate first: no roles, no engine, no log."""
    hold_all(api, plugin_server)
    job_id = api.submit(job(taskset(role("talk", "echo hello"))), wait=10)
    assert api.state(job_id) == "suspended"
    with following(api, job_id) as f:
        api.good("PUT", f"/v1/job/resume/{job_id}", {})
        assert f.rest() == b"hello\n"


def test_following_a_job_that_never_ran(api, plugin_server):
    hold_all(api, plugin_server)
    job_id = api.submit(job(taskset(role("talk", "echo hello"))), wait=10)
    with following(api, job_id, headers=LINES) as f:
        api.good("PUT", f"/v1/job/stop/{job_id}", {})
        assert f.rest() == b""


def test_following_several_keeps_lines_whole(api, tmp_path):
    gate = tmp_path / "go"
    script = gate_script(gate, "printf half$TASKROLE_REPLICA_INDEX", "echo -done")
    job_id = api.submit(job(taskset(role("talk", script, 3))))
    api.wait_state(job_id, "running")
    with following(api, job_id) as f:
        gate.touch()
        assert sorted(f.rest().splitlines()) == [b"half0-done", b"half1-done", b"half2-done"]


def test_following_one_log_shows_a_prompt(api, tmp_path):
    gate = tmp_path / "go"
    job_id = api.submit(job(taskset(role("ask", gate_script(gate, "printf 'name? '", "echo bob")))))
    with following(api, job_id, "follow=true&stream=stdout") as f:
        assert f.answer.read(6) == b"name? "
        gate.touch()
        assert f.rest() == b"bob\n"


def test_following_with_tail(api, tmp_path):
    gate, told = tmp_path / "go", tmp_path / "told"
    script = gate_script(gate, f"seq 100; touch {told}", "echo end")
    job_id = api.submit(job(taskset(role("talk", script))))
    until(told.exists, 20, "it has spoken")
    until(lambda: api.logs(job_id).endswith("100\n"), 20, "it is written")
    with following(api, job_id, "follow=true&tail=2", headers=LINES) as f:
        gate.touch()
        assert [json.loads(x)["line"] for x in f.rest().splitlines()] == ["99", "100", "end"]


def test_following_over_the_logs_limit(make_daemon, tmp_path):
    gate = tmp_path / "go"
    daemon = make_daemon().start()
    flood = "head -c 9000000 /dev/zero | tr '\\0' 'x' | fold -w 99"
    api = daemon.api
    job_id = api.submit(job(taskset(role("talk", gate_script(gate, "echo first", f"{flood}; {flood}; {flood}; {flood}; {flood}; {flood}; {flood}; {flood}; echo end")))))
    with following(api, job_id, "follow=true&stream=stdout") as f:
        assert f.line() == b"first\n"
        gate.touch()
        rest = f.rest()
    assert rest == api.get(f"/v1/job/logs/{job_id}?stream=stdout").raw[len(b"first\n"):]
    assert len(rest) > 9000000


def test_many_follow_one_log(api, tmp_path):
    gate = tmp_path / "go"
    job_id = api.submit(job(taskset(role("talk", gate_script(gate, "echo first", "echo last")))))
    with contextlib.ExitStack() as stack:
        all_of_them = [stack.enter_context(following(api, job_id)) for _ in range(40)]
        assert {f.line() for f in all_of_them} == {b"first\n"}
        gate.touch()
        assert {f.rest() for f in all_of_them} == {b"last\n"}


# --- limits, and bad readers --------------------------------------------------------------


def test_over_the_share_is_503(make_daemon):
    api = make_daemon(config="limits:\n  streams: 2\n").start().api
    job_id = api.submit(job(taskset(role("talk", f"echo hi; {LONG}"))))
    with following(api, job_id) as a, following(api, job_id) as b:
        assert a.line() == b.line() == b"hi\n"
        refused = api.get(f"/v1/job/logs/{job_id}")
        assert refused.status == 503 and refused.headers["Retry-After"]
        assert refused.code == "SERVICE_UNAVAILABLE"
        assert api.get("/v1/job/list").status == 200
    # those who left are noticed without anything being written
    until(lambda: api.get(f"/v1/job/logs/{job_id}").status == 200, 20, "places are free again")


def test_a_reader_that_stands_still_holds_nobody(make_daemon):
    api = make_daemon(config="limits:\n  streams: 2\n").start().api
    job_id = api.submit(job(taskset(role("talk", "yes"))))
    api.wait_state(job_id, "running")
    with socket.create_connection(("127.0.0.1", api.port), timeout=120) as still:
        still.sendall(f"GET /v1/job/logs/{job_id}?follow=true HTTP/1.1\r\nHost: localhost\r\n"
                      f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        until(lambda: len(api.get(f"/v1/job/logs/{job_id}?tail=1").raw) > 0, 20, "it writes")
        api.good("PUT", f"/v1/job/stop/{job_id}", {})
        assert api.wait_final(job_id)["state"] == "stopped"


def test_the_gateway_stops_at_once_while_it_is_followed(make_daemon):
    daemon = make_daemon(config="shutdown_grace: 60 s\n").start()
    api = daemon.api
    job_id = api.submit(job(taskset(role("talk", f"echo hi; {LONG}"))))
    with following(api, job_id) as f, following(api, job_id, headers=LINES) as g:
        assert f.line() == b"hi\n"
        assert json.loads(g.line())["line"] == "hi"
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 50, "it does not wait for its readers"
        with pytest.raises(http.client.IncompleteRead):
            f.rest()  # broken off, and it shows
    daemon.start()
    with following(daemon.api, job_id) as f:
        assert f.line() == b"hi\n"
        daemon.api.good("PUT", f"/v1/job/stop/{job_id}", {})
        assert f.rest() == b""


def test_only_ones_own_may_be_followed(api):
    job_id = api.submit(job(taskset(role("talk", "echo hi"))))
    other = api.token_for("read_job", userID="bob")
    assert other.get(f"/v1/job/logs/{job_id}?follow=true").status == 404
    own = api.token_for("read_job", userID="ann")
    assert own.get(f"/v1/job/logs/{job_id}?follow=true").raw == b"hi\n"


def test_what_is_asked_wrongly(api):
    job_id = done(api, role("talk", "true"))
    for query in ("follow=yes", "follow=1", "role=", "tail=-1", "replica=x", "stream=both"):
        assert api.get(f"/v1/job/logs/{job_id}?{query}").status == 400, query
    assert api.get(f"/v1/job/logs/{job_id}?role=nobody&follow=true").status == 404
    head = api.call("HEAD", f"/v1/job/logs/{job_id}?follow=true")
    assert head.status == 200 and head.raw == b""


def test_logs_do_not_run_into_each_other(api):
    job_id = done(api, role("talk", "printf out; printf err >&2"))
    assert api.get(f"/v1/job/logs/{job_id}").raw == b"out\nerr"
