"""/v1/events: changes as they happen, and coming back to them."""

import http.client
import json
import random
import socket
import threading
import time

import pytest

from harness import job, role, until

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}
ALL_STATES = ["preparing", "waiting", "running", "succeeded"]


class Reader:
    """One reader of the stream, on a thread of its own."""

    def __init__(self, api, query="", last=None, expect=200):
        headers = {"Authorization": f"Bearer {api.token}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=120)
        self.connection.request("GET", "/v1/events" + query, headers=headers)
        self.reply = self.connection.getresponse()
        assert self.reply.status == expect, self.reply.read()
        self.events, self.last, self.pings, self.ended = [], None, 0, False
        if expect != 200:
            self.document = json.loads(self.reply.read())
            return
        assert self.reply.headers["Content-Type"] == "text/event-stream"
        self.read_one()  # where it begins
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def read_one(self):
        fields = []
        while True:
            line = self.reply.readline()
            if not line:
                return False
            line = line.decode().rstrip("\n")
            if not line:
                break
            fields.append(line)
        values = dict(line.split(": ", 1) for line in fields if not line.startswith(":"))
        self.last = int(values["id"])
        if "data" in values:
            assert values["event"] == "job"
            self.events.append((self.last, json.loads(values["data"])))
        else:
            self.pings += any(line.startswith(": ping") for line in fields)
        return True

    def run(self):
        try:
            while self.read_one():
                pass
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.ended = True

    def states(self, job_id):
        return [event["current_state"] for _, event in list(self.events) if event["id"] == job_id]

    def until_states(self, job_id, wanted, seconds=20):
        until(lambda: self.states(job_id) == wanted, seconds, f"{wanted} of {job_id}, not {self.states(job_id)}")

    def close(self):
        self.connection.sock and self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


@pytest.fixture
def read(api):
    made = []

    def make(caller=None, **more):
        made.append(Reader(caller or api, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_changes_as_they_happen(api, read):
    reader = read()
    job_id = api.submit(job(NULL), wait=20)
    reader.until_states(job_id, ALL_STATES)
    numbers = [number for number, _ in reader.events]
    assert numbers == sorted(set(numbers))
    last = reader.events[-1][1]
    assert last["userID"] == "ann" and last["sequence"] == 4 and last["previous_state"] == "running"
    assert last["reasonCode"] == "succeeded"


def test_coming_back(api, read):
    first = read()
    one = api.submit(job(NULL), wait=20)
    first.until_states(one, ALL_STATES)
    first.close()
    two = api.submit(job(NULL), wait=20)
    api.wait_final(two)
    middle = first.events[1][0]
    for more in ({"last": middle}, {"query": f"?since={middle}"}, {"query": "?since=1", "last": middle}):
        again = read(**more)
        again.until_states(two, ALL_STATES)
        assert again.states(one) == ALL_STATES[2:]


@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_a_token_that_ends_reads_no_more(api, read, how):
    made = api.good("POST", "/v1/tokens", {"privileges": ["read_job"], "forwho": "x", "note": ""})
    reader, other = read(api.with_token(made["token"])), read()
    if how == "deleted":
        api.good("DELETE", "/v1/tokens", {"id": made["id"]})
    else:
        api.good("PUT", "/v1/tokens/normal", {"id": made["id"], "privileges": ["write_job"]})
    job_id = api.submit(job(NULL), wait=20)
    other.until_states(job_id, ALL_STATES)
    until(lambda: reader.ended, 20, "the end of a stream whose token has ended")
    assert not reader.events


def test_the_old_password_reads_no_more(daemon, read):
    reader = read(daemon.api)
    daemon.api.good("PUT", "/v1/tokens/admin", {"token": "another one"})
    daemon.api.with_token("another one").submit(job(NULL), wait=20)
    until(lambda: reader.ended, 20, "the end of a stream whose token has ended")
    assert not reader.events


def test_filters(api, read):
    other = {**NULL, "kind": "TaskSet"}
    ann, states = read(query="?userID=ann"), read(query="?state=succeeded,failed")
    both = read(query="?userID=ann,bob&kind=TaskSet")
    bob = api.submit(job(other, user="bob"), wait=20)
    one = read(query="?since=0&jobID=" + bob)
    mine = api.submit(job(NULL, user="ann"), wait=20)
    ann.until_states(mine, ALL_STATES)
    both.until_states(bob, ALL_STATES)
    states.until_states(mine, ["succeeded"])
    one.until_states(bob, ALL_STATES)
    both.until_states(mine, ALL_STATES)
    assert not ann.states(bob) and not one.states(mine)


def test_bound_users_see_their_own(api, read):
    caller = api.token_for("read_job", "write_job", userID="eve")
    reader = read(caller=caller)
    others = read(caller=caller, query="?userID=ann")
    foreign = api.submit(job(NULL), wait=20)
    own = caller.submit(job(NULL, user="eve"), wait=20)
    reader.until_states(own, ALL_STATES)
    assert not reader.states(foreign) and not others.events


def test_refusals(api, read):
    newest = read().last
    gone = read(last=newest + 1000, expect=410)
    assert gone.document["code"] == "OPERATION_TARGET_NOT_FOUND" and str(newest) in gone.document["msg"]
    for query in ("?since=x", "?state=lost", "?jobID=1", "?name=x"):
        assert api.get("/v1/events" + query).status == 400, query
    assert api.get("/v1/events", headers={"Last-Event-ID": "abc"}).status == 400
    assert api.token_for("write_job").get("/v1/events").status == 403


def test_a_restart_is_bridged(daemon):
    reader = Reader(daemon.api)
    one = daemon.api.submit(job(NULL), wait=20)
    reader.until_states(one, ALL_STATES)
    daemon.restart()
    until(lambda: reader.ended, 20, "the stream ends with the gateway")
    two = daemon.api.submit(job(NULL), wait=20)
    again = Reader(daemon.api, last=reader.last)
    again.until_states(two, ALL_STATES)
    assert not again.states(one)
    again.close()


@pytest.mark.parametrize("engine", ["null", "local"])
def test_no_move_is_left_out_over_crashes(daemon, engine):
    """Jobs that are over in no time: whatever of them was on disk when the gateway was killed,
    each state is told once, in order."""
    dice, ids = random.Random(engine), []
    document = {"kind": "TaskSet", "metadata": {"name": "t"},
                "spec": {"engine": engine, "roles": [role("main", "true")]}}
    for _ in range(6):
        ids += [daemon.api.submit(job(document)) for _ in range(4)]
        moment = time.monotonic() + dice.uniform(0, 0.03)
        until(lambda moment=moment: time.monotonic() >= moment, 2, "the moment has come")
        daemon.kill9()
        daemon.start()
    for job_id in ids:
        assert daemon.api.wait_final(job_id, seconds=60)["state"] == "succeeded"
    reader = Reader(daemon.api, last=0)
    try:
        for job_id in ids:
            reader.until_states(job_id, ALL_STATES)
            mine = [event for _, event in reader.events if event["id"] == job_id]
            assert [event["sequence"] for event in mine] == [1, 2, 3, 4]
            assert [event["previous_state"] for event in mine] == [None] + ALL_STATES[:3]
            assert [event["time"] for event in mine] == sorted(event["time"] for event in mine)
            log = [event["state"] for event in daemon.api.events(job_id) if event["type"] == "state"]
            assert log == ALL_STATES
    finally:
        reader.close()


def test_many_readers_and_some_that_stop(make_daemon):
    """Those who stop reading neither hold up the others nor the gateway; no place is lost."""
    daemon = make_daemon(config="limits: {connections: 300, streams: 140}").start()
    api = daemon.api
    deaf = []
    for _ in range(20):
        one = socket.create_connection(("127.0.0.1", api.port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                    f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        deaf.append(one)
    readers = [Reader(api) for _ in range(100)]
    jobs = [api.submit(job(NULL)) for _ in range(50)]
    for job_id in jobs:
        api.wait_final(job_id)
    for reader in readers:
        for job_id in (jobs[0], jobs[-1]):
            reader.until_states(job_id, ALL_STATES)
        assert len(reader.events) == 4 * len(jobs)
    more = [Reader(api) for _ in range(20)]
    refused = api.get("/v1/events")
    assert refused.status == 503 and "Retry-After" in refused.headers
    for one in deaf:
        one.close()
    for reader in readers + more:
        reader.close()
