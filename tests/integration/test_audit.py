"""The audit log: each change of what the contract names, who made it, and what it was before and after."""

import json
import os
import signal
import subprocess
import time

import pytest

from harness import feature, job, plugin, program, until
from plugin_double import Answer

# selects every job
UP = {"conditions": [], "expression": "*"}


def entries(api, **query):
    tail = "&".join(f"{key}={value}" for key, value in query.items())
    return api.good("GET", "/v1/audit?" + tail)


def newest(api):
    return entries(api, pageSize=1)[0]


def gate(address="http://127.0.0.1:9/g", **more):
    return plugin("AccessGate", address, **more)


# --- one change after another ----------------------------------------------------------------------------


def test_features(api):
    who = api.token_for("write_feature", "read_feature", forwho="ops")
    ident = next(one["id"] for one in api.good("GET", "/v1/tokens") if one["forwho"] == "ops")
    who.good("POST", "/v1/features", feature("f", gate()))
    made = newest(api)
    assert (made["action"], made["target"], made["token"], made["address"]) == (
        "feature.register", "f", ident, "127.0.0.1")
    assert "before" not in made and made["after"]["enabled"] is False
    who.good("POST", "/v1/features", feature("f", gate(description="another")))
    changed = newest(api)
    assert (changed["before"]["revision"], changed["after"]["revision"]) == (1, 2)
    assert changed["after"]["plugins"][0]["description"] == "another"
    who.turn("f", "on")
    assert (newest(api)["action"], newest(api)["before"], newest(api)["after"]) == (
        "feature.turn-on", {"enabled": False}, {"enabled": True})
    who.turn("f", "off")
    assert newest(api)["action"] == "feature.turn-off"
    who.good("PUT", "/v1/features/rotate-key/f", {"overlapSec": 60})
    assert newest(api)["action"] == "feature.rotate-key" and newest(api)["after"]["oldKeyUntil"]
    who.good("DELETE", "/v1/features/f")
    gone = newest(api)
    assert gone["action"] == "feature.delete" and gone["before"]["revision"] == 2 and "after" not in gone


def test_what_changes_nothing_leaves_no_entry(api):
    one = feature("f", gate(), plugin("AccessGate", "http://127.0.0.1:9/h", name="second"))
    api.good("POST", "/v1/features", one)
    api.turn("f", "on")
    before = newest(api)["id"]
    api.good("POST", "/v1/features", one)
    api.turn("f", "on")
    api.good("PUT", "/v1/plugins/sequence", {"beforeKey": "AccessGate.f.qa", "afterKey": "AccessGate.f.qa.second",
                                             "pluginType": "AccessGate"})
    api.put("/v1/plugins/override/AccessGate.f.qa", {})
    api.put("/v1/admission/release", {})
    api.post("/v1/features", feature("f", plugin("Nonsense", "x")))
    api.delete("/v1/features/nobody")
    api.get("/v1/features/list/all")
    assert newest(api)["id"] == before


def test_order_and_overrides(api):
    api.good("POST", "/v1/features", feature("f", gate(), plugin("AccessGate", "http://127.0.0.1:9/h", name="second")))
    first, second = "AccessGate.f.qa", "AccessGate.f.qa.second"
    api.good("PUT", "/v1/plugins/sequence", {"beforeKey": second, "afterKey": first, "pluginType": "AccessGate"})
    moved = newest(api)
    assert (moved["action"], moved["target"]) == ("plugin.order", second)
    assert moved["before"]["sequence"] == moved["after"]["sequence"] + 1 and moved["after"]["inFrontOf"] == first
    api.good("PUT", f"/v1/plugins/override/{first}", {"timeoutMs": 77})
    assert (newest(api)["action"], newest(api)["after"]) == ("plugin.override", {"timeoutMs": 77})
    again = feature("f", gate(), plugin("AccessGate", "http://127.0.0.1:9/h", name="second"), description="anew")
    api.good("POST", "/v1/features", again)
    one = newest(api)
    assert one["action"] == "feature.register" and one["after"]["description"] == "anew"
    for side in ("before", "after"):
        (shown,) = [each for each in one[side]["plugins"] if each["key"] == first]
        assert shown["override"] == {"timeoutMs": 77}, side
    api.good("PUT", f"/v1/plugins/override/{first}", {})
    assert newest(api)["before"] == {"timeoutMs": 77} and "after" not in newest(api)


def test_tokens(api):
    made = api.good("POST", "/v1/tokens", {"privileges": ["read_job"], "forwho": "ada", "note": "n", "userID": "ada"})
    one = newest(api)
    assert (one["action"], one["target"], one["token"]) == ("token.create", made["id"], "admin")
    assert one["after"]["userID"] == "ada" and one["after"]["privileges"] == ["read_job"]
    api.good("PUT", "/v1/tokens/normal", {"id": made["id"], "privileges": ["write_job"]})
    one = newest(api)
    assert one["action"] == "token.update"
    assert (one["before"]["privileges"], one["after"]["privileges"]) == (["read_job"], ["write_job"])
    api.good("DELETE", "/v1/tokens", {"token": made["token"]})
    assert newest(api)["action"] == "token.delete" and newest(api)["before"]["forwho"] == "ada"
    assert made["token"] not in json.dumps(entries(api))


def test_jobs(api, plugin_server):
    api.register(feature("f", gate(plugin_server.on("/g", {"decision": "suspend", "reason": "wait"}))))
    one, two = api.submit(job(user="ada")), api.submit(job())
    for each in (one, two):
        api.wait_state(each, "suspended")
    api.good("PUT", f"/v1/job/resume/{one}", {"reason": "it is fine"})
    resumed = newest(api)
    assert (resumed["action"], resumed["target"], resumed["reason"]) == ("job.resume", one, "it is fine")
    assert resumed["before"] == {"state": "suspended", "reasonCode": "gate_suspended", "userID": "ada",
                                 "jobName": "a test"}
    api.good("PUT", f"/v1/job/stop/{two}", {"reason": "enough \"of\" it"})
    assert (newest(api)["action"], newest(api)["target"], newest(api)["reason"]) == ("job.stop", two, 'enough "of" it')
    api.good("PUT", f"/v1/job/stop/{two}")
    assert newest(api)["reason"] == 'enough "of" it', "it was stopped already"
    api.wait_final(one)
    again = api.good("POST", f"/v1/job/rerun/{one}")["jobID"]
    assert (newest(api)["action"], newest(api)["target"], newest(api)["after"]) == ("job.rerun", one, {"jobID": again})
    api.good("DELETE", f"/v1/job/{one}")
    assert (newest(api)["action"], newest(api)["before"]["state"]) == ("job.delete", "succeeded")
    api.good("PUT", f"/v1/job/stop/{again}")


def test_admission(daemon):
    api = daemon.api
    api.good("PUT", "/v1/admission/hold", {"kind": "TaskSet", "reason": "the shop is closed"})
    assert (newest(api)["action"], newest(api)["after"], newest(api)["reason"]) == (
        "admission.hold", {"kind": "TaskSet", "userID": ""}, "the shop is closed")
    api.good("PUT", "/v1/admission/release", {"kind": "TaskSet"})
    assert (newest(api)["action"], newest(api)["before"]) == ("admission.release", {"kind": "TaskSet", "userID": ""})


def test_redeliveries(api, plugin_server):
    hook = plugin("LifeHook", plugin_server.on("/h", Answer(200, b"EX")), jobSelector={**UP, "states": ["*"]})
    api.register(feature("f", hook))
    api.wait_final(api.submit(job()))
    dead = until(lambda: api.good("GET", "/v1/hooks/deliveries?state=dead"), 20, "one is dead")
    api.good("POST", "/v1/hooks/redeliver", {"id": dead[0]["id"]})
    assert (newest(api)["action"], newest(api)["target"]) == ("hooks.redeliver", dead[0]["id"])
    api.good("POST", "/v1/hooks/redeliver", {"plugin": "LifeHook.f.qa", "since": "2026-01-01T00:00:00Z"})
    assert newest(api)["target"] == "LifeHook.f.qa" and newest(api)["after"]["since"].startswith("2026-01-01")


def test_the_password_and_the_configuration(make_daemon):
    daemon = make_daemon(config="limits:\n  jobs_in_admission: 77\notel: {sample_percent: 5}\n").start()
    daemon.api.good("PUT", "/v1/tokens/admin", {"token": "another-password"})
    api = daemon.api.with_token("another-password")
    one = newest(api)
    assert (one["action"], one["token"]) == ("admin.password", "admin") and "after" not in one
    path = daemon.folder / "sluiced.yml"
    path.write_text("limits:\n  jobs_in_admission: 78\notel: {sample_percent: 6, endpoint: 'http://u:pw@127.0.0.1:9'}\n")
    daemon.process.send_signal(signal.SIGHUP)
    one = until(lambda: next(iter(entries(api, action="config")), None), 20, "the reload is told")
    assert one["action"] == "config.reload" and one["address"] == f"uid {os.getuid()}"
    assert one["before"] == {"limits.jobs_in_admission": "77", "otel.sample_percent": "5", "otel.endpoint": '""'}
    assert one["after"]["limits.jobs_in_admission"] == "78" and "pw" not in json.dumps(one)
    path.write_text("nonsense: 1\n")
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "refused" in daemon.log.read_text(), 20, "it is refused")
    assert len(entries(api, action="config.reload")) == 1
    path.write_text("limits:\n  jobs_in_admission: 78\n")
    daemon.stop()
    subprocess.run([program("sluicectl"), "admin", "passwd", "--stdin", "--data", str(daemon.data)],
                   input=b"the-third-password\n", check=True, capture_output=True, timeout=60)
    daemon.spawn()
    api = daemon.api.with_token("the-third-password")
    until(daemon.is_ready, 30, "it is up")
    one, before = entries(api)[:2]
    assert (before["action"], before["token"]) == ("admin.password", "sluicectl")
    assert (one["action"], one["token"], one["address"]) == ("config.changed", "sluiced", "its start")
    assert one["before"] == {"otel.sample_percent": "6", "otel.endpoint": "***"} and "pw" not in json.dumps(one)
    daemon.restart()
    assert entries(api)[0]["id"] == one["id"], "nothing differs"


# --- reading ---------------------------------------------------------------------------------------------


def test_only_the_admin_reads_it(api):
    everything = ["read_job", "write_job", "resume_job", "read_feature", "write_feature", "register_feature",
                  "read_token", "write_token"]
    assert api.token_for(*everything).get("/v1/audit").status == 403
    assert api.with_token(None).get("/v1/audit").status == 401


def test_pages_orders_and_times(daemon):
    api = daemon.api
    for n in range(7):
        api.good("PUT", "/v1/admission/hold", {"kind": f"k{n}"})
    api.token_for("read_job")
    everything = entries(api, order="asc")
    assert [one["id"] for one in everything] == list(range(1, 9))
    assert [one["time"] for one in everything] == sorted(one["time"] for one in everything)
    for order in ("asc", "desc"):
        seen, cursor = [], ""
        for _ in range(10):
            reply = api.get(f"/v1/audit?pageSize=3&order={order}{cursor}")
            seen += [one["id"] for one in reply.payload]
            if not reply.headers["X-Next-Cursor"]:
                break
            cursor = "&cursor=" + reply.headers["X-Next-Cursor"]
        assert seen == sorted(seen, reverse=order == "desc") and len(seen) == 8
    assert [one["action"] for one in entries(api, action="token")] == ["token.create"]
    assert entries(api, action="toke") == [] == entries(api, action="token.createx")
    fourth = everything[3]["time"]
    later = [one["id"] for one in everything if one["time"] >= fourth]
    assert [one["id"] for one in entries(api, since=fourth, order="asc")] == later
    assert sorted(one["id"] for one in entries(api, until=fourth)) == sorted(set(range(1, 9)) - set(later))
    assert entries(api, since=int(time.time()) + 100) == []
    assert len(entries(api, since=int(time.time()) - 1000)) == 8
    for bad in ("since=yesterday", "pageSize=0", "cursor=x", "order=up", "action=J%22", "who=me"):
        assert api.get("/v1/audit?" + bad).status == 400, bad


def test_it_outlives_a_kill(daemon):
    daemon.api.good("PUT", "/v1/admission/hold", {"kind": "k"})
    daemon.kill9()
    daemon.start()
    assert newest(daemon.api)["action"] == "admission.hold"


def test_a_greater_change_than_is_kept(api):
    many = [plugin("AccessGate", f"http://127.0.0.1:9/{n}", name=f"n{n}", description="d" * 2000) for n in range(60)]
    api.good("POST", "/v1/features", feature("large", *many))
    assert "bytes" in newest(api)["after"]["leftOut"]


@pytest.mark.parametrize("hostile", ['"}, {"action":"job.stop', "back\\slash", "\u202e", "x" * 200])
def test_hostile_texts_stay_texts(api, hostile):
    made = api.good("POST", "/v1/tokens", {"privileges": ["read_job"], "forwho": "x", "note": hostile})
    assert newest(api)["after"]["note"] == hostile and newest(api)["action"] == "token.create"
    assert newest(api)["target"] == made["id"]
    assert made["id"] not in [one["target"] for one in entries(api, action="job.stop")]


def test_sluicectl(api):
    api.good("POST", "/v1/features", feature("f", gate()))
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{api.port}", "SLUICE_TOKEN": "admin"}

    def ctl(*args):
        done = subprocess.run([program("sluicectl"), "audit", *args], env=environment, capture_output=True, text=True,
                              timeout=60, check=False)
        return done.returncode, done.stdout

    code, out = ctl("--since", "1h", "--action", "feature", "--limit", "1")
    assert code == 0 and out.split("\t")[3:5] == ["feature.register", "f"]
    assert len(ctl("--all")[1].splitlines()) == len(entries(api, pageSize=1000))
    oldest = json.loads(ctl("-o", "json", "--oldest-first", "--limit", "1")[1])
    assert [one["id"] for one in oldest] == [1]
    assert ctl("--since", "soon")[0] == 2


def test_backups(daemon):
    assert daemon.api.post("/v1/admin/backup", {"password": "of-the-sealed-key"}).status == 200
    one = newest(daemon.api)
    assert (one["action"], one["token"], one["after"]) == ("admin.backup", "admin", {"secretKey": True})
    assert "of-the-sealed-key" not in json.dumps(one)
