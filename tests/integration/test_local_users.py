"""The engine `local` with users of their own for the gateway and for replicas: who runs as
whom, what each may touch, and what is refused."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

from harness import Api, Daemon, free_port, job, processes_with, program, role, taskset, until

GATEWAY, WORKER = "daemon", "games"  # users that every Debian has
CONFIG = f"run: {{user: {GATEWAY}}}\nengines: {{local: {{user: {WORKER}}}}}\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")


@pytest.fixture
def folder():
    """Where both users may go, unlike pytest's own folders."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="sluice-users-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def users(folder):
    made = Daemon(folder, config=CONFIG).start()
    yield made
    made.close()


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def run(daemon, script, **more):
    """The output of a job that must succeed."""
    job_id = daemon.api.submit(job(taskset(role("main", script, **more))))
    end = daemon.api.wait_final(job_id)
    text = daemon.api.logs(job_id, role="main")
    assert end["state"] == "succeeded", (end, text)
    return text


def test_the_gateway_keeps_no_privileges(users):
    status = status_of(users.process.pid)
    uid = str(pwd.getpwnam(GATEWAY).pw_uid)
    assert status["Uid"].split() == [uid] * 4
    assert int(status["CapPrm"], 16) == 0 and int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["Groups"].split() == [str(pwd.getpwnam(GATEWAY).pw_gid)]


def test_replicas_run_as_their_user(users):
    worker = pwd.getpwnam(WORKER)
    text = run(users, "id -u; id -g; grep -E 'CapPrm|NoNewPrivs' /proc/self/status; "
                      "umask; touch $HOME/mine; stat -c %U $HOME/mine; echo x > $SLUICE_VOLUME_V/y",
               pod={"volumes": [{"name": "v", "emptyDir": {}}]})
    lines = text.split()
    assert lines[:2] == [str(worker.pw_uid), str(worker.pw_gid)]
    assert lines[2:] == ["CapPrm:", "0000000000000000", "NoNewPrivs:", "1", "0002", WORKER]


def test_artifacts_of_another_user(users):
    api = users.api
    job_id = api.submit(job(taskset(role("main", "echo mine > f; echo closed > g; chmod 600 g; mkdir -m 700 d; echo x > d/f"))))
    assert api.wait_final(job_id)["state"] == "succeeded"
    assert api.get(f"/v1/job/artifacts/{job_id}/f").raw == b"mine\n"
    refused = api.get(f"/v1/job/artifacts/{job_id}/g")
    assert refused.status == 409 and "chmod" in refused.msg
    # folders of a job that has ended are the gateway's to look into, too
    until(lambda: api.get(f"/v1/job/artifacts/{job_id}/d/f").raw == b"x\n", 20, "they are released")


def test_the_gateway_can_look_into_the_work_directory(users):
    run(users, "mkdir out; echo text > out/artifact")
    [work] = (users.data / "work").iterdir()
    made = (work / "out" / "artifact").stat()
    assert made.st_uid == pwd.getpwnam(WORKER).pw_uid
    assert made.st_gid == pwd.getpwnam(GATEWAY).pw_gid
    assert work.stat().st_mode & 0o777 == 0o770, "and nobody else can"


def test_a_final_jobs_work_directory_is_the_gateways(users):
    """Also the folders that its replicas closed: the gateway has to remove them some day."""
    run(users, "mkdir -p -m 700 closed/inner; chmod 700 closed/inner; echo x > closed/inner/file; "
               "ln -s / closed/link; ln -s /tmp outside")
    [work] = (users.data / "work").iterdir()
    gateway, before = pwd.getpwnam(GATEWAY), pathlib.Path("/tmp").stat().st_mode
    until(lambda: (work / "closed" / "inner").stat().st_mode & 0o070 == 0o070, 20, "it is opened")
    assert pathlib.Path("/tmp").stat().st_mode == before, "links are not followed"
    removed = subprocess.run(["rm", "-r", str(work / "closed"), str(work / "outside")], user=gateway.pw_uid,
                             group=gateway.pw_gid, extra_groups=[], capture_output=True, text=True, check=False)
    assert removed.returncode == 0, removed.stderr


def test_an_erased_job_leaves_nothing_behind(users):
    """Although its replicas were another user, who closed what they made."""
    script = "mkdir -p -m 700 closed/inner; echo x > closed/inner/file; chmod 500 closed"
    job_id = users.api.submit(job(taskset(role("main", script))))
    assert users.api.wait_final(job_id)["state"] == "succeeded"
    work = users.data / "work" / job_id
    until(lambda: (work / "closed" / "inner").stat().st_mode & 0o070 == 0o070, 20, "it is opened")
    users.api.good("DELETE", f"/v1/job/{job_id}")
    until(lambda: not work.exists(), 20, "its work directory is gone")


def test_replicas_reach_nothing_of_the_gateway(users):
    gateway = users.process.pid
    text = run(users, f"cat {users.data}/secret.key; ls {users.data}; ls {users.data}/store; "
                      f"ls {users.data}/run; kill -9 {gateway}; kill -9 $PPID; cat /proc/{gateway}/environ; true")
    assert text.count("denied") == 4 + 1 and text.count("not permitted") == 2, text
    assert users.process.poll() is None
    assert users.api.get("/readyz").status == 200


def test_one_that_does_not_hear_is_stopped(users):
    script = "trap '' TERM; (trap '' TERM; setsid env -i sleep 300 &); touch up; while :; do sleep 1; done"
    job_id = users.api.submit(job(taskset(role("main", script, pod={"terminationGracePeriodSeconds": 1}))))
    until(lambda: list((users.data / "work").glob(f"{job_id}/up")), 20, "it runs")
    users.api.put(f"/v1/job/stop/{job_id}")
    assert users.api.wait_final(job_id)["state"] == "stopped"
    assert not processes_with(f"SLUICE_JOB_ID={job_id}")


def test_nothing_is_lost_over_a_crash(users):
    script = "while [ ! -e go ]; do sleep 0.02; done; exit $((3 + TASKROLE_REPLICA_INDEX))"
    job_id = users.api.submit(job(taskset(role("main", script, 3, completionPolicy={"maxFailed": 3, "minSucceeded": 1}))))
    until(lambda: len(processes_with(f"SLUICE_JOB_ID={job_id}")) >= 3, 20, "all run")
    users.kill9()
    users.start()
    users.api.wait_state(job_id, "running")
    (users.data / "work" / job_id / "go").touch()
    users.api.wait_final(job_id)
    replicas = users.api.detail(job_id)["tasks"][0]["replicas"]
    assert [one["exitCode"] for one in replicas] == [3, 4, 5]


def test_limits_hold(users):
    limit = {"resources": {"limits": {"memory": "60Mi"}}}
    script = "exec python3 -c 'x = bytearray(300 << 20)'"
    job_id = users.api.submit(job(taskset(role("main", script, container=limit))))
    end = users.api.wait_final(job_id)
    assert end["state"] == "failed"


def test_only_replicas_have_a_user(folder):
    """The gateway stays root, and still no replica is."""
    daemon = Daemon(folder, config=f"engines: {{local: {{user: {WORKER}}}}}\n").start()
    try:
        assert run(daemon, "id -un").split() == [WORKER]
        assert status_of(daemon.process.pid)["Uid"].split() == ["0"] * 4
        assert not [note for note in daemon.api.get("/readyz").document["notes"] if "single-user" in note]
        job_id = daemon.api.submit(job(taskset(role("main", "trap '' TERM; touch up; while :; do sleep 1; done",
                                                    pod={"terminationGracePeriodSeconds": 1}))))
        until(lambda: list((daemon.data / "work").glob(f"{job_id}/up")), 20, "it runs")
        daemon.api.put(f"/v1/job/stop/{job_id}")
        assert daemon.api.wait_final(job_id)["state"] == "stopped"
    finally:
        daemon.close()


def test_started_by_somebody_who_is_not_root(folder):
    """Nothing to drop and perhaps no cgroups: single-user mode, said so, and it works."""
    worker = pwd.getpwnam(WORKER)
    os.chown(folder, worker.pw_uid, worker.pw_gid)
    programs = folder / "bin"
    programs.mkdir()
    for name in ("sluiced", "sluice-spawner"):
        shutil.copy(program(name), programs / name)
    port = free_port()
    with open(folder / "log", "wb") as log:
        gateway = subprocess.Popen(
            [str(programs / "sluiced"), "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"],
            user=worker.pw_uid, group=worker.pw_gid, extra_groups=[], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, cwd=folder, env={"PATH": os.environ["PATH"]})
    try:
        api = Api(port)
        until(api.answers, 30, "it is ready")
        assert [note for note in api.get("/readyz").document["notes"] if "single-user" in note]
        job_id = api.submit(job(taskset(role("main", "(setsid sleep 300 &); id -un; exit 0"))))
        assert api.wait_final(job_id)["state"] == "succeeded"
        assert api.logs(job_id, role="main").split() == [WORKER]
        assert not processes_with(f"SLUICE_JOB_ID={job_id}")
        log = (folder / "log").read_text()
        if 'limits="memory, cpu, pids, whole groups"' not in log:
            assert "lacking=" in log and "not limited by cgroups here" in str(api.events(job_id))
    finally:
        gateway.terminate()
        assert gateway.wait(120) == 0


def test_off_loopback_without_single_user_mode(folder):
    (folder / "password").write_text("a longer password\n")
    (folder / "password").chmod(0o644)
    config = CONFIG + f"admin: {{password_file: {folder}/password}}\n"
    port = free_port()
    daemon = Daemon(folder, config=config, port=port, arguments=["--listen", f"0.0.0.0:{port}"]).start()
    try:
        notes = daemon.api.get("/readyz").document["notes"]
        assert not [note for note in notes if "single-user" in note]
        assert "single-user" not in daemon.tail()
    finally:
        daemon.close()


def end_of(folder, config, arguments=()):
    daemon = Daemon(folder, config=config, arguments=arguments)
    daemon.spawn()
    return daemon.process.wait(120), daemon.tail()


@pytest.mark.parametrize("config, words", [
    ("run: {user: nobody-at-all}\n", "run.user: there is no user nobody-at-all"),
    ("engines: {local: {user: nobody-at-all}}\n", "engines.local.user: there is no user"),
    (f"run: {{user: {GATEWAY}}}\n", "engines.local.user")])
def test_what_is_not_safe_is_refused(folder, config, words):
    code, text = end_of(folder, config)
    assert code == 78 and words in text


def test_a_data_directory_of_another_user_is_refused(folder):
    (folder / "data").mkdir(mode=0o700)
    code, text = end_of(folder, CONFIG)
    assert code == 78 and f"chown -R {GATEWAY}" in text


def test_off_loopback_in_single_user_mode_is_refused(folder):
    (folder / "password").write_text("a longer password\n")
    config = f"admin: {{password_file: {folder}/password}}\n"
    same = f"run: {{user: {GATEWAY}}}\nengines: {{local: {{user: {GATEWAY}}}}}\n"
    (folder / "password").chmod(0o644)
    for extra in ("", same):
        shutil.rmtree(folder / "data", ignore_errors=True)
        code, text = end_of(folder, config + extra, ["--listen", "0.0.0.0:0"])
        assert code == 78 and "trust_submitters" in text


def test_check_config_names_what_cannot_be_read_again(folder):
    (folder / "ca.pem").write_text("")
    (folder / "ca.pem").chmod(0o600)
    config = CONFIG + f"plugins: {{ca_file: {folder}/ca.pem}}\n"
    code, text = end_of(folder, config, ["--check-config"])
    assert code == 78
    assert f"plugins.ca_file: user {GATEWAY} (run.user) cannot read {folder}/ca.pem" in text
    (folder / "ca.pem").chmod(0o644)
    assert end_of(folder, config, ["--check-config"])[0] == 0
