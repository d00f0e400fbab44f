"""How plugins are called: retries, addresses, manners of both sides, and what a budget went into."""

import socket
import threading

import pytest

from harness import feature, job, plugin, role, taskset
from plugin_double import Answer, Raw, hang, passes

GATE = "AccessGate.f.qa"


def gate(api, address, **more):
    api.register(feature("f", plugin("AccessGate", address, **more)))


def ended(api, **more):
    return api.wait_final(api.submit(job(**more)), seconds=40)


# --- retries ------------------------------------------------------------------------------------------


def test_one_id_over_retries_waits_and_restarts(daemon, plugin_server):
    """What a plugin did once for a webhook-id it need not do again."""
    api = daemon.api
    gate(api, plugin_server.on("/g", Answer(503, {})))
    one = api.submit(job())
    api.wait_state(one, "suspended")
    daemon.kill9()
    plugin_server.on("/g", hang)
    daemon.start()
    before = len(plugin_server.at("/g"))
    plugin_server.wait_calls("/g", before + 1)
    daemon.kill9()
    plugin_server.on("/g", passes)
    daemon.start()
    api.wait_state(one, "succeeded", seconds=40)
    calls = plugin_server.at("/g")
    assert len(calls) >= 5 and len({call.headers["webhook-id"] for call in calls}) == 1
    assert len({call.raw for call in calls}) == 1


def test_each_call_has_an_id_of_its_own(api, plugin_server):
    api.register(feature("f", plugin("AccessGate", plugin_server.on("/a", passes), name="a"),
                         plugin("AccessGate", plugin_server.on("/b", passes), name="b")))
    for _ in range(2):
        assert ended(api)["state"] == "succeeded"
    assert len({call.headers["webhook-id"] for call in plugin_server.calls}) == 4


def test_retry_after_is_honoured(api, plugin_server):
    answers = iter([Answer(429, {}, {"Retry-After": "1"})])
    gate(api, plugin_server.on("/g", lambda call: next(answers, {"decision": "pass"})))
    assert ended(api)["state"] == "succeeded"
    first, second = plugin_server.at("/g")
    assert second.arrived - first.arrived >= 0.95
    assert (first.headers["Sluice-Attempt"], second.headers["Sluice-Attempt"]) == ("1", "2")


def test_addresses_share_the_load(api, plugin_server, other_plugin_server):
    gate(api, [plugin_server.on("/g", passes), other_plugin_server.on("/g", passes)])
    jobs = [api.submit(job()) for _ in range(40)]
    for one in jobs:
        api.wait_state(one, "succeeded")
    shares = sorted((len(plugin_server.calls), len(other_plugin_server.calls)))
    assert sum(shares) == 40 and shares[0] >= 8, shares


# --- the budget ---------------------------------------------------------------------------------------


def test_a_spent_budget_names_who_used_it(make_daemon, plugin_server):
    """Two gates before it were quick or slow; the third never answers."""
    daemon = make_daemon(config="plugins:\n  budget: 6 s\n").start()
    pause = threading.Event()

    def slow(_call):
        pause.wait(1.2)
        return {"decision": "pass"}

    daemon.api.register(feature("f", *(
        plugin("AccessGate", plugin_server.on("/" + name, answer), name=name, timeoutMs=60000, failurePolicy="fail")
        for name, answer in (("quick", passes), ("slow", slow), ("hung", hang)))))
    end = ended(daemon.api)
    plugin_server.released.set()
    assert (end["state"], end["reasonCode"]) == ("failed", "budget_exhausted"), end
    for name in ("slow", "hung"):
        assert f"{GATE}.{name}" in end["reason"], end["reason"]
    slow_ms = int(end["reason"].split(f"{GATE}.slow")[1].split("ms")[0].strip(" :"))
    assert 1100 <= slow_ms <= 6100, end["reason"]


# --- manners ------------------------------------------------------------------------------------------


def raw_answer(text):
    return Raw(lambda sock, _server: sock.sendall(text))


def test_interim_answers_are_passed_over(api, plugin_server):
    gate(api, plugin_server.on("/g", raw_answer(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n"
        b'{"decision":"pass"}')))
    assert ended(api)["state"] == "succeeded"


def test_no_cookies_no_redirects_no_proxy(make_daemon, plugin_server, other_plugin_server):
    proxy = f"http://127.0.0.1:{other_plugin_server.port}"
    daemon = make_daemon()
    daemon.environment.update({name: proxy for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")})
    api = daemon.start().api
    gate(api, plugin_server.on("/g", Answer(200, {"decision": "pass"}, {"Set-Cookie": "a=b; Path=/"})))
    for _ in range(3):
        assert ended(api)["state"] == "succeeded"
    assert not any("Cookie" in call.headers for call in plugin_server.calls)
    gate(api, plugin_server.on("/g", Answer(307, b"", {"Location": other_plugin_server.url("/stolen")})))
    end = ended(api)
    assert (end["state"], end["reasonCode"]) == ("failed", "plugin_bad_answer") and "307" in end["reason"]
    assert other_plugin_server.calls == []


def test_no_byte_beyond_the_limit(api, plugin_server):
    """A plugin that never stops sending is cut off soon behind 1 MiB."""
    sent, cut = [0], threading.Event()

    def act(sock, _server):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"reason":"')
        sock.settimeout(60)
        try:
            while sent[0] < 2**28:
                sent[0] += sock.send(b"x" * 65536)
        except OSError:
            cut.set()

    gate(api, plugin_server.on("/g", Raw(act)))
    end = ended(api)
    assert end["reasonCode"] == "plugin_bad_answer" and "larger than 1048576 bytes" in end["reason"]
    assert cut.wait(60)
    assert sent[0] < 2**24  # what kernels keep on the way is not ours


REASONS = {  # what came, and words that tell a person what to look for
    "html": (Answer(200, b"<html>login</html>", {"Content-Type": "text/html"}), ["JSON"]),
    "nested": (Answer(200, b"[" * 5000 + b"]" * 5000), ["more than 64 arrays and objects"]),
    "nested member": (Answer(200, b'{"decision":"pass","x":' + b'{"y":' * 5000 + b"1" + b"}" * 5001), ["64"]),
    "empty": (Answer(200, b""), ["JSON", "end of the text"]),
    "wrong type": (Answer(200, {"decision": ["pass"]}), ["decision"]),
    "unknown word": (Answer(200, {"decision": "maybe"}), ["decision", "suspend"]),
    "status": (Answer(403, {}), ["403"]),
    "created": (Answer(201, {"decision": "pass"}), ["201"]),
    "half": (Answer(200, b'{"decision":"pa'), ["JSON"]),
}


@pytest.mark.parametrize("form", REASONS)
def test_reasons_of_illegal_answers(api, plugin_server, form):
    answer, words = REASONS[form]
    gate(api, plugin_server.on("/g", answer))
    end = ended(api)
    assert (end["state"], end["reasonCode"], end["plugin"]) == ("failed", "plugin_bad_answer", GATE)
    for word in words:
        assert word in end["reason"], end["reason"]
    assert len(plugin_server.at("/g")) == 1


@pytest.mark.parametrize("kind, answer, word", [
    ("FactorGenerator", {"topic": 1, "advice": "a"}, "topic"), ("FactorGenerator", "text", "object"),
    ("TemplateDecorator", [], "object"), ("SchedulerBinder", None, "object"),
    ("TemplateTranslator", {"kind": "Pod"}, "kind")])
def test_reasons_of_wrong_shapes(api, plugin_server, kind, answer, word):
    api.register(feature("f", plugin(kind, plugin_server.on("/x", answer if answer is not None else Answer(200, None)),
                                     failurePolicy="fail")))
    document = {"kind": "Custom"} if kind == "TemplateTranslator" else taskset(role("main", "true"))
    end = api.wait_final(api.submit(job(document)))
    assert end["state"] == "failed" and word in end["reason"], end


def test_a_name_is_checked_where_it_leads(make_daemon, plugin_server):
    """localhost is a fine name; the network it leads to is not one of the allowed."""
    api = make_daemon(config="plugins:\n  allow_networks: [10.0.0.0/8]\n").start().api
    address = plugin_server.on("/g", passes).replace("127.0.0.1", "localhost")
    gate(api, address, failurePolicy="fail", retries=0)
    end = ended(api)
    assert (end["state"], end["reasonCode"]) == ("failed", "plugin_unavailable")
    assert "plugins.allow_networks" in end["reason"] and plugin_server.calls == []
    reply = api.post("/v1/features", feature("g", plugin("AccessGate", plugin_server.url("/g"))))
    assert reply.status == 400 and "plugins.allow_networks" in reply.msg


@pytest.mark.parametrize("host", [
    "169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "[fd00:ec2::254]",
    "100.100.100.200", "168.63.129.16", "0.0.0.0", "0.1.2.3", "224.0.0.1", "[ff02::1]", "[::ffff:0.0.0.0]",
    "[::ffff:224.0.0.1]", "2852039166", "0xa9.0xfe.0xa9.0xfe"])
def test_addresses_that_are_never_called(api, host):
    reply = api.post("/v1/features", feature("f", plugin("AccessGate", f"http://{host}/g")))
    assert (reply.status, reply.code) == (400, "WRONG_PARAM") and "callAddress" in reply.msg, reply


def test_a_unix_socket_in_its_folder(daemon):
    folder = daemon.data / "plugins"
    folder.mkdir(exist_ok=True)
    heard = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "g.sock"))
        (folder / "g.sock").chmod(0o777)
        listener.listen(4)
        listener.settimeout(120)

        def serve():
            peer, _ = listener.accept()
            with peer:
                heard.append(peer.recv(65536))
                peer.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"decision":"stop","reason":"by socket"}')

        thread = threading.Thread(target=serve)
        thread.start()
        gate(daemon.api, f"unix:{folder}/g.sock:/check")
        end = ended(daemon.api)
        thread.join(120)
    assert (end["state"], end["reason"]) == ("stopped", "by socket") and heard[0].startswith(b"POST /check HTTP/1.1")
