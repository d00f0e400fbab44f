"""Jobs that wait in the store for a plugin: for a place, or until it can be asked again."""

import threading

import pytest

from harness import feature, job, plugin, until, when
from plugin_double import Answer

GATE = "AccessGate.f.qa"
NO = {"decision": "stop", "reason": "seen"}


def gate(api, address, **more):
    api.register(feature("f", plugin("AccessGate", address, **more), selector=when("gated", "yes")))


def gated(api, **more):
    return api.submit(job(header={"gated": "yes"}, **more))


def closed(server, path="/g"):
    """A gate that answers nobody until it is opened; it stops every job."""
    opened = threading.Event()

    def act(_call):
        opened.wait(60)
        return NO

    server.on(path, act)
    return opened


def parked(api):
    return [one for one in api.list(state="preparing", pageSize=1000)
            if one["reason"].startswith(f"waits for a place at {GATE}")]


def unfinished(api):
    return api.count(state="preparing,suspended")


def asked(server, path="/g"):
    return [call.headers["Sluice-Job-Id"] for call in server.at(path)]


# --- parked ---------------------------------------------------------------------------------------


def test_parked_jobs_go_on_in_order(api, plugin_server):
    one_more = threading.Semaphore(0)

    def act(_call):
        one_more.acquire(timeout=60)
        return NO

    gate(api, plugin_server.on("/g", act), maxInFlight=2, timeoutMs=60000)
    jobs = [gated(api) for _ in range(12)]
    until(lambda: len(parked(api)) == 10, 20, "all but two are parked")
    one = parked(api)[0]
    assert (one["plugin"], one["reasonCode"]) == (GATE, "in_admission") and "2 calls" in one["reason"]
    summary = api.good("GET", f"/v1/job/explain/{one['jobID']}")["summary"]
    assert f"waits for a place at the plugin {GATE}" in summary
    api.wait_state(api.submit(job()), "succeeded")  # it does not need the gate
    assert len(plugin_server.calls) == 2
    for n in range(2, 12):  # each place that gets free is the next one's
        one_more.release()
        plugin_server.wait_calls("/g", n + 1)
    one_more.release(2)
    until(lambda: not unfinished(api), 20, "all were asked about")
    assert asked(plugin_server)[2:] == jobs[2:] and set(asked(plugin_server)[:2]) == set(jobs[:2])
    assert plugin_server.overlap("/g") <= 2
    assert api.list(state="stopped")[0]["reason"] == "seen"


def test_a_newcomer_does_not_overtake(api, plugin_server):
    opened = closed(plugin_server)
    gate(api, plugin_server.url("/g"), maxInFlight=1, timeoutMs=60000)
    jobs = [gated(api) for _ in range(4)]
    until(lambda: len(parked(api)) == 3, 20, "three are parked")
    opened.set()
    jobs += [gated(api) for _ in range(4)]
    until(lambda: len(asked(plugin_server)) == 8, 20, "all were asked about")
    assert asked(plugin_server) == jobs


def test_a_parked_job_can_be_stopped(api, plugin_server):
    opened = closed(plugin_server)
    gate(api, plugin_server.url("/g"), maxInFlight=1, timeoutMs=60000)
    jobs = [gated(api) for _ in range(3)]
    until(lambda: len(parked(api)) == 2, 20, "two are parked")
    assert api.good("PUT", f"/v1/job/stop/{jobs[1]}") == {"state": "stopped", "stopping": False}
    opened.set()
    api.wait_state(jobs[2], "stopped")
    assert asked(plugin_server) == [jobs[0], jobs[2]]


def test_parked_jobs_are_not_in_admission(make_daemon, plugin_server):
    """More jobs are accepted than may be in admission at once; a restart changes nothing."""
    daemon = make_daemon(config="limits:\n  jobs_in_admission: 4\n").start()
    api = daemon.api
    opened = closed(plugin_server)
    gate(api, plugin_server.url("/g"), maxInFlight=1, timeoutMs=300000)
    jobs = []

    def accepted():
        reply = api.post("/v1/job", job(header={"gated": "yes"}))
        if reply.status == 200:
            jobs.append(reply.payload["jobID"])
        return len(jobs) == 12

    until(accepted, 30, "twelve jobs are accepted")
    until(lambda: len(parked(api)) == 11, 20, "all but one are parked")
    daemon.kill9()
    daemon.start()
    until(lambda: len(asked(plugin_server)) == 2, 20, "the first one is asked about again")
    assert len(parked(api)) == 11 and asked(plugin_server) == [jobs[0], jobs[0]]
    opened.set()
    until(lambda: not unfinished(api), 30, "all ended")
    assert list(dict.fromkeys(asked(plugin_server))) == jobs
    assert api.count(state="stopped") == 12


def test_a_plugin_that_goes_lets_its_line_go(api, plugin_server):
    opened = closed(plugin_server)
    gate(api, plugin_server.url("/g"), maxInFlight=1, timeoutMs=60000)
    jobs = [gated(api) for _ in range(4)]
    until(lambda: len(parked(api)) == 3, 20, "three are parked")
    api.good("PUT", "/v1/features/turn-off/f")
    for one in jobs[1:]:
        api.wait_state(one, "succeeded")
    opened.set()
    api.wait_final(jobs[0])
    assert len(asked(plugin_server)) == 1


def test_two_narrow_plugins_of_a_stage(api, plugin_server):
    """Side by side, each with one place: all jobs get through both."""
    for path in ("/a", "/b"):
        plugin_server.on(path, {"topic": "t", "advice": "1"})
    busy = threading.Event()

    def slow(_call):
        busy.wait(0.4)
        return {"topic": "t", "advice": "1"}

    api.register(feature("f", *(plugin("FactorGenerator", plugin_server.on(path, slow), name=path[1],
                                       maxInFlight=1, failurePolicy="wait") for path in ("/a", "/b"))))
    jobs = [api.submit(job()) for _ in range(8)]
    for one in jobs:
        api.wait_state(one, "succeeded")
    assert plugin_server.overlap("/a") == plugin_server.overlap("/b") == 1


# --- waiting for an answer ------------------------------------------------------------------------


def waiting(api):
    return api.count(state="suspended", reasonCode="plugin_unavailable")


def test_all_go_on_when_the_plugin_answers(api, plugin_server):
    plugin_server.on("/g", NO)
    gate(api, plugin_server.url("/g"), maxInFlight=3)
    plugin_server.close()
    jobs = [gated(api) for _ in range(60)]
    until(lambda: waiting(api) == 60, 30, "all wait")
    plugin_server.open()
    until(lambda: not unfinished(api), 30, "all were asked about")
    assert plugin_server.overlap("/g") <= 3
    assert set(asked(plugin_server)) == set(jobs) and len(plugin_server.calls) == 60


def test_a_failing_plugin_is_left_alone(api, plugin_server):
    """40 jobs with 3 attempts each, again and again: the breaker spares it most of that."""
    plugin_server.on("/g", Answer(503, {}))
    gate(api, plugin_server.url("/g"), maxInFlight=4)
    for _ in range(40):
        gated(api)
    until(lambda: waiting(api) == 40, 30, "all wait")
    assert len(plugin_server.calls) <= 40
    one = api.list(state="suspended")[0]
    assert one["reason"].startswith(f"{GATE} cannot be asked: ") and "status 503" in one["reason"]
    plugin_server.on("/g", NO)
    until(lambda: not unfinished(api), 30, "all were asked about")


def test_waiting_jobs_go_on_after_a_restart(daemon, plugin_server):
    api = daemon.api
    plugin_server.on("/g", NO)
    gate(api, plugin_server.url("/g"))
    plugin_server.close()
    jobs = [gated(api) for _ in range(8)]
    until(lambda: waiting(api) == 8, 30, "all wait")
    daemon.kill9()
    daemon.start()
    assert waiting(api) == 8
    plugin_server.open()
    for one in jobs:
        api.wait_state(one, "stopped")


def test_waiting_has_an_end(make_daemon, plugin_server):
    daemon = make_daemon(config="plugins:\n  wait_for: 2 s\n").start()
    gate(daemon.api, plugin_server.url("/g"))
    plugin_server.close()
    jobs = [gated(daemon.api) for _ in range(5)]
    for one in jobs:
        end = daemon.api.wait_state(one, "failed")
        assert (end["reasonCode"], end["plugin"]) == ("plugin_unavailable", GATE)


def test_another_address_is_tried_at_once(api, plugin_server, other_plugin_server):
    gate(api, plugin_server.url("/g"))
    plugin_server.close()
    jobs = [gated(api) for _ in range(20)]
    until(lambda: waiting(api) == 20, 30, "all wait")
    other_plugin_server.on("/g", NO)
    gate(api, other_plugin_server.url("/g"))
    for one in jobs:
        api.wait_state(one, "stopped")


@pytest.mark.parametrize("policy, state", [("ignore", "succeeded"), ("fail", "failed")])
def test_an_open_breaker_is_like_no_answer(api, plugin_server, policy, state):
    gate(api, plugin_server.url("/g"), failurePolicy=policy, retries=0)
    plugin_server.close()
    for _ in range(12):
        end = api.wait_state(gated(api), state)
    events = api.good("GET", f"/v1/job/events/{end['jobID']}") if "jobID" in end else []
    assert all(event.get("status", 0) == 0 for event in events)
    if policy == "fail":
        assert end["reasonCode"] == "plugin_unavailable" and "not asked for another" in end["reason"]
