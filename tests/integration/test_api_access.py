"""In which order refusals are told, and how routes are matched: for every route alike. Who may call
them is in test_who_calls.py."""

import pytest

from routes import NEEDS, NO_JOB, concrete

ROUTES = [concrete(route) for route in NEEDS if " /v1/" in route]
MISSING = [(method, path) for method, path in ROUTES if "nothing" in path or NO_JOB in path]
each_route = pytest.mark.parametrize("method, path", ROUTES,
                                     ids=[f"{m} {p.replace(NO_JOB, 'ID')}" for m, p in ROUTES])


@each_route
def test_trailing_slash(api, method, path):
    """Nothing is changed, and nothing streamed: the request is refused, in the same words."""
    body, query = None if method == "GET" else b"{", "?no_such_parameter=1"
    plain, slash = api.call(method, path + query, body), api.call(method, path + "/" + query, body)
    assert (plain.status, plain.document) == (slash.status, slash.document)


@each_route
def test_wrong_method_is_told_before_the_caller(api, method, path):
    reply = api.with_token(None).call("PATCH", path)
    assert (reply.status, reply.code) == (405, "UNSUPPORTED_OPERATION")
    assert method in [one.strip() for one in reply.headers["Allow"].split(",")]


@pytest.mark.parametrize("route", NEEDS)
def test_a_browser_runs_and_keeps_nothing(api, route):
    """Whatever the answer is; and a page of another origin is told nothing."""
    method, path = concrete(route)
    for caller in (api, api.with_token(None)):
        for verb, query in ((method, "?no_such_parameter=1"), ("OPTIONS", ""), ("PATCH", "")):
            headers = caller.call(verb, path + query, headers={"Origin": "http://evil.example"}).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("method, path", MISSING, ids=lambda value: value.replace(NO_JOB, "ID"))
def test_target_that_does_not_exist(api, method, path):
    reply = api.call(method, path, None if method == "GET" else {})
    assert (reply.status, reply.code) == (404, "OPERATION_TARGET_NOT_FOUND")


@pytest.mark.parametrize("path", [
    "/v1", "/v1/nothing", "/v1/job/nothing/x", "/v1/job/detail/x/y", "/v2/job", "/v1/Features/list/all",
    "/v1/features/list/all/more", "/v1//job/list", "//v1/job/list", "/v1/../v1/job/list",
    "/v1/job/%2e%2e/list", "/v1/features%2Flist/all", "/v1/features/detail/a%2Fb",
    "/v1/features/detail/a%00b", "/v1/./job/list", "/etc/passwd"])
def test_no_such_route(api, path):
    for caller in (api, api.with_token(None)):
        reply = caller.get(path)
        assert (reply.status, reply.code) == (404, "OPERATION_TARGET_NOT_FOUND")


@pytest.mark.parametrize("job_id", ["x", "0", NO_JOB[:-1], NO_JOB + "0", NO_JOB.replace("-", ""),
                                    "%20", "..%5c.."])
def test_ids_that_are_none(api, job_id):
    assert api.get(f"/v1/job/detail/{job_id}").status == 404


def test_unknown_and_malformed_tokens(api):
    for token in ("A" * 24, "Admin", "a b"):
        assert api.with_token(token).get("/v1/job/list").status == 401
    for header in ("Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer "):
        reply = api.with_token(None).get("/v1/job/list", headers={"Authorization": header})
        assert reply.status == 401


def test_wrong_tokens_are_slowed_down_and_right_ones_served(daemon):
    wrong = [daemon.api.with_token("W" * 23 + str(i % 10)).get("/v1/job/list") for i in range(14)]
    statuses = [reply.status for reply in wrong]
    assert statuses[:10] == [401] * 10
    assert set(statuses[11:]) == {429}
    assert wrong[-1].code == "TOO_MANY_REQUESTS" and int(wrong[-1].headers["Retry-After"]) > 0
    assert daemon.api.get("/v1/job/list").status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_open_to_all(api, path):
    reply = api.with_token(None).get(path)
    assert reply.status == 200


def test_no_answer_holds_more_than_the_envelope(api):
    for path in ("/v1/job/list", "/v1/nothing"):
        reply = api.get(path)
        assert set(reply.document) <= {"code", "msg", "payload"}
        assert reply.headers["Content-Type"].startswith("application/json")


def test_always_200(make_daemon):
    daemon = make_daemon(config="api:\n  http_status: always_200\n").start()
    reply = daemon.api.get("/v1/features/detail/nothing")
    assert (reply.status, reply.code) == (200, "OPERATION_TARGET_NOT_FOUND")
    assert daemon.api.with_token(None).get("/v1/job/list").code == "PERMISSION_DENIED"
