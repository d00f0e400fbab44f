"""What the system refuses: descriptors, memory, processes, the disk. Each gives a clear error,
changes nothing, and the gateway goes on, or ends and says why."""

import errno
import http.client

import pytest

from faults import Faults
from harness import feature, job, plugin, role, taskset, until
from plugin_double import passes

NULL = taskset(role("main", "true"), engine="null")


@pytest.fixture
def faulty(make_daemon, tmp_path_factory):
    """A gateway and its faults; none is switched on yet."""
    daemon, faults = make_daemon(), Faults(tmp_path_factory.mktemp("faults"))
    daemon.environment.update(faults.environment())
    yield daemon, faults
    faults.clear()


def ended_by_itself(daemon, code):
    assert daemon.process.wait(120) == code, daemon.tail()


# --- the disk under the store ---------------------------------------------------------------------


@pytest.mark.parametrize("skip", range(5))
def test_no_room_for_one_write_of_a_commit(faulty, skip):
    """Each write of a submission's commits in turn: refused with 503, or taken and kept."""
    daemon, faults = faulty
    daemon.start()
    before = daemon.api.submit(job(NULL), wait=20)
    faults.fail("PWRITE", errno.ENOSPC, skip=skip)
    reply = daemon.api.post("/v1/job", job(NULL, name="in trouble"))
    assert reply.status == 200 or (reply.status, reply.code) == (503, "SERVICE_UNAVAILABLE"), reply
    if reply.status == 503:
        assert int(reply.headers["Retry-After"]) > 0, reply.headers
        assert "room" in reply.msg or "full" in reply.msg, reply
        assert daemon.api.count(name="in trouble") == 0, "nothing is stored when a request is refused"
    else:
        assert daemon.api.wait_final(reply.payload["jobID"])["state"] == "succeeded"
    assert skip or faults.hits("PWRITE") == 1, "no write was refused"
    faults.clear()
    after = daemon.api.submit(job(NULL))
    for one in (before, after):
        assert daemon.api.wait_final(one)["state"] == "succeeded"
    assert daemon.api.get("/readyz").status == 200


def test_no_room_for_some_time_loses_nothing(faulty, tmp_path):
    """What runs when the disk is full comes to its end when it is not: no state is skipped."""
    daemon, faults = faulty
    daemon.start()
    go = tmp_path / "go"
    waits = job(taskset(role("main", f"while [ ! -e {go} ]; do sleep 0.02; done")))
    ids = [daemon.api.submit(waits) for _ in range(3)]
    for one in ids:
        daemon.api.wait_state(one, "running")
    faults.fail("PWRITE", errno.ENOSPC, count=-1)
    go.touch()
    until(lambda: faults.hits("PWRITE") >= 3, 20, "the store is refused")
    assert daemon.api.post("/v1/job", job(NULL)).status == 503
    assert daemon.api.list() and daemon.api.detail(ids[0]), "reading goes on"
    assert daemon.api.get("/healthz").status == 200
    faults.clear()
    for one in ids:
        assert daemon.api.wait_final(one)["state"] == "succeeded"
    assert daemon.api.wait_final(daemon.api.submit(job(NULL)))["state"] == "succeeded"


@pytest.mark.parametrize("call,error,skip", [
    ("FDATASYNC", errno.EIO, 0), ("FDATASYNC", errno.EIO, 1), ("PWRITE", errno.EIO, 0), ("META", errno.EIO, 0),
    ("META", errno.ENOSPC, 1)])
def test_a_disk_that_fails_ends_the_gateway(faulty, call, error, skip):
    """After a flush that failed nobody knows what is on the disk: it says so and is started anew."""
    daemon, faults = faulty
    daemon.start()
    kept = [daemon.api.submit(job(NULL), wait=20) for _ in range(3)]
    faults.fail(call, error, skip=skip)
    answered = []
    for _ in range(3):  # the first may be through before the fault
        try:
            reply = daemon.api.post("/v1/job", job(NULL))
        except (OSError, http.client.HTTPException):
            break
        if reply.status == 200:
            answered.append(reply.payload["jobID"])
        else:
            assert reply.status in (500, 503), reply
    ended_by_itself(daemon, 74)
    assert "the disk refused" in daemon.tail()
    faults.clear()
    daemon.start()
    for one in kept + answered:
        assert daemon.api.wait_final(one)["state"] == "succeeded"


# --- descriptors and sockets ----------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOMEM])
def test_connections_that_cannot_be_taken(faulty, error):
    daemon, faults = faulty
    daemon.start()
    faults.fail("ACCEPT", error, count=20)
    assert daemon.api.get("/healthz").status == 200, "it is taken as soon as that is possible"
    assert faults.hits("ACCEPT") == 20
    assert daemon.api.wait_final(daemon.api.submit(job(NULL)))["state"] == "succeeded"


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOMEM])
def test_no_socket_for_a_plugin(faulty, plugin_server, error):
    """The plugin cannot be asked: the job waits, says why, and goes on when it can."""
    daemon, faults = faulty
    daemon.start()
    daemon.api.register(feature("f", plugin("AccessGate", plugin_server.on("/g", passes), failurePolicy="wait")))
    faults.fail("SOCKET", error, count=-1)
    job_id = daemon.api.submit(job(NULL))
    waiting = daemon.api.wait_state(job_id, "suspended")
    assert waiting["reasonCode"] == "plugin_unavailable" and waiting["reason"]
    faults.clear()
    assert daemon.api.wait_final(job_id)["state"] == "succeeded"


def test_no_socket_for_a_subscriber(faulty, plugin_server):
    daemon, faults = faulty
    daemon.start()
    plugin_server.on("/hook", b"OK")
    daemon.api.register(feature("f", plugin("LifeHook", plugin_server.url("/hook"), jobSelector={
        "conditions": [], "expression": "*", "states": ["succeeded"]})))
    faults.fail("SOCKET", errno.EMFILE, count=-1)
    job_id = daemon.api.submit(job(NULL))
    daemon.api.wait_final(job_id)
    until(lambda: faults.hits("SOCKET"), 20, "it was tried")
    faults.clear()
    assert [call.body["id"] for call in plugin_server.wait_calls("/hook", 1)] == [job_id]


@pytest.mark.parametrize("error", [errno.ENOMEM, errno.ENOSPC])
def test_a_replica_that_cannot_be_watched(faulty, error):
    """It must not go on unseen: it is ended and the job says so."""
    daemon, faults = faulty
    daemon.start()
    faults.fail("EPOLL_CTL", error, count=2)
    job_id = daemon.api.submit(job(taskset(role("main", "sleep 30"))))
    end = daemon.api.wait_final(job_id)
    assert end["state"] == "failed" and end["reason"], end
    assert daemon.api.wait_final(daemon.api.submit(job()))["state"] == "succeeded"


# --- processes, folders and files of replicas -----------------------------------------------------


@pytest.mark.parametrize("call,error,words", [
    ("FORK", errno.EAGAIN, "Resource temporarily unavailable"), ("FORK", errno.ENOMEM, "Cannot allocate memory"),
    ("MKDIR", errno.ENOSPC, "No space left"), ("MKDIR", errno.EDQUOT, "quota")])
def test_a_replica_that_cannot_be_started(faulty, call, error, words):
    daemon, faults = faulty
    daemon.start()
    faults.fail(call, error, count=-1)
    end = daemon.api.wait_final(daemon.api.submit(job()))
    assert end["state"] == "failed" and words in end["reason"], end
    faults.clear()
    assert daemon.api.wait_final(daemon.api.submit(job()))["state"] == "succeeded"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_output_that_cannot_be_written(faulty, error, tmp_path):
    """The replica goes on and its exit code counts; only its output is short."""
    daemon, faults = faulty
    daemon.start()
    go = tmp_path / "go"
    job_id = daemon.api.submit(job(taskset(role(
        "main", f"echo one; while [ ! -e {go} ]; do sleep 0.02; done; seq 1 20000; exit 3"))))
    until(lambda: "one" in daemon.api.logs(job_id), 20, "it has begun to write")
    faults.fail("WRITE", error, count=-1)
    go.touch()
    until(lambda: faults.hits("WRITE") >= 2, 20, "its output was refused")
    faults.clear()
    end = daemon.api.wait_final(job_id)
    assert end["state"] == "failed" and end["exitCode"] == 3, end
    assert daemon.api.logs(job_id).startswith("one\n")


# --- while it starts ------------------------------------------------------------------------------

STARTS = [("OPEN", errno.EMFILE), ("OPEN", errno.ENOSPC), ("PWRITE", errno.ENOSPC), ("PWRITE", errno.EIO),
          ("META", errno.EIO),
          ("FDATASYNC", errno.EIO), ("SOCKET", errno.EMFILE), ("FORK", errno.EAGAIN), ("THREAD", errno.EAGAIN),
          ("EPOLL_CTL", errno.ENOMEM), ("WRITE", errno.ENOSPC)]


@pytest.mark.parametrize("call,error", STARTS, ids=[f"{call}-{errno.errorcode[error]}" for call, error in STARTS])
def test_every_fault_of_a_start(faulty, call, error):
    """The n-th call fails, n = 0, 1, ... until none does: it starts, or ends and says why."""
    daemon, faults = faulty
    for skip in range(12):
        faults.fail(call, error, skip=skip)
        before = daemon.log.stat().st_size if daemon.log.exists() else 0
        daemon.spawn()
        until(lambda: daemon.process.poll() is not None or daemon.answers(), 30, "it is up, or at its end")
        code = daemon.process.poll()
        if code is not None:
            assert code in (65, 69, 70, 74, 78), f"{call} {skip}: {code}: {daemon.tail()}"
            with open(daemon.log, encoding="utf-8") as log:
                log.seek(before)
                assert "sluiced: " in log.read() or code == 74, f"{call} {skip}: it says nothing"
        else:
            daemon.process.terminate()
            assert daemon.process.wait(120) in (0, 74), daemon.tail()
        daemon.check_log()
        assert skip or faults.hits(call), f"no {call} in a whole start"
        if not faults.hits(call):
            break
    faults.clear()
    daemon.start()
    assert daemon.api.wait_final(daemon.api.submit(job(NULL)))["state"] == "succeeded"
