"""The gateway or its spawner is killed while a hundred replicas run: all are found again, all
exit codes are right, none is started twice."""

import os
import pathlib
import signal

import pytest

from harness import job, role, taskset, until

MANY = 100


def children(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def many(make_daemon):
    """Ready for a hundred replicas at once."""
    return make_daemon(config=f"engines: {{local: {{slots: {MANY}}}}}\n").start()


def start_many(daemon, folder):
    """Each notes that it was started, waits for the file `go`, and ends with its own code."""
    script = (f"echo $TASKROLE_REPLICA_INDEX >> {folder}/starts; exec 3<>{folder}/gate; read x <&3; "
              "echo x >&3; exit $((1 + TASKROLE_REPLICA_INDEX % 7))")
    os.mkfifo(folder / "gate")
    policy = {"maxFailed": MANY, "minSucceeded": 1}  # so that no end of one ends the others
    job_id = daemon.api.submit(job(taskset(role("main", script, MANY, completionPolicy=policy))))
    until(lambda: (folder / "starts").exists() and len((folder / "starts").read_text().split()) == MANY,
          60, "all run")
    return job_id


def let_go(folder):
    """Each one that wakes up wakes the next one."""
    with open(folder / "gate", "r+b", buffering=0) as gate:
        gate.write(b"x\n")
        until(lambda: not waiting(folder), 60, "all have gone")


def waiting(folder):
    gate, found = str(folder / "gate"), 0
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                found += os.readlink(entry / "fd" / "3") == gate
            except OSError:
                continue
    return found


def check(daemon, folder, job_id):
    daemon.api.wait_final(job_id, seconds=60)
    replicas = daemon.api.detail(job_id)["tasks"][0]["replicas"]
    assert [one["exitCode"] for one in replicas] == [1 + index % 7 for index in range(MANY)]
    starts = sorted(map(int, (folder / "starts").read_text().split()))
    assert starts == list(range(MANY)), "none was started twice"


@pytest.mark.parametrize("ends_while_away", [True, False])
def test_the_gateway_is_killed(many, tmp_path, ends_while_away):
    job_id = start_many(many, tmp_path)
    many.kill9()
    if ends_while_away:
        let_go(tmp_path)
    many.start()
    if not ends_while_away:
        assert many.api.state(job_id) == "running"
        let_go(tmp_path)
    check(many, tmp_path, job_id)


def test_the_spawner_is_killed(many, tmp_path):
    """The gateway tells it, and ends by itself so that a service manager starts it anew."""
    job_id = start_many(many, tmp_path)
    [spawner] = children(many.process.pid)
    os.kill(spawner, signal.SIGKILL)
    assert many.process.wait(120) == 70
    assert "the spawner has died" in many.tail()
    assert waiting(tmp_path) == MANY, "no replica ends with it"
    many.start()
    assert many.api.state(job_id) == "running"
    let_go(tmp_path)
    check(many, tmp_path, job_id)


def test_both_are_killed(many, tmp_path):
    job_id = start_many(many, tmp_path)
    [spawner] = children(many.process.pid)
    os.kill(spawner, signal.SIGKILL)
    many.kill9()
    many.start()
    let_go(tmp_path)
    check(many, tmp_path, job_id)
