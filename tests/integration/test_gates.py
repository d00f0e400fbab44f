"""Suspend, resume, stop: who wins, what is asked again, and that nothing of a job is left."""

import concurrent.futures
import datetime
import itertools
import threading
import time

import pytest

from harness import FINAL, feature, job, plugin, processes_with, role, taskset, until
from plugin_double import Answer, hang, passes

SUSPEND = {"decision": "suspend", "reason": "not now"}


def gates(api, server, *answers, **more):
    """One feature with a gate for each answer, at /0, /1, ..."""
    api.register(feature("gates", *(plugin("AccessGate", server.on(f"/{i}", answer), name=f"g{i}", **more)
                                    for i, answer in enumerate(answers))))


def asked(server):
    return [call.path for call in server.calls]


def resume(api, job_id, **body):
    return api.put(f"/v1/job/resume/{job_id}", body or None)


def suspended(api, **more):
    job_id = api.submit(job(**more))
    return job_id, api.wait_state(job_id, "suspended")


# --- suspend and resume ---------------------------------------------------------------------------


def test_resume_goes_on_with_the_next_gate(api, plugin_server):
    gates(api, plugin_server, passes, SUSPEND, passes)
    job_id, why = suspended(api)
    assert asked(plugin_server) == ["/0", "/1"]
    assert (why["reasonCode"], why["plugin"]) == ("gate_suspended", "AccessGate.gates.qa.g1")
    assert "not now" in why["reason"]
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/0", "/1", "/2"]


def test_resume_keeps_the_factors(api, plugin_server):
    factor = {"topic": "t", "advice": "1", "reason": "r"}
    api.register(feature("f", plugin("FactorGenerator", plugin_server.on("/f", factor))))
    gates(api, plugin_server, SUSPEND, passes)
    job_id, _ = suspended(api)
    resume(api, job_id)
    api.wait_state(job_id, "succeeded")
    assert len(plugin_server.at("/f")) == 1
    assert plugin_server.at("/1")[0].factors == {"t": [factor]}


def test_suspended_twice(api, plugin_server):
    gates(api, plugin_server, SUSPEND, SUSPEND)
    job_id, _ = suspended(api)
    resume(api, job_id)
    plugin_server.wait_calls("/1", 1)
    api.wait_state(job_id, "suspended")
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/0", "/1"]


@pytest.mark.parametrize("how", ["recheck", "ask"])
def test_the_same_gate_is_asked_again(api, plugin_server, how):
    first = {**SUSPEND, "onResume": "ask"} if how == "ask" else SUSPEND
    answers = iter([first, {"decision": "pass"}])
    gates(api, plugin_server, lambda call: next(answers), passes)
    job_id, _ = suspended(api)
    resume(api, job_id, **({"recheck": True} if how == "recheck" else {}))
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/0", "/0", "/1"]


def test_two_resumes_at_once_one_wins(api, plugin_server):
    gates(api, plugin_server, SUSPEND)
    for _ in range(5):
        job_id, _ = suspended(api)
        start = threading.Barrier(4)

        def go(_, job_id=job_id, start=start):
            start.wait(60)
            return resume(api, job_id).status

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(go, range(4)))
        assert statuses == [200, 409, 409, 409]
        api.wait_state(job_id, "succeeded")


def test_resume_against_stop(api, plugin_server):
    gates(api, plugin_server, SUSPEND)
    for _ in range(5):
        job_id, _ = suspended(api)
        start = threading.Barrier(2)

        def go(what, job_id=job_id, start=start):
            start.wait(60)
            return api.put(f"/v1/job/{what}/{job_id}").status

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = dict(zip(("stop", "resume"), pool.map(go, ("stop", "resume"))))
        end = api.wait_final(job_id)
        if results["stop"] == 200:
            assert end["state"] == "stopped"
        else:
            assert (results, end["state"]) == ({"stop": 409, "resume": 200}, "succeeded")


def test_resume_of_what_is_not_suspended(api, plugin_server):
    gates(api, plugin_server, hang, timeoutMs=60000)
    job_id = api.submit(job())
    plugin_server.wait_calls("/0", 1)
    assert resume(api, job_id).status == 409
    assert api.put(f"/v1/job/stop/{job_id}").status == 200
    assert resume(api, job_id).status == 409
    plugin_server.released.set()


def test_a_gate_is_asked_again_by_itself(api, plugin_server):
    answers = iter([{**SUSPEND, "retryAfterSec": 1}] * 2)
    gates(api, plugin_server, lambda call: next(answers, {"decision": "pass"}))
    job_id, why = suspended(api)
    assert why["next"]
    api.wait_state(job_id, "succeeded")
    calls = plugin_server.at("/0")
    assert len(calls) == 3
    assert all(b.arrived - a.arrived >= 0.85 for a, b in itertools.pairwise(calls))
    suspensions = [one for one in api.events(job_id)
                   if one["type"] == "call" and one.get("decision") == "suspend"]
    assert [one["count"] for one in suspensions] == [2], "equal answers in a row are one event"


def test_a_job_stays_suspended_while_it_is_asked_again(api, plugin_server):
    answers = iter([{**SUSPEND, "retryAfterSec": 1}])
    gates(api, plugin_server, lambda call: next(answers, hang), timeoutMs=60000)
    job_id, _ = suspended(api)
    plugin_server.wait_calls("/0", 2)
    assert api.state(job_id) == "suspended"
    api.put(f"/v1/job/stop/{job_id}")
    plugin_server.released.set()


def test_a_resume_while_it_is_asked_again_is_not_lost(api, plugin_server):
    go = threading.Event()

    def act(_call):
        if len(plugin_server.at("/0")) > 1:
            go.wait(50)
        return {**SUSPEND, "retryAfterSec": 1}

    gates(api, plugin_server, act, timeoutMs=60000)
    job_id, _ = suspended(api)
    plugin_server.wait_calls("/0", 2)
    assert resume(api, job_id).status == 200
    go.set()
    api.wait_state(job_id, "succeeded")


def test_expiry_stops_the_job(api, plugin_server):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    gates(api, plugin_server, {**SUSPEND, "expiresAt": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:23] + "Z"})
    job_id, why = suspended(api)
    assert why["next"]
    end = api.wait_state(job_id, "stopped")
    assert end["reasonCode"] == "expired"


def test_resume_cancels_the_expiry(api, plugin_server):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    gates(api, plugin_server, {**SUSPEND, "expiresAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}, SUSPEND)
    job_id, _ = suspended(api)
    resume(api, job_id)
    plugin_server.wait_calls("/1", 1)
    other, _ = suspended(api)  # expires at the same moment, and so tells when it has passed
    api.wait_state(other, "stopped")
    assert api.state(job_id) == "suspended"


def test_the_gates_own_code(api, plugin_server):
    gates(api, plugin_server, {**SUSPEND, "reasonCode": "outside_office_hours"})
    job_id, why = suspended(api)
    assert why["reasonCode"] == "outside_office_hours"
    assert job_id in [one["jobID"] for one in api.list(reasonCode="outside_office_hours")]


def test_stop_decision(api, plugin_server):
    gates(api, plugin_server, {"decision": "stop", "reason": "never"}, passes)
    end = api.wait_final(api.submit(job()))
    assert (end["state"], end["reasonCode"]) == ("stopped", "gate_stopped")
    assert "never" in end["reason"] and asked(plugin_server) == ["/0"]


# --- what changed in between --------------------------------------------------------------------------


def test_going_on_takes_the_registry_of_then(api, plugin_server):
    for name in ("a", "b", "c"):
        answer = SUSPEND if name == "b" else passes
        api.register(feature(name, plugin("AccessGate", plugin_server.on(f"/{name}", answer))))
    job_id, _ = suspended(api)
    assert asked(plugin_server) == ["/a", "/b"]
    api.turn("c", "off")
    api.register(feature("new", plugin("AccessGate", plugin_server.on("/new", passes))))
    resume(api, job_id)
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/a", "/b", "/new"]


def test_a_gate_that_is_gone_when_its_time_comes(api, plugin_server):
    gates(api, plugin_server, {**SUSPEND, "retryAfterSec": 1})
    job_id, _ = suspended(api)
    api.turn("gates", "off")
    until(lambda: api.job(job_id)["reasonCode"] == "gate_gone", 20, "the gate is missed")
    assert api.state(job_id) == "suspended"
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")


def test_a_gate_that_is_down_and_then_gone_lets_nobody_pass(api, plugin_server):
    """It has suspended the job and did not take that back: only a person may."""
    answers = iter([{**SUSPEND, "retryAfterSec": 1}])
    gates(api, plugin_server, lambda call: next(answers, Answer(503, {})), passes, retries=0)
    job_id, _ = suspended(api)
    until(lambda: api.job(job_id)["reasonCode"] == "plugin_unavailable", 20, "it is down")
    api.turn("gates", "off")
    gone = until(lambda: (now := api.job(job_id))["reasonCode"] == "gate_gone" and now, 20, "it is missed")
    assert (gone["state"], gone["plugin"]) == ("suspended", "AccessGate.gates.qa.g0")
    assert "next" not in gone
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")


@pytest.mark.parametrize("on_resume", ["next", "ask"])
def test_a_recheck_of_a_gate_that_is_gone_lets_nobody_pass(api, plugin_server, on_resume):
    """Who may resume with recheck only must not get past a gate because it is off."""
    far = "2099-01-01T00:00:00Z"
    gates(api, plugin_server, {**SUSPEND, "onResume": on_resume, "expiresAt": far})
    job_id, _ = suspended(api)
    api.turn("gates", "off")
    assert resume(api, job_id, recheck=True).status == 200
    gone = until(lambda: (now := api.job(job_id))["reasonCode"] == "gate_gone" and now, 20, "it is missed")
    assert gone["state"] == "suspended" and "next" not in gone, "a resume cancels the expiry"
    assert len(plugin_server.calls) == 1
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")


def test_a_recheck_finds_the_gate_that_is_on_again(api, plugin_server):
    answers = iter([SUSPEND])
    gates(api, plugin_server, lambda call: next(answers, {"decision": "pass"}))
    job_id, _ = suspended(api)
    api.turn("gates", "off")
    resume(api, job_id, recheck=True)
    until(lambda: api.job(job_id)["reasonCode"] == "gate_gone", 20, "it is missed")
    api.turn("gates", "on")
    assert resume(api, job_id, recheck=True).status == 200
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/0", "/0"]


def test_suspension_survives_restarts(daemon, plugin_server):
    api = daemon.api
    gates(api, plugin_server, passes, SUSPEND, passes)
    job_id, why = suspended(api)
    daemon.kill9()
    daemon.start()
    again = api.job(job_id)
    assert (again["state"], again["reason"], again["since"]) == ("suspended", why["reason"], why["since"])
    daemon.restart()
    assert resume(api, job_id).status == 200
    api.wait_state(job_id, "succeeded")
    assert asked(plugin_server) == ["/0", "/1", "/2"]


def test_asked_again_after_a_restart(daemon, plugin_server):
    answers = iter([{**SUSPEND, "retryAfterSec": 1}])
    gates(daemon.api, plugin_server, lambda call: next(answers, {"decision": "pass"}))
    job_id, _ = suspended(daemon.api)
    daemon.kill9()
    daemon.start()
    daemon.api.wait_state(job_id, "succeeded")
    assert len(plugin_server.at("/0")) == 2


# --- stop in every state ------------------------------------------------------------------------------------


def test_stop_while_preparing(api, plugin_server):
    gates(api, plugin_server, hang, timeoutMs=60000)
    job_id = api.submit(job())
    plugin_server.wait_calls("/0", 1)
    answer = api.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "enough"})
    assert set(answer) >= {"state", "stopping"}
    assert api.wait_state(job_id, "stopped")["reasonCode"] == "stopped_by_user"
    plugin_server.released.set()


def test_stop_while_waiting_for_a_plugin(api, plugin_server):
    gates(api, plugin_server, Answer(503, {}), retries=0)
    job_id, why = suspended(api)
    assert why["reasonCode"] == "plugin_unavailable"
    api.good("PUT", f"/v1/job/stop/{job_id}")
    assert api.state(job_id) == "stopped"


def test_stop_while_waiting_for_a_slot(make_daemon):
    daemon = make_daemon(config="engines:\n  local:\n    slots: 1\n").start()
    api = daemon.api
    first = api.submit(job(taskset(role("a", "sleep 60"))))
    api.wait_state(first, "running")
    second = api.submit(job(taskset(role("a", "sleep 60"))))
    assert api.wait_state(second, "waiting")["reasonCode"] == "waiting_for_slot"
    api.good("PUT", f"/v1/job/stop/{second}")
    api.wait_state(second, "stopped")
    assert api.state(first) == "running"


DETACHED = """
(setsid sh -c 'trap "" TERM HUP; exec sleep 61' >/dev/null 2>&1 &)
setsid --fork sleep 62
nohup sleep 63 >/dev/null 2>&1 &
trap '' TERM
echo ready
sleep 64
"""


@pytest.mark.parametrize("how", ["stop", "deadline", "role end"])
def test_nothing_of_a_job_survives(api, how, tmp_path):
    pod = {"terminationGracePeriodSeconds": 1}
    main = role("main", DETACHED, pod=pod)
    document = taskset(main)
    if how == "deadline":
        document["spec"]["activeDeadlineSeconds"] = 8
    if how == "role end":
        document["spec"]["roles"].append(role("quick", f"until [ -e {tmp_path}/go ]; do sleep 0.05; done; exit 1", pod=pod))
    job_id = api.submit(job(document))
    api.wait_state(job_id, "running")
    until(lambda: "ready" in api.logs(job_id), 20, "its children are there")
    assert len(processes_with(f"SLUICE_JOB_ID={job_id}")) >= 4
    (tmp_path / "go").touch()
    if how == "stop":
        api.good("PUT", f"/v1/job/stop/{job_id}")
    end = api.wait_final(job_id)
    expected = {"stop": ("stopped", "stopped_by_user"), "deadline": ("failed", "deadline_exceeded"),
                "role end": ("failed", "replica_failed")}[how]
    assert (end["state"], end["reasonCode"]) == expected
    assert processes_with(f"SLUICE_JOB_ID={job_id}") == []


def test_stop_of_running_is_told_at_once_and_true_at_the_end(api):
    job_id = api.submit(job(taskset(role("main", "trap '' TERM; echo up; while :; do sleep 0.1; done", 2,
                                         pod={"terminationGracePeriodSeconds": 1}))))
    api.wait_state(job_id, "running")
    until(lambda: api.logs(job_id).count("up") == 2, 20, "both run")
    started = time.monotonic()
    answer = api.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "x"})
    assert answer["stopping"] is True and answer["state"] == "running"
    assert api.put(f"/v1/job/stop/{job_id}").status == 200
    end = api.wait_state(job_id, "stopped")
    assert time.monotonic() - started < 25 and end["reasonCode"] == "stopped_by_user"
    assert {one["state"] for one in api.detail(job_id)["tasks"][0]["replicas"]} == {"stopped"}


def test_stop_is_final_also_when_replicas_succeed_meanwhile(api):
    job_id = api.submit(job(taskset(role("main", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"))))
    until(lambda: api.state(job_id) == "running" and "up" in api.logs(job_id), 20, "it runs")
    api.good("PUT", f"/v1/job/stop/{job_id}")
    assert api.wait_final(job_id)["state"] == "stopped"


def test_stop_survives_a_crash(daemon):
    api = daemon.api
    job_id = api.submit(job(taskset(role("main", "trap '' TERM; echo up; while :; do sleep 0.1; done",
                                         pod={"terminationGracePeriodSeconds": 2}))))
    until(lambda: api.state(job_id) == "running" and "up" in api.logs(job_id), 20, "it runs")
    api.good("PUT", f"/v1/job/stop/{job_id}")
    daemon.kill9()
    daemon.start()
    assert api.wait_final(job_id)["state"] == "stopped"
    assert processes_with(f"SLUICE_JOB_ID={job_id}") == []


def test_states_only_move_as_allowed(api, plugin_server):
    allowed = {"preparing": {"suspended", "waiting", "failed", "stopped"},
               "suspended": {"preparing", "stopped", "failed"}, "waiting": {"running", "failed", "stopped"},
               "running": {"succeeded", "failed", "stopped"}}
    gates(api, plugin_server, SUSPEND)
    job_id, _ = suspended(api)
    resume(api, job_id)
    api.wait_state(job_id, "succeeded")
    states = [event["state"] for event in api.events(job_id) if event.get("state")]
    moves = [(a, b) for a, b in itertools.pairwise(states) if a != b]
    assert moves and moves[-1][1] in FINAL
    for before, after in moves:
        assert after in allowed[before], moves


def test_a_stop_of_a_gate_that_is_asked_again_wins_over_a_resume(api, plugin_server):
    """A resume takes effect if the gate suspends again; what else it says counts."""
    go = threading.Event()

    def act(_call):
        if len(plugin_server.at("/0")) > 1:
            go.wait(50)
            return {"decision": "stop", "reason": "never"}
        return {**SUSPEND, "retryAfterSec": 1}

    gates(api, plugin_server, act, timeoutMs=60000)
    job_id, _ = suspended(api)
    plugin_server.wait_calls("/0", 2)
    assert resume(api, job_id).status == 200
    go.set()
    assert api.wait_final(job_id)["state"] == "stopped"
