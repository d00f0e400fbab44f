"""Who may call what, in which order refusals are told, and how routes are matched: for every
route alike."""

import uuid

import pytest

ALL_PRIVILEGES = ["read_job", "write_job", "resume_job", "read_feature", "write_feature",
                  "register_feature", "read_token", "write_token"]
NO_JOB = str(uuid.UUID(int=0x01890000000070008000000000000001))

# method, path, privileges of which any suffices
ROUTES = [
    ("POST", "/v1/features", {"register_feature", "write_feature"}),
    ("DELETE", "/v1/features/nothing", {"write_feature"}),
    ("PUT", "/v1/features/turn-on/nothing", {"write_feature"}),
    ("PUT", "/v1/features/turn-off/nothing", {"write_feature"}),
    ("GET", "/v1/features/list/all", {"read_feature"}),
    ("GET", "/v1/features/detail/nothing", {"read_feature"}),
    ("PUT", "/v1/plugins/sequence", {"write_feature"}),
    ("GET", "/v1/plugins/detail/AccessGate.nothing.qa", {"read_feature"}),
    ("GET", "/v1/plugins/list/AccessGate", {"read_feature"}),
    ("POST", "/v1/selectors/test", {"read_feature"}),
    ("POST", "/v1/job", {"write_job"}),
    ("PUT", f"/v1/job/stop/{NO_JOB}", {"write_job"}),
    ("PUT", f"/v1/job/resume/{NO_JOB}", {"resume_job", "write_job"}),
    ("GET", f"/v1/job/config/{NO_JOB}", {"read_job"}),
    ("GET", f"/v1/job/taskset/{NO_JOB}", {"read_job"}),
    ("GET", f"/v1/job/detail/{NO_JOB}", {"read_job"}),
    ("GET", f"/v1/job/events/{NO_JOB}", {"read_job"}),
    ("GET", f"/v1/job/logs/{NO_JOB}", {"read_job"}),
    ("GET", "/v1/job/list", {"read_job"}),
    ("GET", "/v1/job/count", {"read_job"}),
    ("PUT", "/v1/tokens/admin", set()),
    ("POST", "/v1/tokens", {"write_token"}),
    ("PUT", "/v1/tokens/normal", {"write_token"}),
    ("DELETE", "/v1/tokens", {"write_token"}),
    ("GET", "/v1/tokens", {"read_token"}),
]
MISSING = [(method, path) for method, path, _ in ROUTES
           if ("nothing" in path or NO_JOB in path) and "list" not in path]
each_route = pytest.mark.parametrize("method, path, privileges", ROUTES,
                                     ids=[f"{m} {p.replace(NO_JOB, 'ID')}" for m, p, _ in ROUTES])


@each_route
def test_without_a_token(api, method, path, privileges):
    reply = api.with_token(None).call(method, path)
    assert (reply.status, reply.code) == (401, "PERMISSION_DENIED")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert "payload" not in reply.document and reply.msg


@each_route
def test_with_every_privilege_but_the_one(api, method, path, privileges):
    caller = api.token_for(*[one for one in ALL_PRIVILEGES if one not in privileges])
    reply = caller.call(method, path, b"not looked at")
    assert (reply.status, reply.code) == (403, "PERMISSION_DENIED")


@each_route
def test_with_just_the_privilege(api, method, path, privileges):
    """What is refused then is the request, not the caller."""
    for one in sorted(privileges):
        body = None if method == "GET" else {}
        reply = api.token_for(one).call(method, path, body)
        assert reply.status in (200, 400, 404), reply


@each_route
def test_token_in_the_old_header(api, method, path, privileges):
    token, caller = api.token, api.with_token(None)
    reply = caller.call(method, path, None if method == "GET" else {}, headers={"token": token})
    assert reply.status in (200, 400, 404), reply


@each_route
def test_trailing_slash(api, method, path, privileges):
    body = None if method == "GET" else {}
    plain, slash = api.call(method, path, body), api.call(method, path + "/", body)
    assert (plain.status, plain.document) == (slash.status, slash.document)


@each_route
def test_wrong_method_is_told_before_the_caller(api, method, path, privileges):
    reply = api.with_token(None).call("PATCH", path)
    assert (reply.status, reply.code) == (405, "UNSUPPORTED_OPERATION")
    assert method in [one.strip() for one in reply.headers["Allow"].split(",")]


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


def test_privilege_names_of_the_old_description(api):
    made = api.good("POST", "/v1/tokens", {"privileges": ["read-job", "write-plugin"],
                                           "forwho": "old", "note": ""})
    caller = api.with_token(made["token"])
    assert caller.get("/v1/job/list").status == 200
    assert caller.put("/v1/features/turn-on/nothing").status == 404
    shown = next(one for one in api.good("GET", "/v1/tokens") if one["id"] == made["id"])
    assert sorted(shown["privileges"]) == ["read_job", "write_feature"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_open_to_all(api, path):
    reply = api.with_token(None).get(path)
    assert reply.status == 200
    if path == "/openapi.json":
        assert reply.document["openapi"].startswith("3.1")
        for method, route, _ in ROUTES:
            shapes = [key for key in reply.document["paths"]
                      if matches(key, route) and method.lower() in reply.document["paths"][key]]
            assert shapes, f"{method} {route} is not described"


def matches(shape, path):
    parts, given = shape.strip("/").split("/"), path.strip("/").split("/")
    return len(parts) == len(given) and all(
        p == g or p.startswith("{") for p, g in zip(parts, given))


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
