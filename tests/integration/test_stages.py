"""The five stages: order, what each is sent and may answer, and what happens when it fails."""

import base64
import hashlib
import hmac
import json
import threading
import time

import pytest

from harness import feature, job, plugin, role, taskset, when
from plugin_double import (Answer, Raw, binds, chunked, early_close, flood, hang, html, http10, labels, lie,
                           passes, redirect, reset, stutter, unchanged)

KEY = b"k" * 32
KEY_TEXT = "whsec_" + base64.b64encode(KEY).decode()
PRE = {"conditions": [{"name": "k", "key": "jobKind", "expect": "Custom"}], "expression": "k"}


def translated(_call):
    return taskset(role("main", "true"))


def only(kind, address, name="f", **more):
    """A feature with one plugin."""
    return feature(name, plugin(kind, address, **more))


def ended(api, document=None, **more):
    """The job's end, after one was submitted."""
    job_id = api.submit(job(document, **more))
    return api.wait_final(job_id, seconds=40)


def command_of(document, at=0):
    return document["spec"]["roles"][at]["template"]["spec"]["containers"][0]["command"]


# --- the way through ------------------------------------------------------------------------------


def test_five_stages_in_order(api, plugin_server):
    p = plugin_server
    factor = {"topic": "priority", "advice": "10", "reason": "user is admin"}

    api.register(feature(
        "all", plugin("SchedulerBinder", p.on("/b", binds)), plugin("TemplateDecorator", p.on("/d", labels)),
        plugin("AccessGate", p.on("/g", passes)), plugin("FactorGenerator", p.on("/f", factor)),
        plugin("TemplateTranslator", p.on("/t", translated)), selector=PRE))
    job_id = api.submit(job({"kind": "Custom", "x": [1, 2]}, header={"team": "red"}))
    api.wait_state(job_id, "succeeded")
    assert [call.path for call in p.calls] == ["/t", "/f", "/g", "/d", "/b"]
    translate, generate, check, decorated, bound = p.calls
    assert translate.job == {"kind": "Custom", "x": [1, 2]} and translate.factors == {}
    for call in p.calls:
        assert call.header == {"userID": "ann", "jobName": "a test", "jobKind": "Custom",
                               "jobID": job_id, "team": "red"}
    for call in p.calls[1:]:
        assert call.job["kind"] == "TaskSet"
    assert generate.factors == {}
    assert check.factors == {"priority": [factor]} == bound.factors
    assert "labels" not in check.job["metadata"]
    assert bound.job["metadata"]["labels"]["seen"] == "yes"
    final = api.taskset(job_id)
    assert final["metadata"]["labels"]["seen"] == "yes"
    assert final["spec"]["roles"][0]["template"]["spec"]["schedulerName"] == "fast"


def test_headers_of_a_call(api, plugin_server):
    feature_ = {**only("AccessGate", plugin_server.on("/g", passes)), "authorization": "Basic abc",
                "signingKey": KEY_TEXT}
    api.register(feature_)
    before = time.time()
    job_id = api.submit(job(), headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    api.wait_state(job_id, "succeeded")
    [call] = plugin_server.at("/g")
    sent = {name.lower(): value for name, value in call.headers.items()}
    assert sent["content-type"].startswith("application/json")
    assert sent["authorization"] == "Basic abc"
    assert sent["sluice-protocol"] == "1" and sent["sluice-job-id"] == job_id
    assert sent["sluice-plugin-key"] == "AccessGate.f.qa" and sent["sluice-stage"] == "AccessGate"
    assert sent["sluice-attempt"] == "1" and 0 < int(sent["sluice-deadline-ms"]) <= 10000
    assert "sluice-dry-run" not in sent
    assert sent["traceparent"].split("-")[1] == "a" * 32
    stamp = sent["webhook-timestamp"]
    assert before - 5 <= int(stamp) <= time.time() + 5
    signed = f"{sent['webhook-id']}.{stamp}.".encode() + call.raw
    good = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert good in sent["webhook-signature"].split()


def test_retries_keep_the_id_and_sign_anew(api, plugin_server):
    answers = iter([Answer(503, {}), Answer(429, {}), {"decision": "pass"}])
    api.register({**only("AccessGate", plugin_server.on("/g", lambda call: next(answers))),
                  "signingKey": KEY_TEXT})
    assert ended(api)["state"] == "succeeded"
    calls = plugin_server.at("/g")
    assert len({call.headers["webhook-id"] for call in calls}) == 1
    assert [call.headers["Sluice-Attempt"] for call in calls] == ["1", "2", "3"]
    assert len({call.raw for call in calls}) == 1
    for call in calls:
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.raw
        good = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert f"v1,{good}" in call.headers["webhook-signature"].split()


def test_no_retry_after_an_answer(api, plugin_server):
    api.register(only("AccessGate", plugin_server.on("/g", Answer(400, {})), retries=5))
    end = ended(api)
    assert (end["state"], end["reasonCode"], end["plugin"]) == ("failed", "plugin_bad_answer", "AccessGate.f.qa")
    assert len(plugin_server.at("/g")) == 1


def test_only_features_that_are_on_and_match(api, plugin_server):
    url = plugin_server.on("/g", passes)
    api.register(only("AccessGate", url, name="off"), enable=False)
    api.register(feature("other", plugin("AccessGate", url), selector=when("userID", "bob")))
    assert ended(api)["state"] == "succeeded"
    assert plugin_server.calls == []
    assert ended(api, user="bob")["state"] == "succeeded"
    assert len(plugin_server.calls) == 1


def test_a_taskset_is_not_translated(api, plugin_server):
    api.register(only("TemplateTranslator", plugin_server.on("/t", translated)))
    assert ended(api)["state"] == "succeeded"
    assert plugin_server.calls == []


@pytest.mark.parametrize("kind", ["TemplateTranslator", "SchedulerBinder"])
def test_two_that_exclude_each_other(api, plugin_server, kind):
    url = plugin_server.on("/x", translated)
    api.register(only(kind, url, name="one"))
    made = api.register(only(kind, url, name="two"))
    assert made["warnings"]
    end = ended(api, {"kind": "Custom"} if kind == "TemplateTranslator" else None)
    assert (end["state"], end["reasonCode"]) == ("failed", "ambiguous_plugins")
    assert f"{kind}.one.qa" in end["reason"] and f"{kind}.two.qa" in end["reason"]
    assert plugin_server.calls == []


def test_defaults_are_filled_in_before_decorators(api, plugin_server):
    document = taskset(role("main", "true"))
    del document["spec"]["roles"][0]["replicas"]
    api.register(only("TemplateDecorator", plugin_server.on("/d", unchanged)))
    assert ended(api, document)["state"] == "succeeded"
    one = plugin_server.at("/d")[0].job["spec"]["roles"][0]
    assert one["replicas"] == 1
    assert (one["completionPolicy"]["minSucceeded"], one["completionPolicy"]["maxFailed"]) == (1, 1)


# --- factors -----------------------------------------------------------------------------------------


def test_factors_in_plugin_order_and_of_every_form(api, plugin_server):
    p = plugin_server
    one = {"topic": "a", "advice": 1, "reason": True}
    several = [{"topic": "b", "advice": "x", "reason": "y"}, {"topic": "a", "advice": "2"}]
    slow = threading.Event()

    def late(_call):
        slow.wait(10)
        return one

    def quick(_call):
        slow.set()
        return several

    api.register(feature("f", plugin("FactorGenerator", p.on("/1", late), name="one"),
                         plugin("FactorGenerator", p.on("/2", quick), name="two"),
                         plugin("FactorGenerator", p.on("/3", Answer(204)), name="three"),
                         plugin("FactorGenerator", p.on("/4", []), name="four"),
                         plugin("AccessGate", p.on("/g", passes))))
    assert ended(api)["state"] == "succeeded"
    factors = p.at("/g")[0].factors
    assert [factor["advice"] for factor in factors["a"]] == ["1", "2"]
    assert factors["a"][0]["reason"] == "true" and factors["a"][0]["topic"] == "a"
    assert factors["b"] == [{"topic": "b", "advice": "x", "reason": "y"}]


@pytest.mark.parametrize("kind, answer", [
    ("FactorGenerator", lambda call: {"topic": "t", "advice": "1", "reason": ""}),
    ("TemplateDecorator", unchanged)])
def test_side_by_side(api, plugin_server, kind, answer):
    """Each of four waits until all four were asked; one after another would never get there."""
    together = threading.Barrier(4)

    def act(call):
        together.wait(15)
        return answer(call)

    paths = [f"/{i}" for i in range(4)]
    api.register(feature("f", *(plugin(kind, plugin_server.on(path, act), name=f"n{path[1]}",
                                       timeoutMs=20000, retries=0) for path in paths)))
    assert ended(api)["state"] == "succeeded"
    assert not together.broken
    assert plugin_server.overlap(*paths) == 4


def test_gates_one_after_another(api, plugin_server):
    paths = [f"/{i}" for i in range(4)]
    api.register(feature("f", *(plugin("AccessGate", plugin_server.on(path, passes), name=f"n{path[1]}")
                                for path in paths)))
    assert ended(api)["state"] == "succeeded"
    assert [call.path for call in plugin_server.calls] == paths
    assert plugin_server.overlap(*paths) == 1


def test_gates_run_in_sequence(api, plugin_server):
    for name in "abc":
        api.register(only("AccessGate", plugin_server.on(f"/{name}", passes), name=name))
    api.good("PUT", "/v1/plugins/sequence", {"beforeKey": "AccessGate.c.qa", "afterKey": "AccessGate.a.qa",
                                             "pluginType": "AccessGate"})
    assert ended(api)["state"] == "succeeded"
    assert [call.path for call in plugin_server.calls] == ["/c", "/a", "/b"]


def test_max_in_flight(api, plugin_server):
    """Two are let in; a third would show as overlap while those two are held."""
    pair = threading.Barrier(2)

    def act(_call):
        pair.wait(15)
        return {"decision": "pass"}

    api.register(only("AccessGate", plugin_server.on("/g", act), maxInFlight=2, timeoutMs=30000))
    ids = [api.submit(job()) for _ in range(20)]
    for job_id in ids:
        api.wait_state(job_id, "succeeded")
    assert not pair.broken and plugin_server.overlap("/g") == 2


# --- answers that are no answers ------------------------------------------------------------------------


ILLEGAL = {
    "html": html, "redirect": redirect, "created": Answer(201, {"decision": "pass"}),
    "no content": Answer(204), "not found": Answer(404, {}), "list": [], "text": Answer(200, b'"pass"'),
    "empty": Answer(200, b""), "no decision": {}, "unknown decision": {"decision": "maybe"},
    "upper case": {"decision": "PASS"}, "decision a number": {"decision": 1},
    "twice": Answer(200, b'{"decision":"pass","decision":"stop"}'),
    "no utf-8": Answer(200, b'{"decision":"pass","reason":"\xff"}'),
    "trailing text": Answer(200, b'{"decision":"pass"} and more'),
    "too deep": Answer(200, b'{"decision":"pass","x":' + b"[" * 70 + b"]" * 70 + b"}"),
    "three mebibytes": flood,
    "retry of a wrong type": {"decision": "suspend", "retryAfterSec": "soon"},
    "retry out of range": {"decision": "suspend", "retryAfterSec": 604801},
    "code of a wrong form": {"decision": "suspend", "reasonCode": "No Way"},
    "resume of a wrong form": {"decision": "suspend", "onResume": "maybe"},
    "expiry no time": {"decision": "suspend", "expiresAt": "tomorrow"},
}


@pytest.mark.parametrize("form", ILLEGAL)
def test_illegal_answer_of_a_gate_fails_the_job(api, plugin_server, form):
    api.register(only("AccessGate", plugin_server.on("/g", ILLEGAL[form])))
    end = ended(api)
    assert (end["state"], end["reasonCode"], end["plugin"]) == ("failed", "plugin_bad_answer", "AccessGate.f.qa")
    assert len(plugin_server.at("/g")) == 1 and plugin_server.at("/elsewhere") == []


@pytest.mark.parametrize("answer", [
    chunked, http10, {"decision": "pass", "more": [1]}, {"decision": "pass", "reason": 3},
    Answer(200, {"decision": "pass"}, {"Content-Type": "text/html"}),
    Answer(200, {"decision": "pass"}, {"Connection": "close"}),
    Answer(200, b' \r\n\t{"decision":"pass"}\n ')], ids=lambda _: "")
def test_unusual_but_legal(api, plugin_server, answer):
    api.register(only("AccessGate", plugin_server.on("/g", answer)))
    assert ended(api)["state"] == "succeeded"


CANNOT = {"503": Answer(503, {}), "500": Answer(500, {}), "429": Answer(429, {}), "reset": reset,
          "early close": early_close, "hang": hang, "stutter": stutter, "not http": lie}


@pytest.mark.parametrize("form", CANNOT)
def test_cannot_be_asked_and_fail(api, plugin_server, form):
    name = "cannot-" + form.replace(" ", "-")  # its own circuit breaker
    api.register(only("AccessGate", plugin_server.on("/g", CANNOT[form]), name, failurePolicy="fail",
                      retries=1, timeoutMs=300 if form in ("hang", "stutter") else 10000))
    end = ended(api)
    assert end["state"] == "failed"
    assert end["reasonCode"] in ("plugin_unavailable", "plugin_timeout", "plugin_bad_answer")
    if form in ("hang", "stutter"):
        assert end["reasonCode"] == "plugin_timeout"
    if form in ("503", "500", "429", "reset", "early close"):
        assert end["reasonCode"] == "plugin_unavailable"
        assert len(plugin_server.at("/g")) == 2
    assert end["plugin"] == f"AccessGate.{name}.qa"
    plugin_server.released.set()


@pytest.mark.parametrize("kind", ["FactorGenerator", "AccessGate", "TemplateDecorator"])
@pytest.mark.parametrize("form", ["503", "illegal"])
def test_ignored(api, plugin_server, kind, form):
    answer = Answer(503, {}) if form == "503" else Answer(200, b"nonsense")
    api.register(only(kind, plugin_server.on("/x", answer), failurePolicy="ignore", retries=0))
    job_id = api.submit(job())
    assert api.wait_final(job_id)["state"] == "succeeded"
    assert f"{kind}.f.qa" in json.dumps(api.events(job_id))


def test_factors_are_advice_and_ignored_by_default(api, plugin_server):
    api.register(only("FactorGenerator", plugin_server.on("/x", {"advice": "no topic"})))
    assert ended(api)["state"] == "succeeded"


@pytest.mark.parametrize("kind, good, document", [
    ("TemplateTranslator", translated, {"kind": "Custom"}), ("AccessGate", passes, None),
    ("TemplateDecorator", unchanged, None), ("SchedulerBinder", unchanged, None)])
def test_a_plugin_that_is_down_for_a_while_costs_no_job(api, plugin_server, kind, good, document):
    p = plugin_server
    api.register(only(kind, p.on("/x", good)))
    p.close()
    job_id = api.submit(job(document))
    waiting = api.wait_state(job_id, "suspended")
    assert (waiting["reasonCode"], waiting["plugin"]) == ("plugin_unavailable", f"{kind}.f.qa")
    assert waiting["next"]
    p.open()
    api.wait_state(job_id, "succeeded", seconds=40)
    assert len(p.at("/x")) == 1


def test_timeout_waits_too(api, plugin_server):
    answers = iter([hang, hang, hang])
    api.register(only("AccessGate", plugin_server.on("/g", lambda call: next(answers, {"decision": "pass"})),
                      timeoutMs=500))
    job_id = api.submit(job())
    assert api.wait_state(job_id, "suspended")["reasonCode"] == "plugin_unavailable"
    api.wait_state(job_id, "succeeded")


def test_resume_asks_the_plugin_that_gave_no_answer(api, plugin_server):
    p = plugin_server
    api.register(only("AccessGate", p.on("/g", {"decision": "stop", "reason": "no"})))
    p.close()
    job_id = api.submit(job())
    api.wait_state(job_id, "suspended")
    p.open()
    api.put(f"/v1/job/resume/{job_id}")
    end = api.wait_final(job_id)
    assert (end["state"], end["reasonCode"]) == ("stopped", "gate_stopped"), "it must not be passed over"


def test_several_addresses(api, plugin_server, other_plugin_server):
    api.register(only("AccessGate", [plugin_server.on("/g", passes), other_plugin_server.on("/g", passes)]))
    other_plugin_server.close()
    for _ in range(4):
        assert ended(api)["state"] == "succeeded"


def test_a_slow_plugin_delays_nobody_else(api, plugin_server):
    api.register(feature("slow", plugin("AccessGate", plugin_server.on("/slow", hang), timeoutMs=60000),
                         selector=when("userID", "slow")))
    stuck = [api.submit(job(user="slow")) for _ in range(20)]
    plugin_server.wait_calls("/slow", 1)
    for _ in range(10):
        assert ended(api)["state"] == "succeeded"
    for job_id in stuck:
        api.good("PUT", f"/v1/job/stop/{job_id}")
    plugin_server.released.set()


def test_budget_of_a_job(make_daemon, plugin_server):
    daemon = make_daemon(config="plugins:\n  budget: 2 s\n").start()
    daemon.api.register(only("AccessGate", plugin_server.on("/g", hang), timeoutMs=60000, retries=0,
                             failurePolicy="fail"))
    end = ended(daemon.api)
    assert end["state"] == "failed" and end["reasonCode"] in ("budget_exhausted", "plugin_timeout")
    plugin_server.released.set()


# --- translators ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", [
    lambda d: d.update(kind="taskset"), lambda d: d["spec"].update(roles=[]),
    lambda d: d["spec"]["roles"][0].update(replicas=0),
    lambda d: d["spec"]["roles"][0].update(name="Bad Name"),
    lambda d: d["spec"]["roles"].append(role("main", "x"))])
def test_translation_to_an_invalid_taskset(api, plugin_server, spoil):
    document = taskset(role("main", "true"))
    spoil(document)
    api.register(only("TemplateTranslator", plugin_server.on("/t", document)))
    end = ended(api, {"kind": "Custom"})
    assert end["state"] == "failed" and end["reasonCode"] in ("invalid_taskset", "plugin_bad_answer")


def test_unknown_engine_and_image_are_refused_before_waiting(api):
    for document, code in ((taskset(role("a", "x"), engine="cray"), "engine_unknown"),
                           (taskset(role("a", "x", container={"image": "busybox"})), "engine_refused")):
        job_id = api.submit(job(document))
        end = api.wait_final(job_id)
        assert (end["state"], end["reasonCode"]) == ("failed", code)
        assert '"waiting"' not in json.dumps(api.events(job_id))


# --- additions: decorators and binder -----------------------------------------------------------------------


def adds(change):
    def act(call):
        change(call.job)
        return call.job
    return act


def container(document):
    return document["spec"]["roles"][0]["template"]["spec"]["containers"][0]


def prefix(text):
    return adds(lambda d: container(d)["command"].__setitem__(2, text + container(d)["command"][2]))


def env(name, value):
    return adds(lambda d: container(d).setdefault("env", []).append({"name": name, "value": value}))


def merged(api, p, *answers, document=None):
    """The stored TaskSet after decorators with these answers, in sequence."""
    api.register(feature("d", *(plugin("TemplateDecorator", p.on(f"/{i}", answer), name=f"d{i}")
                                for i, answer in enumerate(answers))))
    job_id = api.submit(job(document))
    end = api.wait_final(job_id)
    assert end["state"] == "succeeded", end
    return api.taskset(job_id)


def test_decorators_get_the_same_and_are_merged(api, plugin_server):
    made = merged(api, plugin_server, env("A", "1"), env("B", "2"), prefix("export X=1\n"), prefix("export Y=2; "),
                  adds(lambda d: d["metadata"].setdefault("labels", {}).update(a="1")),
                  adds(lambda d: d["metadata"].setdefault("labels", {}).update(b="2", a="1")))
    assert len({call.raw for call in plugin_server.calls}) == 1
    assert container(made)["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert command_of(made) == ["sh", "-c", "export X=1\nexport Y=2; true"]
    assert made["metadata"]["labels"] == {"a": "1", "b": "2"}


def test_order_of_answers_does_not_matter(api, plugin_server):
    first_may = threading.Event()

    def late(call):
        first_may.wait(10)
        return prefix("echo 1; ")(call)

    def early(call):
        first_may.set()
        return prefix("echo 2; ")(call)

    made = merged(api, plugin_server, late, early)
    assert command_of(made)[2] == "echo 1; echo 2; true"


def test_decorated_command_really_runs(api, plugin_server):
    document = taskset(role("main", 'echo "$WHO $WHERE"'))
    api.register(feature("d", plugin("TemplateDecorator", plugin_server.on("/1", env("WHO", "me")), name="a"),
                         plugin("TemplateDecorator", plugin_server.on("/2", prefix("WHERE=here\n")), name="b")))
    job_id = api.submit(job(document))
    api.wait_state(job_id, "succeeded")
    assert "me here" in api.logs(job_id)


def test_array_prefix(api, plugin_server):
    document = taskset(role("main", "", container={"command": ["true", "x"]}))
    made = merged(api, plugin_server, adds(lambda d: container(d)["command"].insert(0, "nice")),
                  document=document)
    assert command_of(made) == ["nice", "true", "x"]


CHANGES = {
    "command replaced": adds(lambda d: container(d).update(command=["sh", "-c", "echo evil"])),
    "script behind": adds(lambda d: container(d)["command"].__setitem__(2, "true; echo more")),
    "script glued": adds(lambda d: container(d)["command"].__setitem__(2, "un" + "true")),
    "script commented out": adds(lambda d: container(d)["command"].__setitem__(2, "echo hi # ; true")),
    "args added": adds(lambda d: container(d).update(args=["x"])),
    "env changed": adds(lambda d: container(d)["env"][0].update(value="changed")),
    "env taken": adds(lambda d: container(d)["env"].clear()),
    "env twice": adds(lambda d: container(d)["env"].append({"name": "OLD", "value": "kept"})),
    "env of the gateway": env("SLUICE_JOB_ID", "x"),
    "env in front": adds(lambda d: container(d)["env"].insert(0, {"name": "N", "value": ""})),
    "role taken": adds(lambda d: d["spec"]["roles"].pop()),
    "replicas": adds(lambda d: d["spec"]["roles"][0].update(replicas=9)),
    "name": adds(lambda d: d["metadata"].update(name="other")),
    "kind": adds(lambda d: d.update(kind="Other")),
    "scheduler": adds(lambda d: d["spec"]["roles"][0]["template"]["spec"].update(schedulerName="x")),
    "engine": adds(lambda d: d["spec"].update(engine="null")),
    "member taken": adds(lambda d: d["metadata"].pop("name")),
    "limit": adds(lambda d: container(d)["resources"]["limits"].update(cpu="2")),
}


@pytest.mark.parametrize("form", CHANGES)
def test_a_change_is_a_violation(api, plugin_server, form):
    document = taskset(role("main", "true", container={
        "env": [{"name": "OLD", "value": "kept"}], "resources": {"limits": {"cpu": "1"}}}), role("b", "true"))
    api.register(only("TemplateDecorator", plugin_server.on("/d", CHANGES[form])))
    end = ended(api, document)
    assert (end["state"], end["reasonCode"], end["plugin"]) == (
        "failed", "increment_violation", "TemplateDecorator.f.qa"), end["reason"]


def test_a_violation_names_path_old_and_new(api, plugin_server):
    api.register(only("TemplateDecorator", plugin_server.on(
        "/d", adds(lambda d: d["spec"]["roles"][0].update(replicas=9)))))
    reason = ended(api)["reason"]
    assert "replicas" in reason and "1" in reason and "9" in reason


ADDITIONS = {
    "same number written otherwise": adds(lambda d: d["spec"]["roles"][0].update(replicas=1.0)),
    "same quantity": adds(lambda d: container(d)["resources"]["limits"].update(cpu="1000m")),
    "status": adds(lambda d: d.update(status={"phase": "x"})),
    "null": adds(lambda d: d["metadata"].update(x=None)),
    "own role": adds(lambda d: d["spec"]["roles"].append(role("extra", "true", 2))),
    "own container": adds(lambda d: d["spec"]["roles"][0]["template"]["spec"].update(
        initContainers=[{"name": "i", "command": ["true"]}])),
    "volume": adds(lambda d: d["spec"]["roles"][0]["template"]["spec"].update(
        volumes=[{"name": "v", "emptyDir": {}}])),
}


@pytest.mark.parametrize("form", ADDITIONS)
def test_what_is_an_addition(api, plugin_server, form):
    document = taskset(role("main", "true", container={"resources": {"limits": {"cpu": "1"}}}))
    made = merged(api, plugin_server, ADDITIONS[form], document=document)
    assert "status" not in made or made["status"].get("phase") != "x"
    assert container(made)["resources"]["limits"]["cpu"] == "1"
    assert json.dumps(made["spec"]["roles"][0]["replicas"]) == "1"


@pytest.mark.parametrize("one, two, words", [
    (env("X", "1"), env("X", "2"), "/env/0/value"),
    (adds(lambda d: d["metadata"].update(labels={"a": "1"})), adds(lambda d: d["metadata"].update(labels={"a": "2"})), "labels/a"),
    (adds(lambda d: d["metadata"].update(note="x")), adds(lambda d: d["metadata"].update(note={"y": 1})), "note"),
    (adds(lambda d: d["metadata"].update(list=[1])), adds(lambda d: d["metadata"].update(list=[2])), "list")])
def test_conflicts_name_both(api, plugin_server, one, two, words):
    api.register(only("TemplateDecorator", plugin_server.on("/1", one), name="one"))
    api.register(only("TemplateDecorator", plugin_server.on("/2", two), name="two"))
    end = ended(api)
    assert (end["state"], end["reasonCode"]) == ("failed", "decorator_conflict")
    for part in ("TemplateDecorator.one.qa", "TemplateDecorator.two.qa", words):
        assert part in end["reason"]


def test_typed_answers_may_leave_out(api, plugin_server):
    """A program that decodes into a type of its own drops what it does not know."""
    def act(call):
        return {"kind": "TaskSet", "metadata": {"labels": {"new": "1"}},
                "spec": {"roles": [{"name": "main"}]}}

    api.register(only("TemplateDecorator", plugin_server.on("/d", act), answer="typed"))
    job_id = api.submit(job(taskset(role("main", "true", colour="red"))))
    api.wait_state(job_id, "succeeded")
    made = api.taskset(job_id)
    assert made["metadata"]["labels"] == {"new": "1"} and made["metadata"]["name"] == "test"
    assert made["spec"]["roles"][0]["colour"] == "red" and command_of(made) == ["sh", "-c", "true"]


def test_binder_may_add_engine_and_scheduler_and_nothing_else_may(api, plugin_server):
    bind = adds(lambda d: (d["spec"].update(engine="null"),
                           d["spec"]["roles"][0]["template"]["spec"].update(schedulerName="s")))
    api.register(only("SchedulerBinder", plugin_server.on("/b", bind)))
    job_id = api.submit(job())
    api.wait_state(job_id, "succeeded")
    assert api.detail(job_id)["platformSpecificInfo"]["platform"] == "null"


def test_a_selector_that_hits_a_limit_fails_the_job(api, plugin_server):
    api.register(feature("f", plugin("AccessGate", plugin_server.on("/g", passes)), selector=when("v", "/x/")))
    end = ended(api, header={"v": "y" * 2000})
    assert (end["state"], end["reasonCode"], end["plugin"]) == ("failed", "selector_error", "AccessGate.f.qa")
    assert plugin_server.calls == []


def test_selector_with_overridden_condition(api, plugin_server):
    selector = {"conditions": [{"name": "who", "key": "userID", "expect": "bob"}], "expression": "who"}
    own = {"conditions": [{"name": "who", "key": "userID", "expect": "ann"}]}
    api.register(feature("f", plugin("AccessGate", plugin_server.on("/own", passes), name="own", jobSelector=own),
                         plugin("AccessGate", plugin_server.on("/default", passes), name="default"),
                         selector=selector))
    assert ended(api, user="ann")["state"] == "succeeded"
    assert [call.path for call in plugin_server.calls] == ["/own"]


def test_events_say_who_was_asked(api, plugin_server):
    api.register(only("AccessGate", plugin_server.on("/g", {"decision": "pass", "reason": "welcome in"})))
    job_id = api.submit(job())
    api.wait_state(job_id, "succeeded")
    text = json.dumps(api.events(job_id))
    assert "AccessGate.f.qa" in text and "welcome in" in text


def test_a_call_is_dropped_when_its_job_is_stopped(api, plugin_server):
    cut = threading.Event()

    def act(sock, plugin_):
        sock.settimeout(60)
        if not sock.recv(1):
            cut.set()

    api.register(only("AccessGate", plugin_server.on("/g", Raw(act)), timeoutMs=60000))
    job_id = api.submit(job())
    plugin_server.wait_calls("/g", 1)
    api.good("PUT", f"/v1/job/stop/{job_id}")
    assert cut.wait(60), "the connection is still open"
    assert api.state(job_id) == "stopped"


def test_unix_socket_address_outside_its_folder(api):
    reply = api.post("/v1/features", only("AccessGate", "unix:/tmp/x.sock:/g"))
    assert (reply.status, reply.code) == (400, "WRONG_PARAM")
