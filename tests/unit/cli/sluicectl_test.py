"""sluicectl against a gateway that answers what each test tells it to.

Run as: sluicectl_test.py PROGRAM MANUAL [unittest options]. The gateway listens on a free port of
127.0.0.1 and writes down every request.
"""

import http.server
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1)
MANUAL = sys.argv.pop(1)


def ok(payload=None, **headers):
    body = {"code": "OPERATION_SUCCEEDED", "msg": ""}
    if payload is not None:
        body["payload"] = payload
    return 200, body, headers


def no(status, code, msg, **headers):
    return status, {"code": code, "msg": msg}, headers


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        fake = self.server.fake
        fake.requests.append((self.command, self.path, body, dict(self.headers)))
        answers = fake.answers.get(f"{self.command} {self.path}", [])
        status, content, headers = (
            answers.pop(0) if len(answers) > 1 else answers[0] if answers else
            no(404, "OPERATION_TARGET_NOT_FOUND", "no such route"))
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        if "Content_Type" not in headers:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Case(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.fake = self
        self.answers, self.requests = {}, []
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        thread.start()
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def environment(self, **more):
        env = {"HOME": self.home.name, "TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"],
               "SLUICE_SERVER": self.url, "SLUICE_TOKEN": "secret-token", "TERM": "dumb"}
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def run_ctl(self, *args, stdin="", code=0, **env):
        done = subprocess.run([PROGRAM, *args], input=stdin, text=True, capture_output=True,
                              env=self.environment(**env), check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def on_terminal(self, *args, typed=(), **env):
        """Run on a terminal of its own; (question, answer) pairs are typed as it asks."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(PROGRAM, [PROGRAM, *args], self.environment(**env))
        seen, typed = b"", list(typed)
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if typed and typed[0][0].encode() in seen:
                os.write(terminal, typed.pop(0)[1].encode() + b"\n")
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()

    def file(self, name, text):
        path = os.path.join(self.home.name, name)
        with open(path, "w", encoding="utf-8") as to:
            to.write(text)
        return path

    def context(self, text, mode=0o600):
        folder = os.path.join(self.home.name, ".config", "sluice")
        os.makedirs(folder)
        path = os.path.join(folder, "context.yml")
        with open(path, "w", encoding="utf-8") as to:
            to.write(text)
        os.chmod(path, mode)

    def body(self, at=-1):
        return json.loads(self.requests[at][2])


class Submitting(Case):
    JOB = "0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35"

    def setUp(self):
        super().setUp()
        self.answers["POST /v1/job"] = [ok({"jobID": self.JOB})]

    def detail(self, state, reason="", code=""):
        return ok({"version": "v1", "job": {"id": self.JOB, "state": state, "reason": reason,
                                            "reasonCode": code}})

    def test_whole_json_goes_out_byte_for_byte(self):
        text = '{"userID": "ada", "jobName":"n",  "jobKind":"k", "job": {"kind":"k","n":1.10}}\n'
        out, _ = self.run_ctl("submit", self.file("a.json", text))
        self.assertEqual(out, self.JOB + "\n")
        self.assertEqual(self.requests[0][2], text)
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer secret-token")
        self.assertEqual(self.requests[0][3]["Content-Type"], "application/json")

    def test_whole_yaml_from_standard_input(self):
        self.run_ctl("submit", "-", stdin="userID: ada\njobName: n\njobKind: k\njob:\n  kind: k\n  mode: 0644\n")
        self.assertEqual(self.body(), {"userID": "ada", "jobName": "n", "jobKind": "k",
                                       "job": {"kind": "k", "mode": "0644"}})

    def test_bare_document_is_wrapped(self):
        path = self.file("train.yml", "kind: train\nsteps: 3\n")
        self.run_ctl("submit", path, "-u", "ada", "-H", "team=vision", "--header", "eq=a=b",
                     "--parent", "p1", "--idempotency-key", "once")
        self.assertEqual(self.body(), {
            "userID": "ada", "jobName": "train", "jobKind": "train", "parentJobID": "p1",
            "header": {"team": "vision", "eq": "a=b"}, "job": {"kind": "train", "steps": 3}})
        self.assertEqual(self.requests[0][3]["Idempotency-Key"], "once")

    def test_what_is_neither_is_told(self):
        bare = self.file("bare.yml", "kind: k\n")
        whole = self.file("whole.yml", "userID: a\njobName: n\njobKind: k\njob: {kind: k}\n")
        _, err = self.run_ctl("submit", bare, code=2)
        self.assertIn("not a whole submission", err)
        self.assertIn("next: ", err)
        _, err = self.run_ctl("submit", whole, "--user", "b", code=2)
        self.assertIn("is a whole submission", err)
        _, err = self.run_ctl("submit", bare, "-H", "novalue", code=2)
        self.assertIn("must be NAME=VALUE", err)
        _, err = self.run_ctl("submit", self.file("list.yml", "- a\n"), code=1)
        self.assertIn("must hold an object", err)
        _, err = self.run_ctl("submit", self.file("bad.yml", "a: 1\nb: [\n"), code=1)
        self.assertIn("bad.yml: line 3", err)
        _, err = self.run_ctl("submit", self.home.name + "/none.yml", code=1)
        self.assertIn("No such file", err)
        self.assertEqual(self.requests, [])

    def test_wait_tells_the_outcome(self):
        path = self.file("a.yml", "kind: k\n")
        url = f"GET /v1/job/detail/{self.JOB}"
        self.answers[url] = [self.detail("preparing"), self.detail("running"),
                             self.detail("succeeded", "done", "succeeded")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait")
        self.assertEqual(out.split("\n")[:2], [self.JOB, "state\tsucceeded"])
        self.answers[url] = [self.detail("waiting"), self.detail("failed", "exit code 3")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait", code=1)
        self.assertIn("reason\texit code 3\n", out)
        self.answers[url] = [self.detail("stopped")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait", "-o", "json", code=1)
        self.assertEqual(json.loads(out)["job"]["state"], "stopped")

    def test_wait_outlasts_a_busy_gateway(self):
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [
            no(503, "SERVICE_UNAVAILABLE", "starting"), no(429, "TOO_MANY_REQUESTS", "slower"),
            self.detail("succeeded")]
        _, err = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "-w")
        self.assertEqual(err, "")

    def test_wait_gives_up_on_a_lasting_error(self):
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [no(404, "OPERATION_TARGET_NOT_FOUND", "gone")]
        _, err = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "-w", code=1)
        self.assertIn("gone (OPERATION_TARGET_NOT_FOUND)", err)

    def test_watch_prints_each_event_once(self):
        first = {"number": 1, "time": "2026-11-21T20:00:00.000Z", "type": "accepted", "extra": [1]}
        second = {"number": 2, "time": "2026-11-21T20:00:01.000Z", "type": "gate", "stage": "AccessGate",
                  "plugin": "AccessGate.q.a", "decision": "pass", "reason": "fine\x1b[31m\n"}
        last = {"number": 9, "time": "2026-11-21T20:00:02.000Z", "type": "state", "state": "succeeded"}
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [
            self.detail("preparing"), self.detail("running"), self.detail("succeeded")]
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [
            ok([first]), ok([first, second]), ok([first, second, last])]
        out, _ = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "--watch")
        self.assertEqual(out.split("\n")[:5], [
            self.JOB,
            "2026-11-21T20:00:00.000Z\taccepted\t\t\t\t\t",
            "2026-11-21T20:00:01.000Z\tgate\tAccessGate\tAccessGate.q.a\tpass\t\tfine\\x1b[31m\\n",
            "2026-11-21T20:00:02.000Z\tstate\t\t\t\tsucceeded\t",
            "state\tsucceeded"])
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [ok([first, second])]
        out, _ = self.run_ctl("job", "events", self.JOB, "--follow", "-o", "json")
        self.assertEqual([json.loads(line) for line in out.splitlines()], [first, second])


class Jobs(Case):
    def row(self, name):
        return {"jobID": name, "jobName": "n", "jobKind": "k", "userID": "u", "state": "running",
                "createdAt": "2026-11-21T20:00:00.000Z", "reason": "r", "plugin": None}

    def test_list_escapes_its_filters(self):
        url = ("GET /v1/job/list?userID=ada%20l%26x&state=running%2Cwaiting&startAt=1700000000"
               "&pageSize=5&order=asc")
        self.answers[url] = [ok([self.row("j1")])]
        out, _ = self.run_ctl("job", "list", "-u", "ada l&x", "-s", "running,waiting", "--since",
                              "1700000000", "--limit", "5", "--oldest-first")
        self.assertEqual(out, "j1\tn\tk\tu\trunning\t2026-11-21T20:00:00.000Z\tr\n")

    def test_list_walks_pages(self):
        self.answers["GET /v1/job/list?pageSize=1000"] = [
            ok([self.row("j1"), self.row("j2")], X_Next_Cursor="a/b")]
        self.answers["GET /v1/job/list?pageSize=1000&cursor=a%2Fb"] = [ok([self.row("j3")])]
        out, _ = self.run_ctl("job", "list", "--all", "-o", "json")
        self.assertEqual([row["jobID"] for row in json.loads(out)], ["j1", "j2", "j3"])

    def test_list_stops_at_its_limit(self):
        self.answers["GET /v1/job/list?pageSize=2"] = [
            ok([self.row("j1"), self.row("j2")], X_Next_Cursor="c")]
        out, _ = self.run_ctl("job", "list", "--limit", "2")
        self.assertEqual(len(out.splitlines()), 2)
        self.assertEqual(len(self.requests), 1)

    def test_formats(self):
        self.answers["GET /v1/job/list?pageSize=20"] = [ok([self.row("j1")])]
        out, _ = self.run_ctl("job", "list", "-o", "table")
        self.assertEqual(out.splitlines(), [
            "JOB  NAME  KIND  USER  STATE    CREATED              REASON",
            "j1   n     k     u     running  2026-11-21 20:00:00  r"])
        out, _ = self.run_ctl("job", "list", "-o", "wide")
        self.assertIn("FINISHED", out)
        out, _ = self.run_ctl("-o", "yaml", "job", "list")
        self.assertIn("- jobID: j1\n", out)
        self.assertIn("  plugin: null\n", out)

    def test_terminal_gets_a_table(self):
        self.answers["GET /v1/job/list?pageSize=20"] = [ok([self.row("j1")])]
        code, seen = self.on_terminal("job", "list")
        self.assertEqual(code, 0)
        self.assertIn("JOB  NAME", seen)
        self.assertIn("2026-11-21 20:00:00", seen)

    def test_bad_times_are_usage(self):
        _, err = self.run_ctl("job", "list", "--since", "yesterday", code=2)
        self.assertIn("--since yesterday: is not a time", err)

    def test_get_shows_roles_and_replicas(self):
        self.answers["GET /v1/job/detail/a%2Fb"] = [ok({
            "version": "v1",
            "job": {"id": "a/b", "state": "running", "startAt": "2026-11-21T20:00:00Z", "exitCode": None},
            "tasks": [{"name": "worker", "state": "running", "replicaAmount": 1, "command": ["sh", "-c", "x"],
                       "replicas": [{"index": 0, "state": "running", "exitCode": None}]}],
            "platformSpecificInfo": {"platform": "local"}})]
        out, _ = self.run_ctl("job", "get", "a/b", "-o", "table")
        self.assertIn("state    running\n", out)
        self.assertIn("engine   local\n", out)
        self.assertNotIn("exit code", out)
        self.assertIn("worker  running  1         sh,-c,x\n", out)
        self.assertIn("replicas of worker\n", out)

    def test_stop_and_resume(self):
        self.answers["PUT /v1/job/stop/j1"] = [ok({"state": "running", "stopping": True})]
        self.answers["PUT /v1/job/resume/j2"] = [ok()]
        out, _ = self.run_ctl("job", "stop", "j1", "-r", "no \"more\"")
        self.assertEqual(out, "j1\trunning\n")
        self.assertEqual(self.body(), {"reason": "no \"more\""})
        out, _ = self.run_ctl("job", "resume", "j2", "--recheck")
        self.assertEqual(out, "j2\tresumed\n")
        self.assertEqual(self.body(), {"recheck": True})

    def test_one_refusal_of_several_shows(self):
        self.answers["PUT /v1/job/stop/j1"] = [no(409, "UNSUPPORTED_OPERATION", "already succeeded")]
        self.answers["PUT /v1/job/stop/j2"] = [ok({"state": "stopped"})]
        out, err = self.run_ctl("job", "stop", "j1", "j2", code=1)
        self.assertEqual(out, "j2\tstopped\n")
        self.assertIn("already succeeded (UNSUPPORTED_OPERATION)", err)

    def test_logs_come_as_they_are(self):
        log = b"one\n\x1b[1mtwo\x00\n"
        self.answers["GET /v1/job/logs/j?role=w&replica=0&stream=stderr&tail=5&follow=true"] = [
            (200, log, {"Content_Type": "text/plain"})]
        done = subprocess.run(
            [PROGRAM, "job", "logs", "j", "-r", "w", "--replica", "0", "--stream", "stderr", "--tail",
             "5", "-f"], capture_output=True, env=self.environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (0, log))
        self.assertEqual(self.requests[0][3]["Accept"], "text/plain")

    def test_logs_tell_errors_whatever_their_status(self):
        for status in (404, 200):
            self.answers["GET /v1/job/logs/j"] = [no(status, "OPERATION_TARGET_NOT_FOUND", "no job j")]
            out, err = self.run_ctl("job", "logs", "j", code=1)
            self.assertEqual(out, "")
            self.assertIn("no job j (OPERATION_TARGET_NOT_FOUND)", err)


class Features(Case):
    FEATURE = "name: quota\nauthor: ada\nplugins: []\n"

    def answer(self, **more):
        return ok({"name": "quota", "author": "ada", "revision": 3, "enabled": False, **more})

    def test_apply_prints_warnings(self):
        self.answers["POST /v1/features"] = [self.answer(warnings=["overlaps\nwith x"])]
        out, err = self.run_ctl("feature", "apply", "-f", self.file("q.yml", self.FEATURE))
        self.assertEqual(out, "quota\t3\toff\n")
        self.assertEqual(err, "warning: overlaps\\nwith x\n")
        self.assertEqual(self.body(), {"name": "quota", "author": "ada", "plugins": []})

    def test_apply_takes_several_and_enables(self):
        self.answers["POST /v1/features"] = [self.answer()]
        self.answers["PUT /v1/features/turn-on/quota"] = [ok()]
        one = self.file("one.yml", self.FEATURE)
        many = self.file("many.json", '[{"name": "a"}, {"name": "b"}]')
        out, _ = self.run_ctl("feature", "apply", "-f", one, many, "--enable")
        self.assertEqual(out, "quota\t3\ton\n" * 3)
        self.assertEqual([r[0] + " " + r[1] for r in self.requests],
                         ["POST /v1/features", "PUT /v1/features/turn-on/quota"] * 3)

    def test_apply_goes_on_after_a_refusal(self):
        self.answers["POST /v1/features"] = [
            no(400, "WRONG_PARAM", "plugins[0].callAddress: not an address"), self.answer()]
        path = self.file("q.yml", self.FEATURE)
        out, err = self.run_ctl("feature", "apply", path, path, code=1)
        self.assertEqual(out, "quota\t3\toff\n")
        self.assertIn("plugins[0].callAddress: not an address (WRONG_PARAM)\n", err)
        self.assertIn("in " + path, err)

    def test_signing_keys_stay_out_of_pipes(self):
        self.answers["POST /v1/features"] = [self.answer(signingKey="whsec_c2VjcmV0")]
        path = self.file("q.yml", self.FEATURE)
        out, err = self.run_ctl("feature", "apply", path)
        self.assertNotIn("whsec_", out + err)
        _, seen = self.on_terminal("feature", "apply", path)
        self.assertIn("whsec_c2VjcmV0", seen)

    def test_list_get_and_switch(self):
        self.answers["GET /v1/features/list/all"] = [ok([{"name": "q", "author": "a", "enabled": True,
                                                         "revision": 1, "description": "d"}])]
        self.answers["GET /v1/features/list/bob"] = [ok([])]
        self.answers["GET /v1/features/detail/q"] = [ok({"name": "q", "enabled": False, "plugins": []})]
        self.answers["PUT /v1/features/turn-off/q"] = [ok()]
        self.answers["DELETE /v1/features/q%3Fx"] = [ok()]
        self.assertEqual(self.run_ctl("feature", "list")[0], "q\ta\ton\t1\t\td\n")
        self.assertEqual(self.run_ctl("feature", "list", "bob")[0], "")
        self.assertEqual(self.run_ctl("feature", "get", "q")[0], "feature\tq\nstate\toff\n")
        self.assertEqual(self.run_ctl("feature", "off", "q")[0], "q\toff\n")
        self.assertEqual(self.run_ctl("feature", "delete", "q?x")[0], "q?x\tdeleted\n")


class PluginsAndSelectors(Case):
    def test_list_walks_all_types(self):
        for name in ("TemplateTranslator", "FactorGenerator", "TemplateDecorator", "SchedulerBinder", "LifeHook"):
            self.answers[f"GET /v1/plugins/list/{name}"] = [ok([])]
        self.answers["GET /v1/plugins/list/AccessGate"] = [ok([{
            "key": "AccessGate.q.a", "sequence": 4, "enabled": True, "callAddress": ["http://x", "http://y"]}])]
        self.assertEqual(self.run_ctl("plugin", "list")[0], "4\tAccessGate.q.a\ton\thttp://x,http://y\n")
        self.assertEqual(len(self.requests), 6)
        self.run_ctl("plugin", "list", "AccessGate")
        self.assertEqual(len(self.requests), 7)

    def test_order(self):
        self.answers["PUT /v1/plugins/sequence"] = [ok()]
        self.run_ctl("plugin", "order", "AccessGate.a.x", "--before", "AccessGate.b.y")
        self.assertEqual(self.body(), {"beforeKey": "AccessGate.a.x", "afterKey": "AccessGate.b.y",
                                       "pluginType": "AccessGate"})

    def test_selector_of_a_file(self):
        self.answers["POST /v1/selectors/test"] = [ok({"matched": True, "conditions": [
            {"name": "c", "value": "v", "verdict": True}]})]
        path = self.file("s.yml", "conditions: [{name: c, key: k, expect: v}]\nexpression: c\n")
        out, _ = self.run_ctl("selector", "test", "-f", path, "-H", "k=v")
        self.assertEqual(out, "matched\nc\ttrue\tv\n")
        self.assertEqual(self.body(), {"jobSelector": {"conditions": [
            {"name": "c", "key": "k", "expect": "v"}], "expression": "c"}, "header": {"k": "v"}})

    def test_selector_of_a_feature_on_a_job(self):
        self.answers["GET /v1/features/detail/q"] = [ok({"name": "q", "jobSelector": {"expression": "*"}})]
        self.answers["POST /v1/selectors/test"] = [ok({"matched": None, "conditions": [], "error": "too long"})]
        out, _ = self.run_ctl("selector", "test", "--feature", "q", "--job", "j1")
        self.assertEqual(out, "undecided: a limit was hit\nerror\ttoo long\n")
        self.assertEqual(self.body(), {"jobSelector": {"expression": "*"}, "jobID": "j1"})


class Tokens(Case):
    def test_create_shows_it_once(self):
        self.answers["POST /v1/tokens"] = [ok({"token": "abcdefghijklmnopqrstuvwx", "id": "7"})]
        out, err = self.run_ctl("token", "create", "--for", "ci", "-p", "read_job,write_job", "-p",
                                "resume_job", "--user", "ada", "-H", "team=x", "--expires",
                                "2030-01-01T00:00:00Z", "--note", "n")
        self.assertEqual(out, "token\tabcdefghijklmnopqrstuvwx\nid\t7\n")
        self.assertNotIn("abcdef", err)
        self.assertEqual(self.body(), {
            "privileges": ["read_job", "write_job", "resume_job"], "forwho": "ci", "note": "n",
            "userID": "ada", "header": {"team": "x"}, "expiresAt": "2030-01-01T00:00:00.000Z"})

    def test_list_update_delete(self):
        self.answers["GET /v1/tokens"] = [ok([{"id": "7", "forwho": "ci", "privileges": ["a", "b"]}])]
        self.answers["PUT /v1/tokens/normal"] = [ok()]
        self.answers["DELETE /v1/tokens?id=7"] = [ok()]
        self.assertEqual(self.run_ctl("token", "list")[0], "7\tci\t\t\t\ta,b\n")
        self.assertEqual(self.run_ctl("token", "update", "7", "-p", "a")[0], "7\tupdated\n")
        self.assertEqual(self.body(), {"id": "7", "privileges": ["a"]})
        self.assertEqual(self.run_ctl("token", "delete", "7")[0], "7\tdeleted\n")

    def test_password_from_standard_input(self):
        self.answers["PUT /v1/tokens/admin"] = [ok()]
        out, err = self.run_ctl("admin", "passwd", "--stdin", stdin="new password\nrest\n")
        self.assertEqual(self.body(), {"token": "new password"})
        self.assertNotIn("new password", out + err)
        self.run_ctl("admin", "passwd", "--stdin", stdin="\n", code=1)
        self.assertEqual(len(self.requests), 1)

    def test_password_is_asked_for_without_echo(self):
        self.answers["PUT /v1/tokens/admin"] = [ok()]
        code, seen = self.on_terminal("admin", "passwd", SLUICE_TOKEN=None, typed=[
            ("Present", "old-one"), ("New", "correct horse"), ("again", "correct horse")])
        self.assertEqual(code, 0, seen)
        self.assertEqual(self.body(), {"token": "correct horse"})
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer old-one")
        self.assertNotIn("horse", seen)
        self.assertNotIn("old-one", seen)

    def test_differing_passwords_change_nothing(self):
        code, seen = self.on_terminal("admin", "passwd", typed=[
            ("New", "correct horse"), ("again", "correct house")])
        self.assertEqual(code, 1)
        self.assertIn("the two differ", seen)
        self.assertEqual(self.requests, [])

    def test_ctrl_c_gives_up_at_once(self):
        code, seen = self.on_terminal("admin", "passwd", typed=[("New", "half\x03")])
        self.assertEqual(code, 1)
        self.assertIn("canceled", seen)


class WhoAndWhere(Case):
    def test_no_token_on_loopback_tells_how_to_get_one(self):
        self.answers["GET /v1/tokens"] = [no(401, "PERMISSION_DENIED", "no token")]
        _, err = self.run_ctl("token", "list", code=1, SLUICE_TOKEN=None)
        self.assertIn("sluicectl admin passwd", err)
        self.assertIn("sluicectl token create", err)
        self.assertNotIn("Authorization", self.requests[0][3])

    def test_a_wrong_token_is_never_printed(self):
        self.answers["GET /v1/tokens"] = [no(401, "PERMISSION_DENIED", "not known")]
        out, err = self.run_ctl("token", "list", code=1)
        self.assertIn("not known (PERMISSION_DENIED)", err)
        self.assertIn("check SLUICE_TOKEN", err)
        self.assertNotIn("secret-token", out + err)

    def test_retry_after_is_passed_on(self):
        self.answers["GET /v1/tokens"] = [no(429, "TOO_MANY_REQUESTS", "slower", Retry_After="7")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("try again in 7 s", err)

    def test_code_counts_not_status(self):
        self.answers["GET /v1/tokens"] = [no(200, "PERMISSION_DENIED", "not you")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("not you (PERMISSION_DENIED)", err)

    def test_hostile_messages_are_cleaned(self):
        self.answers["GET /v1/tokens"] = [no(400, "WRONG_PARAM", "a\x1b]0;x\x07\u009bb")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("a\\x1b]0;x\\x07\\x9bb", err)

    def test_another_kind_of_server(self):
        self.answers["GET /v1/tokens"] = [(502, b"<html>bad gateway</html>", {})]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("status 502", err)
        self.assertIn("check the address", err)

    def test_no_connection_is_3(self):
        self.server.shutdown()
        self.server.server_close()
        _, err = self.run_ctl("job", "get", "x", code=3)
        self.assertIn("start the gateway with sluiced", err)

    def test_options_win_over_the_environment(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.run_ctl("--server", self.url + "/", "token", "list", "--token", "mine",
                     SLUICE_SERVER="http://127.0.0.1:1")
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer mine")

    def test_context_file(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.context(f"server: {self.url[len('http://'):]}\ntoken: from-file\n")
        self.run_ctl("token", "list", SLUICE_SERVER=None, SLUICE_TOKEN=None)
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer from-file")

    def test_context_token_goes_to_its_own_server_only(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.context("server: https://gateway.example\ntoken: from-file\n")
        _, err = self.run_ctl("token", "list", SLUICE_TOKEN=None)
        self.assertNotIn("Authorization", self.requests[0][3])
        self.assertIn("was not sent to " + self.url, err)

    def test_context_file_must_be_private(self):
        self.context("token: from-file\n", mode=0o640)
        _, err = self.run_ctl("token", "list", code=2, SLUICE_TOKEN=None)
        self.assertIn("mode 0640", err)
        self.assertIn("chmod 600", err)
        self.assertEqual(self.requests, [])

    def test_bad_context_file(self):
        self.context("tokn: x\n")
        _, err = self.run_ctl("token", "list", code=2, SLUICE_TOKEN=None)
        self.assertIn("unknown key", err)

    def test_usage_is_2(self):
        for args in (["bogus"], ["job"], ["job", "bogus"], ["job", "get"], ["job", "get", "a", "b"],
                     ["job", "get", ".."], ["job", "get", ""], ["job", "list", "--limit", "x"],
                     ["-o", "csv", "job", "list"], ["job", "list", "--bogus"], ["plugin", "order", "k"],
                     ["token", "create", "-p", "read_job"], ["token", "create", "--for", "x"],
                     ["selector", "test"], ["completion", "tcsh"], ["feature", "apply"], []):
            with self.subTest(args=args):
                self.run_ctl(*args, code=2)
        self.assertEqual(self.requests, [])

    def test_help_of_every_command_has_an_example(self):
        out, _ = self.run_ctl("--help")
        rows = out[out.index("Commands:\n") + 10:out.index("\n\n", out.index("Commands:\n"))]
        names = [line[2:21].split() for line in rows.splitlines()]
        self.assertEqual(len(names), 22)
        for name in names:
            text, _ = self.run_ctl(*name, "--help")
            self.assertIn("Example:\n", text, name)
            self.assertIn("sluicectl " + " ".join(name), text[text.index("Example:"):], name)

    def test_the_manual_knows_every_command_and_option(self):
        with open(MANUAL, encoding="utf-8") as manual:
            text = manual.read()
        out, _ = self.run_ctl("--help")
        rows = out[out.index("Commands:\n") + 10:out.index("\n\n", out.index("Commands:\n"))]
        for row in rows.splitlines():
            name = row[2:21].split()
            self.assertIn("*" + " ".join(name) + "*", text)
            for option in re.findall(r"--([a-z-]+)", self.run_ctl(*name, "--usage")[0]):
                self.assertIn(f"*--{option}*", text, name)

    def test_a_token_on_the_command_line_is_hidden_from_ps(self):
        seen = []

        def look():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as line:
                        text = line.read()
                except OSError:
                    continue
                if self.url.encode() in text and b"token\0list" in text:
                    seen.append(text)

        class Looking(list):
            def __len__(inner):
                look()
                return 1

        self.answers["GET /v1/tokens"] = Looking([ok([])])
        self.run_ctl("token", "list", "--token", "mine-alone", "--server", self.url)
        self.assertTrue(seen)
        self.assertNotIn(b"mine-alone", b"".join(seen))


class Completion(Case):
    def complete(self, *words):
        script = self.run_ctl("completion", "bash")[0] + (
            "COMP_WORDS=(sluicectl \"$@\"); COMP_CWORD=$#; COMPREPLY=(); _sluicectl_bash;"
            "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script, "bash", *words], text=True, capture_output=True,
                              env=self.environment(), check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        self.assertIn("selector", self.complete("se"))
        self.assertEqual(self.complete("job", "re"), ["resume"])
        self.assertEqual(self.complete("job", "list", "--st"), ["--state"])
        self.assertEqual(self.complete("job", "list", "--state", "su"), ["suspended", "succeeded"])
        self.assertEqual(self.complete("-o", "j"), ["json"])
        self.assertEqual(self.complete("-o", "json", "plugin", "list", "Acc"), ["AccessGate"])
        self.assertEqual(self.complete("submit", self.file("x.yml", "")[:-3]), [self.home.name + "/x.yml"])

    def test_every_option_is_in_every_script(self):
        for shell, form in (("bash", "--{}"), ("zsh", "--{}"), ("fish", "-l {} ")):
            out, _ = self.run_ctl("completion", shell)
            for name in ("idempotency-key", "reason-code", "recheck", "enable", "before", "expires", "stdin"):
                self.assertIn(form.format(name), out)


if __name__ == "__main__":
    unittest.main()
