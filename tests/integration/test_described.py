"""/openapi.json is true and tight: all that the gateway answers is described, and what it describes is
closed. Every test that uses harness.Api looks at that with each answer (described.py); here are the
states and the kinds that they may not come by."""

import copy
import urllib.parse

import pytest

import described
from harness import feature, job, plugin, role, taskset, until, when
from plugin_double import Answer, passes

pytestmark = pytest.mark.skipif(not described.jsonschema, reason="python3-jsonschema is not installed")

OPEN = {"JobDocument", "TaskSet"}  # what users write
SLEEP = role("main", "sleep 600", replicas=2)


@pytest.fixture
def schemas(api):
    return api.get("/openapi.json").document["components"]["schemas"]


def test_what_has_a_name_is_closed(schemas):
    unclosed = {name for name, schema in schemas.items()
                if "enum" not in schema and schema.get("additionalProperties") is not False}
    assert unclosed == OPEN


def test_all_that_is_referred_to_is_there_and_is_used(api):
    text, found = api.get("/openapi.json").raw.decode(), set()
    for part in text.split("#/components/schemas/")[1:]:
        found.add(part.partition('"')[0])
    assert found == set(api.get("/openapi.json").document["components"]["schemas"])


@pytest.mark.parametrize("spoil, words", [
    (lambda payload: payload.update(more=1), "more"),
    (lambda payload: payload["job"].pop("since"), "since"),
    (lambda payload: payload["job"].update(state="asleep"), "asleep"),
    (lambda payload: payload["job"].update(createdAt="yesterday"), "yesterday"),
    (lambda payload: payload["job"].update(id="1"), "uuid")])
def test_an_answer_that_is_not_described_is_found(api, spoil, words):
    job_id = api.submit(job(), wait=20)
    reply = api.get(f"/v1/job/detail/{job_id}")
    wrong = copy.copy(reply)
    wrong.document, wrong.raw = copy.deepcopy(reply.document), b"another"
    spoil(wrong.document["payload"])
    with pytest.raises(AssertionError, match=words):
        described.LOOKOUT.description.check("GET", f"/v1/job/detail/{job_id}", wrong)


def read_all_of(api, job_id, plugin_key):
    for what in ("detail", "config", "events", "calls", "explain", "artifacts"):
        api.good("GET", f"/v1/job/{what}/{job_id}")
    api.get(f"/v1/job/taskset/{job_id}")
    api.get(f"/v1/job/logs/{job_id}")
    api.good("GET", f"/v1/job/explain/{job_id}?plugin={plugin_key}")
    assert api.good("GET", f"/v1/job/explain/{job_id}?all=true")


GATE = "AccessGate.gate.qa"


@pytest.fixture
def gated(api, plugin_server):
    """The gate stops, suspends and fails by the header; all else is admitted."""
    def decide(call):
        return {"decision": call.header.get("do", "pass"), "reason": "as asked"}
    asked = plugin("AccessGate", plugin_server.on("/gate", decide))
    api.register(feature("gate", asked, selector=when("do", "/^/")))
    api.register(feature("none", plugin("AccessGate", plugin_server.on("/none", passes)), selector=when("do", "/-/")))
    return api


@pytest.mark.parametrize("state, document, header", [
    ("succeeded", taskset(role("main", "echo hello > out")), {}),
    ("failed", taskset(role("main", "exit 3", replicas=2)), {"do": "pass"}),
    ("running", taskset(SLEEP), {}),
    ("suspended", taskset(SLEEP), {"do": "suspend"}),
    ("stopped", taskset(SLEEP), {"do": "stop"}),
    ("failed", {"kind": "unheard-of"}, {})])
def test_a_job_in_each_state(gated, state, document, header):
    job_id = gated.submit(job(document, header=header))
    until(lambda: gated.state(job_id) == state, 30, f"it is {state}")
    read_all_of(gated, job_id, GATE)
    for group in ("state", "reasonCode", "plugin", "kind", "userID", "state,kind"):
        assert gated.good("GET", f"/v1/job/count?groupBy={group}")["groups"]
    assert gated.list(state=state)
    if state == "running":
        gated.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "enough"})
        gated.wait_final(job_id)
        read_all_of(gated, job_id, GATE)
    elif state == "suspended":
        gated.good("PUT", f"/v1/job/stop/{job_id}")
    elif document["kind"] == "TaskSet" and state != "stopped":
        again = gated.good("POST", f"/v1/job/rerun/{job_id}", {})["jobID"]
        gated.wait_final(again)
        read_all_of(gated, job_id, GATE)
        read_all_of(gated, again, GATE)


def test_a_job_that_waits_for_its_engine(make_daemon, plugin_server):
    api = make_daemon(config="engines:\n  local:\n    slots: 1\n").start().api
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", passes))))
    first, second = (api.submit(job(taskset(role("main", "sleep 600"))), wait=60) for _ in "12")
    api.wait_state(first, "running")
    assert api.state(second) == "waiting" and api.job(second)["queue"]["place"] == 1
    read_all_of(api, second, GATE)
    assert api.list(state="waiting")
    for job_id in (second, first):
        api.good("PUT", f"/v1/job/stop/{job_id}")


def test_a_job_in_admission(api, plugin_server):
    api.good("PUT", "/v1/admission/hold", {"kind": "TaskSet", "reason": "not now"})
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", passes))))
    job_id = api.submit(job(), wait=0)
    assert api.state(job_id) == "preparing"
    read_all_of(api, job_id, GATE)
    assert api.good("GET", "/v1/admission")["holds"]
    api.good("PUT", "/v1/admission/release", {"kind": "TaskSet"})
    api.wait_final(job_id)


def everything(address):
    """A plugin with all that one may have."""
    return plugin("TemplateDecorator", [address, address], name="all", timeoutMs=1000, retries=1,
                  failurePolicy="ignore", maxInFlight=3, sideEffects="some", answer="whole",
                  jobSelector={"conditions": [{"name": "a", "key": "k", "expect": "v", "match": "exact"}],
                               "expression": "a"})


def test_features_and_plugins_with_all_members(api, plugin_server):
    address = plugin_server.on("/it", passes)
    made = feature("full", everything(address), authorization="Bearer x",
                   signingKey="whsec_" + "MDEy" * 10, selector={"conditions": None, "expression": "*", "states": None})
    api.register(made)
    shown = api.good("GET", "/v1/features/detail/full")
    api.good("POST", "/v1/features", {**shown, "warnings": [], "oldKeyUntil": None})
    api.good("PUT", "/v1/features/rotate-key/full", {"overlapSec": 60})
    key = "TemplateDecorator.full.qa.all"
    override = {"timeoutMs": 5, "retries": 0, "maxInFlight": 1, "failurePolicy": "wait"}
    api.good("PUT", f"/v1/plugins/override/{key}", override)
    assert api.good("GET", f"/v1/plugins/detail/{key}")["override"] == override
    assert api.good("GET", "/v1/plugins/list/TemplateDecorator")
    api.good("GET", "/v1/features/list/all")
    api.good("DELETE", "/v1/features/full")
    api.good("PUT", f"/v1/plugins/override/{key}", {})  # of a plugin that is gone: no payload


@pytest.mark.parametrize("states", [5, "*", [5], {}])
def test_states_are_a_list_of_texts_even_where_nobody_uses_them(api, states):
    body = feature("odd", plugin("AccessGate", "http://127.0.0.1:9/"),
                   selector={"conditions": [], "expression": "*", "states": states})
    reply = api.post("/v1/features", body)
    assert reply.status == 400 and "jobSelector.states" in reply.msg


@pytest.mark.parametrize("more", [
    {"privileges": ["read_job"]},
    {"privileges": ["write_job", "resume_job"], "userID": "ann", "header": {"team": "a"}},
    {"privileges": ["read_feature", "write_feature", "register_feature"], "author": "qa"},
    {"privileges": ["read_token", "write_token"], "expiresAt": "2999-01-01T00:00:00Z"}])
def test_tokens_of_each_kind(api, more):
    made = api.good("POST", "/v1/tokens", {"forwho": "a test", "note": "n", **more})
    api.with_token(made["token"]).get("/v1/job/list")
    assert made["id"] in [token["id"] for token in api.good("GET", "/v1/tokens")]
    api.good("DELETE", f"/v1/tokens?id={made['id']}")


def test_deliveries_that_wait_and_dead_ones(api, plugin_server):
    for name, answer in (("ex", Answer(200, b"EX: no", {"Content-Type": "text/plain"})), ("busy", Answer(503, b""))):
        hook = plugin("LifeHook", plugin_server.on(f"/{name}", answer),
                      jobSelector={"conditions": [], "expression": "*", "states": ["succeeded"]})
        api.register(feature(name, hook))
    api.wait_final(api.submit(job()))
    states = lambda: {one["state"] for one in api.good("GET", "/v1/hooks/deliveries")}  # noqa: E731
    until(lambda: states() >= {"dead", "retrying"}, 30, states)
    assert api.good("GET", "/v1/hooks/deliveries?state=dead,retrying")
    assert api.good("POST", "/v1/hooks/redeliver", {"plugin": "LifeHook.ex.qa"})["redelivered"] == 1


def test_what_else_there_is(api, plugin_server):
    """Of each route an answer, so that none is left out by all the other tests."""
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", passes))))
    job_id = api.submit(job(taskset(role("main", "echo a > 'out\\377'"))))
    api.wait_final(job_id)
    api.good("POST", "/v1/job?dryRun=true", job())
    api.good("POST", "/v1/features/replay", {"name": "gate", "last": 5})
    api.good("POST", "/v1/plugins/test", {"key": GATE})
    selector = {"conditions": [{"name": "a", "key": "team", "expect": "x"}], "expression": "a"}
    api.good("POST", "/v1/selectors/test", {"jobSelector": selector, "header": {"team": "x"}})
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert api.get(path).status == 200
    assert api.get("/metrics").status == 200
    for path in ("/v1/audit?order=asc", "/v1/admin/backup", f"/v1/job/artifacts/{job_id}"):
        assert api.good("GET", path)
    assert api.post("/v1/admin/backup").status == 200
    name = api.good("GET", f"/v1/job/artifacts/{job_id}")["entries"][0]["name"]
    half = api.get(f"/v1/job/artifacts/{job_id}/{urllib.parse.quote(name)}", headers={"Range": "bytes=0-0"})
    assert half.status in (206, 404)
