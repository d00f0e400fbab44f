"""The program around an App: options, the socket, registration, and a clean end."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import log as logging
from .register import feature_from_file, keep_registering, signing_key_for
from .server import Server
from .signature import parse_keys

if TYPE_CHECKING:
    from .app import App


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text}: must be HOST:PORT, as 127.0.0.1:9000")
    return host.strip("[]"), int(port)


def parser(app: App) -> argparse.ArgumentParser:
    """The options; a program may add its own before it calls serve()."""
    env = os.environ.get
    options = argparse.ArgumentParser(
        prog=app.name, description=app.description or None,
        epilog="PLUGIN_SIGNING_KEY holds the signing keys; SLUICE_SERVER and SLUICE_TOKEN tell "
               "where to register.")
    add = options.add_argument
    add("--listen", type=_address, default=env("PLUGIN_LISTEN", "127.0.0.1:9000"),
        metavar="HOST:PORT", help="where to serve; port 0 takes a free one (127.0.0.1:9000)")
    add("--port-file", metavar="FILE", help="the port is written here once it is open")
    add("--concurrency", type=int, default=env("PLUGIN_CONCURRENCY", str(app.concurrency)),
        metavar="N", help="calls at once; more are told to come again (64)")
    add("--max-body", type=int, default=env("PLUGIN_MAX_BODY", str(app.body_max)),
        metavar="BYTES", help="the largest body that is read (4194304)")
    add("--grace", type=float, default=env("PLUGIN_GRACE", "10"), metavar="SECONDS",
        help="how long calls in progress may take at the end (10)")
    add("--register", action="store_true", default=env("PLUGIN_REGISTER", "") == "1",
        help="register the feature with the gateway at start")
    add("--address", default=env("PLUGIN_ADDRESS"), metavar="URL",
        help="how the gateway reaches this service (where it listens)")
    add("--feature", metavar="FILE", help="register this feature; {address} in it stands for the address")
    return options


def write_port(path: str, port: int) -> None:
    """Whole or not at all: whoever waits for the file reads a complete number."""
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.replace(path + ".new", path)


def _register(app: App, options: argparse.Namespace, address: str, ended: threading.Event) -> None:
    server = os.environ.get("SLUICE_SERVER") or "http://127.0.0.1:8080"
    token = os.environ.get("SLUICE_TOKEN", "")
    feature = feature_from_file(options.feature, address) if options.feature else app.feature(address)
    key = signing_key_for(os.environ)
    if key:
        feature.setdefault("signingKey", key)
    threading.Thread(target=keep_registering, args=(app, server, token, feature, ended),
                     daemon=True).start()


def _listen(app: App, address: tuple[str, int]) -> Server:
    try:
        return Server(app, address)
    except OSError as error:
        raise OSError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}; "
                      "choose another place: --listen HOST:PORT (port 0 takes a free one)") from error


def _signals() -> socket.socket:
    """A socket with a byte to read once SIGTERM or SIGINT came. Their handlers do nothing: one
    that took a lock, or began a thread, could wait for what it has interrupted."""
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return told


def serve(app: App, options: argparse.Namespace) -> None:
    """Answer until SIGTERM or SIGINT, then let the calls in progress end."""
    app.keys = parse_keys(os.environ.get("PLUGIN_SIGNING_KEY", "")) or app.keys
    if app.log is not logging.line:
        _serve(app, options)
        return
    behind = logging.Behind()
    app.log = behind.line
    try:
        _serve(app, options)
    finally:
        behind.close()


def _serve(app: App, options: argparse.Namespace) -> None:
    app.concurrency, app.body_max = options.concurrency, options.max_body
    told, ended = _signals(), threading.Event()
    server = _listen(app, options.listen)
    host = f"[{options.listen[0]}]" if ":" in options.listen[0] else options.listen[0]
    address = options.address or f"http://{host}:{server.port}"
    if options.port_file:
        write_port(options.port_file, server.port)
    app.log("info", "listening", plugin=app.name, address=address, paths=" ".join(app.plugins))
    if not app.keys:
        app.log("warning", "signatures are not checked: PLUGIN_SIGNING_KEY is not set",
                plugin=app.name)
    if options.register:
        _register(app, options, address, ended)
    serving = threading.Thread(target=server.serve_forever, args=(0.1,))
    serving.start()
    told.recv(1)
    app.stopping = True
    ended.set()
    idle = server.end(options.grace)
    serving.join()
    for number in (signal.SIGTERM, signal.SIGINT):  # once more: it is ending
        signal.signal(number, signal.SIG_IGN)
    app.log("info" if idle else "warning", "ended", plugin=app.name,
            error=None if idle else "calls were still in progress")


def main(app: App, arguments: Sequence[str] | None = None) -> None:
    options = parser(app)
    chosen = options.parse_args(arguments)
    try:
        serve(app, chosen)
    except (OSError, ValueError) as error:
        options.exit(1, f"{app.name}: {error}\n")
