"""What can be read about a job's decisions afterwards."""

from harness import feature, job, plugin, when
from plugin_double import passes


def adds_label(name, value):
    def answer(call):
        document = call.body["job"]
        document["metadata"].setdefault("labels", {})[name] = value
        return document
    return answer


def test_every_call_and_every_addition(api, plugin_server):
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", passes))))
    for name in ("one", "two"):
        decorator = plugin("TemplateDecorator", plugin_server.on(f"/{name}", adds_label(name, name)))
        api.register(feature(name, decorator))
    job_id = api.submit(job())
    api.wait_final(job_id)
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert "succeeded" in told["summary"] and told["state"] == "succeeded"
    calls = {stage["stage"]: sorted(call["plugin"] for call in stage["calls"])
             for stage in told["stages"]}
    assert calls == {"TemplateTranslator": [], "FactorGenerator": [], "SchedulerBinder": [],
                     "AccessGate": ["AccessGate.gate.qa"],
                     "TemplateDecorator": ["TemplateDecorator.one.qa", "TemplateDecorator.two.qa"]}
    by = {one["path"]: one["plugin"] for one in told["provenance"]}
    # Neither found labels: each is told for the member below.
    assert by["/metadata/labels/one"] == "TemplateDecorator.one.qa"
    assert by["/metadata/labels/two"] == "TemplateDecorator.two.qa"


def test_a_suspension_says_who_holds_it(api, plugin_server):
    answer = {"decision": "suspend", "reason": "no room today"}
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", lambda call: answer))))
    job_id = api.submit(job())
    api.wait_state(job_id, "suspended")
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert "AccessGate.gate.qa" in told["summary"] and "no room today" in told["summary"]
    assert told["reasonCode"] == "gate_suspended"


def test_why_a_plugin_did_not_match(api, plugin_server):
    api.register(feature("picky", plugin("AccessGate", plugin_server.on("/gate", passes)),
                         selector=when("team", "blue")))
    job_id = api.submit(job(header={"team": "red"}))
    api.wait_final(job_id)
    path = f"/v1/job/explain/{job_id}?plugin=AccessGate.picky.qa"
    told = api.good("GET", path)
    assert told["matched"] is False
    assert [(one["key"], one["expect"], one["value"], one["verdict"]) for one in told["conditions"]] == \
        [("team", "blue", "red", False)]
    assert api.get(f"/v1/job/explain/{job_id}?plugin=AccessGate.nobody.qa").status == 404
    reader = api.token_for("read_job")
    assert reader.get(path).status == 403
    assert reader.get(f"/v1/job/explain/{job_id}").status == 200
