// The least gate in Node.js: its own http, nothing checked. Usage: gate.mjs PORT-FILE
import { writeFileSync } from "node:fs";
import http from "node:http";

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const { header } = JSON.parse(Buffer.concat(parts));
    const answer = JSON.stringify({ decision: header.team === "red" ? "pass" : "stop", reason: "only team red" });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => writeFileSync(process.argv[2], `${server.address().port}\n`));
