"""Where the store lies: a disk that may not be written, files that others left or may write to. What
cannot be is refused with the path, changes nothing, and is over when its reason is."""

import os
import subprocess

import pytest

from harness import check, job, role, taskset

NULL = taskset(role("main", "true"), engine="null")


def start_refused(daemon, code, *words):
    """It ends by itself, says all of that, and leaves the store as it was."""
    before = {path.name: path.read_bytes() for path in (daemon.data / "store").iterdir()}
    daemon.spawn()
    assert daemon.process.wait(60) == code, daemon.tail()
    told = daemon.tail()
    assert all(word in told for word in (str(daemon.data / "store"), *words)), told
    assert {path.name: path.read_bytes() for path in (daemon.data / "store").iterdir()} == before


def end_with_a_job(daemon, end):
    """Start, a job that ends, and an end of the gateway: the job's id."""
    daemon.start()
    kept = daemon.api.submit(job(NULL))
    daemon.api.wait_final(kept)
    end()
    return kept


@pytest.fixture
def disk(tmp_path_factory):
    """A file system of its own, and how to mount it anew with other options."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    at = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", at], check=True)
    yield at, lambda how: subprocess.run(["mount", "-o", f"remount,{how}", at], check=True)
    subprocess.run(["umount", "-l", at], check=True)


def test_a_disk_that_may_only_be_read(disk, make_daemon):
    at, remount = disk
    daemon = make_daemon()
    daemon.data = at / "data"
    kept = end_with_a_job(daemon, daemon.stop)
    remount("ro")
    start_refused(daemon, 74, "Read-only file system")
    assert check(daemon.data).returncode == 0, "it can still be looked at"
    remount("rw")
    daemon.start()
    assert daemon.api.state(kept) == "succeeded"


def test_a_store_that_everybody_may_write_to(make_daemon):
    daemon = make_daemon()
    kept = end_with_a_job(daemon, daemon.stop)
    (daemon.data / "store").chmod(0o777)
    start_refused(daemon, 78, "everybody may write to it", "chmod o-w")
    (daemon.data / "store").chmod(0o700)
    daemon.start()
    assert daemon.api.state(kept) == "succeeded"


def test_locks_that_others_left(make_daemon):
    """LMDB's table of readers from somewhere else, and the number of a process that is gone."""
    daemon = make_daemon()
    kept = end_with_a_job(daemon, daemon.kill9)
    (daemon.data / "store" / "lock.mdb").write_bytes(os.urandom(70000))
    (daemon.data / "store" / "sluice.lock").write_text("1\n")
    daemon.start()
    assert daemon.api.state(kept) == "succeeded"
    assert daemon.api.wait_final(daemon.api.submit(job(NULL)))["state"] == "succeeded"
