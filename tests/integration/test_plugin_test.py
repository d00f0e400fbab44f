"""POST /v1/plugins/test: one sample call, and the verdict in words."""

import base64
import hashlib
import hmac

from harness import feature, free_port, job, plugin, role, taskset
from plugin_double import Answer, flood, hang, html, passes, reset, unchanged

KEY = b"k" * 32
KEY_TEXT = "whsec_" + base64.b64encode(KEY).decode()


def test_a_registered_plugin_on_or_off(api, plugin_server):
    p = plugin_server
    api.register({**feature("g", plugin("AccessGate", p.on("/g", {"decision": "pass", "reason": "room"}))),
                  "authorization": "Basic abc", "signingKey": KEY_TEXT}, enable=False)
    told = api.good("POST", "/v1/plugins/test", {"key": "AccessGate.g.qa"})
    assert told["verdict"] == "legal" and told["status"] == 200 and told["understood"] == "pass: room"
    assert told["summary"].startswith("AccessGate.g.qa answered after ")
    (call,) = p.calls
    sent = {name.lower(): value for name, value in call.headers.items()}
    assert sent["sluice-dry-run"] == "true" and sent["authorization"] == "Basic abc"
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + call.raw
    mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{mac}"
    assert call.job["kind"] == "TaskSet" and call.header["userID"] == "sample"
    assert call.header["jobID"] == sent["sluice-job-id"]
    assert told["sent"] == call.body


def test_another_authors_secrets_sign_nothing(api, plugin_server):
    p = plugin_server
    api.register({**feature("g", plugin("AccessGate", p.on("/g", passes))), "authorization": "Basic abc"})
    other = api.token_for("write_feature", "read_feature", author="eve")
    reply = other.post("/v1/plugins/test", {"key": "AccessGate.g.qa"})
    assert reply.status == 403 and "eve" in reply.msg, reply
    own = api.token_for("write_feature", author="qa")
    assert own.good("POST", "/v1/plugins/test", {"key": "AccessGate.g.qa"})["verdict"] == "legal"
    assert len(p.calls) == 1


def test_every_verdict(api, plugin_server):
    p = plugin_server

    def verdict(kind, answer, **more):
        url = p.on("/x", answer)
        told = api.good("POST", "/v1/plugins/test", {"plugin": {"pluginType": kind, "callAddress": url, **more}})
        return told["verdict"], told.get("understood", told.get("wrong"))

    def add(call):
        call.job["metadata"]["labels"] = {"a": "b"}
        return call.job

    def change(call):
        call.job["kind"] = "Other"
        return call.job

    assert verdict("AccessGate", {"decision": "suspend", "reason": "full"}) == ("legal", "suspend: full")
    assert verdict("FactorGenerator", {"topic": "t", "advice": 1, "reason": "r"}) == ("legal", "t 1 (r)")
    assert verdict("FactorGenerator", Answer(204)) == ("legal", "no advice")
    assert verdict("TemplateDecorator", unchanged) == ("legal", "adds nothing")
    assert verdict("TemplateDecorator", add) == ("legal", 'adds labels {"a":"b"}')
    assert verdict("TemplateTranslator", lambda call: taskset(role("main", "true"))) == ("legal", "1 role: main")
    kind, words = verdict("TemplateDecorator", change)
    assert kind == "illegal" and words.startswith("/kind: may not be changed")
    kind, words = verdict("AccessGate", {"decision": "perhaps"})
    assert kind == "illegal" and '"perhaps"' in words
    assert verdict("AccessGate", html)[0] == "illegal"
    assert verdict("AccessGate", Answer(200, b"\xff\xfe{"))[0] == "illegal"
    assert verdict("AccessGate", Answer(404, {"error": "no such route"})) == \
        ("illegal", "it answered with status 404, not 200: no such route")
    assert verdict("AccessGate", flood)[0] == "illegal"
    assert verdict("TemplateTranslator", {"kind": "TaskSet"})[0] == "illegal"
    assert verdict("AccessGate", Answer(503)) == ("unreached", "it answered with status 503")
    assert verdict("AccessGate", reset)[0] == "unreached"
    assert verdict("AccessGate", hang, timeoutMs=100)[0] == "unreached"
    told = api.good("POST", "/v1/plugins/test", {"plugin": {
        "pluginType": "AccessGate", "callAddress": f"http://127.0.0.1:{free_port()}/"}})
    assert told["verdict"] == "unreached" and "refused" in told["wrong"] and "status" not in told


def test_a_lifehook_is_sent_a_sample_change(api, plugin_server):
    p = plugin_server

    def verdict(answer, states=("*",)):
        told = api.good("POST", "/v1/plugins/test", {"plugin": {
            "pluginType": "LifeHook", "callAddress": p.on("/hook", answer),
            "jobSelector": {"states": list(states), "conditions": [], "expression": "*"}}})
        return told["verdict"], told.get("understood", told.get("wrong"))

    assert verdict(Answer(200, b"OK")) == ("legal", "OK: the change counts as delivered")
    sent = p.calls[-1]
    assert sent.body["current_state"] == "running" and sent.body["userID"] == "sample"
    assert {name.lower(): value for name, value in sent.headers.items()}["sluice-dry-run"] == "true"
    assert verdict(Answer(200, b"re"), ["failed"])[1].startswith("RE: it would be sent this change again")
    assert p.calls[-1].body["current_state"] == "failed"
    for state, before in (("preparing", None), ("suspended", "preparing"), ("waiting", "preparing"),
                          ("running", "waiting"), ("succeeded", "running"), ("stopped", "running")):
        assert verdict(Answer(200, b"OK"), [state])[0] == "legal"
        body = p.calls[-1].body  # a change that a job can make
        assert (body["current_state"], body["previous_state"]) == (state, before)
        assert (body["sequence"] == 1) == (state == "preparing")
    assert verdict(Answer(200, b"EX: disk full")) == \
        ("legal", "EX: it would not be sent this change again; its words: disk full")
    kind, words = verdict(Answer(410))
    assert kind == "legal" and words.startswith("410: it is gone")
    kind, words = verdict(Answer(200, b"yes"))
    assert kind == "illegal" and 'neither OK, RE nor EX but "yes"' in words
    assert verdict(Answer(404)) == ("illegal", "it answered with status 404; it counts as RE")
    assert verdict(Answer(503))[0] == "unreached"
    assert not api.good("GET", "/v1/hooks/deliveries")


def test_one_attempt_and_nothing_registered(api, plugin_server):
    p = plugin_server
    api.good("POST", "/v1/plugins/test", {"plugin": plugin("AccessGate", p.on("/g", Answer(503)), retries=5)})
    assert len(p.calls) == 1
    assert api.good("GET", "/v1/features/list/all") == []


def test_documents_of_ones_own(api, plugin_server):
    p = plugin_server
    translator = plugin("TemplateTranslator", p.on("/t", lambda call: taskset(role("main", call.job["say"]))))
    told = api.good("POST", "/v1/plugins/test", {"plugin": translator, "header": {"team": "red"},
                                                 "job": {"kind": "Custom", "say": "true"}})
    assert told["verdict"] == "legal"
    assert p.calls[0].job == {"kind": "Custom", "say": "true"}
    assert p.calls[0].header["jobKind"] == "Custom" and p.calls[0].header["team"] == "red"
    gate = plugin("AccessGate", p.on("/g", passes))
    reply = api.post("/v1/plugins/test", {"plugin": gate, "job": {"kind": "Custom"}})
    assert reply.status == 400 and "is sent a TaskSet" in reply.msg


def test_what_a_stored_job_was_given(api, plugin_server):
    p = plugin_server

    def add(call):
        call.job["metadata"]["labels"] = {"a": "b"}
        return call.job

    api.register(feature("d", plugin("FactorGenerator", p.on("/f", {"topic": "t", "advice": "1", "reason": ""})),
                         plugin("TemplateDecorator", p.on("/d", add)),
                         plugin("SchedulerBinder", p.on("/b", unchanged))))
    job_id = api.submit(job(header={"team": "red"}), wait=20)
    for kind, path in (("FactorGenerator", "/f"), ("TemplateDecorator", "/d"), ("SchedulerBinder", "/b")):
        api.good("POST", "/v1/plugins/test", {"key": f"{kind}.d.qa", "jobID": job_id})
        real, again = p.at(path)
        assert real.raw == again.raw  # byte for byte
        assert real.headers["webhook-id"] != again.headers["webhook-id"]
    reply = api.post("/v1/plugins/test", {"key": "FactorGenerator.d.qa",
                                          "jobID": "01a20115-a6e7-7000-ad18-5eb6fa7b4e8f"})
    assert reply.status == 404


def test_what_is_refused(api, plugin_server):
    url = plugin_server.on("/g", passes)
    gate = plugin("AccessGate", url)

    def refused(body, status=400):
        reply = api.post("/v1/plugins/test", body)
        assert reply.status == status, reply
        return reply.msg

    assert "key or plugin" in refused({})
    assert "key or plugin" in refused({"key": "AccessGate.g.qa", "plugin": gate})
    refused({"key": "AccessGate.nobody.qa"}, 404)
    hook = {"pluginType": "LifeHook", "callAddress": url,
            "jobSelector": {"states": ["*"], "conditions": [], "expression": "*"}}
    assert "sample change" in refused({"plugin": hook, "job": taskset(role("main", "true"))})
    assert "sample change" in refused({"plugin": hook, "jobID": "0" * 8})
    for address in ("http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0/", "file:///etc/passwd",
                    "unix:/etc/passwd:/", "http://metadata@169.254.169.254/"):
        refused({"plugin": plugin("AccessGate", address)})
    assert "unknown field" in refused({"plugin": {**gate, "what": 1}})
    assert api.token_for("read_feature", "register_feature").post("/v1/plugins/test", {"plugin": gate}).status == 403
    assert not plugin_server.calls
