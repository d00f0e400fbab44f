"""The program `sluice-spawner`: where sluiced finds it, what it says when it does not, and that
what forks has little in it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
from harness import job, program, role, taskset

SOFTWARE = 70  # as `sluiced --help` has it
# The C library, and what sanitizers and the counting of lines bring with them.
ALLOWED = {"libc.so.6", "libasan.so.8", "libubsan.so.1", "libtsan.so.2", "libgcov.so", "libm.so.6",
           "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def put(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(shutil.copy(program(name), folder / name))


def refused(sluiced, data):
    """What it says, when it is started and ends at once."""
    done = subprocess.run([str(sluiced), "--data", str(data), "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == SOFTWARE, (done.returncode, done.stderr)
    return done.stderr


def spawner_of(daemon):
    """Its process id."""
    parent = daemon.process.pid
    [pid] = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(pid)


def test_it_needs_the_c_library_alone():
    told = subprocess.run(["readelf", "-d", program("sluice-spawner")], capture_output=True, text=True,
                          timeout=60, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", told))
    assert "libc.so.6" in needed and needed <= ALLOWED, needed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into it")
def test_what_forks_has_nothing_of_the_gateway(make_daemon):
    daemon = make_daemon().start()
    maps = pathlib.Path(f"/proc/{spawner_of(daemon)}/maps").read_text()
    gateway = pathlib.Path(f"/proc/{daemon.process.pid}/maps").read_text()
    assert "/sluice-spawner" in maps and "/sluiced" not in maps
    for library in ("libcurl", "liblmdb", "libcivetweb", "libssl", "libcrypto", "libsodium"):
        assert library in gateway, "the gateway is another program now: this test says nothing"
        assert library not in maps


def test_its_command_line_says_whose_it_is(make_daemon):
    daemon = make_daemon().start()
    line = pathlib.Path(f"/proc/{spawner_of(daemon)}/cmdline").read_bytes().split(b"\0")
    assert line == [b"sluice-spawner", os.fsencode(daemon.data.resolve()), b""]


def test_by_hand_it_says_who_starts_it(tmp_path):
    for words, code in ((["--help"], 0), (["--version"], 0), ([], 64), ([str(tmp_path)], 64)):
        done = subprocess.run([program("sluice-spawner"), *words], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)
        text = done.stdout if code == 0 else done.stderr
        assert done.returncode == code and len(text.splitlines()) == 2 and "started by sluiced" in text, done


def places(sluiced, tmp_path):
    """Where one looks for it, as it says itself."""
    said = refused(sluiced, tmp_path / "data")
    assert "install sluiced and sluice-spawner together" in said
    return [pathlib.Path(place) for place in re.search(r"there is neither (\S+) nor (\S+): ", said).groups()]


def test_without_it_both_places_are_named(tmp_path):
    sluiced = put("sluiced", tmp_path.resolve() / "usr" / "bin")
    beside, installed = places(sluiced, tmp_path)
    assert beside == sluiced.parent / "sluice-spawner"
    assert installed.name == "sluice-spawner" and installed.parent.name == "sluice" and ".." not in installed.parts
    assert not (tmp_path / "data").exists()


def test_neither_path_nor_environment_name_it(tmp_path, monkeypatch):
    put("sluice-spawner", tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", f"{tmp_path}/elsewhere:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "there is neither" in refused(put("sluiced", tmp_path / "bin"), tmp_path / "data")


def test_one_of_another_version_is_refused(tmp_path):
    """Half an upgrade: its version stands in the program, as text."""
    sluiced, spawner = put("sluiced", tmp_path), put("sluice-spawner", tmp_path)
    version = subprocess.run([str(sluiced), "--version"], capture_output=True, text=True, timeout=60,
                             check=True).stdout.split()[1]
    other = version[:-1] + ("8" if version[-1] == "9" else "9")
    content = spawner.read_bytes()
    assert version.encode() + b"\0" in content
    spawner.write_bytes(content.replace(version.encode() + b"\0", other.encode() + b"\0"))
    said = refused(sluiced, tmp_path / "data")
    assert f"{spawner.resolve()} is of version {other}, sluiced of {version}" in said


def test_one_that_others_may_have_put_there_is_not_started(tmp_path):
    sluiced, spawner = put("sluiced", tmp_path), put("sluice-spawner", tmp_path)
    spawner.chmod(0o777)
    assert "can be written by others" in refused(sluiced, tmp_path / "data")
    spawner.chmod(0o755)
    if os.geteuid() == 0:  # only root gives files away
        os.chown(spawner, 65534, 65534)
        assert "belongs to user 65534" in refused(sluiced, tmp_path / "data")
        spawner.unlink()
        spawner.symlink_to(program("sluice-spawner"))
        os.chown(spawner, 65534, 65534, follow_symlinks=False)
        assert "belongs to user 65534" in refused(sluiced, tmp_path / "data")


def test_a_data_directory_that_is_none_is_a_fault_of_the_disk(tmp_path):
    (tmp_path / "data").write_text("")
    done = subprocess.run([program("sluiced"), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 74 and f"{tmp_path}/data: Not a directory" in done.stderr, done


def test_one_that_ends_at_once(tmp_path):
    (tmp_path / "sluice-spawner").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "sluice-spawner").chmod(0o755)
    assert "ended with exit status 3 before it was ready" in refused(put("sluiced", tmp_path), tmp_path / "data")


@pytest.mark.parametrize("place", [0, 1], ids=["beside", "installed"])
def test_it_is_found_through_links(make_daemon, tmp_path, monkeypatch, place):
    """Beside the real program or where it is installed; whoever starts it may use a link."""
    real = put("sluiced", tmp_path.resolve() / "usr" / "bin")
    folder = places(real, tmp_path)[place].parent
    if tmp_path.resolve() not in folder.parents:
        pytest.skip(f"this build installs it in {folder}, whatever holds sluiced")
    spawner = put("sluice-spawner", folder)
    link = tmp_path / "links" / "sluiced"
    link.parent.mkdir()
    link.symlink_to(real)
    monkeypatch.setattr(harness, "program", lambda name: str(link) if name == "sluiced" else program(name))
    daemon = make_daemon().start()
    if os.geteuid() == 0:  # only root may look
        assert os.readlink(f"/proc/{spawner_of(daemon)}/exe") == str(spawner)
    job_id = daemon.api.submit(job(taskset(role("main", "echo here"))))
    assert daemon.api.wait_final(job_id)["state"] == "succeeded"
