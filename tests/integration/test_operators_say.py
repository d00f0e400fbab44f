"""What an operator sets of plugins and features that others registered."""

import base64
import hashlib
import hmac
import threading

import pytest

from harness import feature, job, plugin, until
from plugin_double import Answer, passes

KEY = "AccessGate.f.qa"


def register(api, address, **more):
    return api.register(feature("f", plugin("AccessGate", address, **more)))


def override(api, body, key=KEY):
    return api.put(f"/v1/plugins/override/{key}", body)


def detail(api, key=KEY):
    return api.good("GET", f"/v1/plugins/detail/{key}")


# --- override -------------------------------------------------------------------------------------


def test_an_override_wins_and_lasts(daemon, plugin_server):
    api = daemon.api
    plugin_server.on("/g", Answer(503, {}))
    register(api, plugin_server.url("/g"), retries=3, failurePolicy="wait")
    wanted = {"retries": 0, "failurePolicy": "ignore", "timeoutMs": 1500, "maxInFlight": 7}
    shown = override(api, wanted)
    assert shown.status == 200 and shown.payload["override"] == wanted
    assert shown.payload["retries"] == 3  # what is registered is shown as it is
    api.wait_state(api.submit(job()), "succeeded")
    assert [call.headers["Sluice-Deadline-Ms"] for call in plugin_server.at("/g")] == ["1500"]
    register(api, plugin_server.url("/g"), retries=5)
    api.good("PUT", "/v1/features/turn-off/f")
    api.good("PUT", "/v1/features/turn-on/f")
    assert detail(api)["override"] == wanted
    daemon.restart()
    assert detail(api)["override"] == wanted
    api.wait_state(api.submit(job()), "succeeded")
    assert len(plugin_server.at("/g")) == 2
    assert api.good("GET", "/v1/features/detail/f")["plugins"][0]["override"] == wanted


def test_what_is_not_said_is_cleared(api, plugin_server):
    register(api, plugin_server.on("/g", passes))
    override(api, {"retries": 0, "timeoutMs": 100})
    assert override(api, {"retries": 1}).payload["override"] == {"retries": 1}
    assert "override" not in override(api, {}).payload
    assert "override" not in detail(api)
    assert override(api, {}).status == 200


def test_an_override_outlives_the_feature(api, plugin_server):
    register(api, plugin_server.on("/g", passes))
    override(api, {"retries": 1})
    api.good("DELETE", "/v1/features/f")
    register(api, plugin_server.url("/g"))
    assert detail(api)["override"] == {"retries": 1}
    api.good("DELETE", "/v1/features/f")
    assert override(api, {"retries": 1}).status == 404
    assert override(api, {}).status == 200  # there is one to be cleared
    assert override(api, {}).status == 404


def test_what_was_read_can_be_sent_back(api, plugin_server):
    register(api, plugin_server.on("/g", passes))
    override(api, {"retries": 1})
    shown = api.good("GET", "/v1/features/detail/f")
    again = api.post("/v1/features", shown)
    assert again.status == 200 and again.payload["revision"] == shown["revision"], again


def test_jobs_find_more_places(api, plugin_server):
    """A plugin that is too narrow is opened while jobs wait for it."""
    opened = threading.Event()

    def act(_call):
        opened.wait(60)
        return {"decision": "stop"}

    register(api, plugin_server.on("/g", act), maxInFlight=1, timeoutMs=60000)
    jobs = [api.submit(job()) for _ in range(4)]
    until(lambda: sum("waits for a place" in one["reason"] for one in api.list(state="preparing")) == 3,
          20, "three are parked")
    override(api, {"maxInFlight": 4})
    plugin_server.wait_calls("/g", 4)
    opened.set()
    for one in jobs:
        api.wait_state(one, "stopped")
    override(api, {})


@pytest.mark.parametrize("body, words", [
    ({"timeoutMs": 0}, "timeoutMs"), ({"timeoutMs": 300001}, "timeoutMs"), ({"retries": 11}, "retries"),
    ({"maxInFlight": 0}, "maxInFlight"), ({"failurePolicy": "never"}, "failurePolicy"),
    ({"more": 1}, "more"), ({"retries": "2"}, "retries")])
def test_bad_overrides(api, plugin_server, body, words):
    register(api, plugin_server.on("/g", passes))
    reply = override(api, body)
    assert (reply.status, reply.code) == (400, "WRONG_PARAM") and words in reply.msg
    assert "override" not in detail(api)


@pytest.mark.parametrize("kind", ["TemplateTranslator", "SchedulerBinder"])
def test_policies_fit_the_type(api, plugin_server, kind):
    api.register(feature("f", plugin(kind, plugin_server.url("/t"))))
    reply = override(api, {"failurePolicy": "ignore"}, f"{kind}.f.qa")
    assert reply.status == 400 and "cannot be ignored" in reply.msg
    assert override(api, {"failurePolicy": "fail"}, f"{kind}.f.qa").status == 200
    override(api, {}, f"{kind}.f.qa")


def test_who_may_override(api, plugin_server):
    register(api, plugin_server.on("/g", passes))
    assert override(api, {"retries": 1}, "AccessGate.none.qa").status == 404
    assert override(api.token_for("read_feature"), {"retries": 1}).status == 403
    assert override(api.token_for("write_feature", author="other"), {"retries": 1}).status == 403


# --- another signing key --------------------------------------------------------------------------


def signed_with(call, key):
    text = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.raw
    mac = hmac.new(base64.b64decode(key.removeprefix("whsec_")), text, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode() in call.headers["webhook-signature"].split()


def a_call(api, server):
    before = len(server.at("/g"))
    api.wait_state(api.submit(job()), "succeeded")
    return server.at("/g")[before]


def test_both_keys_sign_for_a_while(api, plugin_server):
    old = register(api, plugin_server.on("/g", passes))["signingKey"]
    reply = api.put("/v1/features/rotate-key/f", {"overlapSec": 600})
    new = reply.payload["signingKey"]
    assert reply.status == 200 and new != old and reply.payload["oldKeyUntil"]
    call = a_call(api, plugin_server)
    assert signed_with(call, old) and signed_with(call, new)
    assert "signingKey" not in api.good("GET", "/v1/features/detail/f")
    api.good("PUT", "/v1/features/rotate-key/f", {"signingKey": new})  # again: nothing changes
    call = a_call(api, plugin_server)
    assert signed_with(call, old) and signed_with(call, new)


def test_a_key_that_leaked_signs_no_more(api, plugin_server):
    old = register(api, plugin_server.on("/g", passes))["signingKey"]
    given = "whsec_" + base64.b64encode(b"k" * 32).decode()
    reply = api.put("/v1/features/rotate-key/f", {"signingKey": given, "overlapSec": 0})
    assert reply.payload["signingKey"] == given and "oldKeyUntil" not in reply.payload
    call = a_call(api, plugin_server)
    assert signed_with(call, given) and not signed_with(call, old)


def test_rotation_outlives_a_restart(daemon, plugin_server):
    api = daemon.api
    old = register(api, plugin_server.on("/g", passes))["signingKey"]
    new = api.good("PUT", "/v1/features/rotate-key/f")["signingKey"]
    daemon.restart()
    call = a_call(api, plugin_server)
    assert signed_with(call, old) and signed_with(call, new)


@pytest.mark.parametrize("body", [{"signingKey": "secret"}, {"overlapSec": -1}, {"overlapSec": "1"}, {"x": 1}])
def test_bad_rotations(api, plugin_server, body):
    register(api, plugin_server.on("/g", passes))
    assert api.put("/v1/features/rotate-key/f", body).status == 400
    assert api.put("/v1/features/rotate-key/g", {}).status == 404
    assert api.token_for("register_feature").put("/v1/features/rotate-key/f", {}).status == 403
