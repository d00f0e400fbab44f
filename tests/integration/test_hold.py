"""Admission held and released: nothing is admitted meanwhile, nobody is refused, nothing is lost."""

import pytest

from harness import feature, job, plugin, taskset, role, until
from plugin_double import hang, passes


def hold(api, **body):
    return api.good("PUT", "/v1/admission/hold", body or None)


def release(api, **body):
    return api.good("PUT", "/v1/admission/release", body or None)


def admission(api):
    return api.good("GET", "/v1/admission")


@pytest.fixture
def free(api):
    """The admin of the shared gateway; what a test holds is released after it."""
    yield api
    for one in admission(api)["holds"]:
        release(api, **{key: one[key] for key in ("kind", "userID") if key in one})


@pytest.fixture
def held(free):
    """All of its admission is held."""
    hold(free, reason="a move")
    return free


def code(api, job_id):
    now = api.job(job_id)
    return now["state"], now["reasonCode"]


def test_held_jobs_are_stored_and_wait(held, plugin_server):
    api = held
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", passes))))
    job_id = api.submit(job())
    now = api.job(job_id)
    assert (now["state"], now["reasonCode"]) == ("preparing", "held")
    assert "a move" in now["reason"] and "plugin" not in now and "next" not in now
    assert "held" in api.good("GET", f"/v1/job/explain/{job_id}")["summary"]
    state = admission(api)
    assert (state["held"], state["heldJobs"], state["jobsInAdmission"]) == (True, 1, 0)
    assert [(one["reason"], one["who"], "kind" in one) for one in state["holds"]] == [("a move", "admin", False)]
    assert plugin_server.calls == []
    assert api.count(reasonCode="held") == api.count(reasonCode="held", state="preparing") == 1
    groups = api.good("GET", "/v1/job/count?groupBy=state,reasonCode")["groups"]
    assert {"state": "preparing", "reasonCode": "held", "count": 1} in groups
    after = release(api)
    assert (after["changed"], after["held"], after["holds"]) == (True, False, [])
    api.wait_state(job_id, "succeeded")
    assert len(plugin_server.calls) == 1
    assert [one["outcome"] for one in api.events(job_id) if one["type"] == "note"] == ["released"]


def test_a_hold_survives_a_crash_and_released_jobs_keep_their_order(daemon, plugin_server):
    api = daemon.api
    hold(api)
    ids = [api.submit(job(name=f"j{i}")) for i in range(30)]
    daemon.kill9()
    daemon.start()
    assert admission(api)["heldJobs"] == 30
    assert {code(api, one) for one in ids} == {("preparing", "held")}
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", passes), maxInFlight=1)))
    release(api)
    for one in ids:
        api.wait_state(one, "succeeded")
    assert [call.header["jobID"] for call in plugin_server.calls] == ids


def test_holds_of_a_kind_and_of_a_user(free):
    api = free
    hold(api, kind="TaskSet", userID="bob")
    hold(api, userID="eve", reason="over quota")
    ann = api.submit(job(user="ann"))
    bob, eve = api.submit(job(user="bob")), api.submit(job(user="eve"))
    api.wait_state(ann, "succeeded")
    assert code(api, bob) == code(api, eve) == ("preparing", "held")
    assert "user eve" in api.job(eve)["reason"] and "over quota" in api.job(eve)["reason"]
    assert "kind TaskSet of user bob" in api.job(bob)["reason"]
    # Exactly what was held is released.
    left = release(api)
    assert (left["changed"], len(left["holds"])) == (False, 2)
    left = release(api, userID="bob")
    assert (left["changed"], len(left["holds"])) == (False, 2)
    assert code(api, bob) == ("preparing", "held")
    release(api, kind="TaskSet", userID="bob")
    api.wait_state(bob, "succeeded")
    assert code(api, eve) == ("preparing", "held")
    release(api, userID="eve")
    api.wait_state(eve, "succeeded")


def test_a_job_is_held_while_any_hold_fits_it(free):
    api = free
    hold(api, kind="TaskSet")
    hold(api)
    job_id = api.submit(job())
    release(api)
    assert admission(api)["heldJobs"] == 1
    assert code(api, job_id) == ("preparing", "held")
    release(api, kind="TaskSet")
    api.wait_state(job_id, "succeeded")


def test_holding_twice_keeps_the_time_and_takes_the_new_reason(free):
    first = hold(free, kind="K", reason="one")["holds"][0]
    again = hold(free, kind="K", reason="two")["holds"]
    assert [(one["reason"], one["since"]) for one in again] == [("two", first["since"])]


def test_held_jobs_take_no_places_and_are_not_refused_for_want_of_them(make_daemon, plugin_server):
    daemon = make_daemon(config="limits: {jobs_in_admission: 2}\n").start()
    api = daemon.api
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", hang), timeoutMs=60000)))
    busy = [api.submit(job()) for _ in range(2)]
    plugin_server.wait_calls("/g", 2)
    assert api.post("/v1/job", job()).status == 429
    hold(api)
    waiting = [api.submit(job()) for _ in range(5)]
    release(api)
    assert admission(api)["jobsInAdmission"] == 2
    assert api.count(state="preparing", reasonCode="held") == 5, "released, but there are no places"
    plugin_server.on("/g", passes)
    plugin_server.released.set()
    for one in busy + waiting:
        api.wait_final(one)
    assert {api.state(one) for one in waiting} == {"succeeded"}


def test_a_released_crowd_never_exceeds_the_places(make_daemon, plugin_server):
    daemon = make_daemon(config="limits: {jobs_in_admission: 4}\n").start()
    api = daemon.api
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", passes))))
    hold(api)
    ids = [api.submit(job()) for _ in range(60)]
    release(api)
    most = 0
    while api.count(state="preparing"):
        most = max(most, admission(api)["jobsInAdmission"])
    assert most <= 4
    for one in ids:
        api.wait_state(one, "succeeded")


def test_a_held_job_can_be_stopped(held):
    job_id, other = held.submit(job()), held.submit(job())
    answer = held.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "no need"})
    assert answer == {"state": "stopped", "stopping": False}
    assert admission(held)["heldJobs"] == 1
    assert held.put(f"/v1/job/resume/{other}").status == 409, "a hold is lifted, not resumed"
    release(held)
    held.wait_state(other, "succeeded")
    assert code(held, job_id) == ("stopped", "stopped_by_user")


def test_jobs_at_work_go_on_and_resumed_ones_are_held(free, plugin_server):
    api = free
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", {"decision": "suspend"}))))
    suspended = api.submit(job())
    api.wait_state(suspended, "suspended")
    api.turn("g", "off")
    running = api.submit(job(taskset(role("main", "sleep 60"))))
    api.wait_state(running, "running")
    hold(api)
    assert api.put(f"/v1/job/resume/{suspended}").status == 200
    assert code(api, suspended) == ("preparing", "held")
    assert api.state(running) == "running"
    release(api)
    api.wait_state(suspended, "succeeded")
    api.good("PUT", f"/v1/job/stop/{running}")


def test_nothing_is_asked_again_while_it_is_held(free, plugin_server):
    api = free
    answers = iter([{"decision": "suspend", "retryAfterSec": 4}])
    gate = plugin_server.on("/g", lambda call: next(answers, {"decision": "pass"}))
    api.register(feature("g", plugin("AccessGate", gate)))
    job_id = api.submit(job())
    first = api.wait_state(job_id, "suspended")["next"]
    hold(api)
    later = until(lambda: (now := api.job(job_id))["next"] != first and now, 15, "its time is put off")
    assert (later["state"], later["reasonCode"]) == ("suspended", "gate_suspended")
    assert len(plugin_server.calls) == 1
    assert "admission is held" in api.good("GET", f"/v1/job/explain/{job_id}")["summary"]
    release(api)
    api.wait_state(job_id, "succeeded")
    assert len(plugin_server.calls) == 2, "asked again as soon as it was released"


def test_jobs_in_admission_at_a_crash_are_held_after_it(daemon, plugin_server):
    api = daemon.api
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", hang), timeoutMs=60000)))
    job_id = api.submit(job())
    plugin_server.wait_calls("/g", 1)
    hold(api)
    assert code(api, job_id) == ("preparing", "in_admission"), "a hold does not pull back what is under way"
    daemon.kill9()
    plugin_server.on("/g", passes)
    daemon.start()
    until(lambda: code(api, job_id) == ("preparing", "held"), 10, "it is held")
    assert len(plugin_server.calls) == 1
    release(api)
    api.wait_state(job_id, "succeeded")


def test_started_with_hold(make_daemon):
    daemon = make_daemon(arguments=["--hold"]).start()
    api = daemon.api
    job_id = api.submit(job())
    assert code(api, job_id) == ("preparing", "held")
    assert admission(api)["holds"][0]["who"] == "sluiced --hold"
    assert any("held" in note for note in api.get("/readyz").document["notes"])
    release(api)
    api.wait_state(job_id, "succeeded")
    assert not any("held" in note for note in api.get("/readyz").document["notes"])


def test_who_may_hold(free):
    api = free
    reader, writer = api.token_for("read_feature"), api.token_for("write_feature")
    submitter = api.token_for("write_job", "read_job", "resume_job")
    for path in ("hold", "release"):
        assert reader.put(f"/v1/admission/{path}").status == 403
        assert submitter.put(f"/v1/admission/{path}").status == 403
        assert writer.put(f"/v1/admission/{path}").status == 200
    assert submitter.get("/v1/admission").status == 403
    assert reader.get("/v1/admission").status == 200
    for body in ({"kinds": "K"}, {"kind": ""}, {"kind": 1}, {"kind": "k" * 129}, {"userID": "u" * 129}):
        assert api.put("/v1/admission/hold", body).status == 400
    assert admission(api)["holds"] == []


def test_there_is_an_end_to_holds(free):
    for i in range(256):
        hold(free, kind=f"k{i}")
    refused = free.put("/v1/admission/hold", {"kind": "one more"})
    assert refused.status == 409 and "release" in refused.msg
    assert free.put("/v1/admission/hold", {"kind": "k7", "reason": "again"}).status == 200


def test_a_held_submission_is_remembered_by_its_idempotency_key(held):
    headers = {"Idempotency-Key": "once"}
    first = held.submit(job(), headers=headers)
    assert held.submit(job(), headers=headers) == first
    assert admission(held)["heldJobs"] == 1
    release(held)
    held.wait_state(first, "succeeded")


def test_waiting_for_a_held_job_tells_that_it_is_held(held):
    answer = held.good("POST", "/v1/job?wait=1", job())
    assert (answer["state"], answer["reasonCode"]) == ("preparing", "held")
    release(held)
    held.wait_state(answer["jobID"], "succeeded")


def test_children_of_a_stopped_parent_are_stopped_though_held(held):
    parent = held.submit(job())
    child = held.submit(job(parentJobID=parent))
    held.good("PUT", f"/v1/job/stop/{parent}")
    assert held.wait_final(child)["reasonCode"] == "stopped_with_parent"
    assert admission(held)["heldJobs"] == 0


