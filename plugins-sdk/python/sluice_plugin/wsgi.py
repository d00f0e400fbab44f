"""The service under any WSGI server: `gunicorn 'my_plugin:app.wsgi'`."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any

from .app import TooLarge

if TYPE_CHECKING:
    from .app import App


def application(app: App):
    def call(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = {name[5:].replace("_", "-").lower(): value
                   for name, value in environ.items() if name.startswith("HTTP_")}

        def read(most: int) -> bytes:
            text = environ.get("CONTENT_LENGTH") or "0"
            if not text.isdigit() or int(text) > most:
                raise TooLarge
            return environ["wsgi.input"].read(int(text))

        reply = app.handle(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), headers, read)
        start_response(f"{reply.status} {http.HTTPStatus(reply.status).phrase}",
                       [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
                       if reply.status != 204 else [])
        return [reply.body]
    return call
