"""Who may call what: every route with every kind of token, and for every rule about callers its attack.
The table of routes is routes.py; what a token's document looks like is in test_api_tokens.py."""

import datetime
import http.client
import itertools
import json
import types

import pytest

import harness
import plugin_double
from harness import feature, job, plugin, role, taskset, until, when
from routes import LOCAL, NEEDS, NO_JOB, OPEN, SINGLE, concrete

NULL = taskset(role("main", "true"), engine="null")
PROXIED = {"Forwarded": "for=203.0.113.9"}
addresses = (f"127.0.{n // 250}.{n % 250 + 2}" for n in itertools.count())


class Elsewhere(harness.Api):
    """A caller whose every call comes from another loopback address: what counts wrong tokens does so
    for each address."""

    def connection(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout, (next(addresses), 0))


def in_seconds(n):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=n)).isoformat()


def never_said():
    return when("hold", "no one says this")


def features(server):
    gate = plugin("AccessGate", server.on("/gate", {"decision": "suspend", "reason": "ask"}))
    hook = plugin("LifeHook", server.on("/hook", plugin_double.Answer(204)),
                  jobSelector={**never_said(), "states": ["failed"]})
    never = never_said()
    return [(feature("on", gate, selector=when("hold", "yes")), True),
            (feature("off", plugin("AccessGate", server.on("/off", {})), selector=never), False),
            (feature("theirs", plugin("AccessGate", server.on("/theirs", {})), hook, selector=never,
                     author="other"), True)]


@pytest.fixture(scope="module")
def scene(shared_daemon):
    """A gateway with features of two authors, jobs of two users, and tokens to be had."""
    server, api = plugin_double.Plugin(), shared_daemon.api
    s = types.SimpleNamespace(api=api, server=server, ids={}, daemon=shared_daemon)

    def token(name, *privileges, **more):
        made = api.good("POST", "/v1/tokens", {"privileges": list(privileges), "forwho": name, "note": "", **more})
        s.ids[name], s.ids[name + " secret"] = made["id"], made["token"]
        return made["token"]

    soon = in_seconds(4)
    s.expired = token("expired", *SINGLE, expiresAt=soon)
    s.deleted = token("deleted", *SINGLE)
    assert api.with_token(s.deleted).get("/v1/job/list").status == 200
    api.good("DELETE", "/v1/tokens", {"token": s.deleted})
    s.single = {one: api.with_token(token(one, one)) for one in SINGLE}
    s.bound = {one: api.with_token(token("eve's " + one, one, userID="eve"))
               for one in ("read_job", "write_job", "resume_job")}
    token("strong", "read_job", "write_feature")
    token("weak", "read_job")
    token("of ann", "read_job", userID="ann")
    token("of qa", "read_feature", author="qa")
    for document, on in features(server):
        api.register(document, on)
    s.held = api.submit(job(NULL, header={"hold": "yes"}), wait=20)
    s.own = api.submit(job(NULL, user="eve", header={"hold": "yes"}), wait=20)
    s.done = api.submit(job(NULL), wait=20)
    for job_id, state in ((s.held, "suspended"), (s.own, "suspended"), (s.done, "succeeded")):
        api.wait_state(job_id, state)
    until(lambda: in_seconds(0) > soon, 20, "the token has expired")
    yield s
    server.close()


# --- every route with every kind of token -------------------------------------------------------------

each_route = pytest.mark.parametrize("route", NEEDS)


def ask(caller, route, **more):
    """A call that changes nothing even when it is let in."""
    method, path = concrete(route)
    body = b"{" if method != "GET" else None
    return caller.call(method, path + "?no_such_parameter=1", body, **more)


def let_in(reply):
    return reply.status in (200, 400, 404)


def test_the_table_is_what_is_served(scene):
    """A new route, or one that asks for another privilege, has to be entered in routes.py."""
    served = {}
    for path, item in scene.api.get("/openapi.json").document["paths"].items():
        for method, operation in item.items():
            words = operation.get("description", "")
            needs = {one.strip() for one in words.split(":", 1)[-1].split("(")[0].split(",")} - {"admin"}
            route = f"{method.upper()} {path}"
            served[route] = OPEN if operation.get("security") == [] else needs
            assert ("none on this machine" in words) == (route in LOCAL), route
    assert served == NEEDS


@each_route
def test_nobody_knows_these(scene, route):
    kinds = {"none": None, "unknown": "A" * 24, "deleted": scene.deleted, "expired": scene.expired,
             "in lower case": scene.ids["weak secret"].lower(), "cut": scene.ids["weak secret"][:-1]}
    headers = PROXIED if route in LOCAL else {}
    for kind, token in kinds.items():
        reply = ask(Elsewhere(scene.api.port, token), route, headers=headers)
        if NEEDS[route] is OPEN:
            assert let_in(reply), (kind, reply)
            continue
        assert (reply.status, reply.code) == (401, "PERMISSION_DENIED"), (kind, reply)
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert "payload" not in reply.document and reply.msg


@each_route
@pytest.mark.parametrize("who", ["single", "bound"])
def test_a_privilege_opens_its_routes_only(scene, route, who):
    headers = PROXIED if route in LOCAL else {}
    for privilege, caller in getattr(scene, who).items():
        reply = ask(caller, route, headers=headers)
        if NEEDS[route] is OPEN or privilege in NEEDS[route]:
            assert let_in(reply), (privilege, reply)
        else:
            assert (reply.status, reply.code) == (403, "PERMISSION_DENIED"), (privilege, reply)


@each_route
def test_the_admin_and_the_old_header(scene, route):
    assert let_in(ask(scene.api, route))
    nobody = Elsewhere(scene.api.port, None)
    assert let_in(ask(nobody, route, headers={"token": "admin"}))


@pytest.mark.parametrize("which", ["held", "done"])
@pytest.mark.parametrize("route", [one for one in NEEDS if "{jobID}" in one])
def test_anothers_job_is_not_there(scene, route, which):
    """Not a word tells it from one that does not exist."""
    job_id = getattr(scene, which)
    before = scene.api.events(job_id)
    for privilege in NEEDS[route]:
        answers = []
        for one in (job_id, NO_JOB):
            method, path = concrete(route, one)
            body = {"recheck": True} if "resume" in route else {} if method in ("PUT", "POST") else None
            reply = scene.bound[privilege].call(method, path, body)
            assert (reply.status, reply.code) == (404, "OPERATION_TARGET_NOT_FOUND"), reply
            answers.append(reply.msg.replace(one, "ID"))
        assert answers[0] == answers[1]
    assert scene.api.events(job_id) == before


# --- rules and attacks ----------------------------------------------------------------------------------

EVE, QA = {"userID": "eve"}, {"author": "qa"}
FAR, NEAR = "2100-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
GATE = plugin("AccessGate", "http://127.0.0.1:9/x")


def new_token(*privileges, **more):
    return "POST /v1/tokens", {"privileges": list(privileges), "forwho": "x", "note": "", **more}


def rights(name, *privileges):
    return "PUT /v1/tokens/normal", {"id": "{" + name + "}", "privileges": list(privileges)}


def register(name="off", author="qa", **more):
    return "POST /v1/features", {**feature(name, GATE, selector=never_said(), author=author), **more}


def order(before, after):
    return "PUT /v1/plugins/sequence", {"beforeKey": f"AccessGate.{before}", "afterKey": f"AccessGate.{after}",
                                        "pluginType": "AccessGate"}


# rule -> attacks: who asks (privileges, bindings), what for (route, body), the verdict
ATTACKS = {
    "a token that is bound to a user submits for that user only": [
        ("write_job", EVE, ("POST /v1/job", job(NULL)), 403),
        ("write_job", EVE, ("POST /v1/job?dryRun=true", job(NULL)), 403),
        ("write_job", EVE, ("POST /v1/job", job(NULL, user="Eve")), 403),
        ("write_job", EVE, ("POST /v1/job", job(NULL, user="eve ")), 403),
        ("write_job", EVE, ("POST /v1/job", job(NULL, user="eve", parentJobID="{held}")), 404),
    ],
    "it has no word in what the gateway is": [
        ("read_job", EVE, ("GET /v1/job/explain/{own}?plugin=AccessGate.on.qa", None), 403),
        ("read_job", EVE, ("GET /v1/job/explain/{own}?all=true", None), 403),
        ("read_job write_job resume_job", EVE, ("GET /v1/audit", None), 403),
        ("read_job write_job resume_job", EVE, rights("weak", "read_job"), 403),
    ],
    "it does not get past a gate by itself": [
        ("read_job write_job", EVE, ("PUT /v1/job/resume/{own}", None), 403),
        ("read_job write_job", EVE, ("PUT /v1/job/resume/{own}", {"recheck": False}), 403),
        ("read_job", EVE, ("PUT /v1/job/resume/{own}", {"recheck": True}), 403),
        ("resume_job", EVE, ("PUT /v1/job/stop/{own}", None), 403),
    ],
    "it never holds what concerns all": [
        *[("write_token " + one, {}, new_token(one, userID="ann"), 400) for one in SINGLE[3:]],
        *[("write_token read_job " + one, {}, rights("of ann", "read_job", one), 400) for one in SINGLE[3:]],
    ],
    "who registers changes nothing that is on, and turns nothing on": [
        ("register_feature", {}, register("on"), 403),
        ("register_feature", {}, register("on", enabled=False), 403),
        ("register_feature", {}, ("PUT /v1/features/turn-on/off", None), 403),
        ("register_feature", {}, ("DELETE /v1/features/off", None), 403),
        ("register_feature", {}, ("PUT /v1/features/rotate-key/off", None), 403),
        ("register_feature", {}, register("on", author="other"), 409),
    ],
    "a token that is bound to an author changes only that author's features": [
        ("register_feature", QA, register("more", author="other"), 403),
        ("write_feature", QA, register("theirs", author="other"), 403),
        ("write_feature", QA, register("theirs"), 409),
        ("write_feature", QA, ("DELETE /v1/features/theirs", None), 403),
        ("write_feature", QA, ("PUT /v1/features/turn-off/theirs", None), 403),
        ("write_feature", QA, ("PUT /v1/features/turn-on/theirs", None), 403),
        ("write_feature", QA, ("PUT /v1/features/rotate-key/theirs", None), 403),
        ("write_feature", QA, ("PUT /v1/plugins/override/AccessGate.theirs.other", {"retries": 0}), 403),
        ("write_feature", QA, ("PUT /v1/plugins/override/AccessGate.theirs.other", {}), 403),
        ("write_feature", QA, order("theirs.other", "on.qa"), 403),
        ("write_feature", QA, order("off.qa", "theirs.other"), 403),
        ("write_feature", QA, ("POST /v1/hooks/redeliver", {"plugin": "LifeHook.theirs.other"}), 403),
    ],
    "and hands that binding on": [
        ("write_token read_feature", QA, new_token("read_feature", author="other"), 403),
        ("write_token read_feature", QA, new_token("read_feature", author="QA"), 403),
        ("write_token read_feature read_job", QA, rights("weak", "read_job"), 403),
        ("write_token read_feature read_job", QA, ("DELETE /v1/tokens?id={weak}", None), 403),
    ],
    "nobody gives, changes or takes away what he does not hold": [
        ("write_token read_job", {}, new_token("read_job", "write_job"), 403),
        ("write_token read_job", {}, new_token("write-plugin"), 403),
        ("write_token read_job", {}, rights("weak", "read_job", "write_job"), 403),
        ("write_token read_job", {}, rights("strong", "read_job"), 403),
        ("write_token read_job", {}, ("DELETE /v1/tokens?id={strong}", None), 403),
        ("write_token read_job", {}, ("DELETE /v1/tokens", {"id": "{strong}"}), 403),
        ("write_token read_job", {}, ("DELETE /v1/tokens", {"token": "{strong secret}"}), 403),
        ("write_token read_job", {}, ("DELETE /v1/tokens", {"token": "{weak secret}", "id": "{strong}"}), 404),
        ("write_token write_feature", {}, rights("strong", "write_feature"), 403),
        ("register_feature write_token", {}, new_token("write_feature"), 403),
    ],
    "nobody is made admin, and nobody touches the admin": [
        (" ".join(SINGLE), {}, new_token("admin"), 400),
        (" ".join(SINGLE), {}, rights("weak", "admin"), 400),
        (" ".join(SINGLE), {}, new_token("read_job", forwho="admin"), 400),
        (" ".join(SINGLE), {}, ("PUT /v1/tokens/admin", {"token": "my new password"}), 403),
        (" ".join(SINGLE), {}, ("PUT /v1/tokens/normal", {"id": "admin", "privileges": ["read_job"]}), 404),
        (" ".join(SINGLE), {}, ("DELETE /v1/tokens?id=admin", None), 404),
        (" ".join(SINGLE), {}, ("DELETE /v1/tokens", {"token": "admin"}), 404),
        (" ".join(SINGLE), {}, ("POST /v1/admin/backup", None), 403),
    ],
    "nothing outlives who made it": [
        ("write_token read_job", {"expiresAt": NEAR}, new_token("read_job", expiresAt=FAR), 403),
        ("write_token read_job write_job", {"expiresAt": NEAR}, rights("weak", "read_job", "write_job"), 403),
        ("write_token read_job", {}, new_token("read_job", expiresAt="2020-01-01T00:00:00Z"), 400),
    ],
    "header keys of a token come from the admin": [
        ("write_token read_job", {}, new_token("read_job", header={"team": "red"}), 403),
        ("write_token read_job", {"header": {"team": "red"}}, new_token("read_job", header={"team": "blue"}), 403),
        ("write_token read_job", {"header": {"team": "red"}}, new_token("read_job", header={"Team": "red"}), 403),
        ("write_token read_job", {"header": {"n": 1}}, new_token("read_job", header={"n": "1"}), 403),
        ("write_token read_job write_job", {"header": {"team": "red"}}, rights("weak", "read_job", "write_job"), 403),
    ],
}


def filled(scene, value):
    """The names of the scene's things for their places."""
    text = json.dumps(value)
    for name, what in {"own": scene.own, "held": scene.held, **scene.ids}.items():
        text = text.replace("{" + name + "}", what)
    return json.loads(text)


def world(api):
    """All that a refused call must leave as it is."""
    tokens = [{**one, "lastUsedAt": None} for one in api.good("GET", "/v1/tokens")]
    return (tokens, api.good("GET", "/v1/features/list/all"), api.good("GET", "/v1/plugins/list/AccessGate"),
            api.list(pageSize=1000), api.good("GET", "/v1/audit?pageSize=1"))


@pytest.mark.parametrize("rule", ATTACKS)
def test_attacks(scene, rule):
    attacks = [(scene.api.token_for(*privileges.split(), **bindings), *more)
               for privileges, bindings, *more in ATTACKS[rule]]
    before = world(scene.api)
    for n, (caller, (route, body), verdict) in enumerate(attacks):
        method, path = filled(scene, route).split(" ", 1)
        reply = caller.call(method, path, filled(scene, body))
        assert reply.status == verdict and reply.msg, (n, route, body, reply)
        assert "payload" not in reply.document
    assert world(scene.api) == before


# --- what is allowed, and how far it goes ----------------------------------------------------------------


@pytest.mark.parametrize("old, new", [("read-job", "read_job"), ("write-job", "write_job"),
                                      ("read-plugin", "read_feature"), ("write-plugin", "write_feature"),
                                      ("register-plugin", "register_feature")])
def test_privileges_in_their_old_spelling(scene, old, new):
    made = scene.api.good(*new_token(old)[0].split(), new_token(old)[1])
    shown = next(one for one in scene.api.good("GET", "/v1/tokens") if one["id"] == made["id"])
    assert shown["privileges"] == [new]
    caller = scene.api.with_token(made["token"])
    opened = {route for route in NEEDS if route not in LOCAL and ask(caller, route).status != 403}
    assert opened == {route for route, needs in NEEDS.items()
                      if route not in LOCAL and (needs is OPEN or new in needs)}


@pytest.mark.parametrize("place", ["query", "cookie", "basic", "behind a wrong one"])
def test_a_token_in_another_place_is_none(scene, place):
    headers = {"cookie": {"Cookie": "token=admin"}, "basic": {"Authorization": "Basic admin"},
               "behind a wrong one": {"Authorization": "Bearer wrong", "token": "admin"}}.get(place, {})
    query = "?token=admin&access_token=admin" if place == "query" else ""
    assert Elsewhere(scene.api.port, None).get("/v1/job/list" + query, headers=headers).status == 401


@pytest.mark.parametrize("header", ["Forwarded", "forwarded", "X-Forwarded-For", "x-forwarded-proto",
                                    "X-Forwarded-Host", "Via"])
def test_the_first_password_is_not_for_who_comes_through_a_proxy(scene, header):
    for headers in ({"Authorization": "Bearer admin"}, {"token": "admin"}):
        caller = Elsewhere(scene.api.port, None)
        assert caller.get("/v1/job/list", headers={**headers, header: ""}).status == 401
        assert caller.get("/v1/job/list", headers=headers).status == 200
    assert scene.single["read_job"].get("/v1/job/list", headers={header: "x"}).status == 200


def test_a_bound_token_lists_and_counts_its_users_jobs(scene):
    eve, api = scene.bound["read_job"], scene.api
    whole = eve.get("/v1/job/list?pageSize=1000")
    assert {one["userID"] for one in whole.payload} == {"eve"}
    assert int(whole.headers["X-Total-Count"]) == len(whole.payload) == eve.count() == api.count(userID="eve")
    for query in ("userID=ann", "userID=ann,bob", "userID=ann&state=suspended", "name=a+test&userID=ann"):
        assert eve.get(f"/v1/job/list?{query}").payload == []
        assert eve.get(f"/v1/job/list?{query}").headers["X-Total-Count"] == "0"
    for group in ("userID", "kind", "state", "reasonCode", "plugin"):
        groups = eve.good("GET", f"/v1/job/count?groupBy={group}")["groups"]
        assert sum(one["count"] for one in groups) == len(whole.payload)
    assert {one["userID"] for one in eve.good("GET", "/v1/job/count?groupBy=userID")["groups"]} == {"eve"}


def test_anothers_cursor_shows_nothing_more(scene):
    cursor = scene.api.get("/v1/job/list?pageSize=1").headers["X-Next-Cursor"]
    reply = scene.bound["read_job"].get(f"/v1/job/list?pageSize=1000&cursor={cursor}")
    assert reply.status == 400 or {one["userID"] for one in reply.payload} <= {"eve"}


@pytest.mark.parametrize("query", ["since=0", "since=0&userID=ann,eve", "since=0&state=suspended"])
def test_a_bound_token_is_told_of_its_users_jobs(scene, query):
    """From the first event kept up to one that is its user's: nothing of anybody else between."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.api.port, timeout=120)
    try:
        connection.request("GET", f"/v1/events?{query}", headers={"Authorization": "Bearer "
                                                                  + scene.bound["read_job"].token})
        lines, seen = connection.getresponse(), []
        while not any(one["id"] == scene.own and one["current_state"] == "suspended" for one in seen):
            line = lines.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: {"):
                seen.append(json.loads(line[6:]))
        assert {one["userID"] for one in seen} == {"eve"}
    finally:
        connection.close()


def test_anothers_events_are_not_streamed(scene):
    """Asked for by their job: what comes is what comes for a job that does not exist."""
    eve = scene.bound["read_job"]
    heads = []
    for job_id in (scene.held, NO_JOB):
        connection = http.client.HTTPConnection("127.0.0.1", scene.api.port, timeout=120)
        connection.request("GET", f"/v1/events?since=0&jobID={job_id}",
                           headers={"Authorization": "Bearer " + eve.token})
        answer = connection.getresponse()
        heads.append((answer.status, answer.readline() if answer.status == 200 else answer.read()))
        connection.close()
    assert heads[0][0] == heads[1][0] and b"data: {" not in heads[0][1]


def test_header_keys_of_a_token_go_with_all_it_sends(scene):
    """The gate is for hold=yes: no claim of the submitter gets around it, on no way in."""
    caller = scene.api.token_for("write_job", "read_job", header={"hold": "yes"})
    for header in ({"hold": "no"}, {"hold": None}, {"hold": ["yes"]}, {"Hold": "no"}, None):
        held = caller.submit(job(NULL, header=header), wait=20)
        assert caller.wait_state(held, "suspended")["plugin"] == "AccessGate.on.qa"
    again = caller.good("POST", f"/v1/job/rerun/{scene.done}")["jobID"]
    assert caller.wait_state(again, "suspended")["plugin"] == "AccessGate.on.qa"
    tried = caller.good("POST", "/v1/job?dryRun=true", job(NULL, header={"hold": "no"}))
    assert "AccessGate.on.qa" in json.dumps(tried)


def test_an_idempotency_key_is_of_one_token(scene):
    ids = {scene.api.token_for("write_job").submit(job(NULL), headers={"Idempotency-Key": "same"}) for _ in range(2)}
    assert len(ids) == 2


def test_what_a_registrar_may(scene):
    caller, body = scene.single["register_feature"], feature("regs", GATE, selector=never_said())
    made = caller.good("POST", "/v1/features", {**body, "enabled": True})
    assert made["enabled"] is False and made["warnings"]
    caller.good("POST", "/v1/features", {**body, "description": "changed", "enabled": True})
    scene.api.turn("regs", "on")
    caller.good("POST", "/v1/features", {**body, "description": "changed"})  # the same: nothing to refuse
    assert caller.post("/v1/features", body).status == 403
    now = scene.api.good("GET", "/v1/features/detail/regs")
    assert (now["revision"], now["enabled"], now["description"]) == (2, True, "changed")


def test_bindings_and_ends_go_on_to_what_is_made(scene):
    more = {"author": "qa", "header": {"team": "red"}, "expiresAt": NEAR}
    caller = scene.api.token_for("write_token", "read_token", "read_job", **more)
    for given in ({}, {"header": {}}, {"header": {"team": "red"}, "author": "qa", "expiresAt": NEAR}):
        route, body = new_token("write_token", "read_job", **given)
        made = caller.good(*route.split(), body)
        further = caller.with_token(made["token"]).good(*route.split(), body)  # and to what that makes
        for one in scene.api.good("GET", "/v1/tokens"):
            if one["id"] in (made["id"], further["id"]):
                assert one["author"] == "qa" and one["header"] == {"team": "red"}
                assert one["expiresAt"] == NEAR.replace("Z", ".000Z")


def test_a_list_of_tokens_shows_what_one_holds_oneself(scene):
    caller = scene.api.token_for("read_token", "read_job")
    shown = {one["id"] for one in caller.good("GET", "/v1/tokens")}
    assert scene.ids["weak"] in shown and scene.ids["strong"] not in shown
    of_qa = scene.api.token_for("read_token", "read_feature", "read_job", author="qa")
    shown = of_qa.good("GET", "/v1/tokens")
    assert scene.ids["of qa"] in {one["id"] for one in shown}
    assert {one.get("author") for one in shown} == {"qa"}


def test_metrics_through_a_proxy_need_a_token(scene):
    nobody = Elsewhere(scene.api.port, None)
    assert nobody.get("/metrics").status == 200
    assert nobody.get("/metrics", headers=PROXIED).status == 401
    assert scene.single["read_feature"].get("/metrics", headers=PROXIED).status == 200
    text = nobody.get("/metrics").raw.decode()
    for secret in (scene.ids["weak secret"], scene.held, '"eve"'):
        assert secret not in text
