"""Every SDK answers conformance/vectors.json alike: here over sockets, WSGI, ASGI and directly."""

import asyncio
import base64
import http.client
import io
import json
import pathlib
import threading
import unittest
import wsgiref.util
import wsgiref.validate

import reference
from sluice_plugin import is_signed, parse_keys
from sluice_plugin.log import silent
from sluice_plugin.server import Server

VECTORS = json.loads((pathlib.Path(__file__).parents[2] / "conformance/vectors.json").read_bytes())


def body_of(vector):
    if "text" in vector:
        return vector["text"].encode()
    if "base64" in vector:
        return base64.b64decode(vector["base64"])
    if "bytes" in vector:
        return b" " * vector["bytes"]
    if "deep" in vector:
        lists = "[" * vector["deep"] + "]" * vector["deep"]
        return ('{"factors":{},"header":{},"job":' + lists + "}").encode()
    return json.dumps(vector["body"]).encode() if "body" in vector else b""


def make(vector):
    keys = parse_keys(" ".join(vector.get("keys", [])))
    return reference.make(keys=keys, now=lambda: vector.get("now", 0), log=silent)


def over_socket(vector):
    server = Server(make(vector), ("127.0.0.1", 0))
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request(vector["method"], vector["path"], body_of(vector), vector.get("headers", {}))
        answer = connection.getresponse()
        result = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return result
    finally:
        server.shutdown()
        server.server_close()


def over_wsgi(vector):
    body = body_of(vector)
    environ = {"REQUEST_METHOD": vector["method"], "PATH_INFO": vector["path"],
               "SCRIPT_NAME": "", "QUERY_STRING": "",
               "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    for name, value in vector.get("headers", {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    wsgiref.util.setup_testing_defaults(environ)
    kept = {}

    def start(status, headers, exc_info=None):
        kept.update(status=int(status.split()[0]), headers=dict(headers))
    result = wsgiref.validate.validator(make(vector).wsgi)(environ, start)
    text = b"".join(result)
    result.close()
    return kept["status"], kept["headers"], text


def over_asgi(vector):
    sent, parts = [], [body_of(vector)[:10], body_of(vector)[10:]]

    async def receive():
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": vector["method"], "path": vector["path"],
             "headers": [(n.lower().encode(), v.encode()) for n, v in vector.get("headers", {}).items()]}
    asyncio.run(make(vector).asgi(scope, receive, send))
    headers = {n.decode().title(): v.decode() for n, v in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


class Vectors(unittest.TestCase):
    def test_signatures(self):
        for vector in VECTORS["signatures"]:
            with self.subTest(vector["name"]):
                keys = parse_keys(" ".join(vector["keys"]))
                self.assertIs(is_signed(keys, vector["headers"], vector["body"].encode(), vector["now"]),
                              vector["good"])

    def check(self, way):
        for vector in VECTORS["calls"]:
            with self.subTest(vector["name"]):
                wanted = vector["answer"]
                status, headers, body = way(vector)
                self.assertEqual(status, wanted["status"], body)
                if "body" in wanted:
                    self.assertEqual(json.loads(body), wanted["body"])
                if "text" in wanted:
                    self.assertEqual(body.decode(), wanted["text"])
                if "error" in wanted:
                    self.assertIn(wanted["error"], json.loads(body)["error"])
                for name, value in wanted.get("headers", {}).items():
                    self.assertEqual(headers.get(name), value)
                self.assertNotIn(b"swordfish", body)

    def test_calls_over_a_socket(self):
        self.check(over_socket)

    def test_calls_over_wsgi(self):
        self.check(over_wsgi)

    def test_calls_over_asgi(self):
        self.check(over_asgi)


if __name__ == "__main__":
    unittest.main()
