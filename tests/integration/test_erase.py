"""Erasing jobs: by request, by age and by number; nothing of them stays, whatever happens."""

import os
import subprocess

from harness import job, program, role, taskset, until
from test_logs import following


def ended(api, script="echo hi; mkdir -p a/b; echo x > a/b/f; ln -s /etc out", **more):
    job_id = api.submit(job(taskset(role("main", script)), **more))
    api.wait_final(job_id)
    return job_id


def files_of(daemon, job_id):
    return [str(place) for place in ("logs", "work", "run") if (daemon.data / place / job_id).exists()]


def erase(api, job_id):
    return api.delete(f"/v1/job/{job_id}")


def is_gone(daemon, job_id):
    api = daemon.api
    for what in ("detail", "config", "taskset", "events", "explain", "logs"):
        assert api.get(f"/v1/job/{what}/{job_id}").status == 404, what
    assert job_id not in [one["jobID"] for one in api.list(pageSize=1000)]
    until(lambda: not files_of(daemon, job_id), 20, "its files are gone")


def test_erased_is_gone(shared_daemon, api):
    before = api.count(), api.count(userID="ann"), api.count(state="succeeded")
    job_id = ended(api)
    assert files_of(shared_daemon, job_id)
    reply = erase(api, job_id)
    assert (reply.status, reply.code) == (200, "OPERATION_SUCCEEDED") and "payload" not in reply.document
    is_gone(shared_daemon, job_id)
    assert (api.count(), api.count(userID="ann"), api.count(state="succeeded")) == before
    assert erase(api, job_id).status == 404


def test_links_are_not_followed(shared_daemon, api, tmp_path):
    (tmp_path / "precious").write_text("keep me")
    job_id = ended(api, f"ln -s {tmp_path} there; ln -s {tmp_path}/precious f; ln {tmp_path}/precious g || true")
    erase(api, job_id)
    is_gone(shared_daemon, job_id)
    assert (tmp_path / "precious").read_text() == "keep me"


def test_deep_and_locked_folders_go(shared_daemon, api):
    script = ("i=0; while [ $i -lt 400 ]; do mkdir d; cd d; echo $i > f; i=$((i+1)); done; "
              "mkdir locked; touch locked/f; chmod 0 locked")
    job_id = ended(api, script)
    erase(api, job_id)
    is_gone(shared_daemon, job_id)


def test_only_what_has_ended(api):
    job_id = api.submit(job(taskset(role("main", "sleep 600"))))
    api.wait_state(job_id, "running")
    reply = erase(api, job_id)
    assert (reply.status, reply.code) == (409, "UNSUPPORTED_OPERATION") and "running" in reply.msg
    api.good("PUT", f"/v1/job/stop/{job_id}", {})
    api.wait_final(job_id)
    assert erase(api, job_id).status == 200


def test_who_may(api):
    job_id = ended(api)
    assert erase(api.token_for("read_job"), job_id).status == 403
    assert erase(api.token_for("write_job", userID="bob"), job_id).status == 404
    assert erase(api.token_for("write_job", userID="ann"), job_id).status == 200
    for wrong in ("nothing", "0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35"):
        assert erase(api, wrong).status == 404


def test_a_key_of_an_erased_job_makes_a_new_one(api):
    body = job(taskset(role("main", "true")))
    key = {"Idempotency-Key": "used-again-after-erasing"}
    first = api.submit(body, headers=key)
    api.wait_final(first)
    assert api.submit(body, headers=key) == first
    erase(api, first)
    second = api.submit(body, headers=key)
    assert second > first and api.wait_final(second)


def test_erased_while_it_is_followed_or_read(shared_daemon, api):
    job_id = ended(api, "seq 100000")
    with following(api, job_id, "follow=true") as f:
        erase(api, job_id)
        f.rest()  # ends properly
    is_gone(shared_daemon, job_id)


def test_ids_go_on_behind_an_erased_one(daemon):
    last = ended(daemon.api)
    erase(daemon.api, last)
    daemon.restart()
    assert daemon.api.submit(job()) > last


def test_a_crash_leaves_nothing_behind(daemon):
    jobs = [ended(daemon.api) for _ in range(5)]
    for one in jobs:
        assert erase(daemon.api, one).status == 200
    daemon.kill9()
    daemon.start()
    for one in jobs:
        is_gone(daemon, one)


def test_what_could_not_be_removed_is_removed_later(daemon):
    """The file of a mark that outlived its job's files: a restart finds it again."""
    job_id = ended(daemon.api)
    folder = daemon.data / "work" / job_id
    locked = folder / "locked"
    locked.mkdir()
    (locked / "f").touch()
    immutable = os.system(f"chattr +i {locked}/f 2>/dev/null") == 0
    assert erase(daemon.api, job_id).status == 200
    if immutable:
        until(lambda: "files of an erased job remain" in daemon.tail(), 20, "it is told")
        assert os.system(f"chattr -i {locked}/f") == 0
        daemon.restart()
    is_gone(daemon, job_id)


def test_too_many_go_the_oldest_first(make_daemon):
    daemon = make_daemon(config="retention:\n  jobs_count: 3\n").start()
    jobs = [ended(daemon.api, "true") for _ in range(6)]
    daemon.restart()  # looks at once
    until(lambda: daemon.api.count() == 3, 30, "three are left")
    assert [one["jobID"] for one in daemon.api.list()] == jobs[:2:-1]
    for one in jobs[:3]:
        is_gone(daemon, one)


def test_old_ones_go(make_daemon):
    daemon = make_daemon(config="retention:\n  jobs_age: 1 s\n").start()
    running = daemon.api.submit(job(taskset(role("main", "sleep 600"))))
    done = ended(daemon.api, "true")
    daemon.api.wait_state(running, "running")
    until(lambda: daemon.restart() and daemon.api.count() == 1, 60, "the old one is gone")
    is_gone(daemon, done)
    assert daemon.api.state(running) == "running"


def test_the_ones_that_a_filter_finds(api):
    tidy = [ended(api, "true", user="tidy") for _ in range(3)]
    others = ended(api, "true", user="messy")
    at_work = api.submit(job(taskset(role("main", "sleep 600")), user="tidy"))
    api.wait_state(at_work, "running")
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{api.port}", "SLUICE_TOKEN": "admin"}
    done = subprocess.run([program("sluicectl"), "job", "delete", "--user", "tidy", "--yes"], capture_output=True,
                          text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "deleted: 3 of 3\n")
    assert [api.get(f"/v1/job/detail/{one}").status for one in tidy] == [404] * 3
    assert (api.state(others), api.state(at_work)) == ("succeeded", "running")
