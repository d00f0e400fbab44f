"""The test kit: recorded calls through the functions of an App, without a network.

    from sluice_plugin.testing import ask, replay
    assert ask(app, "AccessGate", job, team="red")["decision"] == "pass"
    assert replay(app, "recorded.json") == []
"""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from .app import PATHS

if TYPE_CHECKING:
    from .app import App

JOB_ID = "01a200aa-b256-7000-92e5-148469c5c019"


def send(app: App, path: str, document: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """One call, without its signature being looked at: the status and the body."""
    body = json.dumps(document).encode()
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    keys, app.keys = app.keys, []
    try:
        reply = app.handle("POST", path, lower, lambda most: body)
    finally:
        app.keys = keys
    return reply.status, reply.body


def ask(app: App, plugin_type: str, job: dict[str, Any], *, name: str | None = None,
        factors: dict[str, Any] | None = None, **header: Any) -> Any:
    """Ask one plugin about a job of user `test`; its answer, or AssertionError with its words."""
    known = {"userID": "test", "jobName": "test", "jobKind": str(job.get("kind")), "jobID": JOB_ID}
    call = {"factors": factors or {}, "header": {**known, **header}, "job": job}
    status, body = send(app, PATHS[plugin_type] + (f"/{name}" if name else ""), call)
    if status not in (200, 204):
        raise AssertionError(f"status {status}: {body.decode()}")
    return json.loads(body) if body else None


def _path(app: App, recorded: dict[str, Any]) -> str:
    """The plugin's key ends in its name, where it has one: TYPE.feature.author.name."""
    parts = str(recorded.get("pluginKey", "")).split(".")
    name = parts[3] if len(parts) == 4 else None
    found = [plugin.path for plugin in app.plugins.values()
             if plugin.type == recorded["pluginType"] and plugin.registration.get("name") == name]
    if not found:
        raise LookupError(f"the app has no {recorded['pluginType']} named {name or '(nothing)'}")
    return found[0]


def replay(app: App, path: str | pathlib.Path) -> list[str]:
    """Send every recorded call; what came out otherwise than the file says, in words."""
    differences = []
    for number, recorded in enumerate(json.loads(pathlib.Path(path).read_bytes())["calls"], 1):
        status, body = send(app, _path(app, recorded), recorded["body"], recorded.get("headers"))
        name = recorded.get("name") or f"call {number}"
        wanted = recorded.get("answer") or {}
        if status != wanted.get("status", status):
            differences.append(f"{name}: status {status}, not {wanted['status']}: {body.decode()}")
        elif "text" in wanted and body.decode() != wanted["text"]:
            differences.append(f"{name}: answers {body.decode()!r}, not {wanted['text']!r}")
        elif "body" in wanted and json.loads(body) != wanted["body"]:
            differences.append(f"{name}: answers {body.decode()}, not {json.dumps(wanted['body'])}")
    return differences
