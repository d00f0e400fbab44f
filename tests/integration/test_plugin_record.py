"""`sluicectl plugin record` and `replay`: a job's calls again, as they were sent."""

import json
import os
import subprocess

import pytest

from harness import feature, job, plugin, program, role, taskset
from plugin_double import Answer, binds, labels, passes

STAGES = ["TemplateTranslator", "FactorGenerator", "AccessGate", "TemplateDecorator", "SchedulerBinder"]


@pytest.fixture
def recorded(api, plugin_server):
    """A job that went through one plugin of each stage, and what those were sent."""
    p = plugin_server
    api.register(feature(
        "all", plugin("TemplateTranslator", p.on("/TemplateTranslator", lambda _: taskset(role("main", "true")))),
        plugin("FactorGenerator", p.on("/FactorGenerator", {"topic": "priority", "advice": "10"})),
        plugin("AccessGate", p.on("/AccessGate", passes)),
        plugin("TemplateDecorator", p.on("/TemplateDecorator", labels)),
        plugin("SchedulerBinder", p.on("/SchedulerBinder", binds))))
    job_id = api.submit(job({"kind": "Custom", "x": [1, 2.50, "ü"]}, header={"team": "red"}))
    api.wait_state(job_id, "succeeded")
    return job_id, {stage: p.at("/" + stage)[0] for stage in STAGES}


def sluicectl(api, *args):
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{api.port}", "SLUICE_TOKEN": "admin"}
    return subprocess.run([program("sluicectl"), *args], capture_output=True, text=True, timeout=60,
                          env=environment)


def test_the_calls_are_those_that_were_sent(api, recorded, tmp_path):
    job_id, sent = recorded
    done = sluicectl(api, "plugin", "record", job_id, "-f", str(tmp_path / "calls.json"))
    assert done.returncode == 0, done.stderr
    calls = json.loads((tmp_path / "calls.json").read_text())
    assert calls["protocol"] == 1 and [call["pluginType"] for call in calls["calls"]] == STAGES
    for call in calls["calls"]:
        stage = call["pluginType"]
        assert call["body"] == json.loads(sent[stage].raw)
        assert call["headers"]["Sluice-Job-Id"] == job_id
        assert call["headers"]["Sluice-Plugin-Key"] == call["pluginKey"] == sent[stage].headers["Sluice-Plugin-Key"]


def test_one_type_and_standard_output(api, recorded):
    job_id, sent = recorded
    done = sluicectl(api, "plugin", "record", job_id, "-t", "gate")
    calls = json.loads(done.stdout)["calls"]
    assert len(calls) == 1 and calls[0]["body"] == json.loads(sent["AccessGate"].raw)
    assert sluicectl(api, "plugin", "record", job_id, "-t", "door").returncode == 2
    assert sluicectl(api, "plugin", "record", "01a200aa-b256-7000-92e5-148469c5c019").returncode == 1


def test_replay_tells_each_answer(api, recorded, plugin_server, tmp_path):
    job_id, _ = recorded
    file = str(tmp_path / "calls.json")
    sluicectl(api, "plugin", "record", job_id, "-f", file)
    good = plugin_server.on("/new", labels)
    done = sluicectl(api, "plugin", "replay", file, good, "-t", "decorator")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok") and '"seen"' in done.stdout
    assert json.loads(plugin_server.at("/new")[0].raw) == json.loads(plugin_server.at("/TemplateDecorator")[0].raw)
    bad = plugin_server.on("/bad", lambda call: Answer(200, {"kind": "TaskSet", "spec": {}}))
    done = sluicectl(api, "plugin", "replay", file, bad, "-t", "decorator")
    assert done.returncode == 1 and "FAIL" in done.stdout and "may not be removed" in done.stdout
    done = sluicectl(api, "plugin", "replay", file, "http://127.0.0.1:1/x", "-t", "gate")
    assert done.returncode == 1 and "refused" in done.stdout


def test_a_bound_token_records_its_own_jobs_only(api, recorded):
    job_id, _ = recorded
    own, other = (api.token_for("read_job", userID=user) for user in ("ann", "bob"))
    assert own.get(f"/v1/job/calls/{job_id}").status == 200
    assert other.get(f"/v1/job/calls/{job_id}").status == 404


def test_a_job_that_nobody_was_asked_about(api):
    job_id = api.submit(job())
    api.wait_final(job_id)
    assert api.good("GET", f"/v1/job/calls/{job_id}")["calls"] == []
    done = sluicectl(api, "plugin", "record", job_id)
    assert done.returncode == 1 and "no plugin was asked" in done.stderr
