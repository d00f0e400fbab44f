"""kill -9 where no gateway comes by itself: while a store of an older format is moved forward, while a
backup is made or restored, and of the processes that start and watch replicas."""

import contextlib
import hashlib
import http.client
import os
import re
import subprocess

import pytest

import crash_points
from harness import check, feature, job, plugin, processes_with, program, role, taskset, until
from plugin_double import passes

NULL = taskset(role("main", "true"), engine="null")
PASSWORD = "correct horse battery"
GONE = (OSError, http.client.HTTPException)


def places(start):
    return pytest.mark.parametrize("place", crash_points.elsewhere(start))


class Marks:
    """An environment that ends whoever comes to a place."""

    def __init__(self, folder):
        self.folder = folder / "marks"
        self.folder.mkdir()
        folder.chmod(0o755)
        self.folder.chmod(0o777)

    def at(self, place):
        return {"SLUICE_CRASH_AT": place, "SLUICE_CRASH_DIR": str(self.folder)}

    def was_there(self, place):
        return (self.folder / place).exists()


@pytest.fixture
def marks(tmp_path):
    return Marks(tmp_path)


def digest(store):
    return hashlib.sha256((store / "data.mdb").read_bytes()).digest()


def some_jobs(daemon, count=5):
    ids = [daemon.api.submit(job(NULL)) for _ in range(count)]
    for one in ids:
        daemon.api.wait_final(one)
    return ids


def ids_of(daemon):
    return sorted(one["jobID"] for one in daemon.api.list(pageSize=1000))


# --- a store of an older format ---------------------------------------------------------------------------


def make_older(data):
    """Whatever its number says, the newer tables are there already: they are written again."""
    file = data / "store" / "data.mdb"
    text = file.read_bytes()
    older, numbers = re.subn(rb"store\.format\d", b"store.format1", text)
    assert numbers and older != text
    file.write_bytes(older)


@places("move-")
def test_a_move_to_a_newer_format_is_whole_or_was_not(make_daemon, marks, place):
    daemon = make_daemon().start()
    ids = some_jobs(daemon)
    assert daemon.stop() == 0
    make_older(daemon.data)
    before, plain = digest(daemon.data / "store"), dict(daemon.environment)
    daemon.environment = {**plain, **marks.at(place)}
    daemon.spawn()
    assert daemon.process.wait(120) == -9 and marks.was_there(place), daemon.tail()
    copies = [one for one in daemon.data.glob("store.format-1*") if one.suffix != ".part"]
    daemon.environment = plain
    daemon.start()
    assert ids_of(daemon) == ids
    daemon.api.wait_final(daemon.api.submit(job(NULL)))
    kept = list(daemon.data.glob("store.format-1*"))
    assert kept and set(copies) <= set(kept), "what was kept stays"
    for one in kept:
        assert one.suffix != ".part" and digest(one) == before, f"{one}: it is not what it is a copy of"
    daemon.restart()
    assert sorted(daemon.data.glob("store.format-1*")) == sorted(kept), "it is moved once"


# --- backups ------------------------------------------------------------------------------------------------


@places("backup-")
@pytest.mark.parametrize("where", ["folder", "caller"])
def test_what_has_a_backups_name_is_whole(make_daemon, marks, tmp_path, place, where):
    kept = tmp_path / "backups"
    kept.mkdir()
    daemon = make_daemon(config=f"backup: {{dir: {kept}}}\n")
    plain = dict(daemon.environment)
    daemon.environment = {**plain, **marks.at(place)}
    daemon.start()
    ids = some_jobs(daemon)
    with contextlib.suppress(*GONE):
        daemon.api.post("/v1/admin/backup", {"folder": "one"} if where == "folder" else None)
    assert daemon.process.wait(120) == -9 and marks.was_there(place)
    for one in kept.iterdir():
        assert one.name == ".one.part" or check(one).returncode == 0, one
    daemon.environment = plain
    daemon.start()
    assert ids_of(daemon) == ids
    if not (kept / "one").exists():
        daemon.api.good("POST", "/v1/admin/backup", {"folder": "one"})
    assert check(kept / "one").returncode == 0
    assert daemon.api.post("/v1/admin/backup").status == 200, "what was left is not in the way"
    assert [one.name for one in kept.iterdir()] == ["one"]
    until(lambda: not [one for one in daemon.data.iterdir() if "backup" in one.name], 20, "nothing of them stays")


def restore(daemon, backup, secret, environment=None):
    return subprocess.run([program("sluicectl"), "restore", str(backup), "--data", str(daemon.data), "--force",
                           "--password-file", str(secret)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(environment or {})}, check=False)


@places("restore-")
def test_a_restore_that_is_killed(make_daemon, plugin_server, marks, tmp_path, place):
    """At each moment there is the old store or the new one, whole, and the same command ends it."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    source = make_daemon().start()
    source.api.register(feature("gate", plugin("AccessGate", plugin_server.on("/g", passes)),
                                authorization="Bearer s3cret"))
    theirs = some_jobs(source)
    reply = source.api.post("/v1/admin/backup", {"password": PASSWORD})
    (tmp_path / "copy").write_bytes(reply.raw)
    daemon = make_daemon().start()
    ours = some_jobs(daemon)
    key = (daemon.data / "secret.key").read_bytes()
    assert daemon.stop() == 0
    done = restore(daemon, tmp_path / "copy", secret, marks.at(place))
    assert done.returncode == -9 and marks.was_there(place), done.stderr
    daemon.start()
    found = ids_of(daemon)
    assert found in (ours, theirs), "one of the two, whole"
    assert daemon.stop() == 0
    done = restore(daemon, tmp_path / "copy", secret)
    assert done.returncode == 0, done.stderr
    daemon.start()
    assert ids_of(daemon) == theirs
    assert daemon.api.good("GET", "/v1/features/detail/gate")["enabled"], "with its key"
    assert not (daemon.data / "store.restoring").exists()
    stores = [one for one in daemon.data.glob("store.before-*") if check(one).returncode == 0]
    assert any(f" {len(ours)} jobs," in check(one).stdout for one in stores), "what was there is kept"
    assert key in [one.read_bytes() for one in daemon.data.glob("secret.key.before-*")], "and its key"


# --- who starts and watches replicas ------------------------------------------------------------------------


def one_that_runs(daemon, runs):
    script = f'echo "$SLUICE_JOB_ID" >>{runs}; exit 0'
    return daemon.api.submit(job(taskset(role("main", script))))


@pytest.fixture
def runs(tmp_path):
    tmp_path.chmod(0o777)
    return tmp_path / "runs"


def ran(runs, job_id):
    return runs.read_text().split().count(job_id) if runs.exists() else 0


@places("spawner-")
def test_a_spawner_that_is_killed(make_daemon, marks, runs, place):
    """The gateway ends and is started anew: the job runs, and once."""
    daemon = make_daemon()
    plain = dict(daemon.environment)
    daemon.environment = {**plain, **marks.at(place)}
    daemon.start()
    with contextlib.suppress(*GONE):
        one_that_runs(daemon, runs)
    assert daemon.process.wait(120) == 70 and marks.was_there(place), daemon.tail()
    assert "the spawner has died" in daemon.tail()
    daemon.environment = plain
    daemon.start()
    [one] = ids_of(daemon)
    assert daemon.api.wait_final(one)["state"] == "succeeded" and ran(runs, one) == 1
    other = one_that_runs(daemon, runs)
    assert daemon.api.wait_final(other)["state"] == "succeeded" and ran(runs, other) == 1


@places("supervisor-")
def test_a_supervisor_that_is_killed(make_daemon, marks, runs, place):
    """Its replica comes to an end that is told; it does not run twice, and nothing of it stays."""
    daemon = make_daemon()
    daemon.environment = {**daemon.environment, **marks.at(place)}
    daemon.start()
    one = one_that_runs(daemon, runs)
    end = daemon.api.wait_final(one)
    assert marks.was_there(place)
    assert ran(runs, one) <= 1
    if end["state"] == "succeeded":
        assert ran(runs, one) == 1
    else:
        assert end["state"] == "failed" and end["reason"], end
    assert not processes_with(f"SLUICE_JOB_ID={one}")
    other = one_that_runs(daemon, runs)  # the mark is there: nobody is killed any more
    assert daemon.api.wait_final(other)["state"] == "succeeded" and ran(runs, other) == 1
