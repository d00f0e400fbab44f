"""What every plugin needs, in one page and with the standard library only.

A plugin is a function from a Call to an answer (anything that json can print, or None
for "204, nothing to say"). serve() gives it an address:

    from plugin import main
    main("hello", {"/gate": lambda call: {"decision": "pass"}})

The rest is here: bounded bodies, 400 with words for what cannot be understood, the
Standard Webhooks signature when a key is given (environment PLUGIN_SIGNING_KEY, several
keys separated by spaces while one is replaced by another), one line of log per call, and
a clean end on SIGTERM.
"""

import argparse
import base64
import binascii
import dataclasses
import hashlib
import hmac
import http.server
import json
import os
import signal
import sys
import threading
import time

BODY_MAX = 2 * 1024 * 1024
CLOCK_SKEW_S = 300
IDLE_S = 70  # the gateway drops its connections after 60 s; it is to be the first


class Refusal(Exception):
    """An answer other than 200: Refusal(400, "job.spec.roles: must be a list")."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status
        self.words = words


@dataclasses.dataclass
class Call:
    """One question of the gateway."""

    factors: dict
    header: dict
    job: dict
    attempt: int = 1
    dry_run: bool = False

    @property
    def user(self):
        return self.header["userID"]

    @property
    def job_id(self):
        return self.header["jobID"]


def need(condition, words):
    """Refuse what the plugin cannot work with, in words."""
    if not condition:
        raise Refusal(400, words)


def parse_keys(text):
    """The bytes of `whsec_...` keys, separated by white space."""
    keys = []
    for word in text.split():
        if not word.startswith("whsec_"):
            raise ValueError("a signing key starts with whsec_")
        keys.append(base64.b64decode(word[len("whsec_"):], validate=True))
    return keys


def signature_matches(keys, headers, body, now):
    """Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, any key, any signature."""
    ident = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    if not ident or not stamp.isdigit() or abs(now - int(stamp)) > CLOCK_SKEW_S:
        return False
    signed = ident.encode() + b"." + stamp.encode() + b"." + body
    good = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    for part in headers.get("webhook-signature", "").split():
        version, _, text = part.partition(",")
        try:
            given = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if version == "v1" and any(hmac.compare_digest(given, one) for one in good):
            return True
    return False


def finite(text):
    """Numbers that could not be printed again are refused, `NaN` and the like as well."""
    number = float(text)
    if number in (float("inf"), float("-inf")) or number != number:
        raise ValueError(f"{text}: is not a number that can be kept")
    return number


def parse_call(body, headers):
    """The protocol's body, checked just enough for the policies to rely on."""
    try:
        document = json.loads(body, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    need(isinstance(document, dict), "the body is not an object")
    header, job = document.get("header"), document.get("job")
    factors = document.get("factors") or {}
    need(isinstance(header, dict), "header: must be an object")
    need(isinstance(job, dict), "job: must be an object")
    need(isinstance(factors, dict), "factors: must be an object")
    for name in ("userID", "jobID", "jobKind"):
        need(isinstance(header.get(name), str), f"header.{name}: must be a string")
    attempt = headers.get("Sluice-Attempt", "1")
    return Call(factors, header, job, int(attempt) if attempt.isdigit() else 1,
                headers.get("Sluice-Dry-Run", "").lower() == "true")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave together

    def do_POST(self):
        started = time.monotonic()
        job_id = "-"
        with self.server.busy:
            try:
                body = self.read_body()
                policy = self.server.routes.get(self.path)
                if policy is None:
                    raise Refusal(404, "no such plugin here")
                if self.server.keys and not signature_matches(
                        self.server.keys, self.headers, body, time.time()):
                    raise Refusal(401, "the signature does not match")
                call = parse_call(body, self.headers)
                job_id = call.job_id
                status, answer = 200, policy(call)
                if answer is None:
                    status = 204
            except Refusal as refusal:
                status, answer = refusal.status, {"error": refusal.words}
            except Exception as error:  # one bad call must not end the service
                status, answer = 500, {"error": f"{type(error).__name__}: {error}"}
            self.send(status, answer)
        self.tell(status, job_id, answer, time.monotonic() - started)

    def read_body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise Refusal(411, "Content-Length is needed")
        if int(length) > BODY_MAX:
            self.close_connection = True
            raise Refusal(413, f"more than {BODY_MAX} bytes")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            self.close_connection = True
            raise Refusal(400, "the body ended early")
        return body

    def send(self, status, answer):
        text = b"" if answer is None else json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    def tell(self, status, job_id, answer, seconds):
        words = ""
        if isinstance(answer, dict):
            shown = {k: answer[k] for k in ("decision", "advice", "reason", "error") if k in answer}
            words = json.dumps(shown) if shown else ""
        print(f"plugin={self.server.name} path={json.dumps(self.path)} status={status} "
              f"job={json.dumps(job_id)} ms={seconds * 1000:.1f} {words}".rstrip(), flush=True)

    def log_message(self, format, *args):  # noqa: A002 (the base class calls it so)
        print(f"plugin={self.server.name} note={json.dumps(format % args)}", flush=True)


class Busy:
    """Counts calls in progress, so that the end can wait for them."""

    def __init__(self):
        self.count = 0
        self.changed = threading.Condition()

    def __enter__(self):
        with self.changed:
            self.count += 1

    def __exit__(self, *_):
        with self.changed:
            self.count -= 1
            self.changed.notify_all()

    def wait_idle(self, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: self.count == 0, seconds)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, name, routes, keys, address):
        super().__init__(address, Handler)
        self.name, self.routes, self.keys = name, routes, keys
        self.busy = Busy()

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        print(f"plugin={self.name} note={json.dumps(f'connection lost: {error}')}", flush=True)


def write_port(path, port):
    """Whole or not at all: whoever waits for the file reads a complete number."""
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.replace(path + ".new", path)


def add_arguments(parser):
    parser.add_argument("--listen", default="127.0.0.1", help="address (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--port-file", help="the port is written here once it is open")


def serve(name, routes, arguments):
    """Answer until SIGTERM or SIGINT, then let the calls in progress end."""
    keys = parse_keys(os.environ.get("PLUGIN_SIGNING_KEY", ""))
    server = Server(name, routes, keys, (arguments.listen, arguments.port))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    port = server.server_address[1]
    if arguments.port_file:
        write_port(arguments.port_file, port)
    print(f"plugin={name} listening={arguments.listen}:{port} signed={bool(keys)} "
          f"paths={','.join(sorted(routes))}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.busy.wait_idle(5)
    print(f"plugin={name} ended", flush=True)


def main(name, routes):
    """A whole program for plugins without options of their own."""
    parser = argparse.ArgumentParser(prog=name)
    add_arguments(parser)
    serve(name, routes, parser.parse_args())
