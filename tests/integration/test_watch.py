"""`sluicectl submit --watch` against the gateway: how far the roles are, across a restart."""

import json
import os
import re
import subprocess

from harness import job, program, role, taskset

LINE = re.compile(r"role (\w+): (\w+), (\d+) done, (\d+) running, (\d+) failed of (\d+)\n")


def read_until(stream, role_name, running):
    seen = []
    for line in stream:
        match = LINE.fullmatch(line)
        assert match, line
        seen.append(match.groups())
        if match[1] == role_name and int(match[4]) == running:
            return seen
    raise AssertionError(f"ended before {running} replicas of {role_name} ran: {seen}")


def test_roles_are_followed_across_a_restart(daemon, tmp_path):
    go = tmp_path / "go"
    wait = f"until test -e {go}; do sleep 0.05; done"
    document = taskset(role("worker", wait, replicas=3), role("helper", wait, replicas=2))
    (tmp_path / "job.json").write_text(json.dumps(job(document)), encoding="utf-8")
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{daemon.port}", "SLUICE_TOKEN": "admin"}
    with subprocess.Popen([program("sluicectl"), "submit", str(tmp_path / "job.json"), "--watch"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as watch:
        try:
            seen = read_until(watch.stderr, "worker", 3)
            if ("helper", "running", "0", "2", "0", "2") not in seen:
                seen += read_until(watch.stderr, "helper", 2)
            daemon.restart()
            go.touch()
            out, err = watch.communicate(timeout=120)
        finally:
            go.touch()
            watch.kill()
    assert watch.returncode == 0, err
    rest = [LINE.fullmatch(line).groups() for line in err.splitlines(keepends=True)]
    assert ("worker", "succeeded", "3", "0", "0", "3") in rest
    assert ("helper", "succeeded", "2", "0", "0", "2") in rest
    assert len(set(seen + rest)) == len(seen + rest), "a line came twice"
    for name in ("worker", "helper"):
        done = [int(line[2]) for line in seen + rest if line[0] == name]
        assert done == sorted(done)
    assert out.count("\tstarted\t") == 5
