"""A plugin service: functions, and how a request finds its way to one and back.

Nothing here knows a socket: App.handle() takes the parts of a request and gives those of
an answer. server.py, wsgi.py and asgi.py bring requests to it, testing.py recorded ones.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import log as logging
from .answers import OK, Refuse, Unavailable
from .call import read_call, read_change
from .signature import is_signed

BODY_MAX = 4 * 1024 * 1024
CONCURRENCY = 64
EVERY_JOB = {"conditions": [], "expression": "*"}
PATHS = {"TemplateTranslator": "/translate", "FactorGenerator": "/factors", "AccessGate": "/gate",
         "TemplateDecorator": "/decorate", "SchedulerBinder": "/bind", "LifeHook": "/hook"}
DECISIONS = ("pass", "suspend", "stop")
JSON = {"Content-Type": "application/json"}

_encode = json.JSONEncoder(allow_nan=False).encode

Reader = Callable[[int], bytes]  #: reads the body, at most so many bytes; TooLarge


class TooLarge(Exception):
    """The body is over the limit."""


@dataclasses.dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=lambda: dict(JSON))
    close: bool = False  #: the body was not read: the connection can carry no other request


def problem(status: int, words: str, **headers: str) -> Reply:
    return Reply(status, json.dumps({"error": words}).encode(),
                 {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}})


@dataclasses.dataclass
class Plugin:
    """One function, where it is asked, and how it is registered."""

    type: str
    path: str
    function: Callable[[Any], Any]
    registration: dict[str, Any]


def _is_factor(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("topic")) and "advice" in value


def check(plugin_type: str, result: Any) -> None:
    """TypeError for a result that cannot be an answer of this plugin type."""
    if plugin_type == "FactorGenerator":
        factors = result if isinstance(result, list) else [result]
        good = result is None or all(_is_factor(factor) for factor in factors)
    elif plugin_type == "AccessGate":
        good = isinstance(result, dict) and result.get("decision") in DECISIONS
    elif plugin_type == "LifeHook":
        good = isinstance(result, str) and result.split(" ")[0] in ("OK", "RE", "EX")
    else:
        good = isinstance(result, dict)
    if not good:
        raise TypeError(f"the function gave {type(result).__name__}, no answer of a {plugin_type}")


class App:
    """The plugins of one feature. Give it functions with its decorators, then call main()."""

    def __init__(self, name: str, *, author: str = "sluice-plugin", description: str = "",
                 selector: Mapping[str, Any] | None = None, keys: Sequence[bytes] = (),
                 body_max: int = BODY_MAX, concurrency: int = CONCURRENCY,
                 log: logging.Log = logging.line, now: Callable[[], float] = time.time) -> None:
        self.name, self.author, self.description = name, author, description
        self.selector = dict(selector or EVERY_JOB)
        self.keys, self.body_max, self.concurrency = list(keys), body_max, concurrency
        self.log, self.now = log, now
        self.plugins: dict[str, Plugin] = {}
        self.stopping = False
        self._busy = 0
        self._changed = threading.Condition()

    # -- functions ------------------------------------------------------------------------

    def plugin(self, plugin_type: str, name: str | None = None, *, path: str | None = None,
               **settings: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        """A decorator for a function of any type; `settings` go into its registration as they
        stand: jobSelector, description, timeoutMs, retries, maxInFlight, failurePolicy, ..."""
        place = path or PATHS[plugin_type] + (f"/{name}" if name else "")
        if place in self.plugins:
            raise ValueError(f"{place}: there is a plugin already; give this one a name")
        registration = {"pluginType": plugin_type, **({"name": name} if name else {}), **settings}

        def add(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.plugins[place] = Plugin(plugin_type, place, function, registration)
            return function
        return add

    def translator(self, name: str | None = None, **settings: Any):
        """What was submitted -> the TaskSet."""
        return self.plugin("TemplateTranslator", name, **settings)

    def factors(self, name: str | None = None, **settings: Any):
        """The call -> a factor, a list of them, or None."""
        return self.plugin("FactorGenerator", name, **settings)

    def gate(self, name: str | None = None, **settings: Any):
        """The call -> passed(), suspend() or stop()."""
        return self.plugin("AccessGate", name, **settings)

    def decorator(self, name: str | None = None, **settings: Any):
        """The call, to whose job things are added -> the TaskSet, or None for call.job."""
        return self.plugin("TemplateDecorator", name, **settings)

    def binder(self, name: str | None = None, **settings: Any):
        """As a decorator, after all of those."""
        return self.plugin("SchedulerBinder", name, **settings)

    def hook(self, states: Sequence[str], name: str | None = None, **settings: Any):
        """A state change -> OK (or None), RE, or exception(words). `states` are those to tell."""
        selector = {**self.selector, **settings.pop("jobSelector", {}), "states": list(states)}
        return self.plugin("LifeHook", name, jobSelector=selector, **settings)

    def feature(self, address: str) -> dict[str, Any]:
        """What is registered: these plugins, reached at this address."""
        plugins = [{**plugin.registration, "callAddress": address.rstrip("/") + plugin.path}
                   for plugin in self.plugins.values()]
        return {"name": self.name, "author": self.author, "description": self.description,
                "jobSelector": self.selector, "plugins": plugins}

    # -- requests -------------------------------------------------------------------------

    def handle(self, method: str, path: str, headers: Mapping[str, str], read: Reader) -> Reply:
        """Answer one request. The names of `headers` are in small letters."""
        if path == "/healthz" and method in ("GET", "HEAD"):
            return self._health()
        plugin = self.plugins.get(path)
        if plugin is None:
            return self._unread(problem(404, f"no plugin here; there are {', '.join(self.plugins)}"))
        if method != "POST":
            return self._unread(problem(405, "plugins are asked with POST", Allow="POST"))
        try:
            body = read(self.body_max)
        except TooLarge:
            return self._unread(problem(413, f"the body: has more than {self.body_max} bytes"))
        started = time.monotonic()
        facts: dict[str, Any] = {}
        reply = self._ask(plugin, headers, body, facts)
        level = "info" if reply.status < 400 else "error" if reply.status == 500 else "warning"
        self.log(level, "call", plugin=self.name, type=plugin.type, **facts, status=reply.status,
                 ms=round((time.monotonic() - started) * 1000, 2))
        return reply

    def _health(self) -> Reply:
        status = "stopping" if self.stopping else "ok"
        return Reply(503 if self.stopping else 200, json.dumps({"status": status}).encode())

    @staticmethod
    def _unread(reply: Reply) -> Reply:
        reply.close = True
        return reply

    def _ask(self, plugin: Plugin, headers: Mapping[str, str], body: bytes,
             facts: dict[str, Any]) -> Reply:
        facts["job"], facts["call"] = headers.get("sluice-job-id"), headers.get("webhook-id")
        if not self._enter():
            return problem(503, f"{self.concurrency} calls are being answered", Retry_After="1")
        try:
            if self.keys and not is_signed(self.keys, headers, body, self.now()):
                facts["error"] = "the signature does not fit"
                return problem(401, "the signature does not fit, or is more than 5 minutes off")
            return self._run(plugin, headers, body, facts)
        except Refuse as refusal:
            facts["error"] = str(refusal)
            return problem(400, str(refusal))
        except Unavailable as reason:
            facts["error"] = str(reason)
            return problem(503, str(reason), Retry_After=str(reason.seconds))
        except Exception as error:  # a call that goes wrong must not end the service
            facts["error"] = f"{type(error).__name__}: {error}"
            return problem(500, "internal error")
        finally:
            self._leave()

    @staticmethod
    def _run(plugin: Plugin, headers: Mapping[str, str], body: bytes,
             facts: dict[str, Any]) -> Reply:
        if plugin.type == "LifeHook":
            change = read_change(body, headers)
            facts["job"] = change.job_id
            result = plugin.function(change)
            result = OK if result is None else result
            check(plugin.type, result)
            return Reply(200, result.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        call = read_call(body, headers)
        facts["job"] = call.job_id
        result = plugin.function(call)
        if result is None and plugin.type in ("TemplateDecorator", "SchedulerBinder"):
            result = call.job
        check(plugin.type, result)
        if result is None:
            return Reply(204)
        return Reply(200, _encode(result).encode())

    # -- calls in progress ----------------------------------------------------------------

    def _enter(self) -> bool:
        with self._changed:
            if self._busy >= self.concurrency:
                return False
            self._busy += 1
            return True

    def _leave(self) -> None:
        with self._changed:
            self._busy -= 1
            if self._busy == 0:
                self._changed.notify_all()

    def wait_idle(self, seconds: float) -> bool:
        """Until no call is in progress; False when some still are after these seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, seconds)

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """A whole program: read the options, serve until SIGTERM or SIGINT."""
        from .main import main
        main(self, arguments)

    # -- other servers --------------------------------------------------------------------

    @property
    def wsgi(self) -> Callable[..., Any]:
        """This service as a WSGI application."""
        from .wsgi import application
        return application(self)

    @property
    def asgi(self) -> Callable[..., Any]:
        """This service as an ASGI application; functions run in threads."""
        from .asgi import application
        return application(self)
