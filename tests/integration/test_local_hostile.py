"""Replicas that do not want to end or take more than they may: ended, limited, reported, and
nothing of them left. What needs a cgroup is looked at where this machine lets us write one;
the same promises without any are tests/unit/runtime/local_limits_test.c's."""

import os
import pathlib
import re
import uuid

import pytest

from harness import job, processes_with, role, taskset, until


@pytest.fixture(scope="module")
def parts(shared_daemon):
    """What the gateway says that cgroups do here."""
    line = re.search(r'what cgroups do for replicas" limits=("[^"]*"|\S+)', shared_daemon.log.read_text())
    return line.group(1)


def limited(script, **limits):
    return role("main", script, container={"resources": {"limits": limits}},
                pod={"terminationGracePeriodSeconds": 1})


def left(marker):
    """Processes whose command line holds a text; for those that have cleared their environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def groups(job_id):
    """Others come and go while we look: os.walk passes over what is gone."""
    return [os.path.join(top, name) for top, names, _ in os.walk("/sys/fs/cgroup")
            for name in names if name.startswith(job_id)]


def replica(api, job_id):
    return api.detail(job_id)["tasks"][0]["replicas"][0]


def over(api, job_id, *states):
    end = api.wait_final(job_id, seconds=60)
    assert end["state"] in states, end
    assert not processes_with(f"SLUICE_JOB_ID={job_id}") and not groups(job_id)
    return replica(api, job_id)


DETACH = ("(setsid env -i sh -c 'trap \"\" TERM HUP; : {0}; while :; do sleep 1; done' >/dev/null 2>&1 &); "
          "(setsid sh -c '(setsid sh -c \": {0}; sleep 300\" &)' &); ")


def test_what_detaches_ends_with_its_replica(api, parts):
    marker = f"detached-{uuid.uuid4()}"
    job_id = api.submit(job(taskset(limited(DETACH.format(marker) + "sleep 0.2; exit 6"))))
    assert over(api, job_id, "failed")["exitCode"] == 6
    assert not left(marker)


def test_what_detaches_ends_with_a_stop(api, parts):
    marker = f"detached-{uuid.uuid4()}"
    script = "trap '' TERM HUP INT; " + DETACH.format(marker) + "while :; do sleep 1; done"
    job_id = api.submit(job(taskset(limited(script))))
    until(lambda: len(left(marker)) >= 2, 20, "they are detached")
    api.put(f"/v1/job/stop/{job_id}")
    over(api, job_id, "stopped")
    assert not left(marker)


def test_memory(api, parts):
    job_id = api.submit(job(taskset(limited("exec python3 -c 'x = bytearray(500 << 20)'", memory="80Mi"))))
    one = over(api, job_id, "failed")
    if "memory" in parts:
        assert "OOMKilled" in str(api.taskset(job_id)) + str(one), one
        assert "memory limit" in str(one)


def test_processes(api, parts):
    if "pids" not in parts:
        pytest.skip("no cgroup for pids here: a fork bomb would take the machine with it")
    job_id = api.submit(job(taskset(limited("f() { f | f & }; touch up; f; sleep 300", pids="50"))))
    api.wait_state(job_id, "running")
    api.put(f"/v1/job/stop/{job_id}")
    over(api, job_id, "stopped")


@pytest.fixture
def small_logs(make_daemon):
    return make_daemon(config="engines: {local: {log_max: 1 MiB}}\n").start()


def test_a_flood_of_output_is_bounded_while_it_is_written(small_logs):
    """600 MB through a log of 1 MiB: the file is looked at as long as the replica writes."""
    api, most = small_logs.api, 0
    job_id = api.submit(job(taskset(role("main", "head -c 600000000 /dev/zero; echo; exit 0"))))

    def ended():
        nonlocal most
        for path in (small_logs.data / "logs").rglob("*.log"):
            most = max(most, path.stat().st_size)
        return api.state(job_id) in ("succeeded", "failed", "stopped")

    until(ended, 90, "it has written all")
    assert api.state(job_id) == "succeeded", "its log never makes it wait or fail"
    assert most <= (1 << 20) + 4096
    [path] = (small_logs.data / "logs").rglob("*stdout.log")
    assert re.search(rb"\[sluice: \d+ bytes dropped", path.read_bytes()[-300:])


def test_rights_are_refused_with_the_setting_that_allows_them(api):
    for more, words in (
            ({"container": {"securityContext": {"privileged": True}}}, "privileged"),
            ({"container": {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}}, "capabilities"),
            ({"pod": {"hostNetwork": True}}, "hostNetwork"),
            ({"pod": {"serviceAccountName": "robot"}}, "serviceAccountName"),
            ({"pod": {"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}}, "hostPath")):
        job_id = api.submit(job(taskset(role("main", "true", **more))))
        end = api.wait_final(job_id)
        assert end["reasonCode"] == "engine_refused", end
        said = end["reason"] + str(end["exitDiagnostics"])
        assert words in said and "engines.local.allow" in said and "spec.roles" in said


def test_rights_that_are_allowed(make_daemon, tmp_path):
    config = ("engines: {local: {allow: [privileged, capabilities, hostNetwork, hostPID, hostIPC, "
              f"serviceAccountName, 'hostPath:{tmp_path}']}}}}\n")
    api = make_daemon(config=config).start().api
    (tmp_path / "seen").write_text("here\n")
    allowed = role("main", "cat $SLUICE_VOLUME_V/seen",
                   container={"securityContext": {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}}},
                   pod={"hostNetwork": True, "hostPID": True, "hostIPC": True, "serviceAccountName": "robot",
                        "volumes": [{"name": "v", "hostPath": {"path": str(tmp_path)}}]})
    job_id = api.submit(job(taskset(allowed)))
    assert api.wait_final(job_id)["state"] == "succeeded"
    assert api.logs(job_id, role="main") == "here\n"
