"""kill -9 at every moment: what was answered is kept, what runs goes on, no exit code is lost."""

import http.client
import json
import os
import random
import threading
import time

import pytest

from harness import FINAL, feature, job, plugin, processes_with, role, taskset, until
from plugin_double import Raw, hang, passes


def again(daemon):
    daemon.kill9()
    daemon.start()


def test_killed_right_after_an_id_was_answered(daemon):
    for _ in range(5):
        job_id = daemon.api.submit(job())
        again(daemon)
        assert daemon.api.wait_final(job_id)["state"] == "succeeded"


def test_killed_among_submissions(daemon):
    """Several clients submit until the gateway is gone; every id that was answered is there."""
    for _ in range(3):
        kept, lock = [], threading.Lock()
        enough = threading.Event()

        def submit(kept=kept, lock=lock, enough=enough):
            while True:
                try:
                    job_id = daemon.api.submit(job(user="crash"))
                except (OSError, http.client.HTTPException):
                    return
                with lock:
                    kept.append(job_id)
                    if len(kept) >= 40:
                        enough.set()

        clients = [threading.Thread(target=submit) for _ in range(8)]
        for one in clients:
            one.start()
        assert enough.wait(60)
        daemon.kill9()
        for one in clients:
            one.join(120)
        daemon.start()
        for job_id in kept:
            assert daemon.api.wait_final(job_id, seconds=90)["state"] == "succeeded"


def test_exit_codes_are_not_lost(daemon, tmp_path):
    """Replicas end while the gateway is dead."""
    shells = tmp_path / "shells"
    script = (f'echo $$ >>{shells}; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; '
              'exit $((3 + TASKROLE_REPLICA_INDEX))')
    document = taskset(role("main", script, 3, completionPolicy={"maxFailed": 3}))
    job_id = daemon.api.submit(job(document))
    until(lambda: shells.exists() and shells.read_text().count("\n") == 3, 20, "three replicas run")
    daemon.api.wait_state(job_id, "running")
    daemon.kill9()
    assert set(map(int, shells.read_text().split())) <= set(processes_with(f"SLUICE_JOB_ID={job_id}")), \
        "the gateway's end ends no replica"
    (tmp_path / "go").touch()
    until(lambda: not processes_with(f"SLUICE_JOB_ID={job_id}"), 20, "they ended")
    daemon.start()
    end = daemon.api.wait_final(job_id)
    assert (end["state"], end["reasonCode"]) == ("failed", "replica_failed")
    assert [one["exitCode"] for one in daemon.api.detail(job_id)["tasks"][0]["replicas"]] == [3, 4, 5]


def test_running_replicas_are_found_again(daemon, tmp_path):
    script = f'echo x >>{tmp_path}/starts; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done'
    job_id = daemon.api.submit(job(taskset(role("main", script, 2))))
    until(lambda: (tmp_path / "starts").exists() and (tmp_path / "starts").read_text().count("x") == 2,
          20, "both run")
    for _ in range(3):
        again(daemon)
        assert daemon.api.wait_state(job_id, "running")["state"] == "running"
    (tmp_path / "go").touch()
    assert daemon.api.wait_final(job_id)["state"] == "succeeded"
    assert (tmp_path / "starts").read_text().count("x") == 2, "nothing was started twice"


def test_killed_during_a_call(daemon, plugin_server):
    """At least once, with the same id; what was finished before is not asked again."""
    first = threading.Event()

    def act(sock, server):
        first.set()
        server.released.wait(60)

    answers = iter([Raw(act)])
    factor = {"topic": "t", "advice": "1", "reason": ""}
    daemon.api.register(feature(
        "f", plugin("FactorGenerator", plugin_server.on("/f", factor)),
        plugin("AccessGate", plugin_server.on("/g", lambda call: next(answers, {"decision": "pass"})),
               timeoutMs=60000)))
    job_id = daemon.api.submit(job())
    assert first.wait(80)
    again(daemon)
    plugin_server.released.set()
    assert daemon.api.wait_final(job_id)["state"] == "succeeded"
    calls = plugin_server.at("/g")
    assert len(calls) == 2 and len({call.headers["webhook-id"] for call in calls}) == 1
    assert len({call.raw for call in calls}) == 1


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_random_points(daemon, plugin_server, seed):
    """Jobs through two gates and onto the engine; every id answered comes to its end."""
    dice = random.Random(seed)
    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on("/1", passes), name="a"),
                                plugin("AccessGate", plugin_server.on("/2", passes), name="b")))
    kept = []
    for _ in range(4):
        kept += [daemon.api.submit(job(taskset(role("main", "sleep 0.05; exit 0", 2)))) for _ in range(3)]
        moment = time.monotonic() + dice.uniform(0, 0.25)
        until(lambda moment=moment: time.monotonic() >= moment, 2, "the moment has come")
        again(daemon)
    for job_id in kept:
        end = daemon.api.wait_final(job_id, seconds=60)
        assert end["state"] == "succeeded", end
    assert daemon.api.count() == len(kept)


def test_no_outcome_changes_after_a_crash(daemon):
    ids = [daemon.api.submit(job(taskset(role("main", script))))
           for script in ("true", "false", "sleep 60", "exit 7")]
    daemon.api.put(f"/v1/job/stop/{ids[2]}")
    for job_id in ids:
        daemon.api.wait_final(job_id)
    before = [daemon.api.detail(job_id) for job_id in ids]
    events = [daemon.api.events(job_id) for job_id in ids]
    logs = [daemon.api.logs(job_id) for job_id in ids]
    again(daemon)
    assert [daemon.api.detail(job_id) for job_id in ids] == before
    assert [daemon.api.events(job_id) for job_id in ids] == events
    assert [daemon.api.logs(job_id) for job_id in ids] == logs


def test_ids_increase_over_restarts(daemon):
    ids = [daemon.api.submit(job())]
    for _ in range(3):
        again(daemon)
        ids.append(daemon.api.submit(job()))
    assert ids == sorted(ids) and len(set(ids)) == 4


def test_sigterm_is_clean_and_keeps_all(daemon, plugin_server):
    waiting = threading.Event()

    def act(_call):
        waiting.wait(3)
        return {"decision": "pass"}

    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on("/g", act), timeoutMs=20000)))
    ids = [daemon.api.submit(job()) for _ in range(3)]
    running = daemon.api.submit(job(taskset(role("main", "sleep 300")), user="other"))
    plugin_server.wait_calls("/g", 1)
    waiting.set()
    assert daemon.stop() == 0
    daemon.start()
    for job_id in ids:
        assert daemon.api.wait_final(job_id)["state"] == "succeeded"
    daemon.api.wait_state(running, "running")


def test_a_held_answer_is_given_at_the_end(daemon, plugin_server):
    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on("/g", hang), timeoutMs=60000)))
    answers = []

    def submit():
        answers.append(daemon.api.post("/v1/job?wait=50", job()))

    client = threading.Thread(target=submit)
    client.start()
    plugin_server.wait_calls("/g", 1)
    assert daemon.stop() == 0
    client.join(120)
    assert answers and answers[0].status == 200 and answers[0].payload["state"] in ("preparing", "suspended")
    plugin_server.released.set()


def test_one_gateway_per_store(daemon, make_daemon):
    second = make_daemon()
    second.data, second.sound = daemon.data, False  # it is the first one's to be looked at
    second.spawn()
    assert second.process.wait(120) in (65, 69, 78)
    assert second.tail()
    assert daemon.api.get("/readyz").status == 200


def test_damaged_store_is_refused_and_left_alone(make_daemon):
    daemon = make_daemon().start()
    daemon.api.submit(job())
    assert daemon.stop() == 0
    files = [path for path in daemon.data.rglob("data.mdb")]
    assert files
    damaged = b"not a store" + os.urandom(8192)
    files[0].write_bytes(damaged)
    daemon.sound = False
    daemon.spawn()
    assert daemon.process.wait(120) == 65
    assert files[0].read_bytes() == damaged
    assert str(daemon.data) in daemon.tail()


def test_soak(daemon, plugin_server):
    """Jobs, restarts and kills for SLUICE_SOAK_SECONDS (5); nothing is lost and memory stays."""
    seconds = float(os.environ.get("SLUICE_SOAK_SECONDS", "5"))
    dice = random.Random(int(seconds))
    suspend = {"decision": "suspend", "reason": "x", "retryAfterSec": 1}
    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on(
        "/g", lambda call: suspend if dice.random() < 0.1 else {"decision": "pass"}))))
    kept, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        kept += [daemon.api.submit(job(taskset(role("main", "true", dice.randint(1, 3))))) for _ in range(10)]
        turn = dice.random()
        if turn < 0.1:
            again(daemon)
        elif turn < 0.2:
            daemon.restart()
        else:
            daemon.api.wait_state(kept[-1], *FINAL, seconds=90)
    for job_id in kept:
        assert daemon.api.wait_final(job_id, seconds=120)["state"] == "succeeded"
    assert daemon.api.count() == len(kept)
    assert json.dumps(daemon.api.list(pageSize=1))
