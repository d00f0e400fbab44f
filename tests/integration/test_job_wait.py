"""POST /v1/job?wait: held until admission has ended for now, and by whom it is ended earlier."""

import concurrent.futures
import json

import pytest

import plugin_double
from harness import feature, job, plugin, when


@pytest.fixture
def hanging(plugin_server):
    """Submissions that hang in admission, each on a thread of its own: start(api, query, ...)."""
    pool = concurrent.futures.ThreadPoolExecutor(8)
    address = plugin_server.on("/hang", plugin_double.hang)

    def start(api, query, **more):
        if not api.good("GET", "/v1/features/list/all"):
            api.register(feature("hanging", plugin("FactorGenerator", address, timeoutMs=60000)))
        before = len(plugin_server.at("/hang"))
        future = pool.submit(api.call, "POST", f"/v1/job{query}", job(user="hangs"), **more)
        plugin_server.wait_calls("/hang", before + 1)
        return future

    yield start
    plugin_server.released.set()
    pool.shutdown()


def test_wait_ends_when_somebody_stops_the_job(api, hanging):
    future = hanging(api, "?wait=60")
    job_id = api.list(userID="hangs", state="preparing")[0]["jobID"]
    api.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "enough"})
    payload = future.result(60).payload
    assert (payload["jobID"], payload["state"]) == (job_id, "stopped")
    assert (payload["reason"], payload["reasonCode"]) == ("enough", "stopped_by_user")


def test_wait_with_a_key_waits_for_the_first_job(api, plugin_server):
    gate = plugin_server.on("/gate", {"decision": "suspend", "reason": "not now"})
    api.register(feature("held", plugin("AccessGate", gate), selector=when("userID", "keyed")))
    body = json.dumps(job(user="keyed")).encode()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.good("POST", "/v1/job?wait=20", body,
                                                   headers={"Idempotency-Key": "held"}), range(4)))
    assert len({one["jobID"] for one in answers}) == 1
    assert {one["state"] for one in answers} == {"suspended"}


def test_wait_of_no_seconds_tells_the_present_state(api):
    assert api.good("POST", "/v1/job?wait=0", job())["state"] in ("preparing", "waiting", "running")


def test_places_to_wait_are_few(make_daemon, hanging):
    daemon = make_daemon(config="limits:\n  connections: 8\n").start()
    waiting = [hanging(daemon.api, "?wait=60") for _ in range(2)]
    reply = daemon.api.post("/v1/job?wait=1", job(user="third"))
    assert (reply.status, reply.code) == (503, "SERVICE_UNAVAILABLE"), reply
    assert daemon.api.count(userID="third") == 0
    daemon.api.submit(job(user="fourth"))
    for one in daemon.api.list(userID="hangs"):
        daemon.api.put(f"/v1/job/stop/{one['jobID']}")
    assert {one.result(60).payload["state"] for one in waiting} == {"stopped"}
    for one in daemon.api.list(userID="fourth"):
        daemon.api.put(f"/v1/job/stop/{one['jobID']}")


def test_the_held_are_answered_when_the_gateway_stops(make_daemon, hanging, plugin_server):
    daemon = make_daemon(config="shutdown_grace: 60 s\n").start()
    future = hanging(daemon.api, "?wait=60")
    daemon.process.terminate()
    reply = future.result(50)
    assert reply.status == 200 and reply.payload["state"] == "preparing"
    plugin_server.released.set()
    assert daemon.process.wait(120) == 0
