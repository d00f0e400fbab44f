"""POST /v1/job?dryRun=true: what would happen, and that nothing does."""

import http.client
import json
import socket
import threading

from harness import Daemon, feature, job, plugin, role, taskset, until, when
from plugin_double import Answer, hang, passes, unchanged

PRE = {"conditions": [{"name": "k", "key": "jobKind", "expect": "Custom"}], "expression": "k"}


def adds(name, value):
    def answer(call):
        call.job["metadata"].setdefault("labels", {})[name] = value
        return call.job
    return answer


def gate(address, **more):
    return plugin("AccessGate", address, **{"sideEffects": "none", **more})


def dry(api, document=None, query="", **more):
    return api.good("POST", f"/v1/job?dryRun=true{query}", job(document, **more))


def calls(told, stage):
    return {one["plugin"]: one.get("decision", one.get("outcome"))
            for part in told["stages"] if part["stage"] == stage for one in part["calls"]}


def test_the_whole_way(api, plugin_server):
    p = plugin_server
    api.register(feature(
        "all", plugin("TemplateTranslator", p.on("/t", lambda call: taskset(role("main", "true")))),
        plugin("FactorGenerator", p.on("/f", {"topic": "priority", "advice": 10, "reason": "admin"})),
        gate(p.on("/g", passes)), plugin("AccessGate", p.on("/counts", passes), name="counts"),
        plugin("TemplateDecorator", p.on("/d", adds("team", "red"))), selector=PRE))
    told = dry(api, {"kind": "Custom"}, header={"x": 1})
    assert told["complete"] is True and told["state"] == "waiting"
    assert told["summary"] == (
        "The job would be admitted and handed to the engine local. Not asked, for they have side "
        "effects: AccessGate.all.qa.counts; they count as passed.")
    assert [call.path for call in p.calls] == ["/t", "/f", "/g", "/d"]
    assert calls(told, "AccessGate") == {"AccessGate.all.qa": "pass", "AccessGate.all.qa.counts": "skipped"}
    assert told["taskset"]["metadata"]["labels"] == {"team": "red"}
    assert told["taskset"]["spec"]["roles"][0]["replicas"] == 1  # defaults are filled in
    assert told["factors"] == {"priority": [{"topic": "priority", "advice": "10", "reason": "admin"}]}
    assert told["provenance"] == [{"path": "", "plugin": "TemplateTranslator.all.qa"},
                                  {"path": "/metadata/labels", "plugin": "TemplateDecorator.all.qa"}]
    sent = {name.lower(): value for name, value in p.calls[0].headers.items()}
    assert sent["sluice-dry-run"] == "true" and sent["webhook-signature"].startswith("v1,")
    assert p.calls[0].header["jobID"] == sent["sluice-job-id"] and p.calls[0].header["x"] == 1
    assert api.get(f"/v1/job/detail/{p.calls[0].header['jobID']}").status == 404


def store_of(daemon):
    return (daemon.data / "store" / "data.mdb").read_bytes()


def counters(api):
    """What is counted of jobs, as the metrics tell it."""
    kept = ("sluice_decisions", "sluice_jobs", "sluice_unfinished", "sluice_job_admission", "sluice_stage",
            "sluice_plugin_call", "sluice_decorator", "sluice_fail_open", "sluice_selector")
    text = api.get("/metrics").raw.decode()
    found = [line for line in text.splitlines() if line.startswith(kept)]
    assert any("sluice_decisions_total" in line for line in found)
    return found


def test_nothing_is_left_behind(daemon, plugin_server):
    """Not a byte of the store changes, whatever the outcome."""
    p, api = plugin_server, daemon.api
    api.register(feature("g", gate(p.on("/g", passes)), plugin("TemplateDecorator", p.on("/d", unchanged))))
    api.submit(job(), wait=10)
    until(lambda: api.count(state="succeeded") == 1, 20, "the real job ends")
    api.turn("g", "off")
    assert daemon.stop() == 0  # what is written behind is written
    daemon.start()
    events = api.good("GET", "/v1/job/count")
    before, counted = store_of(daemon), counters(api)
    for answer in (passes, {"decision": "suspend", "retryAfterSec": 1}, {"decision": "stop"},
                   {"decision": "perhaps"}, Answer(503)):
        p.on("/g", answer)
        dry(api, query="&with=g")
    assert store_of(daemon) == before
    assert counters(api) == counted
    assert api.good("GET", "/v1/job/count") == events
    assert daemon.stop() == 0
    daemon.start()
    assert api.count() == 1


def test_every_other_end(api, plugin_server):
    p = plugin_server
    api.register(feature("g", gate(p.on("/g", passes), retries=0)))
    for answer, state, code, words in (
            ({"decision": "suspend", "reason": "full", "reasonCode": "quota"}, "suspended", "quota",
             "The job would be suspended by AccessGate.g.qa: full."),
            ({"decision": "stop", "reason": "never."}, "stopped", "gate_stopped",
             "The job would be stopped by AccessGate.g.qa: never."),
            ({"decision": "perhaps"}, "failed", "plugin_bad_answer", "would fail because of AccessGate.g.qa"),
            (Answer(503), "suspended", "plugin_unavailable", "cannot be asked")):
        p.on("/g", answer)
        told = dry(api)
        assert (told["complete"], told["state"], told["reasonCode"]) == (True, state, code)
        assert words in told["summary"]
    bad = taskset(role("main", "true"), engine="moon")
    p.on("/g", passes)
    told = dry(api, bad)
    assert told["state"] == "failed" and told["reasonCode"] == "engine_unknown"
    told = dry(api, {"kind": "Nobody"})
    assert told["state"] == "failed" and told["reasonCode"] == "no_translator"


def test_what_the_engine_would_refuse(api):
    document = taskset(role("main", "true"))
    document["spec"]["roles"][0]["template"]["spec"]["hostNetwork"] = True
    real = api.submit(job(document), wait=10)
    told = dry(api, document)
    ended = api.job(real)
    assert (told["state"], told["reasonCode"]) == (ended["state"], ended["reasonCode"])


def test_a_translator_with_side_effects_ends_it(api, plugin_server):
    api.register(feature("t", plugin("TemplateTranslator", plugin_server.on("/t", passes), sideEffects="some"),
                         selector=PRE))
    told = dry(api, {"kind": "Custom"})
    assert told["complete"] is False and told["state"] == "preparing"
    assert calls(told, "TemplateTranslator") == {"TemplateTranslator.t.qa": "skipped"}
    assert "taskset" not in told and not plugin_server.calls
    assert told["summary"].startswith("The dry run ends early: the TemplateTranslator has side effects")


def test_with_a_feature_that_is_off(api, plugin_server):
    p = plugin_server
    api.register(feature("off", plugin("TemplateDecorator", p.on("/d", adds("a", "b")))), enable=False)
    assert dry(api)["taskset"]["metadata"].get("labels") is None
    told = dry(api, query="&with=off")
    assert told["taskset"]["metadata"]["labels"] == {"a": "b"}
    assert len(p.at("/d")) == 1
    assert api.good("GET", "/v1/features/detail/off")["enabled"] is False
    assert api.post("/v1/job?dryRun=true&with=nobody", job()).status == 404
    api.submit(job(), wait=10)
    assert len(p.at("/d")) == 1  # it stays off for everybody else


def test_who_may(api, plugin_server):
    own = api.token_for("write_job", userID="ann")
    assert own.post("/v1/job?dryRun=true", job()).status == 200
    assert own.post("/v1/job?dryRun=true", job(user="bob")).status == 403
    assert api.token_for("read_job", "read_feature").post("/v1/job?dryRun=true", job()).status == 403
    assert api.post("/v1/job?dryRun=true", {"userID": "a"}).status == 400
    assert api.post("/v1/job?dryRun=maybe", job()).status == 400
    assert api.post("/v1/job?with=x", job()).status == 400
    assert api.post("/v1/job?dryRun=true&wait=3", job()).status == 400
    api.register(feature("g", gate(plugin_server.on("/g", {"decision": "perhaps"}))))
    first = own.good("POST", "/v1/job?dryRun=true", job())
    assert "detail" not in [one for s in first["stages"] for one in s["calls"]][0]


def test_conflicts_and_violations_are_told(api, plugin_server):
    p = plugin_server
    for name in ("one", "two"):
        api.register(feature(name, plugin("TemplateDecorator", p.on(f"/{name}", adds("a", name)))))
    told = dry(api)
    assert told["state"] == "failed" and told["reasonCode"] == "decorator_conflict"
    assert "/metadata/labels/a" in told["reason"]
    p.on("/two", lambda call: {**call.job, "kind": "Other"})
    told = dry(api)
    assert told["reasonCode"] == "increment_violation" and "/kind" in told["reason"]


def test_whoever_hangs_up_frees_it(daemon, plugin_server):
    p, api = plugin_server, daemon.api
    api.register(feature("g", gate(p.on("/g", hang), timeoutMs=60000)))
    body = json.dumps(job()).encode()
    socks = []
    for _ in range(32):  # as many as there may be at one time
        sock = socket.create_connection(("127.0.0.1", daemon.port))
        sock.sendall(b"POST /v1/job?dryRun=true HTTP/1.1\r\nHost: localhost\r\n"
                     b"Authorization: Bearer admin\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        socks.append(sock)
    p.wait_calls("/g", 32)
    refused = api.post("/v1/job?dryRun=true", job())
    assert refused.status == 429 and "32 dry runs" in refused.msg
    for sock in socks:
        sock.close()
    p.on("/g", passes)
    until(lambda: api.post("/v1/job?dryRun=true", job()).status == 200, 20, "the places are free")
    until(lambda: 'route="/v1/job",code="503"' in api.get("/metrics").raw.decode(), 20, "they are counted")
    assert 'route="/v1/job",code="500"' not in api.get("/metrics").raw.decode()


def test_many_beside_real_jobs(api, plugin_server):
    p = plugin_server
    api.register(feature("g", gate(p.on("/g", passes)), plugin("TemplateDecorator", p.on("/d", adds("a", "b")))))
    wrong, before = [], api.count()

    def work(n):
        try:
            for i in range(6):
                if (n + i) % 2:
                    told = dry(api)
                    assert told["state"] == "waiting" and told["taskset"]["metadata"]["labels"] == {"a": "b"}
                else:
                    api.submit(job(), wait=20)
        except (AssertionError, OSError, http.client.HTTPException) as problem:
            wrong.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert not wrong
    assert api.count() == before + 24


def test_stopping_with_dry_runs_at_work(tmp_path, plugin_server):
    daemon = Daemon(tmp_path, "shutdown_grace: 30 s\n").start()
    try:
        daemon.api.register(feature("g", gate(plugin_server.on("/g", hang), timeoutMs=60000)))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            daemon.api.post("/v1/job?dryRun=true", job())))
        thread.start()
        plugin_server.wait_calls("/g", 1)
        assert daemon.stop() == 0
        thread.join(120)
        assert answers[0].status == 503
    finally:
        daemon.close()


def test_selectors_of_a_dry_run_see_what_a_job_would(api, plugin_server):
    api.register(feature("red", gate(plugin_server.on("/g", {"decision": "stop", "reason": "red"})),
                         selector=when("team", "red")))
    caller = api.token_for("write_job", header={"team": "red"})
    assert caller.good("POST", "/v1/job?dryRun=true", job(header={"team": "blue"}))["state"] == "stopped"
    assert dry(api, header={"team": "blue"})["state"] == "waiting"
