"""Access ids and the admin's password; who may hand out what is in test_who_calls.py."""

import concurrent.futures
import http.client
import pathlib
import string

import pytest

import harness


def make(api, *privileges, **more):
    return api.good("POST", "/v1/tokens", {"privileges": list(privileges), "forwho": "ann",
                                           "note": "for tests", **more})


def shown(api, ident):
    return next((one for one in api.good("GET", "/v1/tokens") if one["id"] == ident), None)


def test_a_token_is_24_letters_and_digits(api):
    tokens = {make(api, "read_job")["token"] for _ in range(20)}
    assert len(tokens) == 20
    for one in tokens:
        assert len(one) == 24 and set(one) <= set(string.ascii_letters + string.digits)


def test_a_token_is_shown_once(api):
    made = make(api, "read_job", "write_job", userID="ann", header={"team": "red"})
    listed = shown(api, made["id"])
    assert made["token"] not in api.get("/v1/tokens").raw.decode()
    assert (listed["forwho"], listed["note"], listed["userID"]) == ("ann", "for tests", "ann")
    assert sorted(listed["privileges"]) == ["read_job", "write_job"]
    assert listed["header"] == {"team": "red"} and listed["createdAt"].endswith("Z")


REFUSALS = {
    "no privileges": ({"privileges": None}, "LACK_OF_PARAM", "privileges"),
    "empty privileges": ({"privileges": []}, "LACK_OF_PARAM", "privileges"),
    "privileges no list": ({"privileges": "read_job"}, "WRONG_PARAM", "privileges"),
    "unknown privilege": ({"privileges": ["fly"]}, "WRONG_PARAM", "privileges[0]"),
    "admin": ({"privileges": ["admin"]}, "WRONG_PARAM", "privileges[0]"),
    "for the admin": ({"forwho": "admin"}, "WRONG_PARAM", "forwho"),
    "forwho no text": ({"forwho": 1}, "WRONG_PARAM", "forwho"),
    "unknown field": ({"colour": "red"}, "WRONG_PARAM", "colour"),
    "header no object": ({"header": "x"}, "WRONG_PARAM", "header"),
    "expiry no time": ({"expiresAt": "tomorrow"}, "WRONG_PARAM", "expiresAt"),
    "bound and a feature reader": ({"userID": "ann", "privileges": ["read_feature"]}, "WRONG_PARAM", ""),
    "bound and a feature writer": ({"userID": "ann", "privileges": ["write_feature"]}, "WRONG_PARAM", ""),
    "bound and a registrar": ({"userID": "ann", "privileges": ["register_feature"]}, "WRONG_PARAM", ""),
    "bound and a token reader": ({"userID": "ann", "privileges": ["read_token"]}, "WRONG_PARAM", ""),
    "bound and a token writer": ({"userID": "ann", "privileges": ["write_token"]}, "WRONG_PARAM", ""),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_refusals(api, fault):
    change, code, place = REFUSALS[fault]
    before = len(api.good("GET", "/v1/tokens"))
    body = {"privileges": ["read_job"], "forwho": "ann", "note": "", **change}
    reply = api.post("/v1/tokens", body)
    assert (reply.status, reply.code) == (400, code), reply
    assert place in reply.msg
    assert len(api.good("GET", "/v1/tokens")) == before


def test_change_by_token_and_by_id(api):
    made = make(api, "read_job")
    caller = api.with_token(made["token"])
    api.good("PUT", "/v1/tokens/normal", {"token": made["token"], "privileges": ["read_feature"]})
    assert caller.get("/v1/job/list").status == 403
    assert caller.get("/v1/features/list/all").status == 200
    api.good("PUT", "/v1/tokens/normal", {"id": made["id"], "privileges": ["read-job"]})
    assert caller.get("/v1/job/list").status == 200
    for body, status in (({"privileges": ["read_job"]}, 400), ({"id": made["id"]}, 400),
                         ({"id": made["id"], "privileges": []}, 400),
                         ({"id": made["id"], "privileges": ["admin"]}, 400),
                         ({"id": "nothing", "privileges": ["read_job"]}, 404),
                         ({"token": "x" * 24, "privileges": ["read_job"]}, 404)):
        assert api.put("/v1/tokens/normal", body).status == status, body


@pytest.mark.parametrize("how", ["token", "id", "query"])
def test_delete(api, how):
    made = make(api, "read_job")
    caller = api.with_token(made["token"])
    assert caller.get("/v1/job/list").status == 200
    if how == "query":
        api.good("DELETE", f"/v1/tokens?id={made['id']}")
    else:
        api.good("DELETE", "/v1/tokens", {how: made[how]})
    assert caller.get("/v1/job/list").status == 401
    assert shown(api, made["id"]) is None
    assert api.delete("/v1/tokens", {"id": made["id"]}).status == 404


def test_tokens_survive_a_crash(daemon):
    made = make(daemon.api, "read_job")
    daemon.kill9()
    daemon.start()
    assert daemon.api.with_token(made["token"]).get("/v1/job/list").status == 200
    data = b"".join(path.read_bytes() for path in daemon.data.rglob("*") if path.is_file())
    assert made["token"].encode() not in data, "only a hash of it may be stored"


def test_the_admins_password(daemon):
    api = daemon.api
    for body, code in (({}, "LACK_OF_PARAM"), ({"token": ""}, "LACK_OF_PARAM"),
                       ({"token": "short77"}, "WRONG_PARAM"), ({"token": 12345678}, "WRONG_PARAM"),
                       ({"token": "long enough", "x": 1}, "WRONG_PARAM")):
        reply = api.put("/v1/tokens/admin", body)
        assert (reply.status, reply.code) == (400, code)
    everything = api.token_for("write_token", "read_token", "write_feature", "write_job")
    assert everything.put("/v1/tokens/admin", {"token": "new password"}).status == 403
    api.good("PUT", "/v1/tokens/admin", {"token": "new password"})
    assert api.get("/v1/job/list").status == 401
    after = api.with_token("new password")
    assert after.get("/v1/job/list").status == 200
    daemon.kill9()
    daemon.start()
    assert after.get("/v1/job/list").status == 200
    assert api.get("/v1/job/list").status == 401


class From(harness.Api):
    """A caller at another loopback address, with a count of wrong tokens of its own."""

    def __init__(self, port, token, address):
        super().__init__(port, token)
        self.address = address

    def connection(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout, (self.address, 0))


def peak_mib(daemon):
    text = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")) // 1024


def test_few_passwords_are_verified_at_once(daemon):
    """Each costs 64 MiB while it lasts: a crowd of wrong ones does not multiply that. They wait, whoever
    has a token is served meanwhile, and the right password is found."""
    token = make(daemon.api, "read_job")["token"]
    daemon.api.good("PUT", "/v1/tokens/admin", {"token": "the right one"})
    daemon.restart()  # what was verified is forgotten
    before = peak_mib(daemon)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        wrong = [pool.submit(From(daemon.port, f"wrong password {n}", f"127.0.1.{n + 1}").get, "/v1/job/list")
                 for n in range(16)]
        assert daemon.api.with_token(token).get("/v1/job/list").status == 200
        right = daemon.api.with_token("the right one").get("/v1/job/list")
    assert right.status == 200
    assert {one.result().status for one in wrong} == {401}
    assert peak_mib(daemon) - before < 4 * 64
