"""The service under any ASGI server: `uvicorn my_plugin:app.asgi`. Functions run in threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .app import TooLarge

if TYPE_CHECKING:
    from .app import App


async def _read(receive: Any, most: int) -> bytes | None:
    """The body, or None when it is over the limit or the caller went away."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        more = message.get("more_body", False)
    return body


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            return


def application(app: App):
    async def call(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']}: plugins are asked over HTTP")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1")
                   for name, value in scope["headers"]}
        body = await _read(receive, app.body_max)

        def read(most: int) -> bytes:
            if body is None:
                raise TooLarge
            return body

        reply = await asyncio.to_thread(app.handle, scope["method"], scope["path"], headers, read)
        lines = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        if reply.status != 204:
            lines.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": reply.body})
    return call
