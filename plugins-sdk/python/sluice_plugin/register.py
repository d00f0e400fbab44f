"""Registering the feature with the gateway: safe at every start and from every replica."""

from __future__ import annotations

import json
import os
import pathlib
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import App

PAUSE_MAX_S = 30
ANSWER_MAX = 1 << 20


def feature_from_file(path: str, address: str) -> dict[str, Any]:
    """A feature of one's own; `{address}` in it stands for the service's address."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    return json.loads(text.replace("{address}", address.rstrip("/")))


def post_feature(server: str, token: str, feature: dict[str, Any]) -> tuple[int, str, bool]:
    """Register once: the status, the gateway's words, and whether the feature is known to be off.
    OSError when it cannot be reached."""
    request = urllib.request.Request(
        server.rstrip("/") + "/v1/features", json.dumps(feature).encode(), method="POST",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            status, text = answer.status, answer.read(ANSWER_MAX)
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read(ANSWER_MAX)
    try:
        answer = json.loads(text)
        payload = answer.get("payload")
        is_off = isinstance(payload, dict) and payload.get("enabled") is False
        return status, str(answer.get("msg", "")), is_off
    except (ValueError, AttributeError):
        return status, text[:200].decode("utf-8", "replace"), False


def _next_step(status: int, is_off: bool, name: object) -> str | None:
    if status == 200:
        return f"sluicectl feature on {name}" if is_off else None
    return "set SLUICE_TOKEN to a token that may register features" if status == 401 else None


def _final(status: int) -> bool:
    """A status that asking again would not change."""
    return status < 500 and status not in (408, 429)


def keep_registering(app: App, server: str, token: str, feature: dict[str, Any],
                     ended: threading.Event) -> bool:
    """Until the gateway has taken or refused it. True when it was taken."""
    pause, name = 1, feature.get("name")
    while not ended.is_set():
        try:
            status, words, is_off = post_feature(server, token, feature)
        except (OSError, ValueError) as error:
            status, words, is_off = 0, f"{server}: {error}", False
        if status == 200:
            app.log("info", "registered", plugin=name, words=words, next=_next_step(status, is_off, name))
            return True
        if status and _final(status):
            app.log("error", "not registered", plugin=name, status=status, error=words,
                    next=_next_step(status, is_off, name))
            return False
        app.log("warning", "not registered yet", plugin=name, status=status or None,
                error=words, again_in_s=pause)
        ended.wait(pause)
        pause = min(2 * pause, PAUSE_MAX_S)
    return False


def signing_key_for(environment: dict[str, str] | os._Environ[str]) -> str | None:
    """The first key of PLUGIN_SIGNING_KEY goes into the registration: calls are signed with it."""
    keys = environment.get("PLUGIN_SIGNING_KEY", "").split()
    return keys[0] if keys else None
