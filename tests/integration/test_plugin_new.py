"""From `sluicectl plugin new` to a job that went through the new plugin, in each language."""

import os
import pathlib
import signal
import subprocess

import pytest

from harness import job, program, until

LANGUAGES = ["python", "node", "go", "c"]
TYPES = ["translator", "factors", "gate", "decorator", "binder", "hook"]
GO = "/usr/lib/go-1.19/bin/go"


def sluicectl(*args, folder=None, server=None):
    environment = {**os.environ, "SLUICE_SERVER": server or "", "SLUICE_TOKEN": "admin"}
    return subprocess.run([program("sluicectl"), *args], cwd=folder, capture_output=True, text=True,
                          timeout=60, env=environment)


def tools():
    """What `make` is to use where a machine has several of them."""
    found = ["PYTHON=/usr/bin/python3"]
    return [*found, f"GO={GO}"] if os.path.exists(GO) else found


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    return tmp_path_factory.mktemp("projects")


def new(folder, language, kind):
    name = f"my-{language}-{kind}"
    made = sluicectl("plugin", "new", language, kind, name, "--author", "qa", folder=folder)
    assert made.returncode == 0, made.stderr
    return pathlib.Path(folder) / name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_type_replays_its_calls(projects, language):
    for kind in TYPES:
        project = new(projects, language, kind)
        done = subprocess.run(["make", "test", *tools()], cwd=project, capture_output=True, text=True,
                              timeout=300)
        assert done.returncode == 0, (kind, done.stdout, done.stderr)


def test_a_test_fails_when_the_plugin_does(projects, tmp_path):
    project = new(tmp_path, "python", "gate")
    source = project / "my_python_gate.py"
    source.write_text(source.read_text().replace("pays", "shall pay"))
    done = subprocess.run(["make", "test", *tools()], cwd=project, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode != 0 and "shall pay" in done.stderr


class Served:
    """`make register`, ended with all that it started."""

    def __init__(self, project, server):
        self.log = open(project / "log", "wb")
        self.process = subprocess.Popen(
            ["make", "register", "OPTIONS=--listen 127.0.0.1:0", *tools()], cwd=project,
            stdout=self.log, stderr=self.log, start_new_session=True,
            env={**os.environ, "SLUICE_SERVER": server, "SLUICE_TOKEN": "admin"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # that a plugin ends when it is told is tested in plugins-sdk/conformance/test_program.py
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(120)
        self.log.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_job_goes_through_the_new_gate(api, shared_daemon, tmp_path, language):
    project = new(tmp_path, language, "gate")
    server = f"http://127.0.0.1:{shared_daemon.port}"
    name = project.name
    with Served(project, server) as served:
        until(lambda: served.process.poll() is not None
              or api.get(f"/v1/features/detail/{name}").status == 200, 200, "it is registered")
        assert served.process.poll() is None, (project / "log").read_text()
        assert api.good("GET", f"/v1/features/detail/{name}")["enabled"] is False
        turned = sluicectl("feature", "on", name, server=server)
        assert turned.returncode == 0, turned.stderr
        good = api.good("POST", "/v1/job?wait=30", job(header={"team": "red"}))
        bad = api.good("POST", "/v1/job?wait=30", job())
        assert (bad["state"], bad["reasonCode"]) == ("stopped", "no_team")
        assert bad["reason"] == "header.team: say which team this is for"
        assert good["state"] != "stopped", good
        events = api.events(good["jobID"])
        assert any("team red pays" in str(event) for event in events), events
        api.turn(name, "off")


def test_names_and_places_are_checked(tmp_path):
    for args, words in ((["python", "gate", "Red"], "a name has"), (["python", "gate", "-x"], ""),
                        (["perl", "gate", "x"], "python, node, go"), (["go", "door", "x"], "decorator"),
                        (["c", "gate", "../x"], "a name has")):
        done = sluicectl("plugin", "new", *args, folder=tmp_path)
        assert done.returncode == 2 and words in done.stderr, done
    assert list(tmp_path.iterdir()) == []
    assert sluicectl("plugin", "new", "c", "AccessGate", "x", folder=tmp_path).returncode == 0
    again = sluicectl("plugin", "new", "c", "gate", "x", folder=tmp_path)
    assert again.returncode == 1 and "--into" in again.stderr
    other = sluicectl("plugin", "new", "c", "gate", "x", "--into", "y", folder=tmp_path)
    assert other.returncode == 0 and (tmp_path / "y" / "x.o").exists() is False
