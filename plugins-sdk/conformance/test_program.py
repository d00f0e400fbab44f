#!/usr/bin/env python3
"""What every SDK's program does alike: the reference plugin as a process, COMMAND...

It serves, logs, and ends when told; takes its keys from the environment; tells a bad
option; registers its feature until it is taken or refused.
"""

import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALL = json.dumps({"factors": {}, "header": {"jobID": "j", "want": "pass"},
                   "job": {"kind": "TaskSet", "spec": {"roles": []}}})
COMMAND = sys.argv[1:]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


class Program:
    """The reference plugin, its port taken from its port file."""

    def __init__(self, folder, *options, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLUGIN_", "SLUICE_"))}
        self.port_file, self.log_file = pathlib.Path(folder) / "port", pathlib.Path(folder) / "log"
        self.port_file.unlink(missing_ok=True)
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--listen", "127.0.0.1:0", "--port-file", str(self.port_file), *options],
                stderr=log, env={**clean, **environment})
        until(lambda: self.port_file.exists() or self.process.poll() is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def port(self):
        return int(self.port_file.read_text())

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result

    def lines(self, msg):
        text = self.log_file.read_text()
        lines = [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]
        return [line for line in lines if line["msg"].startswith(msg)]


class Gateway(http.server.BaseHTTPRequestHandler):
    """Takes registrations, answering each in turn and the last for ever."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        answers = self.server.answers
        status, words = answers.pop(0) if len(answers) > 1 else answers[0]
        payload = {"payload": {"enabled": False}} if status == 200 else {}
        text = json.dumps({"code": "X", "msg": words, **payload}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class AnyProgram(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def gateway(self, *answers):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
        server.answers, server.seen = list(answers), []
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def test_serves_logs_and_ends_when_told(self):
        with Program(self.folder) as program:
            self.assertEqual(program.ask("GET", "/healthz")[0], 200)
            headers = {"webhook-id": "msg_1", "Sluice-Job-Id": "j"}
            self.assertEqual(program.ask("POST", "/gate", CALL, headers)[0], 200)
            program.process.send_signal(signal.SIGTERM)
            self.assertEqual(program.process.wait(20), 0)
            line = program.lines("call")[0]
            self.assertEqual([line["job"], line["call"], line["status"], line["type"]],
                             ["j", "msg_1", 200, "AccessGate"])
            self.assertTrue(program.lines("signatures are not checked"))
            self.assertTrue(program.lines("ended"))

    def test_keys_come_from_the_environment(self):
        with Program(self.folder, PLUGIN_SIGNING_KEY=KEY) as program:
            self.assertEqual(program.ask("POST", "/gate", CALL)[0], 401)
            self.assertNotIn(KEY, program.log_file.read_text())

    def test_a_bad_option_is_told(self):
        for options, environment, words in (
                (["--listen", "nowhere"], {}, "HOST:PORT"), (["--bogus"], {}, "bogus"),
                ([], {"PLUGIN_SIGNING_KEY": "secret"}, "whsec_"),
                ([], {"PLUGIN_CONCURRENCY": "many"}, "many")):
            with self.subTest(words), Program(self.folder, *options, **environment) as program:
                self.assertNotEqual(program.process.wait(20), 0)
                self.assertIn(words, program.log_file.read_text())

    def test_registers_its_feature_until_it_is_taken(self):
        gateway, url = self.gateway((503, "starting"), (200, ""))
        with Program(self.folder, "--register", SLUICE_SERVER=url + "/", SLUICE_TOKEN="t0",
                     PLUGIN_SIGNING_KEY=KEY) as program:
            until(lambda: program.lines("registered"))
            self.assertEqual(program.lines("registered")[0]["next"], "sluicectl feature on reference")
            address = f"http://127.0.0.1:{program.port}"
        self.assertEqual(len(gateway.seen), 2)
        path, authorization, feature = gateway.seen[1]
        self.assertEqual((path, authorization), ("/v1/features", "Bearer t0"))
        self.assertEqual((feature["name"], feature["signingKey"]), ("reference", KEY))
        at = {plugin["callAddress"]: plugin for plugin in feature["plugins"]}
        self.assertEqual(at[address + "/gate"]["pluginType"], "AccessGate")
        self.assertEqual(at[address + "/decorate/again"]["name"], "again")
        self.assertEqual(at[address + "/hook"]["jobSelector"]["states"],
                         ["running", "suspended", "failed", "stopped"])

    def test_a_refused_registration_is_told_and_it_goes_on_serving(self):
        gateway, url = self.gateway((403, "the feature is on"))
        with Program(self.folder, "--register", SLUICE_SERVER=url) as program:
            until(lambda: program.lines("not registered"))
            self.assertEqual(program.lines("not registered")[0]["error"], "the feature is on")
            self.assertEqual(program.ask("GET", "/healthz")[0], 200)
        self.assertEqual(len(gateway.seen), 1)

    def test_an_unknown_token_is_told_with_what_to_do(self):
        _, url = self.gateway((401, "the token is not known"))
        with Program(self.folder, "--register", SLUICE_SERVER=url) as program:
            until(lambda: program.lines("not registered"))
            self.assertIn("SLUICE_TOKEN", program.lines("not registered")[0]["next"])

    def test_a_port_that_is_taken_is_told_with_what_to_do(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            with Program(self.folder, "--listen", where) as program:
                self.assertEqual(program.process.wait(20), 1)
                log = program.log_file.read_text()
        self.assertIn(where, log)
        self.assertIn("--listen HOST:PORT", log)

    def test_a_feature_file_of_ones_own(self):
        gateway, url = self.gateway((200, ""))
        file = pathlib.Path(self.folder) / "feature.json"
        file.write_text('{"name": "mine", "plugins": [{"callAddress": "{address}/gate"}]}')
        with Program(self.folder, "--register", "--feature", str(file), "--address",
                     "http://plugin.example:1/", SLUICE_SERVER=url):
            until(lambda: gateway.seen)
        self.assertEqual(gateway.seen[0][2]["plugins"][0]["callAddress"],
                         "http://plugin.example:1/gate")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
