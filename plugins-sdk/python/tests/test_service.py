"""The program: options, registration, a clean end, more calls than allowed, and the test kit."""

import http.client
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from sluice_plugin import App, Refuse, factor, passed, suspend
from sluice_plugin.log import silent
from sluice_plugin.server import Server
from sluice_plugin.testing import ask, replay

HERE = pathlib.Path(__file__).parent
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
JOB = {"kind": "TaskSet", "spec": {"roles": []}}
CALL = json.dumps({"factors": {}, "header": {"jobID": "j", "want": "pass"}, "job": JOB})
PROGRAM = "import reference; reference.make().main()"


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


class Program:
    """The reference plugin as a process of its own."""

    def __init__(self, folder, *options, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLUGIN_", "SLUICE_"))}
        self.port_file = pathlib.Path(folder) / "port"
        self.log_file = pathlib.Path(folder) / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "--listen", "127.0.0.1:0", "--port-file",
                 str(self.port_file), *options], stderr=log,
                env={**clean, "PYTHONPATH": f"{HERE}:{HERE.parent}", **environment})
        until(lambda: self.port_file.exists() or self.process.poll() is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port_file.read_text()), timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result

    def lines(self):
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]


class Gateway(http.server.BaseHTTPRequestHandler):
    """Takes registrations as its server's `answers` say."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        status, words = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        text = json.dumps({"code": "X", "msg": words}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Service(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def gateway(self, *answers):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
        server.answers, server.seen = list(answers), []
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def test_serves_logs_and_ends_when_told(self):
        with Program(self.folder.name) as program:
            self.assertEqual(program.ask("GET", "/healthz")[0], 200)
            headers = {"webhook-id": "msg_1", "Sluice-Job-Id": "j"}
            self.assertEqual(program.ask("POST", "/gate", CALL, headers)[0], 200)
            program.process.send_signal(signal.SIGTERM)
            self.assertEqual(program.process.wait(20), 0)
            lines = program.lines()
        line = next(line for line in lines if line["msg"] == "call")
        self.assertEqual((line["job"], line["call"], line["status"], line["type"]),
                         ("j", "msg_1", 200, "AccessGate"))
        self.assertTrue(any("PLUGIN_SIGNING_KEY" in line["msg"] for line in lines))
        self.assertEqual(lines[-1]["msg"], "ended")

    def test_keys_come_from_the_environment(self):
        with Program(self.folder.name, PLUGIN_SIGNING_KEY=KEY) as program:
            self.assertEqual(program.ask("POST", "/gate", CALL)[0], 401)
            self.assertNotIn(KEY, program.log_file.read_text())

    def test_a_bad_option_is_told(self):
        for options, environment, words in ((["--listen", "nowhere"], {}, "HOST:PORT"),
                                            ([], {"PLUGIN_SIGNING_KEY": "secret"}, "whsec_")):
            with Program(self.folder.name, *options, **environment) as program:
                self.assertNotEqual(program.process.wait(20), 0)
                text = program.log_file.read_text()
                self.assertIn(words, text)
                self.assertNotIn("Traceback", text)

    def test_registers_its_feature_until_it_is_taken(self):
        gateway, url = self.gateway((503, "starting"), (200, ""))
        with Program(self.folder.name, "--register", SLUICE_SERVER=url, SLUICE_TOKEN="t0",
                     PLUGIN_SIGNING_KEY=KEY) as program:
            until(lambda: any(line["msg"] == "registered" for line in program.lines()))
            port = int(program.port_file.read_text())
        self.assertEqual(len(gateway.seen), 2)
        path, authorization, feature = gateway.seen[1]
        self.assertEqual((path, authorization), ("/v1/features", "Bearer t0"))
        self.assertEqual((feature["name"], feature["signingKey"]), ("reference", KEY))
        gate = next(p for p in feature["plugins"] if p["pluginType"] == "AccessGate")
        self.assertEqual(gate["callAddress"], f"http://127.0.0.1:{port}/gate")
        again = next(p for p in feature["plugins"] if p.get("name") == "again")
        self.assertEqual(again["callAddress"], f"http://127.0.0.1:{port}/decorate/again")
        hook = next(p for p in feature["plugins"] if p["pluginType"] == "LifeHook")
        self.assertEqual(hook["jobSelector"]["states"], ["running", "suspended", "failed", "stopped"])

    def test_a_refused_registration_is_told_and_it_goes_on_serving(self):
        gateway, url = self.gateway((403, "the feature is on"))
        with Program(self.folder.name, "--register", SLUICE_SERVER=url) as program:
            until(lambda: any(line["msg"] == "not registered" for line in program.lines()))
            line = next(line for line in program.lines() if line["msg"] == "not registered")
            self.assertEqual(line["error"], "the feature is on")
            self.assertEqual(program.ask("GET", "/healthz")[0], 200)
        self.assertEqual(len(gateway.seen), 1)

    def test_a_feature_file_of_ones_own(self):
        gateway, url = self.gateway((200, ""))
        file = pathlib.Path(self.folder.name) / "feature.json"
        file.write_text('{"name": "mine", "plugins": [{"callAddress": "{address}/gate"}]}')
        with Program(self.folder.name, "--register", "--feature", str(file), "--address",
                     "http://plugin.example:1/", SLUICE_SERVER=url):
            until(lambda: gateway.seen)
        self.assertEqual(gateway.seen[0][2]["plugins"][0]["callAddress"], "http://plugin.example:1/gate")

    def test_calls_in_progress_end_before_the_program_does(self):
        started, go = threading.Event(), threading.Event()
        app = App("slow", log=silent)

        @app.gate()
        def gate(call):
            started.set()
            go.wait(20)
            return passed()

        self.assertTrue(app.wait_idle(0))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(ask(app, "AccessGate", JOB)))
        thread.start()
        started.wait(20)
        self.assertFalse(app.wait_idle(0))
        go.set()
        self.assertTrue(app.wait_idle(20))
        thread.join()
        self.assertEqual(answers, [{"decision": "pass"}])

    def test_more_calls_than_allowed_are_told_to_come_again(self):
        started, go = threading.Event(), threading.Event()
        app = App("narrow", concurrency=1, log=silent)

        @app.gate()
        def gate(call):
            started.set()
            go.wait(20)
            return passed()

        server = Server(app, ("127.0.0.1", 0))
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

        def call():
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request("POST", "/gate", CALL)
            answer = connection.getresponse()
            result = answer.status, answer.getheader("Retry-After"), answer.read()
            connection.close()
            return result

        first = []
        thread = threading.Thread(target=lambda: first.append(call()))
        thread.start()
        started.wait(20)
        self.assertEqual(call()[:2], (503, "1"))
        go.set()
        thread.join()
        self.assertEqual(first[0][0], 200)
        self.assertEqual(call()[0], 200)

    def test_kept_alive_connections_carry_many_calls(self):
        app = App("keep", log=silent)
        app.gate()(lambda call: passed())
        server = Server(app, ("127.0.0.1", 0))
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.connect()
        kept = connection.sock
        for body in (CALL, "nonsense", CALL):
            connection.request("POST", "/gate", body)
            connection.getresponse().read()
            self.assertIs(connection.sock, kept)
        connection.close()


class TestKit(unittest.TestCase):
    def app(self):
        app = App("kit", log=silent)

        @app.factors()
        def factors(call):
            return factor("priority", 1)

        @app.gate("late")
        def late(call):
            if "team" not in call.header:
                raise Refuse("header.team: is needed")
            return suspend("later", retry_after=5)
        return app

    def test_asks_a_function(self):
        self.assertEqual(ask(self.app(), "FactorGenerator", JOB), {"topic": "priority", "advice": 1})
        self.assertEqual(ask(self.app(), "AccessGate", JOB, name="late", team="red")["retryAfterSec"], 5)
        with self.assertRaisesRegex(AssertionError, "header.team: is needed"):
            ask(self.app(), "AccessGate", JOB, name="late")

    def test_replays_recorded_calls(self):
        body = {"factors": {}, "header": {"team": "red"}, "job": JOB}
        calls = [{"pluginType": "AccessGate", "pluginKey": "AccessGate.kit.me.late", "body": body,
                  "answer": {"status": 200, "body": {"decision": "suspend", "reason": "later", "retryAfterSec": 5}}},
                 {"name": "wrong", "pluginType": "FactorGenerator", "body": body,
                  "answer": {"status": 200, "body": {"topic": "priority", "advice": 2}}}]
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "recorded.json"
            file.write_text(json.dumps({"protocol": 1, "calls": calls}))
            differences = replay(self.app(), file)
        self.assertEqual(len(differences), 1)
        self.assertTrue(differences[0].startswith("wrong: answers"), differences)


if __name__ == "__main__":
    unittest.main()
