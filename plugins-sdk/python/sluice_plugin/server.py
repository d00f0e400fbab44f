"""The service on a socket, with the standard library's HTTP server: a thread a connection."""

from __future__ import annotations

import contextlib
import http
import http.server
import re
import socket
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .app import Reply, TooLarge, problem

if TYPE_CHECKING:
    from .app import App

IDLE_S = 70  # the gateway gives a connection up after 60 s: it is to be the first
LINES_MAX = 256
FIRST = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in http.HTTPStatus}

# A head in which nothing is unusual: the standard library's own reading of it, by way of the
# package email, costs more than all the rest of a call.
PLAIN_HEAD = re.compile(rb"POST (/(?!/)[!-~]*) HTTP/1\.1\r\n"
                        rb"((?:[0-9A-Za-z_-]+:[ \t]*[!-~\x80-\xff][ -~\t\x80-\xff]*\r\n)+)\r\n")
UNUSUAL = frozenset(("connection", "expect", "transfer-encoding", "upgrade"))


def plain_headers(text: str) -> dict[str, str] | None:
    """The headers by their names in small letters; None where one of them says more than itself."""
    headers, count = {}, 0
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
        count += 1
    return headers if len(headers) == count and UNUSUAL.isdisjoint(headers) else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sluice-plugin"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    rbufsize = 16384
    wbufsize = -1  # head and body leave together
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)

    def handle_one_request(self) -> None:
        """One that stands in the buffer and is plain is read here, any other by the base class."""
        try:
            head = PLAIN_HEAD.match(self.rfile.peek())  # type: ignore[attr-defined]
            headers = plain_headers(head[2][:-2].decode("latin-1")) if head else None
        except TimeoutError as error:
            self.log_error("Request timed out: %r", error)
            self.close_connection = True
            return
        if head is None or headers is None:
            super().handle_one_request()
            return
        self.rfile.read(head.end())
        self.command, self.path, self.close_connection = "POST", head[1].decode("latin-1"), False
        try:
            self.answer(headers)
            self.wfile.flush()
        except TimeoutError as error:
            self.log_error("Request timed out: %r", error)
            self.close_connection = True

    def handle_any(self) -> None:
        if len(self.headers.get_all("Content-Length", [])) > 1:
            self.send_error(http.HTTPStatus.BAD_REQUEST, "Content-Length stands there twice")
            return
        self.answer({name.lower(): value for name, value in self.headers.items()})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

    def answer(self, headers: Mapping[str, str]) -> None:
        app, length = self.server.app, headers.get("content-length", "0")

        def read(most: int) -> bytes:
            if not (length.isascii() and length.isdigit()) or len(length) > 18 or int(length) > most:
                raise TooLarge
            body = self.rfile.read(int(length))
            if len(body) != int(length):
                raise EOFError
            return body

        try:
            if "transfer-encoding" in headers:
                self.close_connection = True
                reply = problem(411, "Content-Length is needed")
            else:
                reply = app.handle(self.command, self.path.partition("?")[0], headers, read)
        except EOFError:
            self.close_connection = True  # the caller went away in the middle: nobody to answer
            return
        self.send(reply, length != "0")

    def send(self, reply: Reply, has_body: bool) -> None:
        self.close_connection |= (reply.close and has_body) or self.server.app.stopping
        lines = [f"{name}: {value}\r\n" for name, value in reply.headers.items()]
        if reply.status != 204:
            lines.append(f"Content-Length: {len(reply.body)}\r\n")
        if self.close_connection:
            lines.append("Connection: close\r\n")
        head = (FIRST[reply.status] + "".join(lines) + "\r\n").encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + reply.body)
        if reply.close and has_body:
            self.drain()

    def drain(self) -> None:
        """Drop what still comes of a body that was refused, so that the answer arrives."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(2)
        for _ in range(LINES_MAX):
            if not self.connection.recv(65536):
                break

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        self.server.app.log("warning", "request", error=format % args)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, app: App, address: tuple[str, int]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.app = app
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def end(self, seconds: float) -> bool:
        """Take no more connections or requests; what has come is answered. False when calls were
        still in progress after these seconds. No thread of a connection is left to run into the
        interpreter's own end: one could hold what that needs."""
        self.shutdown()
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # it has just ended by itself
                    connection.shutdown(socket.SHUT_RD)
            return self._changed.wait_for(lambda: not self._connections, seconds)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        self.app.log("warning", "connection", error=str(sys.exc_info()[1]))
