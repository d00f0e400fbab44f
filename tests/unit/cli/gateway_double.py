"""A gateway for tests of sluicectl: it answers what each test tells it to.

It listens on a free port of 127.0.0.1 and writes down every request. The tests that import this
are run as: TEST.py PROGRAM MANUAL [unittest options].
"""

import http.server
import json
import os
import pty
import subprocess
import sys
import tempfile
import termios
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

    def on_terminal(self, *args, typed=(), size=None, **env):
        """Run on a terminal of its own of that (lines, columns); (question, answer) pairs are
        typed as it asks."""
        child, terminal = pty.fork()
        if child == 0:
            if size:
                termios.tcsetwinsize(0, size)
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
