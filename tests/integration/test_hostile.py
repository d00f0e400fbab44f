"""What submitters and plugins send in bad faith: terminals, clocks and disks are not theirs."""

import subprocess
import threading

import pytest

from harness import feature, job, plugin, program, role, taskset

REASON = "no \x1b[31m \x9b31m \x7f\r\nlevel=error msg=fake"


@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml"])
def test_reasons_do_not_reach_the_terminal_raw(api, shared_daemon, plugin_server, form):
    gate = plugin_server.on("/gate", {"decision": "suspend", "reason": REASON})
    api.register(feature("gate", plugin("AccessGate", gate)))
    job_id = api.submit(job(), wait=10)
    for words in (["job", "get", job_id], ["job", "list"], ["job", "events", job_id]):
        done = subprocess.run(
            [program("sluicectl"), "--server", f"http://127.0.0.1:{shared_daemon.port}",
             "--token", "admin", "-o", form, *words], capture_output=True, check=True)
        text = (done.stdout + done.stderr).decode()
        odd = [c for c in text if ord(c) < 32 and c not in "\n\t" or 127 <= ord(c) < 160]
        assert not odd, f"{words} in {form}"
    assert api.job(job_id)["reason"] == REASON


def test_a_token_cannot_expire_before_time_began_and_live_for_ever(api):
    reply = api.post("/v1/tokens", {"privileges": ["read_job"], "forwho": "x",
                                    "expiresAt": "1970-01-01T00:00:00Z"})
    assert (reply.status, reply.code) == (400, "WRONG_PARAM")


def test_documents_in_memory_are_bounded(make_daemon, plugin_server):
    daemon = make_daemon(config="limits:\n  documents: 1 MiB\n").start()
    held = threading.Event()

    def gate(_call):
        held.wait(60)
        return {"decision": "pass"}

    daemon.api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", gate), timeoutMs=60000)))
    large = job(taskset(role("main", "true #" + "x" * 500000), engine="null"))
    first = daemon.api.submit(large)
    reply = daemon.api.post("/v1/job", large)
    assert (reply.status, reply.code) == (429, "TOO_MANY_REQUESTS")
    assert int(reply.headers["Retry-After"]) > 0
    held.set()
    daemon.api.wait_final(first)
    daemon.api.wait_final(daemon.api.submit(large))


@pytest.mark.parametrize("name", ["..", "../../x", "a/b", ".hidden"])
def test_names_of_volumes_lead_nowhere(api, name):
    pod = {"volumes": [{"name": name, "emptyDir": {}}]}
    done = api.wait_final(api.submit(job(taskset(role("main", "true", pod=pod)))))
    assert done["state"] == "failed" and "volumes[0]" in done["reason"]
    assert done["reasonCode"] in ("engine_refused", "invalid_taskset")
