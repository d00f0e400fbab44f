"""A store that is full, and a disk: new jobs are refused, everything else goes on, and it
recovers by itself."""

import base64
import contextlib
import os
import random
import subprocess

import pytest

from harness import feature, job, plugin, role, taskset, until, when

NULL = taskset(role("main", "true"), engine="null")
# Nothing that could be shrunk.
BIG = base64.b64encode(random.Random(1).randbytes(525 * 1024)).decode()


def big(**more):
    """A job with a document that takes room."""
    document = taskset(role("main", "true", container={"env": [{"name": "X", "value": BIG}]}), engine="null")
    return job(document, **more)


def fill(api, most=200):
    """Submit one after another until it is refused: the ids that were answered, and the refusal.
    Many at once may need more than what is kept free: they end when there is room again."""
    ids = []
    for _ in range(most):
        reply = api.post("/v1/job", big())
        if reply.status != 200:
            return ids, reply
        ids.append(reply.payload["jobID"])
        api.wait_final(ids[-1])
    raise AssertionError(f"{most} jobs and it is not full")


def assert_refused(reply):
    assert (reply.status, reply.code) == (503, "SERVICE_UNAVAILABLE"), reply
    assert int(reply.headers["Retry-After"]) > 0 and "full" in reply.msg


def assert_goes_on(api, waiting, running):
    """Reading, state changes and deletions while new jobs are refused."""
    assert api.get("/readyz").status == 200
    assert any("full" in note for note in api.get("/readyz").document["notes"])
    assert api.list() and api.count() > 0
    api.good("PUT", f"/v1/job/stop/{running}", {"reason": "make room"})
    assert api.wait_final(running)["state"] == "stopped"
    api.good("PUT", f"/v1/job/resume/{waiting}", {})
    assert api.wait_final(waiting)["state"] == "succeeded"


def make_ready(daemon, plugin_server):
    """A job that waits for a person and one that runs, for when it is full."""
    plugin_server.on("/hold", {"decision": "suspend", "reason": "wait"})
    daemon.api.register(feature("hold", plugin("AccessGate", plugin_server.url("/hold")), selector=when("how", "hold")))
    waiting = daemon.api.submit(job(NULL, header={"how": "hold"}))
    running = daemon.api.submit(job(taskset(role("main", "exec sleep 300"))))
    daemon.api.wait_state(waiting, "suspended")
    daemon.api.wait_state(running, "running")
    return waiting, running


def test_a_full_store(make_daemon, plugin_server):
    daemon = make_daemon(config="store: {size_max: 16 MiB}\nlimits: {body: 1 MiB}\n").start()
    api = daemon.api
    waiting, running = make_ready(daemon, plugin_server)
    ids, reply = fill(api)
    assert_refused(reply)
    assert_goes_on(api, waiting, running)
    for one in ids:
        assert api.wait_final(one)["state"] == "succeeded", "what was accepted ends"
    daemon.restart()
    assert_refused(daemon.api.post("/v1/job", big()))
    for one in ids[:len(ids) // 2]:
        api.good("DELETE", f"/v1/job/{one}")
    until(lambda: api.post("/v1/job", big()).status == 200, 30, "there is room again")
    assert api.wait_final(api.submit(job(NULL)))["state"] == "succeeded"
    for one in ids[len(ids) // 2:]:
        assert api.state(one) == "succeeded"


@pytest.fixture
def small_disk(tmp_path_factory):
    """A folder with a file system of its own. A test takes it before its gateways, so that they are
    ended, and their stores looked at, while it is there."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    at = tmp_path_factory.mktemp("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0755", "none", at], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield at
    subprocess.run(["umount", "-l", at], check=True)


@contextlib.contextmanager
def ballast(disk, leave):
    """A file that leaves so many bytes of the disk."""
    path, free = disk / "ballast", os.statvfs(disk)
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - leave)
    yield
    path.unlink()


def test_a_full_disk(small_disk, make_daemon, plugin_server, tmp_path):
    daemon = make_daemon()
    daemon.data = small_disk / "data"
    daemon.start()
    api = daemon.api
    kept = [api.submit(big()) for _ in range(3)]
    for one in kept:
        api.wait_final(one)
    _, running = make_ready(daemon, plugin_server)
    go = tmp_path / "go"
    other = api.submit(job(taskset(role("main", f"while [ ! -e {go} ]; do sleep 0.02; done; exit 3"))))
    api.wait_state(other, "running")
    with ballast(small_disk, leave=16 * 1024):
        assert_refused(api.post("/v1/job", job(NULL)))
        assert api.list() and api.detail(running), "reading goes on"
        go.touch()
        api.put(f"/v1/job/stop/{running}", {"reason": "make room"})
        until(lambda: api.get("/healthz").status == 200, 5, "it is alive")
    end = api.wait_final(other)
    assert (end["state"], end["exitCode"]) == ("failed", 3), "its exit code is not lost"
    until(lambda: api.post("/v1/job", job(NULL)).status == 200, 30, "it recovers by itself")
    api.put(f"/v1/job/stop/{running}", {})
    assert api.wait_final(running)["state"] == "stopped"
    daemon.kill9()
    daemon.start()
    for one in kept:
        assert api.state(one) == "succeeded"


def test_replicas_that_fill_the_disk(small_disk, make_daemon):
    """Their output and their files take all the room: they fail, the gateway does not."""
    daemon = make_daemon(config="store: {size_max: 16 MiB}\nengines: {local: {log_max: 1 GiB}}\n")
    daemon.data = small_disk / "data"
    daemon.start()
    api = daemon.api
    kept = api.submit(big(), wait=20)
    # What a replica keeps open is gone with it: the disk is full only while it runs.
    floods = "dd if=/dev/zero of=flood bs=64k 2>/dev/null; seq 1 400000; rm flood; exit 5"
    end = api.wait_final(api.submit(job(taskset(role("main", floods)))), seconds=60)
    assert (end["state"], end["exitCode"]) == ("failed", 5), end
    until(lambda: api.post("/v1/job", job(NULL)).status == 200, 30, "there is room again")
    assert api.state(kept) == "succeeded"
    assert api.wait_final(api.submit(job()))["state"] == "succeeded"
