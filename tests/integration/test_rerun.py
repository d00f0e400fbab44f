"""A job that has ended is run again as it was submitted."""

from harness import feature, job, plugin, role, taskset, when
from plugin_double import passes


def rerun(api, job_id, **more):
    return api.post(f"/v1/job/rerun/{job_id}", **more)


def test_a_new_job_of_the_same_submission(api, plugin_server):
    api.register(feature("g", plugin("AccessGate", plugin_server.on("/g", passes)), selector=when("team", "red")))
    first = api.submit(job(taskset(role("main", "exit 3")), user="ann", name="n", header={"team": "red"}))
    api.wait_state(first, "failed")
    answer = rerun(api, first)
    assert answer.status == 200
    again = answer.payload["jobID"]
    assert answer.payload == {"jobID": again, "rerunOf": first} and again > first
    assert api.wait_state(again, "failed")["rerunOf"] == first
    old = api.job(first)
    assert (old["state"], old["rerunAs"]) == ("failed", again)
    assert [one["reason"] for one in api.events(first) if one.get("outcome") == "rerun"] == [f"run again as job {again}"]
    a, b = plugin_server.calls
    assert (a.header.pop("jobID"), b.header.pop("jobID")) == (first, again)
    assert a.header == b.header and b.header["team"] == "red"
    assert api.get(f"/v1/job/config/{again}").payload == api.get(f"/v1/job/config/{first}").payload
    listed = {one["jobID"]: one for one in api.list(pageSize=2)}
    assert listed[again]["rerunOf"] == first and listed[first]["rerunAs"] == again
    # Once more, of the new one and of the old one: the old one shows the newest.
    newest = rerun(api, first).payload["jobID"]
    assert api.job(first)["rerunAs"] == newest
    chain = rerun(api, api.wait_state(newest, "failed")["id"]).payload["jobID"]
    assert api.wait_final(chain)["rerunOf"] == newest


def test_only_jobs_that_have_ended(api):
    running = api.submit(job(taskset(role("main", "sleep 60"))))
    refused = rerun(api, running)
    assert refused.status == 409 and "only a job that has ended" in refused.msg
    api.good("PUT", f"/v1/job/stop/{running}")
    api.wait_state(running, "stopped")
    assert rerun(api, running).status == 200
    assert rerun(api, "0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35").status == 404
    assert rerun(api, "nonsense").status == 404
    assert api.post(f"/v1/job/rerun/{running}", {"reason": "x"}).status == 400


def test_an_idempotency_key_makes_one_of_two(api):
    first = api.submit(job())
    api.wait_state(first, "succeeded")
    headers = {"Idempotency-Key": "again"}
    one = rerun(api, first, headers=headers).payload["jobID"]
    assert rerun(api, first, headers=headers).payload["jobID"] == one
    assert api.job(first)["rerunAs"] == one


def test_who_may(api):
    first = api.submit(job(user="ann"))
    api.wait_state(first, "succeeded")
    ann = api.token_for("read_job", "write_job", userID="ann", header={"team": "blue"})
    bob = api.token_for("read_job", "write_job", userID="bob")
    assert api.token_for("read_job").post(f"/v1/job/rerun/{first}").status == 403
    assert rerun(bob, first).status == 404
    again = rerun(ann, first).payload["jobID"]
    assert api.wait_state(again, "succeeded")["userID"] == "ann"


def test_a_child_stays_a_child_while_its_parent_can_have_any(api):
    parent = api.submit(job(taskset(role("main", "sleep 60"))))
    child = api.submit(job(parentJobID=parent))
    api.wait_state(child, "succeeded")
    again = rerun(api, child).payload["jobID"]
    api.wait_state(again, "succeeded")
    api.good("PUT", f"/v1/job/stop/{parent}")
    api.wait_state(parent, "stopped")
    free = rerun(api, child).payload["jobID"]
    assert api.wait_final(free)["state"] == "succeeded"


def test_over_a_crash(daemon):
    first = daemon.api.submit(job())
    daemon.api.wait_state(first, "succeeded")
    again = rerun(daemon.api, first).payload["jobID"]
    daemon.kill9()
    daemon.start()
    assert daemon.api.wait_state(again, "succeeded")["rerunOf"] == first
    assert daemon.api.job(first)["rerunAs"] == again
