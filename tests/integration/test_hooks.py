"""LifeHooks: who is told of which state changes, in what order, and what an answer means."""

import collections
import json

import pytest

from harness import feature, job, plugin, role, taskset, until, when
from plugin_double import Answer

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}


def hook(address, *states, selector=None, **more):
    """A LifeHook that hears of these states; none: of the usual ones."""
    own = selector or {"conditions": [], "expression": "*"}
    return plugin("LifeHook", address, jobSelector={**own, "states": list(states) or ["*"]}, **more)


def text(words, status=200, **headers):
    return Answer(status, words.encode(), {"Content-Type": "text/plain", **headers})


def told(server, path="/hook", job_id=None):
    """What a subscriber was sent, first sendings only."""
    seen, bodies = set(), []
    for call in server.at(path):
        key = call.headers["webhook-id"]
        if key not in seen and (job_id is None or call.body["id"] == job_id):
            seen.add(key)
            bodies.append(call.body)
    return bodies


def states(server, path="/hook", job_id=None):
    return [body["current_state"] for body in told(server, path, job_id)]


def until_told(server, wanted, path="/hook", job_id=None, seconds=20):
    until(lambda: states(server, path, job_id) == wanted, seconds, f"{path} is told {wanted}")


def test_every_state_in_order(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "*", "preparing")))
    job_id = api.submit(job(NULL, header={"team": "a"}), wait=20)
    until_told(plugin_server, ["preparing", "waiting", "running", "succeeded"], job_id=job_id)
    bodies = told(plugin_server, job_id=job_id)
    assert [body["sequence"] for body in bodies] == [1, 2, 3, 4]
    assert [body["previous_state"] for body in bodies] == [None, "preparing", "waiting", "running"]
    last = bodies[-1]
    assert last["userID"] == "ann" and last["jobKind"] == "TaskSet" and last["jobName"] == "a test"
    assert last["reasonCode"] == "succeeded" and last["time"].endswith("Z") and last["reason"]
    call = plugin_server.at("/hook")[0]
    assert call.headers["Sluice-Job-Id"] == job_id and call.headers["Sluice-Stage"] == "LifeHook"
    assert call.headers["Sluice-Attempt"] == "1"
    assert call.headers["Sluice-Plugin-Key"] == "LifeHook.watch.qa"
    assert call.headers["webhook-signature"].startswith("v1,")


def test_the_star_leaves_out_preparing_and_suspended(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    plugin_server.on("/gate", {"decision": "suspend", "reason": "later"})
    api.register(feature("watch", hook(plugin_server.url("/hook"))))
    api.register(feature("gate", plugin("AccessGate", plugin_server.url("/gate"))))
    job_id = api.submit(job(NULL))
    api.wait_state(job_id, "suspended")
    api.put(f"/v1/job/resume/{job_id}", {})
    until_told(plugin_server, ["waiting", "running", "succeeded"])


def test_selectors_decide(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    plugin_server.on("/all", text("OK"))
    api.register(feature("mine", hook(plugin_server.url("/hook"), "succeeded",
                                      selector=when("team", "a"))))
    api.register(feature("all", hook(plugin_server.url("/all"), "succeeded")))
    api.submit(job(NULL, header={"team": "b"}), wait=20)
    mine = api.submit(job(NULL, header={"team": "a"}), wait=20)
    until(lambda: len(states(plugin_server, "/all")) == 2, 20, "both jobs are told of")
    until_told(plugin_server, ["succeeded"])
    assert told(plugin_server)[0]["id"] == mine


@pytest.mark.parametrize("answer", ["OK", "ok", " Ok\r\n", '"OK"', "'ok' ", 204])
def test_acknowledged(api, plugin_server, answer):
    plugin_server.on("/hook", Answer(204, b"") if answer == 204 else text(answer))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["waiting", "succeeded"])
    assert len(plugin_server.at("/hook")) == 2


@pytest.mark.parametrize("answer", [text("RE"), text('" re "'), text("later"), text("", 200),
                                    text("no", 500), text("OK", 201), text("", 302)])
def test_asked_again_with_the_same_id(api, plugin_server, answer):
    answers = collections.deque([answer, text("OK")])
    plugin_server.on("/hook", lambda call: answers.popleft() if answers else text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["waiting", "succeeded"])
    calls = plugin_server.at("/hook")
    assert [call.body["current_state"] for call in calls] == ["waiting", "waiting", "succeeded"]
    assert calls[0].headers["webhook-id"] == calls[1].headers["webhook-id"]
    assert [call.headers["Sluice-Attempt"] for call in calls] == ["1", "2", "1"]


def test_only_the_jobs_own_later_states_wait(api, plugin_server):
    """RE delays one job; the others of the same subscriber go on."""
    plugin_server.on("/hook", lambda call: text("RE" if call.body["jobName"] == "slow" else "OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    slow = api.submit(job(NULL, name="slow"), wait=20)
    for _ in range(3):
        job_id = api.submit(job(NULL), wait=20)
        until_told(plugin_server, ["waiting", "succeeded"], job_id=job_id)
    assert set(states(plugin_server, job_id=slow)) == {"waiting"}


def test_off_holds_and_deleted_drops(api, plugin_server):
    plugin_server.on("/hook", text("no", 503))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    held = api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["succeeded"])
    api.turn("watch", "off")
    api.submit(job(NULL), wait=20)  # nobody listens
    plugin_server.on("/hook", text("OK"))
    api.turn("watch", "on")
    until(lambda: plugin_server.at("/hook")[-1].headers["Sluice-Attempt"] != "1", 20, "sent again")
    assert {body["id"] for body in told(plugin_server)} == {held}
    plugin_server.on("/hook", text("no", 503))
    api.submit(job(NULL), wait=20)
    until(lambda: len(told(plugin_server)) == 2, 20, "the next one is sent")
    api.delete("/v1/features/watch")
    plugin_server.on("/hook", text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    later = api.submit(job(NULL), wait=20)
    until(lambda: told(plugin_server)[-1]["id"] == later, 20, "the newest job is told of")
    assert len(told(plugin_server)) == 3, "what was for the deleted one is dropped"
