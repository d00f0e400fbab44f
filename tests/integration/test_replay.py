"""POST /v1/features/replay: what a candidate would have done to jobs that were."""

from harness import feature, job, plugin, role, when
from plugin_double import Answer, passes


def label(name, value):
    def answer(call):
        call.job["metadata"].setdefault("labels", {})[name] = value
        return call.job
    return answer


def gate(address, **more):
    return plugin("AccessGate", address, **{"sideEffects": "none", **more})


def replay(api, candidate=None, **more):
    body = {"feature": candidate} if candidate else {}
    return api.good("POST", "/v1/features/replay", {**body, **more})


def result_of(told, job_id):
    return next(one for one in told["results"] if one["jobID"] == job_id)


def test_additions_and_decisions(api, plugin_server):
    p = plugin_server
    api.register(feature("f", gate(p.on("/g", passes)), plugin("TemplateDecorator", p.on("/d", label("a", "1")))))
    job_id = api.submit(job(), wait=20)
    calls = len(p.calls)
    same = replay(api, name="f", jobIDs=[job_id])
    assert same["from"] == "AccessGate" and same["sum"]["same"] == 1
    assert result_of(same, job_id)["changes"] == []
    real, again = p.at("/g")
    assert real.raw == again.raw and "sluice-dry-run" in {name.lower() for name in again.headers}
    candidate = feature("f", plugin("TemplateDecorator", p.on("/d2", label("a", "2"))))
    told = replay(api, candidate, jobIDs=[job_id])
    assert told["from"] == "TemplateDecorator" and told["sum"]["changed"] == 1
    assert result_of(told, job_id)["changes"] == [
        {"what": "taskset", "path": "/metadata/labels/a", "old": "1", "new": "2"}]
    stops = feature("f", gate(p.on("/g2", {"decision": "stop", "reason": "never"})))
    one = result_of(replay(api, stops, jobIDs=[job_id]), job_id)
    assert (one["was"], one["wouldBe"], one["outcome"]) == ("admitted", "stopped", "changed")
    assert {"what": "decision", "plugin": "AccessGate.f.qa", "old": "pass", "new": "stop",
            "reason": "never"} in one["changes"]
    assert len(p.calls) > calls and api.good("GET", "/v1/features/detail/f")["revision"] == 1


def test_factors_and_failures(api, plugin_server):
    p = plugin_server
    api.register(feature("f", plugin("FactorGenerator", p.on("/f", {"topic": "t", "advice": "1", "reason": "r"}))))
    job_id = api.submit(job(), wait=20)
    candidate = feature("f", plugin("FactorGenerator", p.on("/f2", {"topic": "t", "advice": "2", "reason": "r"})))
    one = result_of(replay(api, candidate, jobIDs=[job_id]), job_id)
    assert {"what": "factors", "path": "/t/0/advice", "old": "1", "new": "2"} in one["changes"]
    broken = feature("f", plugin("TemplateDecorator", p.on("/d", Answer(200, b"nonsense"))))
    told = replay(api, broken, jobIDs=[job_id])
    assert told["sum"]["failed"] == 1 and "JSON" in result_of(told, job_id)["reason"]


def test_the_last_ones_in_pages_and_who_is_not_concerned(api, plugin_server):
    p = plugin_server
    jobs = [api.submit(job(header={"team": "red" if n % 2 else "blue"}), wait=20) for n in range(4)]
    candidate = feature("new", plugin("TemplateDecorator", p.on("/d", label("x", "y"))), selector=when("team", "red"))
    told = replay(api, candidate, last=4)
    assert [one["jobID"] for one in told["results"]] == jobs[::-1] and "next" not in told
    assert [one["outcome"] for one in told["results"]] == ["changed", "notConcerned"] * 2
    assert len(p.at("/d")) == 2
    behind = replay(api, candidate, last=2, after=jobs[2])
    assert [one["jobID"] for one in behind["results"]] == [jobs[1], jobs[0]]
    assert api.get("/v1/features/detail/new").status == 404


def test_gates_with_side_effects_are_not_asked(api, plugin_server):
    p = plugin_server
    api.register(feature("real", plugin("AccessGate", p.on("/g", {"decision": "stop", "reason": "no"}))))
    job_id = api.submit(job(), wait=20)
    one = result_of(replay(api, name="real", jobIDs=[job_id]), job_id)
    assert one["skipped"] == ["AccessGate.real.qa"] and len(p.at("/g")) == 1
    assert one["decidedBy"] == "AccessGate.real.qa" and one["outcome"] == "same"


def test_what_is_refused(api, plugin_server):
    def refused(body, status=400):
        reply = api.post("/v1/features/replay", body)
        assert reply.status == status, reply
        return reply.msg

    good = feature("f", gate(plugin_server.on("/g", passes)))
    assert "feature or name" in refused({})
    assert "feature or name" in refused({"feature": good, "name": "f"})
    refused({"name": "nobody"}, 404)
    refused({"feature": good, "last": 0})
    refused({"feature": good, "last": 1001})
    refused({"feature": good, "jobIDs": ["x"]})
    refused({"feature": feature("f", gate("http://169.254.169.254/"))})
    assert api.token_for("read_feature", "read_job").post("/v1/features/replay", {"feature": good}).status == 403
    told = replay(api, good, jobIDs=["01a20115-a6e7-7000-ad18-5eb6fa7b4e8f"])
    assert told["sum"]["leftOut"] == 1 and told["results"][0]["reason"] == "there is no such job"


def test_a_job_that_failed_later_can_be_replayed(api, plugin_server):
    """It came past the stage, though nobody was asked there."""
    def more_replicas(call):
        call.job["spec"]["roles"][0]["replicas"] = 9
        return call.job

    api.register(feature("cheeky", plugin("TemplateDecorator", plugin_server.on("/d", more_replicas))))
    job_id = api.submit(job())
    assert api.wait_state(job_id, "failed")["reasonCode"] == "increment_violation"
    told = replay(api, feature("candidate", gate(plugin_server.on("/g", {"decision": "stop", "reason": "no"}))),
                  jobIDs=[job_id])
    assert told["sum"]["leftOut"] == 0 and result_of(told, job_id)["outcome"] == "changed"


def test_a_page_is_bounded_by_what_it_tells(api, plugin_server):
    """Of each job 50 values of 1.9 KB are told: 100 jobs are more than 8 MiB."""
    notes = {f"n{i}": "x" * 1900 for i in range(60)}

    def annotate(call):
        call.job["metadata"].setdefault("annotations", {}).update(notes)
        return call.job

    document = {"kind": "TaskSet", "metadata": {"name": "t", "annotations": {"a": "b"}},
                "spec": {"engine": "null", "roles": [role("main", "true")]}}
    before = api.count()
    jobs = [api.submit(job(document)) for _ in range(100)]
    for one in jobs:
        api.wait_final(one)
    candidate = feature("f", plugin("TemplateDecorator", plugin_server.on("/d", annotate)))
    told = replay(api, candidate, last=100)
    assert 0 < told["sum"]["jobs"] < 100 and told["next"]["last"] == 100 - told["sum"]["jobs"]
    rest = replay(api, candidate, **told["next"])
    assert "next" not in rest and rest["sum"]["jobs"] == told["next"]["last"]
    seen = {one["jobID"] for one in told["results"] + rest["results"]}
    assert api.count() == before + 100 and seen == set(jobs)
