"""Jobs over the API: what is taken, what is refused, what is shown, and to whom."""

import concurrent.futures
import datetime
import json
import threading
import time
import uuid

import pytest

import plugin_double
from harness import FINAL, feature, job, plugin, role, taskset

SLEEPER = taskset(role("main", "sleep 60"))


def refused(api, body, status, *codes, path="/v1/job", headers=None):
    """The words; and no job came of it."""
    before = api.count()
    reply = api.post(path, body, headers=headers)
    assert reply.status == status and reply.code in codes, reply
    assert api.count() == before
    return reply.msg


@pytest.fixture
def held(api, plugin_server):
    """Jobs of kind Held are suspended by a gate until resumed; gives a function that submits."""
    translator = plugin_server.on("/translate", lambda call: taskset(role("main", "true")))
    gate = plugin_server.on("/gate", {"decision": "suspend", "reason": "not now"})
    api.register(feature("held", plugin("TemplateTranslator", translator), plugin("AccessGate", gate),
                         selector={"conditions": [{"name": "k", "key": "jobKind", "expect": "Held"}],
                                   "expression": "k"}))

    def submit(**more):
        job_id = api.submit(job({"kind": "Held"}, **more))
        api.wait_state(job_id, "suspended")
        return job_id

    return submit


# --- submitting ---------------------------------------------------------------------------------


def without(*fields):
    def act(body):
        for field in fields:
            del body[field]
    return act


def to(**more):
    return lambda body: body.update(more)


LACK, WRONG = "LACK_OF_PARAM", "WRONG_PARAM"
REFUSALS = {
    "no userID": (without("userID"), LACK, "userID"),
    "empty userID": (to(userID=""), LACK, "userID"),
    "null userID": (to(userID=None), LACK, "userID"),
    "userID of a wrong type": (to(userID=7), WRONG, "userID"),
    "userID too long": (to(userID="x" * 129), WRONG, "userID"),
    "userID with a comma": (to(userID="a,b"), WRONG, "userID"),
    "userID with a control character": (to(userID="a\u0001"), WRONG, "userID"),
    "userID with a line end": (to(userID="a\n"), WRONG, "userID"),
    "no jobName": (without("jobName"), LACK, "jobName"),
    "jobName with a comma": (to(jobName="a,b"), WRONG, "jobName"),
    "no jobKind": (without("jobKind"), LACK, "jobKind"),
    "jobKind unlike job.kind": (to(jobKind="Other"), WRONG, "kind"),
    "no job": (without("job"), LACK, "job"),
    "empty job": (to(job={}), LACK, "job"),
    "job no object": (to(job=[1]), WRONG, "job"),
    "job without kind": (to(job={"a": 1}), LACK, "job.kind"),
    "kind of a wrong type": (to(job={"kind": 1}), WRONG, "job.kind"),
    "header no object": (to(header=[1]), WRONG, "header"),
    "unknown field": (to(colour="red"), WRONG, "colour"),
    "parent of a wrong type": (to(parentJobID=1), WRONG, "parentJobID"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_refusals_name_the_field(api, fault):
    spoil, code, place = REFUSALS[fault]
    body = job()
    spoil(body)
    assert place in refused(api, body, 400, code)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"{}x", b"\xef\xbb\xbf{}", b"\xff",
                                  b'{"userID": "a", "userID": "b"}', b'{"userID": "\xc3\x28"}',
                                  b'{"userID": "\\ud800"}', b'{"userID": 01}', b"{'a': 1}",
                                  b'{"a": 1,}', b'{"userID": "a\tb"}'])
def test_what_is_no_json(api, body):
    refused(api, body, 400, WRONG, LACK)


def test_length_is_counted_in_bytes(api):
    api.submit(job(name="ü" * 64))
    refused(api, job(name="ü" * 65), 400, WRONG)


def test_too_large_and_too_deep(api):
    refused(api, job(taskset(role("main", "true", container={"args": ["x" * 2**20]}))),
            413, "PAYLOAD_TOO_LARGE")
    refused(api, job(header={"x": "y" * 65536}), 413, "PAYLOAD_TOO_LARGE")
    deep = b'{"kind":"TaskSet","x":' + b"[" * 70 + b"]" * 70 + b"}"
    body = b'{"userID":"a","jobName":"b","jobKind":"TaskSet","job":' + deep + b"}"
    refused(api, body, 400, WRONG)


def spec(**more):
    return lambda doc: doc["spec"].update(more)


def first(**more):
    return lambda doc: doc["spec"]["roles"][0].update(more)


TASKSET_FAULTS = {
    "no spec": (lambda doc: doc.pop("spec"), "spec"),
    "no roles": (spec(roles=[]), "roles"),
    "257 roles": (spec(roles=[role(f"r{i}", "x") for i in range(257)]), "roles"),
    "same names": (spec(roles=[role("a", "x"), role("a", "x")]), "roles[1]"),
    "name no label": (first(name="A_b"), "roles[0].name"),
    "no replicas": (first(replicas=0), "roles[0].replicas"),
    "too many replicas": (first(replicas=10001), "roles[0].replicas"),
    "too many in all": (spec(roles=[role("a", "x", 6000), role("b", "x", 6000)]), "replicas"),
    "replicas a text": (first(replicas="1"), "roles[0].replicas"),
    "minSucceeded": (first(completionPolicy={"minSucceeded": 2}), "minSucceeded"),
    "minSucceeded 0": (first(completionPolicy={"minSucceeded": 0}), "minSucceeded"),
    "maxFailed": (first(completionPolicy={"maxFailed": -1}), "maxFailed"),
    "event": (first(eventPolicy=[{"event": "RoleExploded", "action": "NoAction"}]), "event"),
    "action": (first(eventPolicy=[{"event": "RoleFailed", "action": "Explode"}]), "action"),
    "unknown dependency": (first(dependsOn=["nobody"]), "dependsOn"),
    "cycle": (spec(roles=[role("a", "x", dependsOn=["b"]), role("b", "x", dependsOn=["a"])]), "dependsOn"),
    "itself": (first(dependsOn=["main"]), "dependsOn"),
    "no containers": (first(template={"spec": {"containers": []}}), "containers"),
    "nothing to run": (first(template={"spec": {"containers": [{"name": "x"}]}}), "containers[0]"),
}


@pytest.mark.parametrize("fault", TASKSET_FAULTS)
def test_taskset_is_validated_at_submission(api, fault):
    spoil, place = TASKSET_FAULTS[fault]
    document = taskset(role("main", "true"))
    spoil(document)
    assert place in refused(api, job(document), 400, LACK, WRONG)


def test_unknown_fields_of_a_taskset_are_kept(api):
    document = taskset(role("main", "true", colour="red"), weather="fine")
    document["apiVersion"] = "octopus.openi.pcl.cn/v1alpha1"
    job_id = api.submit(job(document))
    api.wait_state(job_id, "succeeded")
    kept = api.taskset(job_id)
    assert kept["apiVersion"] == "octopus.openi.pcl.cn/v1alpha1"
    assert kept["spec"]["weather"] == "fine" and kept["spec"]["roles"][0]["colour"] == "red"


def test_config_gives_the_bytes_back(api):
    text = ('{ "kind" :"TaskSet",\n\t"metadata":{"name":"x","n":1.50,"big":123456789012345678901234567890,'
            '"e":1E+2,"u":"\\u00fc\\/ü"}, "spec":{"roles":[{"name":"a","template":{"spec":{"containers":'
            '[{"name":"c","command":["true"]}]}}}]}  }').encode()
    body = b'{"userID":"ann","jobName":"bytes","jobKind":"TaskSet","job":' + text + b"}"
    job_id = api.submit(body)
    assert text in api.get(f"/v1/job/config/{job_id}").raw


def test_ids_are_uuid7_and_increase(api):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: api.submit(job(user="many")), range(24)))
    ids = [one["jobID"] for one in api.list(userID="many", pageSize=100, order="asc")]
    assert len(set(ids)) == 24 and ids == sorted(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}
    one_by_one = [api.submit(job(user="one")) for _ in range(5)]
    assert one_by_one == sorted(one_by_one)


def test_idempotency_key(api):
    body = json.dumps(job(user="twice")).encode()
    first_id = api.submit(body, headers={"Idempotency-Key": "k1"})
    assert api.submit(body, headers={"Idempotency-Key": "k1"}) == first_id
    assert api.submit(body, headers={"Idempotency-Key": "k2"}) != first_id
    refused(api, body + b" ", 409, "UNSUPPORTED_OPERATION", headers={"Idempotency-Key": "k1"})
    for bad in ("", "x" * 256, "a b"):
        refused(api, body, 400, LACK, WRONG, headers={"Idempotency-Key": bad})
    other = api.token_for("write_job")
    assert other.submit(body, headers={"Idempotency-Key": "k1"}) != first_id


def test_a_refused_submission_is_not_remembered(api):
    refused(api, job(user=""), 400, LACK, headers={"Idempotency-Key": "again"})
    api.submit(job(), headers={"Idempotency-Key": "again"})


def test_the_same_key_at_once_makes_one_job(api):
    body = json.dumps(job(user="race")).encode()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: api.submit(body, headers={"Idempotency-Key": "race"}), range(8)))
    assert len(ids) == 1 and api.count(userID="race") == 1


def test_key_survives_a_crash(daemon):
    body = json.dumps(job()).encode()
    job_id = daemon.api.submit(body, headers={"Idempotency-Key": "k"})
    daemon.kill9()
    daemon.start()
    assert daemon.api.submit(body, headers={"Idempotency-Key": "k"}) == job_id


def test_no_translator(api):
    job_id = api.submit(job({"kind": "Nobody"}))
    ended = api.wait_final(job_id)
    assert (ended["state"], ended["reasonCode"]) == ("failed", "no_translator")
    assert "no TemplateTranslator for kind Nobody" in ended["exitDiagnostics"]
    assert api.get(f"/v1/job/taskset/{job_id}").status == 404


def test_wait_holds_until_admission_has_ended(api, held):
    answer = api.good("POST", "/v1/job?wait=20", job({"kind": "Held"}))
    assert (answer["state"], answer["reasonCode"]) == ("suspended", "gate_suspended")
    assert "not now" in answer["reason"]
    answer = api.good("POST", "/v1/job?wait=20", job(SLEEPER))
    assert answer["state"] in ("waiting", "running")
    api.put(f"/v1/job/stop/{answer['jobID']}")
    assert api.good("POST", "/v1/job?wait=20", job({"kind": "Nobody"}))["state"] == "failed"
    for bad in ("61", "-1", "x", ""):
        refused(api, job(), 400, WRONG, LACK, path=f"/v1/job?wait={bad}")


def test_wait_runs_out(api, plugin_server):
    api.register(feature("slow", plugin("FactorGenerator", plugin_server.on("/f", plugin_double.hang),
                                        timeoutMs=60000)))
    answer = api.good("POST", "/v1/job?wait=1", job())
    assert answer["state"] == "preparing"
    plugin_server.released.set()


# --- stop and resume -----------------------------------------------------------------------------


def test_resume_goes_on(api, held):
    job_id = held()
    api.good("PUT", f"/v1/job/resume/{job_id}", {"jobID": job_id, "reason": "I may"})
    api.wait_state(job_id, "succeeded")
    assert "I may" in json.dumps(api.events(job_id))
    reply = api.put(f"/v1/job/resume/{job_id}")
    assert (reply.status, reply.code) == (409, "UNSUPPORTED_OPERATION")


def test_stop_of_a_suspended_job(api, held):
    job_id = held()
    answer = api.good("PUT", f"/v1/job/stop/{job_id}", {"reason": "no longer needed"})
    assert answer["state"] == "stopped"
    ended = api.job(job_id)
    assert ended["reasonCode"] == "stopped_by_user" and "no longer needed" in ended["reason"]
    assert api.put(f"/v1/job/stop/{job_id}").status == 200  # stopped already: nothing to refuse


def test_stop_of_a_final_job_is_409(api):
    for document, state in ((taskset(role("a", "true")), "succeeded"), (taskset(role("a", "false")), "failed")):
        job_id = api.submit(job(document))
        api.wait_state(job_id, state)
        assert api.put(f"/v1/job/stop/{job_id}").status == 409


@pytest.mark.parametrize("what", ["stop", "resume"])
def test_bodies_of_stop_and_resume(api, held, what):
    job_id = held()
    other = str(uuid.uuid4())
    for body in ({"jobID": other}, {"reason": 1}, {"colour": "red"}, [], {"jobID": 3}):
        reply = api.put(f"/v1/job/{what}/{job_id}", body)
        assert (reply.status, reply.code) == (400, "WRONG_PARAM"), reply
    assert api.state(job_id) == "suspended"
    assert api.put(f"/v1/job/{what}/{job_id}").status == 200


def test_children_stop_with_their_parent(api, held):
    parent = held()
    child = held(parentJobID=parent)
    other = held()
    api.good("PUT", f"/v1/job/stop/{parent}")
    assert api.wait_state(child, "stopped")["reasonCode"] == "stopped_with_parent"
    assert api.state(other) == "suspended"


# --- reading ---------------------------------------------------------------------------------------


def test_detail_has_the_seeds_shape(api):
    document = taskset(role("ps", "exit 0"), role("worker", "exit 3", 2, completionPolicy={"maxFailed": 2}))
    document["spec"]["roles"][1]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi"}}
    job_id = api.submit(job(document, user="ann", name="shape"))
    api.wait_state(job_id, "failed")
    shown = api.detail(job_id)
    assert shown["version"] == "v1" and "identity" in shown["cluster"]
    top = shown["job"]
    assert (top["id"], top["name"], top["type"], top["state"], top["userID"]) == (
        job_id, "shape", "TaskSet", "failed", "ann")
    assert top["exitDiagnostics"] == top["reason"] and top["totalRetriedCount"] == 0
    assert top["reasonCode"] == "replica_failed"
    for moment in (top["startAt"], top["finishedAt"], top["since"]):
        datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ")
    ps, worker = shown["tasks"]
    assert (ps["name"], worker["name"], worker["replicaAmount"]) == ("ps", "worker", 2)
    assert (worker["maxFailedTaskCount"], worker["minSucceededTaskCount"]) == (2, 2)
    assert worker["command"] == ["sh", "-c", "exit 3"]
    assert [one["index"] for one in worker["replicas"]] == [0, 1]
    assert 3 in [one["exitCode"] for one in worker["replicas"]]
    assert ps["replicas"][0]["retriedCount"] == 0
    info = shown["platformSpecificInfo"]
    assert info["platform"] == "local"
    assert [one["name"] for one in info["taskRuntimeInfo"]] == ["ps", "worker"]


def test_times_that_are_not_yet_are_null(api, held):
    top = api.job(held())
    assert top["startAt"] is None and top["finishedAt"] is None


def test_events_tell_the_way_in_order(api):
    job_id = api.submit(job())
    api.wait_state(job_id, "succeeded")
    events = api.events(job_id)
    told = [event.get("outcome" if event["type"] == "replica" else "state") for event in events]
    assert told == ["preparing", "waiting", "started", "running", "succeeded", "succeeded"], events
    times = [event["time"] for event in events]
    assert times == sorted(times), events


def test_logs(api):
    document = taskset(role("talk", 'echo out $TASKROLE_REPLICA_INDEX; echo err >&2', 2))
    job_id = api.submit(job(document))
    api.wait_state(job_id, "succeeded")
    reply = api.get(f"/v1/job/logs/{job_id}")
    assert reply.headers["Content-Type"].startswith("text/plain")
    for line in ("out 0", "out 1", "err"):
        assert line in reply.raw.decode()
    only = api.logs(job_id, role="talk", replica=1, stream="stdout")
    assert "out 1" in only and "out 0" not in only and "err" not in only
    assert api.get(f"/v1/job/logs/{job_id}?role=nobody").status in (400, 404)
    assert api.get(f"/v1/job/logs/{job_id}?tail=x").status == 400


def test_tail_of_a_log(api):
    job_id = api.submit(job(taskset(role("a", "seq 1 500"))))
    api.wait_state(job_id, "succeeded")
    lines = api.logs(job_id, role="a", replica=0, stream="stdout", tail=3).split()
    assert lines[-3:] == ["498", "499", "500"] and "497" not in lines


@pytest.fixture(scope="module")
def crowd(shared_daemon):
    """Twelve finished jobs of two users, two kinds of end, known names."""
    api = shared_daemon.api
    ids = []
    for i in range(12):
        document = taskset(role("a", "true" if i % 3 else "false"))
        ids.append(api.submit(job(document, user=f"crowd{i % 2}", name=f"crowd job {i}")))
    for job_id in ids:
        api.wait_final(job_id)
    return ids


MINE = "crowd0,crowd1"


def test_list_is_newest_first_and_pages(api, crowd):
    whole = api.list(userID=MINE, pageSize=100)
    assert [one["jobID"] for one in whole] == crowd[::-1]
    assert set(whole[0]) >= {"jobID", "jobName", "jobKind", "userID", "state", "createdAt",
                             "finishedAt", "reason", "reasonCode", "since"}
    pages = [api.list(userID=MINE, pageSize=5, pageNumber=n) for n in (1, 2, 3, 4)]
    assert [one["jobID"] for page in pages for one in page] == crowd[::-1]
    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert [one["jobID"] for one in api.list(userID=MINE, order="asc", pageSize=3)] == crowd[:3]


def test_list_filters(api, crowd):
    assert {one["userID"] for one in api.list(userID="crowd1")} == {"crowd1"}
    assert [one["jobID"] for one in api.list(userID=MINE, state="failed", order="asc")] == crowd[::3]
    assert len(api.list(userID=MINE, state="failed,succeeded")) == 12
    assert len(api.list(userID=MINE, reasonCode="replica_failed")) == 4
    assert api.list(userID=MINE, kind="Other") == []
    assert [one["jobID"] for one in api.list(name="crowd job 7")] == [crowd[7]]
    assert api.list(userID="no one at all") == []


def test_list_by_time(api, crowd):
    now = int(time.time())
    assert len(api.list(userID=MINE, startAt=now - 3600, endAt=now + 60)) == 12
    assert api.list(userID=MINE, startAt=now + 60) == []
    assert api.list(userID=MINE, endAt=now - 3600) == []


def test_cursor_walks_everything(api, crowd):
    seen, cursor = [], None
    while True:
        query = f"/v1/job/list?userID={MINE}&pageSize=5" + (f"&cursor={cursor}" if cursor else "")
        reply = api.get(query)
        seen += [one["jobID"] for one in reply.payload]
        if not cursor:  # a job that comes in between moves nothing
            api.submit(job(user="crowd0", name="late"))
        cursor = reply.headers.get("X-Next-Cursor")
        if not cursor:
            break
    assert [one for one in seen if one in crowd] == crowd[::-1]


def test_total_count(api, crowd):
    reply = api.get("/v1/job/list?userID=crowd1&pageSize=2")
    assert int(reply.headers["X-Total-Count"]) == 6


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=1001", "pageSize=x", "pageNumber=0",
                                   "pageNumber=-1", "order=up", "state=done", "startAt=x",
                                   "cursor=%00", "colour=red"])
def test_list_refuses(api, query):
    reply = api.get(f"/v1/job/list?{query}")
    assert (reply.status, reply.code) == (400, "WRONG_PARAM")


def test_count(api, crowd):
    assert api.count(userID="crowd1") == 6
    assert api.count(userID=MINE, state="failed") >= 4
    assert api.count(userID="crowd1", kind="TaskSet", state="succeeded,failed") == 6
    groups = api.good("GET", "/v1/job/count?userID=crowd1&groupBy=state")["groups"]
    assert sum(one["count"] for one in groups) == 6
    assert api.get("/v1/job/count?groupBy=colour").status == 400


# --- whose jobs ---------------------------------------------------------------------------------------


def test_bound_to_a_user(api, held):
    theirs = held(user="bob")
    ann = api.token_for("read_job", "write_job", userID="ann")
    assert ann.post("/v1/job", job(user="bob")).status == 403
    mine = ann.submit(job(user="ann"))
    for path in ("detail", "config", "taskset", "events", "logs"):
        assert ann.get(f"/v1/job/{path}/{theirs}").status == 404
        assert api.get(f"/v1/job/{path}/{theirs}").status == 200
    for what in ("stop", "resume"):
        assert ann.put(f"/v1/job/{what}/{theirs}").status in (403, 404)
    assert api.state(theirs) == "suspended"
    assert {one["userID"] for one in ann.list(pageSize=1000)} == {"ann"}
    assert ann.list(userID="bob") == []
    assert ann.count(userID="bob") == 0
    assert ann.count() == api.count(userID="ann")
    assert mine in {one["jobID"] for one in ann.list(pageSize=1000)}


def test_a_bound_user_may_not_resume_past_a_gate(api, held):
    job_id = held(user="ann")
    ann = api.token_for("read_job", "write_job", userID="ann")
    assert ann.put(f"/v1/job/resume/{job_id}").status == 403
    assert api.state(job_id) == "suspended"
    assert ann.put(f"/v1/job/resume/{job_id}", {"recheck": True}).status == 200
    api.wait_state(job_id, "suspended")  # asked again, and the gate has not changed its mind
    gate = api.token_for("resume_job", userID="ann")
    assert gate.put(f"/v1/job/stop/{job_id}").status == 403
    assert gate.put(f"/v1/job/resume/{job_id}").status == 200
    api.wait_state(job_id, "succeeded")


def test_header_of_a_token_wins(api, plugin_server):
    seen = plugin_server.on("/f", plugin_double.Answer(204))
    api.register(feature("look", plugin("FactorGenerator", seen)))
    caller = api.token_for("write_job", header={"team": "red", "level": 3})
    job_id = caller.submit(job(header={"team": "blue", "own": "x", "userID": "root", "jobID": "1"}))
    header = plugin_server.wait_calls("/f", 1)[0].header
    assert (header["team"], header["level"], header["own"]) == ("red", 3, "x")
    assert (header["userID"], header["jobID"], header["jobKind"]) == ("ann", job_id, "TaskSet")


def test_many_at_once_are_all_kept(api):
    before = api.count(userID="storm")
    barrier = threading.Barrier(16)

    def some(_):
        barrier.wait(120)
        return [api.submit(job(user="storm")) for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = [one for part in pool.map(some, range(16)) for one in part]
    assert len(set(ids)) == 80 and api.count(userID="storm") == before + 80
    for job_id in ids:
        assert api.wait_final(job_id, seconds=60)["state"] in FINAL
