"""Jobs with a parent: stopped with it, whatever they are doing and whoever stops it."""

import datetime

import pytest

import plugin_double
from harness import feature, job, plugin, role, taskset, when

SLEEPER = taskset(role("main", "sleep 300"))


@pytest.fixture
def held(api, plugin_server):
    """Submits jobs that a gate holds; `held.answer` is what it says."""
    class Held:
        answer = {"decision": "suspend", "reason": "not now"}

        def __call__(self, **more):
            job_id = api.submit(job(user="held", **more))
            api.wait_state(job_id, "suspended")
            return job_id

    made = Held()
    gate = plugin_server.on("/gate", lambda call: made.answer)
    api.register(feature("held", plugin("AccessGate", gate), selector=when("userID", "held")))
    return made


def with_parent(api, job_id):
    ended = api.wait_state(job_id, "stopped")
    assert ended["reasonCode"] == "stopped_with_parent", ended
    return ended


def test_in_the_same_moment(api, held):
    parent = held()
    children = [held(parentJobID=parent) for _ in range(3)]
    grandchild = held(parentJobID=children[1])
    stranger = held()
    api.good("PUT", f"/v1/job/stop/{parent}", {"reason": "enough"})
    for one in (*children, grandchild):
        ended = api.job(one)  # no waiting: it is one transaction
        assert (ended["state"], ended["reasonCode"]) == ("stopped", "stopped_with_parent")
    assert parent in api.job(children[0])["reason"] and children[1] in api.job(grandchild)["reason"]
    assert api.job(parent)["reasonCode"] == "stopped_by_user"
    assert api.state(stranger) == "suspended"


def test_a_running_child_ends(api, held):
    parent = held()
    child = api.submit(job(SLEEPER, parentJobID=parent))
    grandchild = held(parentJobID=child)
    api.wait_state(child, "running")
    api.good("PUT", f"/v1/job/stop/{parent}")
    assert api.state(grandchild) == "stopped"
    assert parent in with_parent(api, child)["reason"]


def test_the_child_of_a_running_parent(api, held):
    parent = api.submit(job(SLEEPER))
    api.wait_state(parent, "running")
    child = held(parentJobID=parent)
    assert api.good("PUT", f"/v1/job/stop/{parent}", {"reason": "tired of it"})["stopping"]
    assert api.job(child)["reasonCode"] == "stopped_with_parent"
    ended = api.wait_state(parent, "stopped")
    assert (ended["reasonCode"], ended["reason"]) == ("stopped_by_user", "tired of it")


def test_a_child_in_admission_is_called_off(api, held, plugin_server):
    address = plugin_server.on("/hang", plugin_double.hang)
    api.register(feature("hang", plugin("FactorGenerator", address, timeoutMs=60000),
                         selector=when("userID", "hang")))
    parent = held()
    child = api.submit(job(user="hang", parentJobID=parent))
    plugin_server.wait_calls("/hang", 1)
    api.good("PUT", f"/v1/job/stop/{parent}")
    with_parent(api, child)
    plugin_server.released.set()


def test_a_parent_that_a_gate_stops(api, held):
    parent = held()
    child = held(parentJobID=parent)
    held.answer = {"decision": "stop", "reason": "never"}
    api.good("PUT", f"/v1/job/resume/{parent}", {"recheck": True})
    assert api.wait_state(parent, "stopped")["reasonCode"] == "gate_stopped"
    assert api.job(child)["reasonCode"] == "stopped_with_parent"


def test_a_parent_that_expires(api, held):
    parent = held()
    child = held(parentJobID=parent)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    held.answer = {"decision": "suspend", "reason": "not now", "expiresAt": soon.isoformat()}
    api.good("PUT", f"/v1/job/resume/{parent}", {"recheck": True})
    assert api.wait_state(parent, "stopped")["reasonCode"] == "expired"
    assert api.job(child)["reasonCode"] == "stopped_with_parent"


@pytest.mark.parametrize("end, code", [("succeeded", 0), ("failed", 3)])
def test_other_ends_of_a_parent_leave_children_alone(api, held, tmp_path, end, code):
    go = tmp_path / "go"
    parent = api.submit(job(taskset(role("main", f"until test -e {go}; do sleep 0.05; done; exit {code}"))))
    api.wait_state(parent, "running")
    child = held(parentJobID=parent)
    go.touch()
    api.wait_state(parent, end)
    assert api.state(child) == "suspended"
    api.good("PUT", f"/v1/job/stop/{child}")


def test_no_children_for_what_has_ended(api, held):
    for state, parent in (("stopped", held()), ("succeeded", api.submit(job()))):
        if state == "stopped":
            api.good("PUT", f"/v1/job/stop/{parent}")
        api.wait_state(parent, state)
        before = api.count()
        reply = api.post("/v1/job", job(parentJobID=parent))
        assert (reply.status, reply.code) == (409, "UNSUPPORTED_OPERATION"), reply
        assert "parentJobID" in reply.msg and api.count() == before


def test_more_children_than_one_transaction_takes(api, held):
    parent = held()
    children = [api.submit(job(user="held", name="many", parentJobID=parent)) for _ in range(150)]
    for one in children[-3:]:
        api.wait_state(one, "suspended")
    api.good("PUT", f"/v1/job/stop/{parent}")
    for one in children:
        with_parent(api, one)


def test_a_crash_behind_the_stop_leaves_nothing_half_done(make_daemon, plugin_server):
    daemon = make_daemon().start()
    api = daemon.api
    gate = plugin_server.on("/gate", {"decision": "suspend", "reason": "not now"})
    api.register(feature("held", plugin("AccessGate", gate), selector=when("userID", "held")))
    parent = api.submit(job(user="held"))
    children = [api.submit(job(user="held", parentJobID=parent)) for _ in range(200)]
    for one in children:
        api.wait_state(one, "suspended")
    api.good("PUT", f"/v1/job/stop/{parent}")
    daemon.kill9()
    daemon.start()
    for one in children:
        with_parent(api, one)
