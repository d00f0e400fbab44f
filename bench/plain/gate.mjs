// The least gate in Node.js: its own http, nothing checked but, with PLUGIN_SIGNING_KEY, the signature.
// Usage: gate.mjs PORT-FILE
import { createHmac, timingSafeEqual } from "node:crypto";
import { writeFileSync } from "node:fs";
import http from "node:http";

const key = Buffer.from((process.env.PLUGIN_SIGNING_KEY ?? "").slice(6), "base64");

function isSigned({ headers }, body) {
  const mac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`)
    .update(body).digest("base64");
  return timingSafeEqual(Buffer.from(`v1,${mac}`), Buffer.from(headers["webhook-signature"]));
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    if (key.length > 0 && !isSigned(request, body)) {
      response.writeHead(401).end();
      return;
    }
    const { header } = JSON.parse(body);
    const answer = JSON.stringify({ decision: header.team === "red" ? "pass" : "stop", reason: "only team red" });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => writeFileSync(process.argv[2], `${server.address().port}\n`));
