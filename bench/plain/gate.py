"""The least gate in Python: http.server and json, nothing checked but, with PLUGIN_SIGNING_KEY, the
signature. Usage: gate.py PORT-FILE"""

import base64
import hmac
import http.server
import json
import os
import sys

KEY = base64.b64decode(os.environ.get("PLUGIN_SIGNING_KEY", "")[6:])


class Gate(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if KEY:
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            mac = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
            if not hmac.compare_digest(mac, self.headers["webhook-signature"]):
                self.send_error(401)
                return
        call = json.loads(body)
        red = call["header"].get("team") == "red"
        answer = json.dumps({"decision": "pass" if red else "stop", "reason": "only team red"}).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate)
server.daemon_threads = True
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write(f"{server.server_address[1]}\n")
server.serve_forever()
