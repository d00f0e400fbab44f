"""The time of day jumps, by hours, while it runs and over restarts: ids go on increasing, what
waits for a time waits for it, nothing spins, and nothing takes less than no time."""

import datetime
import os
import time

import pytest

from faults import Faults
from harness import ALL, feature, job, plugin, role, taskset, until
from plugin_double import Answer, passes

NULL = taskset(role("main", "true"), engine="null")
HOURS = 3600


@pytest.fixture
def shifted(make_daemon, tmp_path_factory):
    daemon, faults = make_daemon(), Faults(tmp_path_factory.mktemp("clock"))
    daemon.environment.update(faults.environment())
    yield daemon.start(), faults


def used_s(daemon):
    """Processor time so far."""
    fields = open(f"/proc/{daemon.process.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_a_second(daemon):
    before, began = used_s(daemon), time.monotonic()
    until(lambda: time.monotonic() > began + 1, 60, "a second is over")
    return (used_s(daemon) - before) / (time.monotonic() - began)


def assert_idle(daemon):
    """It does not spin: soon there is a second of which it uses little."""
    until(lambda: share_of_a_second(daemon) < 0.3, 30, "it uses little of a processor")


JUMPS = [0, 5 * HOURS, -7 * HOURS, 20 * 24 * HOURS, -1, 400, -8 * 24 * HOURS]


def test_ids_increase_over_jumps(shifted):
    daemon, faults = shifted
    ids = []
    for jump in JUMPS:
        faults.set_wall(jump)
        ids += [daemon.api.submit(job(NULL)) for _ in range(3)]
    for jump in reversed(JUMPS):
        faults.set_wall(jump)
        daemon.kill9()
        daemon.start()
        ids += [daemon.api.submit(job(NULL)) for _ in range(3)]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    for one in ids:
        assert daemon.api.wait_final(one)["state"] == "succeeded"
    assert [one["jobID"] for one in daemon.api.list(pageSize=1000)] == sorted(ids, reverse=True)


@pytest.mark.parametrize("jump", [9 * HOURS, -9 * HOURS])
def test_a_jump_in_the_middle_of_all(shifted, plugin_server, tmp_path, jump):
    """Calls in progress, running replicas, deliveries: none of them minds."""
    daemon, faults = shifted
    release = tmp_path / "go"

    def slow(_call):
        until(release.exists, 20, "the clock has jumped")
        return {"decision": "pass"}

    heard = plugin_server.on("/ears", Answer(200, b"OK"))
    daemon.api.register(feature("ears", plugin("LifeHook", heard, jobSelector={**ALL, "states": ["*"]})))
    daemon.api.register(feature("slow", plugin("AccessGate", plugin_server.on("/g", slow), timeoutMs=30000)))
    waits = taskset(role("main", f"while [ ! -e {release} ]; do sleep 0.02; done"), activeDeadlineSeconds=3600)
    called = daemon.api.submit(job(NULL))
    plugin_server.wait_calls("/g", 1)
    daemon.api.turn("slow", "off")
    running = daemon.api.submit(job(waits))
    daemon.api.wait_state(running, "running")
    faults.set_wall(jump)
    assert_idle(daemon)
    release.touch()
    assert daemon.api.wait_final(called)["state"] == "succeeded"
    end = daemon.api.wait_final(running)
    # A deadline is a time of day: forward by nine hours it has come, backward it has not.
    assert end["state"] == ("failed" if jump > 0 else "succeeded"), end
    assert end["reasonCode"] == ("deadline_exceeded" if jump > 0 else "succeeded")
    for one in (called, running):
        for event in daemon.api.events(one):
            assert event.get("durationUs", 0) >= 0, event
    for line in daemon.api.get("/metrics").raw.decode().splitlines():
        assert line.startswith("#") or float(line.rsplit(" ", 1)[1]) >= 0 or "NaN" in line, line

    def states():
        return {call.body["id"]: call.body["current_state"] for call in plugin_server.at("/ears")}

    until(lambda: states() == {called: "succeeded", running: end["state"]}, 20,
          lambda: f"the subscriber heard it all: {states()}")


def rfc3339(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_waits_for_a_time(shifted, plugin_server):
    """A gate that is asked again in an hour, and one whose job ends in two. Turned back, the hour
    is as long as before; with a clock that goes forward both come when it says so, at once or
    after a restart."""
    daemon, faults = shifted
    later = iter([{"decision": "suspend", "reason": "later", "retryAfterSec": 3600}])
    daemon.api.register(feature("again", plugin("AccessGate", plugin_server.on(
        "/again", lambda call: next(later, {"decision": "pass"}))), selector={
            "conditions": [{"name": "n", "key": "how", "expect": "again"}], "expression": "n"}))
    daemon.api.register(feature("ends", plugin("AccessGate", plugin_server.on(
        "/ends", {"decision": "suspend", "reason": "no", "expiresAt": rfc3339(time.time() + 7200)})), selector={
            "conditions": [{"name": "n", "key": "how", "expect": "ends"}], "expression": "n"}))
    again = daemon.api.submit(job(NULL, header={"how": "again"}))
    ends = daemon.api.submit(job(NULL, header={"how": "ends"}))
    for one in (again, ends):
        daemon.api.wait_state(one, "suspended")
    faults.set_wall(-5 * HOURS)
    assert_idle(daemon)
    until(lambda: "the clock was turned back" in daemon.log.read_text(), 60, "it has noticed")
    assert_idle(daemon)
    assert daemon.api.state(again) == daemon.api.state(ends) == "suspended"
    faults.set_wall(-3.7 * HOURS)
    # Timers are looked at when something happens, and at the latest every so often.
    daemon.api.submit(job(NULL))
    assert daemon.api.wait_final(again, 60)["state"] == "succeeded"
    assert daemon.api.state(ends) == "suspended"
    faults.set_wall(3 * HOURS)
    daemon.restart()
    end = daemon.api.wait_final(ends)
    assert (end["state"], end["reasonCode"]) == ("stopped", "expired")


def test_turned_back_over_a_restart(shifted, plugin_server, tmp_path):
    """A gate that is asked again in seconds, a delivery that is to come again, and a replica's
    retry: none of them waits for hours."""
    daemon, faults = shifted
    later = iter([{"decision": "suspend", "reason": "later", "retryAfterSec": 3}])
    daemon.api.register(feature("again", plugin("AccessGate", plugin_server.on(
        "/again", lambda call: next(later, {"decision": "pass"}))), selector={
            "conditions": [{"name": "n", "key": "how", "expect": "again"}], "expression": "n"}))
    heard = plugin_server.on("/ears", Answer(200, b"RE"))
    daemon.api.register(feature("ears", plugin("LifeHook", heard, jobSelector={**ALL, "states": ["succeeded"]})))
    flag = tmp_path / "ran"
    tries = taskset(role("main", f"[ -e {flag} ] || {{ touch {flag}; exit 1; }}",
                         retryPolicy={"retry": True, "delay": 3, "maxRetryCount": 3}))
    told = daemon.api.submit(job(NULL))
    plugin_server.wait_calls("/ears", 1)
    tried = daemon.api.submit(job(tries))
    until(flag.exists, 60, "it has run once")
    again = daemon.api.submit(job(NULL, header={"how": "again"}))
    daemon.api.wait_state(again, "suspended")
    daemon.kill9()
    faults.set_wall(-9 * HOURS)
    plugin_server.on("/ears", Answer(200, b"OK"))
    daemon.start()
    for one in (again, tried):
        assert daemon.api.wait_final(one, 90)["state"] == "succeeded"
    until(lambda: not daemon.api.good("GET", "/v1/hooks/deliveries"), 90, "all was delivered")
    assert told in {call.body["id"] for call in plugin_server.at("/ears")}


def test_tokens_and_keys_over_jumps(shifted, plugin_server):
    daemon, faults = shifted
    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on("/g", passes))))
    reader = daemon.api.token_for("read_job", expiresAt=rfc3339(time.time() + 3600))
    assert reader.get("/v1/job/list").status == 200
    key = {"Idempotency-Key": "over-the-jump"}
    first = daemon.api.submit(job(NULL), headers=key)
    faults.set_wall(-2 * HOURS)
    assert reader.get("/v1/job/list").status == 200
    assert daemon.api.submit(job(NULL), headers=key) == first
    faults.set_wall(2 * HOURS)
    assert reader.get("/v1/job/list").status == 401, "its time is over"
    assert daemon.api.submit(job(NULL), headers=key) == first
    faults.set_wall(25 * HOURS)
    assert daemon.api.submit(job(NULL), headers=key) != first, "a key is kept for a day"
