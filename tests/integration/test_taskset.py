"""How a TaskSet runs to an end, with processes of this machine and without images."""

import json
import threading

import pytest

from harness import job, role, taskset, until


def run(api, *roles, **spec):
    """The job's end and its roles by name, after a TaskSet ran."""
    job_id = api.submit(job(taskset(*roles, **spec)))
    end = api.wait_final(job_id, seconds=60)
    return end, {task["name"]: task for task in api.detail(job_id)["tasks"]}, job_id


def codes(task):
    return [one["exitCode"] for one in task["replicas"]]


def states(task):
    return [one["state"] for one in task["replicas"]]


# Started, and then going on until told otherwise or a file appears; files make the order certain.
FOREVER = "while :; do sleep 0.05; done"


def wait_for(path):
    return f"while [ ! -e {path} ]; do sleep 0.02; done"


def test_parameter_server_and_workers(api, tmp_path):
    """The classic: servers that never end by themselves, workers that decide."""
    server = role("ps", f"echo serving; {FOREVER}")
    worker = role("worker", 'echo "worker $TASKROLE_REPLICA_INDEX of $TASKSET_NAME"; sleep 0.2', 3,
                  completionPolicy={"maxFailed": 1, "minSucceeded": 3},
                  eventPolicy=[{"event": "RoleSucceeded", "action": "TaskSetSucceeded"}])
    end, tasks, job_id = run(api, server, worker)
    assert end["state"] == "succeeded"
    assert states(tasks["worker"]) == ["succeeded"] * 3 and codes(tasks["worker"]) == [0, 0, 0]
    assert states(tasks["ps"]) == ["stopped"]
    log = api.logs(job_id)
    for i in range(3):
        assert f"worker {i} of test" in log


def test_one_failed_worker_ends_all(api):
    end, tasks, _ = run(api, role("ps", FOREVER),
                        role("worker", 'sleep 0.2; [ "$TASKROLE_REPLICA_INDEX" != 1 ] || exit 7; '
                                       + FOREVER, 3))
    assert (end["state"], end["reasonCode"]) == ("failed", "replica_failed")
    assert codes(tasks["worker"])[1] == 7
    assert states(tasks["worker"])[0] == states(tasks["worker"])[2] == "stopped"
    assert states(tasks["ps"]) == ["stopped"]


def test_environment(api):
    script = 'echo "$TASKSET_NAME/$TASKROLE_NAME/$TASKROLE_REPLICA_INDEX/$SLUICE_JOB_ID/$OWN"; env'
    _, _, job_id = run(api, role("main", script, 2, container={"env": [{"name": "OWN", "value": "a b"}]}))
    log = api.logs(job_id)
    for index in (0, 1):
        assert f"test/main/{index}/{job_id}/a b" in log
    daemons = [line for line in log.splitlines() if line.startswith("SLUICE_")
               and not line.startswith(("SLUICE_JOB_ID=", "SLUICE_ATTEMPT="))]
    assert daemons == []


@pytest.mark.parametrize("replicas, fails, least, most, expected", [
    (3, 1, 2, 2, "succeeded"), (3, 2, 2, 2, "failed"), (3, 1, 3, 3, "failed"), (3, 0, 1, 1, "succeeded"),
    (3, 1, 2, 0, "failed"), (2, 2, 1, 2, "failed"), (3, 2, 1, 3, "succeeded")])
def test_completion_policy(api, replicas, fails, least, most, expected):
    """Failing replicas end first, so that the outcome is not a matter of luck."""
    script = f'[ "$TASKROLE_REPLICA_INDEX" -ge {fails} ] || exit 1; sleep {0.6 if most else 2}'
    end, _, _ = run(api, role("main", script, replicas,
                              completionPolicy={"minSucceeded": least, "maxFailed": most}))
    assert end["state"] == expected


def test_role_succeeds_as_soon_as_enough_have(api):
    script = f'[ "$TASKROLE_REPLICA_INDEX" != 0 ] || exit 0; {FOREVER}'
    end, tasks, _ = run(api, role("main", script, 3, completionPolicy={"minSucceeded": 1}))
    assert end["state"] == "succeeded"
    assert states(tasks["main"]) == ["succeeded", "stopped", "stopped"]


def test_retry_of_one_replica_leaves_the_others_alone(api, tmp_path):
    script = f"""n={tmp_path}/$TASKROLE_REPLICA_INDEX; echo x >>$n
[ "$TASKROLE_REPLICA_INDEX" = 1 ] && [ "$(wc -l <$n)" -lt 3 ] && exit 5
exit 0"""
    end, tasks, _ = run(api, role("main", script, 3, retryPolicy={"retry": True, "delay": 0, "maxRetryCount": 2}))
    assert end["state"] == "succeeded"
    assert [one["retriedCount"] for one in tasks["main"]["replicas"]] == [0, 2, 0]
    assert [len((tmp_path / str(i)).read_text().split()) for i in range(3)] == [1, 3, 1]


def test_retries_run_out(api, tmp_path):
    end, tasks, _ = run(api, role("main", f"echo x >>{tmp_path}/n; exit 9",
                                  retryPolicy={"retry": True, "delay": 0, "maxRetryCount": 2}))
    assert end["state"] == "failed" and codes(tasks["main"]) == [9]
    assert len((tmp_path / "n").read_text().split()) == 3


def test_taskset_retry_starts_all_again(api, tmp_path):
    script = f'echo $TASKROLE_NAME >>{tmp_path}/n; until grep -q other {tmp_path}/n; do sleep 0.02; done; [ "$(grep -c main {tmp_path}/n)" -ge 2 ]'
    end, _, _ = run(api, role("main", script), role("other", f"echo other >>{tmp_path}/n; sleep 0.3"),
                    retryPolicy={"retry": True, "delay": 0, "maxRetryCount": 3})
    assert end["state"] == "succeeded" and end["totalRetriedCount"] == 1
    assert sorted((tmp_path / "n").read_text().split()) == ["main", "main", "other", "other"]


ACTIONS = [  # event policies of a role that fails beside one that goes on; the set's end
    ([], "failed"), ([{"event": "RoleFailed", "action": "TaskSetSucceeded"}], "succeeded"),
    ([{"event": "RoleFailed", "action": "TaskSetCompleted"}], "failed"),
    ([{"event": "RoleCompleted", "action": "TaskSetSucceeded"}], "succeeded"),
    ([{"event": "RoleCompleted", "action": "TaskSetSucceeded"},
      {"event": "RoleFailed", "action": "TaskSetFailed"}], "failed")]


@pytest.mark.parametrize("policies, expected", ACTIONS)
def test_events_of_a_failing_role(api, policies, expected):
    end, tasks, _ = run(api, role("fails", "exit 1", eventPolicy=policies), role("goes-on", FOREVER))
    assert end["state"] == expected
    assert states(tasks["goes-on"]) == ["stopped"]


@pytest.mark.parametrize("policies, expected", [
    ([{"event": "RoleSucceeded", "action": "TaskSetSucceeded"}], "succeeded"),
    ([{"event": "RoleSucceeded", "action": "TaskSetFailed"}], "failed"),
    ([{"event": "RoleCompleted", "action": "TaskSetCompleted"}], "succeeded")])
def test_events_of_a_succeeding_role(api, policies, expected):
    end, _, _ = run(api, role("works", "exit 0", eventPolicy=policies), role("goes-on", FOREVER))
    assert end["state"] == expected


def test_no_action_waits_for_all_roles(api):
    ignore = [{"event": "RoleFailed", "action": "NoAction"}]
    end, tasks, _ = run(api, role("fails", "exit 1", eventPolicy=ignore), role("works", "sleep 0.3"))
    assert end["state"] == "failed"
    assert states(tasks["works"]) == ["succeeded"]


def test_dependencies(api, tmp_path):
    log = tmp_path / "order"
    say = f"echo $TASKROLE_NAME >>{log}"
    end, _, _ = run(api, role("c", say, dependsOn=["a", "b"]), role("a", f"sleep 0.2; {say}"),
                    role("b", say, dependsOn=["a"]), role("d", say, dependsOn=["c"]))
    assert end["state"] == "succeeded"
    assert log.read_text().split() == ["a", "b", "c", "d"]


def test_dependency_that_can_no_longer_hold(api):
    ignore = [{"event": "RoleFailed", "action": "NoAction"}]
    end, tasks, job_id = run(api, role("a", "exit 1", eventPolicy=ignore), role("b", "true", dependsOn=["a"]))
    assert end["state"] == "failed" and tasks["b"]["state"] == "failed"
    assert states(tasks["b"]) in ([], ["stopped"], ["waiting"], ["failed"])
    assert "dependency" in json.dumps(api.events(job_id)) + json.dumps(tasks)


@pytest.mark.parametrize("script, cleaned", [("exit 1", True), ("exit 0", False)])
def test_on_failed(api, tmp_path, script, cleaned):
    ignore = [{"event": "RoleFailed", "action": "NoAction"}]
    _, tasks, _ = run(api, role("a", script, eventPolicy=ignore),
                      role("clean", f"touch {tmp_path}/cleaned", dependsOn=[{"role": "a", "on": "failed"}]),
                      role("always", f"touch {tmp_path}/always", dependsOn=[{"role": "a", "on": "ended"}]))
    assert (tmp_path / "cleaned").exists() is cleaned
    assert (tmp_path / "always").exists()
    assert tasks["clean"]["state"] == "succeeded", "skipped counts as succeeded"


@pytest.mark.parametrize("where", ["set", "role", "pod"])
def test_deadline(api, where):
    one = role("main", FOREVER)
    spec = {}
    if where == "set":
        spec["activeDeadlineSeconds"] = 1
    elif where == "role":
        one["activeDeadlineSeconds"] = 1
    else:
        one["template"]["spec"]["activeDeadlineSeconds"] = 1
    end, tasks, _ = run(api, one, **spec)
    assert (end["state"], end["reasonCode"]) == ("failed", "deadline_exceeded")


def test_exit_codes_and_signals(api):
    ignore = {"completionPolicy": {"maxFailed": 3, "minSucceeded": 1}}
    script = 'case $TASKROLE_REPLICA_INDEX in 0) exit 42;; 1) kill -SEGV $$;; 2) kill -KILL $$;; esac'
    _, tasks, job_id = run(api, role("main", script, 3, **ignore))
    assert codes(tasks["main"]) == [42, 139, 137]
    kept = api.taskset(job_id)["status"]["roleStatus"][0]["replicaStatus"]
    info = {one["index"]: one["terminatedInfo"] for one in kept}
    assert (info[1]["exitCode"], info[1]["signal"]) == (139, 11)
    assert (info[0]["exitCode"], info[0].get("signal") or 0) == (42, 0)


def test_command_that_does_not_exist(api):
    end, tasks, _ = run(api, role("main", "", container={"command": ["/no/such/program"]}))
    assert end["state"] == "failed"
    assert codes(tasks["main"])[0] in (127, 128) or tasks["main"]["replicas"][0]["exitDiagnostics"]


def test_init_containers_first_and_in_order(api, tmp_path):
    log = tmp_path / "order"
    pod = {"initContainers": [{"name": n, "command": ["sh", "-c", f"echo {n} >>{log}"]} for n in ("i1", "i2")]}
    end, _, _ = run(api, role("main", f"echo main >>{log}", pod=pod))
    assert end["state"] == "succeeded"
    assert log.read_text().split() == ["i1", "i2", "main"]


def test_a_failing_init_container(api, tmp_path):
    pod = {"initContainers": [{"name": "i", "command": ["sh", "-c", "exit 4"]}]}
    end, tasks, _ = run(api, role("main", f"touch {tmp_path}/ran", pod=pod))
    assert end["state"] == "failed" and codes(tasks["main"]) == [4]
    assert not (tmp_path / "ran").exists()


def test_command_args_and_work_directory(api, tmp_path):
    one = role("main", "", container={"command": ["sh", "-c", 'pwd; printf "<%s>" "$@"', "name"],
                                      "args": ["a b", "$HOME"], "workingDir": str(tmp_path)})
    end, _, job_id = run(api, one)
    assert end["state"] == "succeeded"
    log = api.logs(job_id)
    assert str(tmp_path) in log and "<a b><$HOME>" in log


def test_stdin_is_empty(api):
    end, _, job_id = run(api, role("main", "cat; echo done"))
    assert end["state"] == "succeeded" and "done" in api.logs(job_id)


def test_gang_that_never_fits_is_refused(make_daemon):
    api = make_daemon(config="engines:\n  local:\n    slots: 2\n").start().api
    end, _, _ = run(api, role("main", "true", 3), gang=True)
    assert (end["state"], end["reasonCode"]) == ("failed", "engine_refused")
    assert "3" in end["reason"] and "2" in end["reason"]
    end, _, _ = run(api, role("main", "sleep 0.1", 5), gang=False)
    assert end["state"] == "succeeded"
    end, _, _ = run(api, role("main", "sleep 0.1", 5))
    assert end["state"] == "succeeded", "without a wish they run one by one where they never fit"


def test_priority_decides_who_is_next(make_daemon, tmp_path):
    api = make_daemon(config="engines:\n  local:\n    slots: 1\n").start().api
    blocker = api.submit(job(taskset(role("main", wait_for(tmp_path / "go")))))
    api.wait_state(blocker, "running")
    ids = []
    for name, priority in (("low", 1), ("high", 9), ("middle", 5)):
        ids.append(api.submit(job(taskset(role("main", f"echo {name} >>{tmp_path}/order",
                                               pod={"priority": priority})))))
        api.wait_state(ids[-1], "waiting")
    (tmp_path / "go").touch()
    for job_id in ids:
        api.wait_state(job_id, "succeeded")
    assert (tmp_path / "order").read_text().split() == ["high", "middle", "low"]


def test_many_replicas(api):
    end, tasks, _ = run(api, role("main", "exit 0", 60))
    assert end["state"] == "succeeded" and states(tasks["main"]) == ["succeeded"] * 60


def test_output_is_limited_and_text_is_kept(api):
    end, _, job_id = run(api, role("main", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last"))
    assert end["state"] == "succeeded"
    assert api.get(f"/v1/job/logs/{job_id}").status == 200


def test_null_engine(api):
    end, tasks, job_id = run(api, role("main", "exit 1", 3), engine="null")
    assert end["state"] == "succeeded" and states(tasks["main"]) == ["succeeded"] * 3
    text = json.dumps(api.events(job_id))
    assert '"running"' in text, "running is never left out"


def test_running_follows_the_first_container(api, tmp_path):
    job_id = api.submit(job(taskset(role("main", wait_for(tmp_path / "go")))))
    shown = api.wait_state(job_id, "running")
    assert shown["startAt"] and shown["finishedAt"] is None
    status = api.taskset(job_id)["status"]
    assert status["state"] == "running" and status["roleStatus"][0]["replicaStatus"][0]["state"] == "running"
    (tmp_path / "go").touch()
    api.wait_state(job_id, "succeeded")


def test_many_jobs_side_by_side(api):
    ids = []
    lock = threading.Lock()

    def some():
        for _ in range(5):
            job_id = api.submit(job(taskset(role("main", "exit 0"))))
            with lock:
                ids.append(job_id)

    threads = [threading.Thread(target=some) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    until(lambda: all(api.state(job_id) == "succeeded" for job_id in ids), 60, "all have succeeded")
