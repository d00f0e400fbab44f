"""GET /v1/job/count: as a whole, and in groups."""

import concurrent.futures

import pytest

from harness import feature, job, plugin, role, taskset, when


def groups(api, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return api.good("GET", f"/v1/job/count?{text}")


@pytest.fixture(scope="module")
def mixed(shared_daemon):
    """3 succeeded and 2 failed jobs of mix1, 1 of mix2 without a translator."""
    api = shared_daemon.api
    for script, user in (("true", "mix1"),) * 3 + (("false", "mix1"),) * 2:
        api.wait_final(api.submit(job(taskset(role("a", script)), user=user)))
    api.wait_final(api.submit(job({"kind": "Nobody"}, user="mix2")))


def test_by_state_largest_first(api, mixed):
    assert groups(api, userID="mix1", groupBy="state") == {
        "count": 5, "groups": [{"state": "succeeded", "count": 3}, {"state": "failed", "count": 2}]}


def test_by_several_in_the_order_asked_for(api, mixed):
    answer = groups(api, userID="mix1,mix2", groupBy="userID,reasonCode,kind")
    assert answer["count"] == 6
    assert [tuple(one.values()) for one in answer["groups"]] == [
        ("mix1", "succeeded", "TaskSet", 3), ("mix1", "replica_failed", "TaskSet", 2),
        ("mix2", "no_translator", "Nobody", 1)]
    assert list(answer["groups"][0]) == ["userID", "reasonCode", "kind", "count"]


def test_equal_ones_by_name(api, mixed):
    answer = groups(api, userID="mix1,mix2", state="failed", groupBy="reasonCode,state")
    assert [one["reasonCode"] for one in answer["groups"]] == ["replica_failed", "no_translator"]
    for user in ("even-b", "even-a"):
        api.wait_final(api.submit(job({"kind": "Nobody"}, user=user)))
    answer = groups(api, userID="even-a,even-b", groupBy="userID")
    assert [one["userID"] for one in answer["groups"]] == ["even-a", "even-b"]


def test_by_the_plugin_that_holds_them(api, plugin_server):
    gate = plugin_server.on("/gate", {"decision": "suspend", "reason": "not now"})
    api.register(feature("door", plugin("AccessGate", gate), selector=when("userID", "waits")))
    for _ in range(2):
        api.wait_state(api.submit(job(user="waits")), "suspended")
    assert groups(api, state="suspended", groupBy="plugin")["groups"] == [
        {"plugin": "AccessGate.door.qa", "count": 2}]


def test_nothing_matches(api):
    assert groups(api, userID="nobody-at-all", groupBy="state") == {"count": 0, "groups": []}
    bound = api.token_for("read_job", userID="mix2")
    assert groups(bound, userID="mix1", groupBy="state") == {"count": 0, "groups": []}


def test_a_bound_token_counts_its_own(api, mixed):
    bound = api.token_for("read_job", userID="mix2")
    assert groups(bound, groupBy="userID")["groups"] == [{"userID": "mix2", "count": 1}]


@pytest.mark.parametrize("by", ["state", "reasonCode", "plugin", "kind", "userID", "state,reasonCode", "plugin,state",
                                "kind,userID"])
def test_counters_and_jobs_say_the_same(api, mixed, by):
    """Without a filter counters answer; with a time that all jobs are behind they are walked."""
    assert groups(api, groupBy=by) == groups(api, groupBy=by, startAt=1)
    assert groups(api, groupBy=by, state="succeeded,failed,suspended") == \
        groups(api, groupBy=by, state="succeeded,failed,suspended", startAt=1)


@pytest.mark.parametrize("query, n", [
    ("userID=mix1&state=failed", 2), ("userID=mix1,mix2&state=failed,stopped", 3), ("userID=mix1&kind=Nobody", 0),
    ("userID=mix1&reasonCode=succeeded", 3), ("userID=mix2&kind=Nobody&state=failed", 1)])
def test_several_filters(api, mixed, query, n):
    assert api.good("GET", f"/v1/job/count?{query}") == {"count": n}
    reply = api.get(f"/v1/job/list?{query}&pageSize=1")
    assert reply.headers["X-Total-Count"] == str(n) and len(reply.payload) == min(n, 1)
    assert ("X-Next-Cursor" in reply.headers) == (n > 1)


def test_a_job_is_found_by_its_name(api):
    names = ["night run", "night", "night run 2"]
    ids = {name: api.submit(job(name=name)) for name in names}
    for name in names:
        found = api.good("GET", f"/v1/job/list?name={name.replace(' ', '%20')}")
        assert [one["jobID"] for one in found] == [ids[name]]
    api.wait_final(ids["night"])
    api.good("DELETE", f"/v1/job/{ids['night']}")
    assert api.good("GET", "/v1/job/list?name=night") == []


@pytest.mark.parametrize("bad", ["", "colour", "state,", "state,state", "State"])
def test_what_there_is_not_to_group_by(api, bad):
    reply = api.get(f"/v1/job/count?groupBy={bad}")
    assert (reply.status, reply.code) == (400, "WRONG_PARAM") and "groupBy" in reply.msg


def test_too_many_groups_are_refused_with_a_hint(make_daemon):
    api = make_daemon().start().api
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: api.submit(job({"kind": "Nobody"}, user=f"u{i}")), range(1001)))
    reply = api.get("/v1/job/count?groupBy=userID")
    assert (reply.status, reply.code) == (413, "PAYLOAD_TOO_LARGE"), reply
    assert "1000" in reply.msg and "narrow" in reply.msg
    assert groups(api, groupBy="kind")["groups"] == [{"kind": "Nobody", "count": 1001}]
    assert len(groups(api, groupBy="userID", userID="u1,u2,u3")["groups"]) == 3
