"""Requests made up from /openapi.json, of every route: none is answered with 5xx, or with what that
document does not say. Needs schemathesis, which ./check installs (packaging/python-tools.txt)."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import ROOT, feature, job, plugin, role, taskset

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance")
# What CPython 3.11 says when two threads parse at once, in the tool and not in what it tests
# (gh-106905 there). So one worker; should it be said all the same, the tool runs once more.
OF_PYTHON = "SystemError: AST constructor recursion depth mismatch"
# The first streams until its reader leaves; the second would change the password that asks.
NOT_ASKED = ("/v1/events", "/v1/tokens/admin")


def tool():
    known = os.environ.get("SLUICE_SCHEMATHESIS", ROOT / "build-check/python-tools/bin/schemathesis")
    return shutil.which(known)


def something(api):
    """A feature, a job that has ended and its names, so that not all that is asked for is missing."""
    api.register(feature("some", plugin("AccessGate", "http://127.0.0.1:9/gate"),
                         selector={"conditions": [{"name": "never", "key": "x", "expect": "y"}],
                                   "expression": "never"}))
    job_id = api.submit(job(taskset(role("main", "echo hello"))))
    api.wait_final(job_id)
    return {"path.jobID": job_id, "path.name": "some", "path.key": "AccessGate.some.qa"}


def ask_all(daemon, token, known, folder, seconds):
    config = pathlib.Path(folder) / "schemathesis.toml"
    values = "".join(f'"{name}" = "{value}"\n' for name, value in known.items())
    config.write_text(f"[parameters]\n{values}", encoding="ascii")
    excluded = [word for path in NOT_ASKED for word in ("--exclude-path", path)]
    return subprocess.run(
        [tool(), "--config-file", str(config), "--no-color", "run",
         f"http://127.0.0.1:{daemon.api.port}/openapi.json", "-H", f"Authorization: Bearer {token}",
         "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--max-examples", "20",
         "--max-time", str(seconds), "--seed", "7", "--workers", "1", "--request-timeout", "60",
         "--continue-on-failure", "--generation-database", "none", *excluded],
        cwd=folder, capture_output=True, text=True, timeout=600)


@pytest.mark.skipif(not tool(), reason="schemathesis is not installed: ./check does that where there is a network")
@pytest.mark.parametrize("who", ["admin", "a_reader_of_jobs"])
def test_no_answer_is_another_than_the_document_says(daemon, tmp_path, who):
    seconds = int(os.environ.get("SLUICE_API_FUZZ_SECONDS", "30"))
    known, api = something(daemon.api), daemon.api
    if who == "a_reader_of_jobs":
        api, seconds = api.token_for("read_job", userID="ann"), seconds // 2
    done = ask_all(daemon, api.token, known, tmp_path, seconds)
    if done.returncode and OF_PYTHON in done.stdout + done.stderr:
        print(f"{OF_PYTHON}: a fault of the interpreter; schemathesis runs once more")
        done = ask_all(daemon, api.token, known, tmp_path, seconds)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(re.search(r"Operations: +(\d+) selected", done.stdout)[1]) > 30
