"""What a function is given: a Call of one of the five stages, or a Change that a hook is told of."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from typing import Any

from .answers import Refuse


@dataclasses.dataclass
class Asked:
    """What the headers of a call say. A gateway of the first protocol sends none of them."""

    id: str = ""                     #: the same over repeats of one call: the idempotency key
    attempt: int = 1
    dry_run: bool = False            #: somebody wants to know what would happen: change nothing
    deadline: float | None = None    #: an answer after this moment of time.monotonic() is too late
    plugin_key: str = ""             #: the plugin that is meant, as it is registered
    traceparent: str = ""            #: W3C trace context

    def seconds_left(self) -> float | None:
        """Until the deadline; None where none was told."""
        return None if self.deadline is None else self.deadline - time.monotonic()


@dataclasses.dataclass
class Call(Asked):
    """A question about a job."""

    factors: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    header: dict[str, Any] = dataclasses.field(default_factory=dict)
    job: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def job_id(self) -> str:
        return str(self.header.get("jobID", ""))

    @property
    def user(self) -> str:
        return str(self.header.get("userID", ""))

    def advice(self, topic: str) -> list[str]:
        """The advice on one topic, in the order of the plugins."""
        return [str(factor.get("advice")) for factor in self.factors.get(topic, [])]

    def containers(self) -> list[dict[str, Any]]:
        """The containers of all roles of a TaskSet, the dictionaries themselves."""
        found: list[dict[str, Any]] = []
        for role in (self.job.get("spec") or {}).get("roles") or []:
            pod = (role.get("template") or {}).get("spec") or {}
            found += pod.get("containers") or []
        return found


@dataclasses.dataclass
class Change(Asked):
    """A job went from one state to the next."""

    job_id: str = ""
    state: str = ""
    previous: str = ""
    sequence: int = 0
    body: dict[str, Any] = dataclasses.field(default_factory=dict)  #: all members, as sent


def _number(text: str) -> float:
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is no number of JSON")
    return value


_decode = json.JSONDecoder(parse_constant=_number, parse_float=_number).decode


def read_json(body: bytes) -> dict[str, Any]:
    """The body as an object, or Refuse."""
    try:
        document = _decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refuse(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refuse("the body: must be an object")
    return document


def asked(headers: Mapping[str, str]) -> dict[str, Any]:
    """The members of Asked, from headers with names in small letters."""
    def whole(name: str) -> int | None:
        text = headers.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    left = whole("sluice-deadline-ms")
    return {
        "id": headers.get("webhook-id", ""),
        "attempt": whole("sluice-attempt") or 1,
        "dry_run": headers.get("sluice-dry-run", "").lower() == "true",
        "deadline": None if left is None else time.monotonic() + left / 1000,
        "plugin_key": headers.get("sluice-plugin-key", ""),
        "traceparent": headers.get("traceparent", ""),
    }


def read_call(body: bytes, headers: Mapping[str, str]) -> Call:
    document = read_json(body)
    for name in ("header", "job"):
        if not isinstance(document.get(name), dict):
            raise Refuse(f"{name}: must be an object")
    factors = document.get("factors")
    if factors is not None and not isinstance(factors, dict):
        raise Refuse("factors: must be an object")
    return Call(factors=factors or {}, header=document["header"], job=document["job"],
                **asked(headers))


def read_change(body: bytes, headers: Mapping[str, str]) -> Change:
    document = read_json(body)
    for name in ("id", "current_state"):
        if not isinstance(document.get(name), str):
            raise Refuse(f"{name}: must be a text")
    sequence = document.get("sequence")
    return Change(job_id=document["id"], state=document["current_state"],
                  previous=str(document.get("previous_state") or ""),
                  sequence=sequence if isinstance(sequence, int) else 0,
                  body=document, **asked(headers))
