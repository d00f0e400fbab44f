"""Calls in progress, more of them than allowed, kept-alive connections, and the test kit."""

import http.client
import json
import pathlib
import tempfile
import threading
import unittest

from sluice_plugin import App, Refuse, factor, passed, suspend
from sluice_plugin.log import silent
from sluice_plugin.server import Server
from sluice_plugin.testing import ask, replay

JOB = {"kind": "TaskSet", "spec": {"roles": []}}
CALL = json.dumps({"factors": {}, "header": {"jobID": "j", "want": "pass"}, "job": JOB})


class Service(unittest.TestCase):
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
