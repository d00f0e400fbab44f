"""sluicectl check: is what is stored sound?"""

import shutil

from harness import check, feature, job, plugin, role, until
from plugin_double import hang

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}
LOCAL = {"kind": "TaskSet", "metadata": {"name": "t"},
         "spec": {"engine": "local", "roles": [role("main", "sleep 600")]}}


def some_of_everything(daemon, server):
    """Jobs in most states, features, deliveries that wait, a token, a key of a submission."""
    server.on("/gate", {"decision": "suspend", "reason": "no"})
    server.on("/hook", 500)
    api = daemon.api
    api.register(feature("gate", plugin("AccessGate", server.url("/gate")), selector={
        "conditions": [{"name": "t", "key": "team", "expect": "gated"}], "expression": "t"}))
    api.register(feature("watch", plugin("LifeHook", server.url("/hook"), jobSelector={
        "conditions": [], "expression": "*", "states": ["*"]})))
    api.token_for("read_job")
    done = api.submit(job(NULL), headers={"Idempotency-Key": "one"})
    stuck = api.submit(job(NULL, header={"team": "gated"}))
    runs = api.submit(job(LOCAL))
    api.wait_final(done)
    api.wait_state(stuck, "suspended")
    api.wait_state(runs, "running")
    gone = api.submit(job(NULL))
    api.wait_final(gone)
    api.good("DELETE", f"/v1/job/{gone}")
    return done, stuck, runs


def test_a_store_is_sound_after_stops_and_kills(make_daemon, plugin_server):
    daemon = make_daemon().start()
    some_of_everything(daemon, plugin_server)
    daemon.kill9()
    done = check(daemon.data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean: " in done.stdout and " 3 jobs, 2 features, 1 tokens, " in done.stdout
    assert check(daemon.data / "store", "-q").stdout == ""
    daemon.start()
    assert daemon.stop() == 0
    assert check(daemon.data).returncode == 0


def test_a_store_in_use_is_left_alone(daemon):
    done = check(daemon.data)
    assert done.returncode == 1 and "uses the store" in done.stderr and "stop that gateway" in done.stderr


def test_what_is_no_store(tmp_path, make_daemon):
    for make, code, words in (
            (lambda: tmp_path / "nothing", 1, "No such file"),
            (lambda: tmp_path, 1, "holds no store")):
        done = check(make())
        assert done.returncode == code and words in done.stderr, done.stderr
    (tmp_path / "data.mdb").write_text("a text file\n" * 1000)
    done = check(tmp_path)
    assert done.returncode == 65 and "another kind of file" in done.stderr
    daemon = make_daemon().start()
    assert daemon.stop() == 0
    cut = tmp_path / "cut"
    shutil.copytree(daemon.data / "store", cut)
    whole = (cut / "data.mdb").read_bytes()
    (cut / "data.mdb").write_bytes(whole[:len(whole) // 2])
    assert check(cut).returncode == 65
    assert (cut / "data.mdb").read_bytes() == whole[:len(whole) // 2]


def test_a_changed_document_is_told_by_name(make_daemon, plugin_server, tmp_path):
    """A byte of what was submitted: what the translator was sent cannot be rebuilt from it."""
    plugin_server.on("/gate", {"decision": "pass"})
    daemon = make_daemon().start()
    daemon.api.register(feature("gate", plugin("AccessGate", plugin_server.url("/gate"))))
    mark = "a-word-that-is-nowhere-else"
    spec = {**NULL, "metadata": {"name": "t", "annotations": {"x": mark}}}
    job_id = daemon.api.submit(job(spec))
    daemon.api.wait_final(job_id)
    assert daemon.stop() == 0
    shutil.copytree(daemon.data / "store", tmp_path / "store")
    data = tmp_path / "store" / "data.mdb"
    data.write_bytes(data.read_bytes().replace(mark.encode(), mark.upper().encode()))
    done = check(tmp_path)
    assert done.returncode == 1
    assert f"jobs {job_id}: what the stage AccessGate was given, rebuilt, is not what was sent" in done.stdout
    assert "faults in" in done.stderr and "sluicectl restore" in done.stderr


def test_a_stage_was_added_in_front_of_one_that_waits(make_daemon, plugin_server):
    """What a job is given when it goes on is not what it was given when it was asked about last."""
    daemon, server = make_daemon().start(), plugin_server
    daemon.api.register(feature("gate", plugin("AccessGate", "http://127.0.0.1:1/gate")))
    jobs = [daemon.api.submit(job(NULL)) for _ in range(3)]
    for one in jobs:
        until(lambda one=one: daemon.api.job(one).get("plugin") == "AccessGate.gate.qa", 60, "it waits for the gate")
    daemon.api.register(feature("gate", plugin("AccessGate", server.on("/gate", hang), timeoutMs=60000)))
    daemon.api.register(feature("late", plugin("FactorGenerator", server.on(
        "/late", {"topic": "t", "advice": "1", "reason": ""}))))
    daemon.restart()
    server.wait_calls("/gate", len(jobs))
    daemon.kill9()
    server.released.set()
    done = check(daemon.data)
    assert done.returncode == 0, done.stdout + done.stderr
