"""Slots of the local engine: gangs, the order in which jobs get them, and what is shown of it."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import job, role, taskset, until


@pytest.fixture
def gateway(make_daemon):
    return lambda slots, more="": make_daemon(
        config=f"engines:\n  local:\n    slots: {slots}\n{more}").start()


def wait_for(path):
    return f"while [ ! -e {path} ]; do sleep 0.02; done"


def meeting(folder, n):
    """Ends well only when `n` replicas have been there at one time."""
    return (f"mkdir -p {folder}; touch {folder}/$TASKROLE_NAME-$TASKROLE_REPLICA_INDEX; "
            f'while [ "$(ls {folder} | wc -l)" -lt {n} ]; do sleep 0.02; done')


def submit(api, *roles, **spec):
    return api.submit(job(taskset(*roles, **spec)))


def in_line(api, job_id):
    """Its place, once the engine knows of it: it is told after the job's move is on disk."""
    until(lambda: "queue" in api.detail(job_id)["job"], 20, "it is in line")
    return api.detail(job_id)["job"]["queue"]


def test_a_gang_starts_together_or_not_at_all(gateway, tmp_path):
    api = gateway(3).api
    blocker = submit(api, role("main", wait_for(tmp_path / "go")))
    api.wait_state(blocker, "running")
    gang = submit(api, role("ps", meeting(tmp_path / "met", 3)),
                  role("worker", meeting(tmp_path / "met", 3), 2), gang=True)
    small = submit(api, role("main", f"ls {tmp_path}/met | wc -l >{tmp_path}/seen"))
    assert in_line(api, small)["place"] == 2
    assert in_line(api, gang) == {"place": 1, "of": 2, "needs": 3, "free": 2, "room": 3}
    assert api.job(gang)["reasonCode"] == "waiting_for_slot"
    assert not (tmp_path / "met").exists(), "two slots are free: none of the three may start"
    summary = api.good("GET", f"/v1/job/explain/{gang}")["summary"]
    assert "next in the queue" in summary and "room for 3 at once" in summary
    summary = api.good("GET", f"/v1/job/explain/{small}")["summary"]
    assert "number 2 of 2 in the queue" in summary
    (tmp_path / "go").touch()
    assert api.wait_final(gang)["state"] == "succeeded"
    assert api.wait_final(small)["state"] == "succeeded"
    assert (tmp_path / "seen").read_text().strip() == "3", "who is behind a gang waits for it"
    assert "queue" not in api.detail(gang)["job"]


def test_gangs_do_not_wait_for_each_other(gateway, tmp_path):
    """Each needs more than half of the slots and ends only when it is complete."""
    api = gateway(4).api
    ids = [submit(api, role("main", meeting(tmp_path / str(i), 3), 3)) for i in range(6)]
    ids += [submit(api, role("main", "true")) for _ in range(6)]
    for job_id in ids:
        assert api.wait_final(job_id, seconds=60)["state"] == "succeeded"


def test_without_a_wish_they_are_together_where_they_fit(gateway, tmp_path):
    api = gateway(2).api
    fits = submit(api, role("main", meeting(tmp_path / "a", 2), 2))
    assert api.wait_final(fits)["state"] == "succeeded"
    never_fits = submit(api, role("main", f"echo x >>{tmp_path}/n", 5))
    assert api.wait_final(never_fits)["state"] == "succeeded"
    assert (tmp_path / "n").read_text().split() == ["x"] * 5


def test_cpu_limits_count_for_a_gang(gateway):
    api = gateway(3).api
    two = {"resources": {"limits": {"cpu": "2"}}}
    refused = api.wait_final(submit(api, role("main", "true", 2, container=two), gang=True))
    assert (refused["state"], refused["reasonCode"]) == ("failed", "engine_refused")
    assert "need room for 4" in refused["reason"] and "more than 3" in refused["reason"]
    states = [e["state"] for e in api.events(refused["id"]) if e["type"] == "state"]
    assert states == ["preparing", "failed"], "waiting is not announced"
    later = api.wait_final(submit(api, role("a", "true"), role("b", "true", 4, dependsOn=["a"]), gang=True))
    assert later["reasonCode"] == "engine_refused" and "role b" in later["reason"]
    assert api.wait_final(submit(api, role("main", "true", 2, container=two)))["state"] == "succeeded"


def test_a_member_that_is_tried_again_does_not_stand_in_line(gateway, tmp_path):
    """Its sibling waits for it, and the slot that it had is taken."""
    api = gateway(2).api
    script = (f'[ "$TASKROLE_REPLICA_INDEX" = 0 ] || {{ {wait_for(tmp_path / "second")}; exit 0; }}; '
              f'[ -e {tmp_path}/first ] || {{ touch {tmp_path}/first; exit 1; }}; touch {tmp_path}/second')
    gang = submit(api, role("main", script, 2, retryPolicy={"retry": True, "delay": 1, "maxRetryCount": 1}))
    until(lambda: (tmp_path / "first").exists(), 20, "the first try is over")
    endless = submit(api, role("main", "while :; do sleep 0.1; done"))
    api.wait_state(endless, "running")
    assert api.wait_final(gang)["state"] == "succeeded"


def test_a_gang_outlives_a_crash(make_daemon, tmp_path):
    daemon = make_daemon(config="engines:\n  local:\n    slots: 3\n").start()
    api = daemon.api
    blocker = submit(api, role("main", wait_for(tmp_path / "go")))
    api.wait_state(blocker, "running")
    gang = submit(api, role("main", meeting(tmp_path / "met", 3), 3))
    api.wait_state(gang, "waiting")
    running = submit(api, role("main", "true"))
    daemon.kill9()
    daemon.start()
    api = daemon.api
    assert in_line(api, gang)["needs"] == 3
    assert not (tmp_path / "met").exists()
    (tmp_path / "go").touch()
    for job_id in (blocker, gang, running):
        assert api.wait_final(job_id)["state"] == "succeeded"


def test_priority_classes(gateway, tmp_path):
    api = gateway(1, "    priority_classes: [urgent=50, idle=-50]\n").api
    blocker = submit(api, role("main", wait_for(tmp_path / "go")))
    api.wait_state(blocker, "running")
    ids = []
    for name, pod in (("idle", {"priorityClassName": "idle"}), ("plain", {}), ("number", {"priority": 49}),
                      ("urgent", {"priorityClassName": "urgent"})):
        ids.append(submit(api, role("main", f"echo {name} >>{tmp_path}/order", pod=pod)))
        api.wait_state(ids[-1], "waiting")
    unknown = api.wait_final(submit(api, role("main", "true", pod={"priorityClassName": "high"})))
    assert unknown["reasonCode"] == "engine_refused"
    assert '"high"' in unknown["reason"] and "urgent idle" in unknown["reason"]
    (tmp_path / "go").touch()
    for job_id in ids:
        api.wait_final(job_id)
    assert (tmp_path / "order").read_text().split() == ["urgent", "number", "plain", "idle"]


def test_what_is_shown_of_roles_and_replicas(gateway, tmp_path):
    api = gateway(1).api
    job_id = submit(api, role("first", wait_for(tmp_path / "go")), role("second", "exit 3", dependsOn=["first"]),
                    role("side", "true"), gang=False)
    api.wait_state(job_id, "running")
    tasks = {task["name"]: task for task in api.detail(job_id)["tasks"]}
    assert tasks["second"]["reasonCode"] == "waiting_for_dependency"
    assert tasks["second"]["reason"] == "waits for role first to succeed"
    assert tasks["side"]["reasonCode"] == "waiting_for_slot"
    assert "reasonCode" not in tasks["first"]
    replica = api.taskset(job_id)["status"]["roleStatus"][0]["replicaStatus"][0]
    assert replica["podName"] == "test-first-0" and replica["podHostIP"] == "127.0.0.1"
    assert replica["containerID"].startswith("process://")
    os.kill(int(replica["containerID"][len("process://"):]), signal.SIGKILL)
    end = api.wait_final(job_id)
    assert end["state"] == "failed"
    status = {one["name"]: one for one in api.taskset(job_id)["status"]["roleStatus"]}
    info = status["first"]["replicaStatus"][0]["terminatedInfo"]
    assert (info["exitCode"], info["signal"]) == (137, 9)
    assert set(info) == {"exitCode", "signal", "reason", "exitMessage"}
    assert status["second"]["replicaStatus"][0]["state"] in ("stopped", "waiting")


def test_ten_thousand_replicas(gateway):
    api = gateway(1).api
    job_id = submit(api, role("main", "true", 10000, retryPolicy={"retry": True, "maxRetryCount": 1}),
                    engine="null")
    until(lambda: api.list(pageSize=1)[0]["state"] == "succeeded", 60, "it has succeeded")
    replicas = api.detail(job_id)["tasks"][0]["replicas"]
    assert [one["index"] for one in replicas] == list(range(10000))
    assert {one["state"] for one in replicas} == {"succeeded"}
    assert len(api.events(job_id)) <= 1000


def test_a_thousand_jobs_wait_in_order(gateway, tmp_path):
    """One slot, a thousand jobs behind a blocker: the order of submission, and places that say so."""
    api = gateway(1, "limits:\n  rate: 0\n").api
    blocker = submit(api, role("main", wait_for(tmp_path / "go")))
    api.wait_state(blocker, "running")
    with ThreadPoolExecutor(16) as pool:
        ids = sorted(pool.map(lambda _: submit(api, role("main", "true")), range(1000)))
    until(lambda: api.count(state="waiting") == 1000, 60, "all of them wait")
    until(lambda: in_line(api, ids[0])["of"] == 1000, 20, "the engine knows all of them")
    for n in (0, 499, 999):
        assert in_line(api, ids[n]) == {"place": n + 1, "of": 1000, "needs": 1, "free": 0, "room": 1}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda job_id: api.good("PUT", f"/v1/job/stop/{job_id}", {}), ids[50:999]))
    until(lambda: api.count(state="waiting") == 51, 60, "those stopped are gone")
    until(lambda: in_line(api, ids[999])["place"] == 51, 20, "the engine has let them go")
    (tmp_path / "go").touch()
    until(lambda: api.count(state="succeeded") == 52, 120, "all are over")
    starts = [api.detail(ids[n])["job"]["startAt"] for n in (*range(0, 50, 5), 999)]
    assert starts == sorted(starts)
