"""A plugin whose answers, and whose bad manners, a test decides.

    plugin.on("/gate", {"decision": "pass"})               # always this
    plugin.on("/gate", lambda call: {...})                 # by the call
    plugin.on("/gate", Answer(503, {}))                    # another status
    plugin.on("/gate", hang)                               # misbehaviour, see below

Every call is recorded; `overlap("/a", "/b")` is the largest number of calls on those
paths that were in progress at one time.
"""

import http.server
import json
import socket
import struct
import threading
import time


class Answer:
    def __init__(self, status=200, body=None, headers=None):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {"Content-Type": "application/json", **(headers or {})}


class Raw:
    """Takes the socket itself: Raw(lambda sock, plugin: ...). The connection closes after it."""

    def __init__(self, act):
        self.act = act


class Call:
    def __init__(self, path, headers, raw):
        self.path, self.headers, self.raw = path, headers, raw
        self.arrived = time.monotonic()
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = None

    @property
    def header(self):
        return self.body["header"]

    @property
    def job(self):
        return self.body["job"]

    @property
    def factors(self):
        return self.body["factors"]


def _hang(_sock, plugin):
    plugin.released.wait(60)


def _stutter(sock, plugin):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not plugin.released.wait(0.05):
        sock.sendall(b" ")


def _reset(sock, _plugin):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _early_close(sock, _plugin):
    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"decision": "pa')


def _flood(sock, _plugin):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3145759\r\n\r\n"
                 b'{"decision":"pass","reason":"' + b"x" * (3 * 2**20) + b'"}')


def _lie(sock, _plugin):
    sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def _chunked(sock, _plugin):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                 b'a\r\n{"decision\r\n9\r\n":"pass"}\r\n0\r\nX-Sum: 1\r\n\r\n')


def _http10(sock, _plugin):
    sock.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"decision":"pass"}')


hang, stutter, reset, early_close = Raw(_hang), Raw(_stutter), Raw(_reset), Raw(_early_close)
flood, lie, chunked, http10 = Raw(_flood), Raw(_lie), Raw(_chunked), Raw(_http10)
html = Answer(200, b"<html><body>login</body></html>", {"Content-Type": "text/html"})
redirect = Answer(302, b"", {"Location": "/elsewhere"})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_POST(self):
        plugin = self.server.plugin
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        call = Call(self.path, dict(self.headers.items()), raw)
        plugin._begin(call)
        try:
            answer = plugin._answer(call)
            if isinstance(answer, Raw):
                self.close_connection = True
                answer.act(self.connection, plugin)
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.status != 204:
                self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True
        finally:
            plugin._end(call)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, plugin, port):
        self.plugin = plugin
        self.peers, self.peers_lock = set(), threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request, client_address):
        with self.peers_lock:
            self.peers.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self.peers_lock:
            self.peers.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass

    def drop_peers(self):
        with self.peers_lock:
            for one in self.peers:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Plugin:
    def __init__(self):
        self.changed = threading.Condition()
        self.calls, self.answers = [], {}
        self.busy, self.peaks = {}, []
        self.released = threading.Event()
        self.port, self.server = 0, None
        self.open()

    def open(self):
        """Listen (again, on the same port)."""
        self.server = _Server(self, self.port)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    def close(self):
        """Stop listening and cut off whoever is connected."""
        if self.server is not None:
            self.released.set()
            self.server.shutdown()
            self.server.server_close()
            self.server.drop_peers()
            self.server = None
            self.released.clear()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def on(self, path, answer):
        with self.changed:
            self.answers[path] = answer
        return self.url(path)

    def at(self, path):
        with self.changed:
            return [call for call in self.calls if call.path == path]

    def wait_calls(self, path, count, seconds=80):
        """The calls on a path, once there are so many."""
        with self.changed:
            found = self.changed.wait_for(
                lambda: sum(call.path == path for call in self.calls) >= count, seconds)
        assert found, f"{path}: {len(self.at(path))} of {count} calls within {seconds} s"
        return self.at(path)

    def overlap(self, *paths):
        with self.changed:
            return max((sum(peak.get(path, 0) for path in paths) for peak in self.peaks), default=0)

    def _begin(self, call):
        with self.changed:
            self.calls.append(call)
            self.busy[call.path] = self.busy.get(call.path, 0) + 1
            self.peaks.append({path: n for path, n in self.busy.items() if n})
            self.changed.notify_all()

    def _end(self, call):
        with self.changed:
            self.busy[call.path] -= 1
            self.changed.notify_all()

    def _answer(self, call):
        with self.changed:
            answer = self.answers.get(call.path)
        if callable(answer):
            answer = answer(call)
        if answer is None:
            return Answer(404, {"error": "no such plugin in this test"})
        return answer if isinstance(answer, (Answer, Raw)) else Answer(200, answer)


def unchanged(call):
    """A decorator or binder that adds nothing."""
    return call.job


def labels(call):
    """A decorator that adds the label seen."""
    call.job["metadata"].setdefault("labels", {})["seen"] = "yes"
    return call.job


def binds(call):
    """A binder that names a scheduler for the first role."""
    call.job["spec"]["roles"][0]["template"]["spec"]["schedulerName"] = "fast"
    return call.job


def passes(_call):
    return {"decision": "pass"}
