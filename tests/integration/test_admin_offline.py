"""sluicectl admin passwd --data: the password of a gateway that does not run."""

import os
import subprocess

from harness import program


def passwd(data, password, **more):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    return subprocess.run([program("sluicectl"), "admin", "passwd", "--stdin", "--data", str(data)],
                          input=password + "\n", capture_output=True, text=True, timeout=60,
                          env={**environment, "SLUICE_SERVER": "http://127.0.0.1:1"}, **more)


def status(daemon, token):
    return daemon.api.with_token(token).get("/v1/tokens").status


def test_it_is_in_force_at_the_next_start(make_daemon):
    daemon = make_daemon().start()
    assert status(daemon, "admin") == 200
    assert daemon.stop() == 0
    done = passwd(daemon.data, "correct-horse")
    assert done.returncode == 0, done.stderr
    assert "horse" not in done.stdout + done.stderr
    daemon.start()
    assert (status(daemon, "correct-horse"), status(daemon, "admin")) == (200, 401)
    daemon.stop()
    assert passwd(daemon.data, "another-one").returncode == 0  # a forgotten one, too
    daemon.start()
    assert (status(daemon, "another-one"), status(daemon, "correct-horse")) == (200, 401)


def test_a_running_gateway_keeps_its_password(make_daemon):
    daemon = make_daemon().start()
    done = passwd(daemon.data, "correct-horse")
    assert done.returncode == 1
    assert f"(pid {daemon.process.pid}) uses the store" in done.stderr
    assert "stop that gateway first" in done.stderr
    assert status(daemon, "admin") == 200


def test_jobs_are_still_there(make_daemon):
    daemon = make_daemon().start()
    job_id = daemon.api.submit({"userID": "a", "jobName": "b", "jobKind": "X", "job": {"kind": "X"}})
    daemon.kill9()
    assert passwd(daemon.data, "correct-horse").returncode == 0
    daemon.start()
    api = daemon.api.with_token("correct-horse")
    assert api.wait_final(job_id)["state"] == "failed"


def test_bad_passwords_and_directories(make_daemon, tmp_path):
    daemon = make_daemon().start()
    daemon.stop()
    for bad, words in (("short", "at least 8"), ("space-at-its-end ", "no space"), ("", "empty"),
                       ("x" * 1025, "at most 1024")):
        done = passwd(daemon.data, bad)
        assert done.returncode == 1 and words in done.stderr, done.stderr
        assert "token:" not in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "nowhere"):
        done = passwd(folder, "correct-horse")
        assert done.returncode == 1 and "holds no store" in done.stderr, done.stderr
    assert list(empty.iterdir()) == [] and not (tmp_path / "nowhere").exists()
    daemon.start()
    assert status(daemon, "admin") == 200
