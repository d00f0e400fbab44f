"""No secret that anybody hands in comes out again: not in the log at any level, not in metrics,
events, traces, answers or the process list."""

import json
import pathlib

from harness import ALL, feature, job, plugin
from plugin_double import Answer, passes
from test_traces import Collector

PASSWORD = "Passw0rd-of-the-admin-x1"
SIGNING = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
AUTHORIZATION = "Bearer authorization-of-a-feature-x2"
IN_URL = "user-x3:password-x3"
WRONG_TOKEN = "WrongTokenThatSomebodyTried4"


def test_nothing_secret_comes_out(make_daemon, plugin_server):
    collector = Collector()
    daemon = make_daemon(
        config=f'log: {{level: debug}}\notel: {{endpoint: "{collector.url}"}}\n').start()
    outputs = []

    def told(reply):
        outputs.append(reply.raw.decode(errors="replace"))
        return reply

    assert daemon.api.put("/v1/tokens/admin", {"token": PASSWORD}).status == 200
    admin = daemon.api.with_token(PASSWORD)
    told(daemon.api.with_token(WRONG_TOKEN).get("/v1/job/list"))
    made = admin.good("POST", "/v1/tokens", {"privileges": ["write_job", "read_job"],
                                             "forwho": "somebody", "note": ""})
    token = made["token"]
    secretive = {"signingKey": SIGNING, "authorization": AUTHORIZATION}
    gate = plugin("AccessGate", plugin_server.on("/g", passes))
    ill = plugin("FactorGenerator", plugin_server.on("/f", Answer(500, b"broken")), retries=0,
                 failurePolicy="ignore")
    hook = plugin("LifeHook", plugin_server.on("/h", Answer(200, b"EX")),
                  jobSelector={**ALL, "states": ["*"]})
    admin.register(feature("sealed", gate, ill, hook, **secretive))
    told(admin.post("/v1/features", feature("sealed", plugin("Nonsense", "x"), **secretive)))
    told(admin.post("/v1/features",
                    feature("url", plugin("AccessGate", f"http://{IN_URL}@127.0.0.1:1/x"))))
    told(admin.post("/v1/plugins/test", {"signingKey": SIGNING, "authorization": AUTHORIZATION}))
    told(admin.get("/v1/features/detail/sealed"))
    told(admin.get("/v1/plugins/list/AccessGate"))

    user = daemon.api.with_token(token)
    one = user.submit(job())
    user.wait_final(one)
    plugin_server.wait_calls("/h", 1)
    assert plugin_server.at("/g")[0].headers["Authorization"] == AUTHORIZATION, "it is used"
    collector.wait_for("job")
    for path in (f"/v1/job/events/{one}", f"/v1/job/explain/{one}?all=true", f"/v1/job/detail/{one}",
                 "/v1/tokens", "/v1/features/list/all", "/v1/hooks/deliveries", "/v1/audit",
                 "/readyz", "/metrics", "/openapi.json"):
        told(admin.get(path))
    told(admin.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}))
    command = pathlib.Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
    daemon.stop()

    log = daemon.log.read_text(errors="replace")
    assert "level=debug" in log and "a plugin was called" in log
    everything = {"the log": log, "the process list": command.decode(),
                  "traces": json.dumps(collector.spans()), "answers": "\n".join(outputs)}
    key = (daemon.data / "secret.key").read_bytes()
    secrets = [PASSWORD, token, SIGNING, SIGNING[6:], AUTHORIZATION, AUTHORIZATION[7:], "password-x3",
               WRONG_TOKEN, key.hex()]
    collector.close()
    for where, text in everything.items():
        assert [secret for secret in secrets if secret in text] == [], where
    stored = b"".join(path.read_bytes() for path in daemon.data.rglob("*.mdb"))
    for secret in (PASSWORD, token, SIGNING[6:], AUTHORIZATION[7:]):
        assert secret.encode() not in stored, "at rest it is sealed or hashed"
