"""The service on a socket, with the standard library's HTTP server: a thread a connection."""

from __future__ import annotations

import http.server
import socket
import sys
from typing import TYPE_CHECKING

from .app import Reply, TooLarge, problem

if TYPE_CHECKING:
    from .app import App

IDLE_S = 70  # the gateway gives a connection up after 60 s: it is to be the first
LINES_MAX = 256


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sluice-plugin"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    server: Server

    def handle_any(self) -> None:
        app = self.server.app
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            if "transfer-encoding" in headers:
                self.close_connection = True
                reply = problem(411, "Content-Length is needed")
            else:
                reply = app.handle(self.command, self.path.partition("?")[0], headers, self.read)
        except EOFError:
            self.close_connection = True  # the caller went away in the middle: nobody to answer
            return
        self.send(reply, int(headers.get("content-length") or 0))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

    def read(self, most: int) -> bytes:
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise TooLarge
        body = self.rfile.read(int(text))
        if len(body) != int(text):
            raise EOFError
        return body

    def send(self, reply: Reply, length: int) -> None:
        self.close_connection |= (reply.close and length > 0) or self.server.app.stopping
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        if reply.close and length > 0:
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
        super().__init__(address, Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        self.app.log("warning", "connection", error=str(sys.exc_info()[1]))
