"""Features and plugins: what is accepted, what is refused and where, and what is kept."""

import base64
import copy

import pytest

from harness import ALL, feature, plugin, when

GATE = "http://127.0.0.1:9/gate"


def gate(**more):
    return plugin("AccessGate", GATE, **more)


def names(api, author="all"):
    return {one["name"] for one in api.good("GET", f"/v1/features/list/{author}")}


def detail(api, name):
    return api.good("GET", f"/v1/features/detail/{name}")


def refused(api, body, status, *codes, headers=None):
    """The refusal's words; and nothing is stored."""
    before = api.good("GET", "/v1/features/list/all")
    reply = api.post("/v1/features", body, headers=headers)
    assert reply.status == status and reply.code in codes, reply
    assert reply.msg
    assert api.good("GET", "/v1/features/list/all") == before
    return reply.msg


# --- registering ------------------------------------------------------------------------------


def test_a_new_feature_is_off(api):
    made = api.good("POST", "/v1/features", feature("new", gate()))
    assert made["enabled"] is False and made["revision"] == 1
    [one] = made["plugins"]
    assert one["key"] == "AccessGate.new.qa"
    assert isinstance(one["sequence"], int)
    assert made["createdAt"].endswith("Z") and made["updatedAt"].endswith("Z")
    assert isinstance(made["warnings"], list)


def test_on_at_once_when_asked_for(api):
    assert api.register(feature("on", gate()))["enabled"] is True
    assert detail(api, "on")["enabled"] is True


def test_signing_key_is_shown_once(api):
    made = api.good("POST", "/v1/features", feature("key", gate()))
    assert made["signingKey"].startswith("whsec_")
    assert len(base64.b64decode(made["signingKey"][6:], validate=True)) in range(24, 65)
    assert made["signingKey"] not in api.get("/v1/features/detail/key").raw.decode()
    assert made["signingKey"] not in api.get("/v1/features/list/all").raw.decode()


def test_authorization_is_never_shown(api):
    api.register(feature("secret", gate(), authorization="Basic c2VjcmV0"))
    assert detail(api, "secret")["authorization"] == "***"
    assert "c2VjcmV0" not in api.get("/v1/features/list/all").raw.decode()


def test_names_make_keys(api):
    made = api.register(feature("two", gate(name="a"), gate(name="b")))
    assert [one["key"] for one in made["plugins"]] == ["AccessGate.two.qa.a", "AccessGate.two.qa.b"]


def test_every_type_and_every_option(api):
    made = api.register(feature(
        "all-types",
        plugin("TemplateTranslator", [GATE, "http://localhost:9/x"], answer="typed",
               failurePolicy="wait", sideEffects="none"),
        plugin("FactorGenerator", GATE, timeoutMs=100, retries=0, failurePolicy="fail"),
        plugin("AccessGate", GATE, failurePolicy="ignore", maxInFlight=1, sideEffects="some"),
        plugin("TemplateDecorator", "https://example.org/x", answer="whole", failurePolicy="ignore"),
        plugin("SchedulerBinder", GATE, timeoutMs=300000),
        plugin("LifeHook", GATE, jobSelector={**ALL, "states": ["*", "PENDING", "Suspended"]})))
    assert len(made["plugins"]) == 6


@pytest.mark.parametrize("name", ["a", "A-b_9", "0", "x" * 63])
def test_good_names(api, name):
    api.register(feature(name, gate()))
    assert detail(api, name)["name"] == name


def change(**top):
    return lambda body: body.update(top)


def drop(field):
    return lambda body: body.pop(field)


def in_plugin(**more):
    return lambda body: body["plugins"][0].update(more)


def as_plugin(kind, **more):
    return lambda body: body["plugins"].__setitem__(0, plugin(kind, GATE, **more))


def in_condition(**more):
    def act(body):
        body["jobSelector"] = when("team", "x")
        body["jobSelector"]["conditions"][0].update(more)
    return act


def expression(text):
    return lambda body: body.update(jobSelector={
        "conditions": [{"name": "sa", "key": "job", "expect": "hello"},
                       {"name": "dsh", "key": "job", "expect": "hello"}], "expression": text})


LACK, WRONG = ("LACK_OF_PARAM",), ("WRONG_PARAM",)
EITHER = LACK + WRONG
REFUSALS = {
    "no name": (drop("name"), LACK, "name"),
    "null name": (change(name=None), LACK, "name"),
    "empty name": (change(name=""), LACK, "name"),
    "name of a wrong type": (change(name=1), WRONG, "name"),
    "name with a dot": (change(name="a.b"), WRONG, "name"),
    "name with a slash": (change(name="a/b"), WRONG, "name"),
    "name that starts with a dash": (change(name="-a"), WRONG, "name"),
    "name too long": (change(name="x" * 64), WRONG, "name"),
    "name not ascii": (change(name="größe"), WRONG, "name"),
    "no author": (drop("author"), LACK, "author"),
    "author all": (change(author="all"), WRONG, "author"),
    "no plugins": (drop("plugins"), LACK, "plugins"),
    "empty plugins": (change(plugins=[]), LACK, "plugins"),
    "null plugins": (change(plugins=None), LACK, "plugins"),
    "plugins no list": (change(plugins="x"), WRONG, "plugins"),
    "plugin no object": (change(plugins=[3]), WRONG, "plugins[0]"),
    "65 plugins": (change(plugins=[gate(name=f"g{i}") for i in range(65)]), WRONG, "plugins"),
    "unknown field": (change(colour="red"), WRONG, "colour"),
    "unknown field of a plugin": (in_plugin(colour="red"), WRONG, "plugins[0].colour"),
    "no type": (lambda b: b["plugins"][0].pop("pluginType"), LACK, "plugins[0].pluginType"),
    "unknown type": (in_plugin(pluginType="Gate"), ("UNSUPPORTED_PLUGIN_TYPE",), "plugins[0]"),
    "no address": (lambda b: b["plugins"][0].pop("callAddress"), LACK, "plugins[0].callAddress"),
    "no address in a list": (in_plugin(callAddress=[]), LACK, "plugins[0].callAddress"),
    "address no text": (in_plugin(callAddress=80), WRONG, "plugins[0].callAddress"),
    "address scheme": (in_plugin(callAddress="ftp://h/x"), WRONG, "plugins[0].callAddress"),
    "address no url": (in_plugin(callAddress="localhost"), WRONG, "plugins[0].callAddress"),
    "address metadata service": (in_plugin(callAddress="http://169.254.169.254/x"), WRONG, "callAddress"),
    "address any": (in_plugin(callAddress="http://0.0.0.0:80/x"), WRONG, "callAddress"),
    "address multicast": (in_plugin(callAddress="http://224.0.0.1/x"), WRONG, "callAddress"),
    "address mapped": (in_plugin(callAddress="http://[::ffff:169.254.169.254]/"), WRONG, "callAddress"),
    "address unix elsewhere": (in_plugin(callAddress="unix:/run/x.sock:/p"), WRONG, "callAddress"),
    "timeout 0": (in_plugin(timeoutMs=0), WRONG, "plugins[0].timeoutMs"),
    "timeout too long": (in_plugin(timeoutMs=300001), WRONG, "plugins[0].timeoutMs"),
    "timeout text": (in_plugin(timeoutMs="10"), WRONG, "plugins[0].timeoutMs"),
    "timeout fraction": (in_plugin(timeoutMs=1.5), WRONG, "plugins[0].timeoutMs"),
    "retries negative": (in_plugin(retries=-1), WRONG, "plugins[0].retries"),
    "in flight 0": (in_plugin(maxInFlight=0), WRONG, "plugins[0].maxInFlight"),
    "policy unknown": (in_plugin(failurePolicy="explode"), WRONG, "plugins[0].failurePolicy"),
    "side effects unknown": (in_plugin(sideEffects="many"), WRONG, "plugins[0].sideEffects"),
    "translator ignored": (as_plugin("TemplateTranslator", failurePolicy="ignore"), WRONG, "failurePolicy"),
    "binder ignored": (as_plugin("SchedulerBinder", failurePolicy="ignore"), WRONG, "failurePolicy"),
    "answer of a gate": (in_plugin(answer="typed"), WRONG, "plugins[0].answer"),
    "hook with a policy": (as_plugin("LifeHook", failurePolicy="fail",
                                     jobSelector={**ALL, "states": ["*"]}), WRONG, "failurePolicy"),
    "hook without states": (as_plugin("LifeHook"), WRONG, "states"),
    "hook with no state": (as_plugin("LifeHook", jobSelector={**ALL, "states": []}), WRONG, "states"),
    "hook with another state": (as_plugin("LifeHook", jobSelector={**ALL, "states": ["done"]}), WRONG, "states"),
    "states of a gate": (in_plugin(jobSelector={**ALL, "states": ["*"]}), WRONG, "states"),
    "two of a type": (lambda b: b["plugins"].append(gate()), EITHER, "plugins[1]"),
    "two of a name": (change(plugins=[gate(name="a"), gate(name="a")]), WRONG, "plugins[1]"),
    "no selector": (drop("jobSelector"), LACK, "jobSelector"),
    "selector no object": (change(jobSelector="*"), WRONG, "jobSelector"),
    "selector unknown field": (change(jobSelector={**ALL, "x": 1}), WRONG, "jobSelector.x"),
    "key empty": (in_condition(key=""), LACK, "conditions[0].key"),
    "expect empty": (in_condition(expect=""), WRONG, "conditions[0].expect"),
    "expect a number": (in_condition(expect=1), WRONG, "conditions[0].expect"),
    "expect half a pattern": (in_condition(expect="/abc"), WRONG, "conditions[0].expect"),
    "expect unknown flag": (in_condition(expect="/abc/q"), WRONG, "conditions[0].expect"),
    "expect like a pattern": (in_condition(expect="admin|root"), WRONG, "conditions[0].expect"),
    "expect no pattern": (in_condition(expect="/(/"), WRONG, "conditions[0].expect"),
    "expect with a verb": (in_condition(expect="/(*NO_JIT)a/"), WRONG, "conditions[0].expect"),
    "expect with a callout": (in_condition(expect="/a(?C1)b/"), WRONG, "conditions[0].expect"),
    "expect too long": (in_condition(expect="/" + "a" * 4097 + "/"), WRONG, "conditions[0].expect"),
    "match unknown": (in_condition(match="glob"), WRONG, "conditions[0].match"),
    "condition name": (in_condition(name="a-b"), WRONG, "conditions[0].name"),
    "condition empty name": (in_condition(name=""), EITHER, "conditions[0].name"),
    "condition unknown field": (in_condition(colour="red"), WRONG, "conditions[0].colour"),
    "condition twice": (change(jobSelector={"conditions": [
        {"name": "a", "key": "k", "expect": "v"}] * 2, "expression": "a"}), WRONG, "conditions[1]"),
    "65 conditions": (change(jobSelector={"conditions": [
        {"name": f"c{i}", "key": "k", "expect": "v"} for i in range(65)], "expression": "c0"}),
        WRONG, "conditions"),
    "expression too long": (expression("sa" + " && sa" * 1000), WRONG, "expression"),
    "expression too deep": (expression("(" * 65 + "sa" + ")" * 65), WRONG, "expression"),
    "key without prefix": (change(signingKey="abc"), WRONG, "signingKey"),
    "key no base64": (change(signingKey="whsec_!!!!"), WRONG, "signingKey"),
    "key too short": (change(signingKey="whsec_" + base64.b64encode(b"x" * 23).decode()), WRONG, "signingKey"),
    "key too long": (change(signingKey="whsec_" + base64.b64encode(b"x" * 65).decode()), WRONG, "signingKey"),
    "enabled no boolean": (change(enabled="yes"), WRONG, "enabled"),
    "description no text": (change(description=[]), WRONG, "description"),
    **{f"expression {text!r}": (expression(text), EITHER if not text else WRONG, "expression")
       for text in ["sa dsh", "s-a &&  dsh", "", "sa&dsh", "(sa&dsh", "(sa&&dsh", "(sa&&dsh&",
                    "sa&&dsh)", "!", "sa ||", "sa &&", "H", "true", "* && sa"]},
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_refusals_name_the_place(api, fault):
    spoil, codes, place = REFUSALS[fault]
    body = feature("bad", gate())
    spoil(body)
    assert place in refused(api, body, 400, *codes)


def test_the_place_of_a_later_plugin(api):
    body = feature("bad", gate(name="a"), gate(name="b"),
                   gate(name="c", jobSelector={"conditions": [
                       {"name": "x", "key": "k", "expect": "/("}], "expression": "x"}))
    words = refused(api, body, 400, "WRONG_PARAM")
    assert "plugins[2].jobSelector.conditions[0].expect" in words


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"nonsense", b'{"name": "a",}', b"\xff\xfe",
                                  b'{"name": "a", "name": "b"}', b'{"name": NaN}'])
def test_what_is_no_json(api, body):
    refused(api, body, 400, *EITHER)


@pytest.mark.parametrize("text", ["sa && dsh", "!!sa", "!(sa||dsh)&&sa", "*", " ( sa ) ", "sa||!dsh&&sa"])
def test_good_expressions(api, text):
    body = feature("good", gate())
    expression(text)(body)
    api.register(body)


@pytest.mark.parametrize("expect", ["x", "/x/", "/^admin$/i", "/a\\/b/", "\\/tmp/", "/[a-z]+/imsx", "größe"])
def test_good_expectations(api, expect):
    api.register(feature("good", gate(), selector=when("k", expect)))


def test_feature_without_selector_when_each_plugin_has_one(api):
    body = feature("own", gate(jobSelector=ALL))
    del body["jobSelector"]
    api.register(body)


# --- replacing ----------------------------------------------------------------------------------


def test_same_body_changes_nothing(api):
    first = api.register(feature("same", gate()))
    again = api.register(feature("same", gate()))
    assert again["revision"] == first["revision"] == 1
    assert again["updatedAt"] == first["updatedAt"]
    assert "signingKey" not in again or again["signingKey"] != first["signingKey"]


def test_replace_keeps_on_and_counts(api):
    api.register(feature("r", gate()))
    changed = api.good("POST", "/v1/features", feature("r", gate(timeoutMs=500)))
    assert changed["revision"] == 2 and changed["enabled"] is True
    assert detail(api, "r")["plugins"][0]["timeoutMs"] == 500


def test_other_author_is_409(api):
    api.register(feature("mine", gate()))
    refused(api, feature("mine", gate(), author="someone"), 409, "UNSUPPORTED_OPERATION")


def test_if_match(api):
    api.register(feature("m", gate()))
    refused(api, feature("m", gate(retries=1)), 409, "UNSUPPORTED_OPERATION", headers={"If-Match": "2"})
    api.good("POST", "/v1/features", feature("m", gate(retries=1)), headers={"If-Match": "1"})
    refused(api, feature("m", gate(retries=0)), 409, "UNSUPPORTED_OPERATION", headers={"If-Match": "1"})


def test_what_was_read_can_be_sent_back(api):
    api.register(feature("back", gate(name="a"), gate(name="b"), authorization="Basic x"))
    read = detail(api, "back")
    sent = copy.deepcopy(read)
    again = api.good("POST", "/v1/features", sent)
    assert again["revision"] == read["revision"]
    assert detail(api, "back") == read


def test_authorization_is_not_kept_for_another_address(api):
    api.register(feature("auth", gate(), authorization="Basic x"))
    moved = plugin("AccessGate", "http://127.0.0.1:10/gate")
    words = refused(api, feature("auth", moved, authorization="***"), 400, "WRONG_PARAM", "LACK_OF_PARAM")
    assert "send authorization again" in words
    refused(api, feature("auth", moved), 400, "WRONG_PARAM", "LACK_OF_PARAM")
    same_host = plugin("AccessGate", "http://127.0.0.1:9/other")
    api.good("POST", "/v1/features", feature("auth", same_host))
    assert detail(api, "auth")["authorization"] == "***"
    api.good("POST", "/v1/features", feature("auth", moved, authorization="Basic y"))
    api.good("POST", "/v1/features", feature("auth", moved, authorization=""))
    assert detail(api, "auth").get("authorization") in (None, "")


def test_signing_key_is_new_for_another_address(api):
    first = api.register(feature("k", gate()))
    kept = api.good("POST", "/v1/features", feature("k", gate(retries=1)))
    assert "signingKey" not in kept
    moved = api.good("POST", "/v1/features", feature("k", plugin("AccessGate", "http://127.0.0.1:10/g")))
    assert moved["signingKey"] != first["signingKey"]


# --- on, off, away ------------------------------------------------------------------------------


def test_turning_is_idempotent(api):
    api.register(feature("t", gate()), enable=False)
    for how, expected in (("on", True), ("on", True), ("off", False), ("off", False)):
        api.turn("t", how)
        assert detail(api, "t")["enabled"] is expected


def test_delete(api):
    api.register(feature("gone", gate()))
    api.good("DELETE", "/v1/features/gone")
    assert api.get("/v1/features/detail/gone").status == 404
    assert api.delete("/v1/features/gone").status == 404
    assert api.get("/v1/plugins/detail/AccessGate.gone.qa").status == 404


def test_list_by_author(api):
    api.register(feature("a", gate(), author="one"))
    api.register(feature("b", gate(), author="two"))
    assert names(api) == {"a", "b"}
    assert names(api, "one") == {"a"}
    assert names(api, "nobody") == set()


def test_token_bound_to_an_author(api):
    caller = api.token_for("write_feature", "read_feature", author="qa")
    api.register(feature("theirs", gate(), author="other"))
    caller.good("POST", "/v1/features", feature("ours", gate()))
    for reply in (caller.post("/v1/features", feature("more", gate(), author="other")),
                  caller.put("/v1/features/turn-off/theirs"), caller.delete("/v1/features/theirs")):
        assert reply.status in (403, 404), reply
    assert detail(api, "theirs")["enabled"] is True
    caller.turn("ours", "on")
    caller.good("DELETE", "/v1/features/ours")


def test_warning_about_claims(api):
    warned = api.register(feature("trusting", gate(), selector=when("role", "admin")))
    assert any("role" in str(one) for one in warned["warnings"])
    preset = api.register(feature("preset", gate(), selector=when("userID", "ann")))
    assert preset["warnings"] == []


# --- order ----------------------------------------------------------------------------------------


def order(api, kind="AccessGate"):
    return [one["key"].split(".")[1] for one in api.good("GET", f"/v1/plugins/list/{kind}")]


def move(api, before, after, kind="AccessGate"):
    return api.put("/v1/plugins/sequence", {"beforeKey": f"{kind}.{before}.qa",
                                            "afterKey": f"{kind}.{after}.qa", "pluginType": kind})


@pytest.fixture
def five(api):
    for name in "abcde":
        api.register(feature(name, gate()), enable=name != "c")
    return api


def test_new_ones_go_last_and_disabled_ones_are_listed(five):
    assert order(five) == list("abcde")
    shown = {one["key"]: one["enabled"] for one in five.good("GET", "/v1/plugins/list/AccessGate")}
    assert shown["AccessGate.c.qa"] is False and shown["AccessGate.a.qa"] is True


@pytest.mark.parametrize("before, after, expected", [
    ("e", "a", "eabcd"), ("d", "b", "adbce"), ("b", "d", "abcde"), ("a", "b", "abcde"),
    ("e", "d", "abced"), ("c", "a", "cabde")])
def test_moving(five, before, after, expected):
    assert move(five, before, after).status == 200
    assert order(five) == list(expected)
    sequences = [one["sequence"] for one in five.good("GET", "/v1/plugins/list/AccessGate")]
    assert sequences == sorted(set(sequences))


@pytest.mark.parametrize("body, status, code", [
    ({"beforeKey": "AccessGate.a.qa", "afterKey": "AccessGate.a.qa", "pluginType": "AccessGate"}, 400, "WRONG_PARAM"),
    ({"beforeKey": "AccessGate.a.qa", "afterKey": "FactorGenerator.b.qa", "pluginType": "AccessGate"}, 400, "WRONG_PARAM"),
    ({"beforeKey": "AccessGate.a.qa", "afterKey": "AccessGate.b.qa", "pluginType": "FactorGenerator"}, 400, "WRONG_PARAM"),
    ({"beforeKey": "AccessGate.a.qa", "afterKey": "AccessGate.b.qa", "pluginType": "Gate"}, 400, "UNSUPPORTED_PLUGIN_TYPE"),
    ({"beforeKey": "AccessGate.a.qa", "afterKey": "AccessGate.x.qa", "pluginType": "AccessGate"}, 404, "OPERATION_TARGET_NOT_FOUND"),
    ({"beforeKey": "AccessGate.a.qa", "pluginType": "AccessGate"}, 400, "LACK_OF_PARAM"),
    ({"beforeKey": "", "afterKey": "AccessGate.b.qa", "pluginType": "AccessGate"}, 400, "LACK_OF_PARAM"),
    ({}, 400, "LACK_OF_PARAM")], ids=str)
def test_moving_what_cannot_move(five, body, status, code):
    reply = five.put("/v1/plugins/sequence", body)
    assert (reply.status, reply.code) == (status, code)
    assert order(five) == list("abcde")


def test_replacing_keeps_the_place(five):
    move(five, "e", "a")
    five.good("POST", "/v1/features", feature("e", gate(retries=0)))
    assert order(five) == list("eabcd")


def test_features_order_and_switches_survive(daemon):
    api = daemon.api
    for name in "abc":
        api.register(feature(name, gate(), authorization="Basic x"), enable=name != "b")
    move(api, "c", "a")
    before = [detail(api, name) for name in "abc"]
    daemon.kill9()
    daemon.start()
    assert order(api) == list("cab")
    assert [detail(api, name) for name in "abc"] == before


def test_plugin_detail(api):
    api.register(feature("d", gate(description="a gate"), selector=when("userID", "ann")))
    shown = api.good("GET", "/v1/plugins/detail/AccessGate.d.qa")
    assert shown["key"] == "AccessGate.d.qa" and shown["pluginType"] == "AccessGate"
    assert shown["callAddress"] in (GATE, [GATE]) and shown["description"] == "a gate"
    assert isinstance(shown["sequence"], int)
    assert api.get("/v1/plugins/detail/AccessGate.d.other").status == 404


def test_plugins_of_an_unknown_type(api):
    reply = api.get("/v1/plugins/list/Gates")
    assert (reply.status, reply.code) == (400, "UNSUPPORTED_PLUGIN_TYPE")
    assert api.good("GET", "/v1/plugins/list/SchedulerBinder") == []


# --- selectors/test -------------------------------------------------------------------------------


def ask(api, selector, header):
    return api.good("POST", "/v1/selectors/test", {"jobSelector": selector, "header": header})


@pytest.mark.parametrize("key, expect, header, matched", [
    ("team", "red", {"team": "red"}, True),
    ("team", "red", {"team": "Red"}, False),
    ("team", "red", {"team": "redder"}, False),
    ("team", "/red/", {"team": "redder"}, True),
    ("team", "/^RED$/i", {"team": "red"}, True),
    ("team", "/^red$/", {"team": "red\n"}, False),
    ("team", "/^$/", {"other": "x"}, False),
    ("team", "/.*/", {"team": None}, False),
    ("n", "1", {"n": 1}, True),
    ("n", "1.5", {"n": 1.5}, True),
    ("b", "true", {"b": True}, True),
    ("a.b", "x", {"a": {"b": "x"}}, True),
    ("a.b", "x", {"a.b": "x", "a": {"b": "y"}}, True),
    ("a.1", "y", {"a": ["x", "y"]}, True),
    ("a", '/"x"/', {"a": ["x", "y"]}, True),
    ("path", "\\/tmp/", {"path": "/tmp/"}, True),
    ("path", "/a\\/b/", {"path": "xa/bx"}, True)])
def test_conditions(api, key, expect, header, matched):
    answer = ask(api, when(key, expect), header)
    assert answer["matched"] is matched
    assert answer["conditions"][0]["name"] == "it"


def test_the_seeds_example(api):
    conditions = [{"name": "type", "key": "type", "expect": "debug"},
                  {"name": "user", "key": "user_role", "expect": "/admin|master/"}]
    selector = {"conditions": conditions, "expression": "type && !user"}
    assert ask(api, selector, {"type": "debug", "user_role": "guest"})["matched"] is True
    assert ask(api, selector, {"type": "debug"})["matched"] is True
    assert ask(api, selector, {"type": "debug", "user_role": "webmaster"})["matched"] is False
    assert ask(api, ALL, {})["matched"] is True
    text = "(sa || !dsh) && sa || (dsh&&sa || !dsh)"
    two = {"conditions": [{"name": "sa", "key": "job", "expect": "/^hello$/"},
                          {"name": "dsh", "key": "job2", "expect": "/^hello$/"}], "expression": text}
    assert ask(api, two, {"job": "no", "job2": "hello"})["matched"] is False


def test_a_limit_is_neither_yes_nor_no(api):
    answer = ask(api, when("v", "/x/"), {"v": "y" * 2000})
    assert answer["matched"] is None and answer["error"]
    assert ask(api, when("v", "y" * 2000), {"v": "y" * 2000})["matched"] is True
    hostile = ask(api, when("v", "/(a+)+$/"), {"v": "a" * 1000 + "b"})
    assert hostile["matched"] in (None, False)


def test_selector_test_refuses_what_registration_refuses(api):
    for selector in (when("v", "/(/"), {"conditions": [], "expression": "x"}):
        reply = api.post("/v1/selectors/test", {"jobSelector": selector, "header": {}})
        assert (reply.status, reply.code) == (400, "WRONG_PARAM")
    assert api.post("/v1/selectors/test", {"header": {}}).code == "LACK_OF_PARAM"
