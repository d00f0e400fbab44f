// Every SDK answers conformance/vectors.json alike.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import test from "node:test";

import { isSigned, listen, parseKeys } from "../src/index.js";
import { silent } from "../src/log.js";
import { make } from "./reference.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../conformance/vectors.json", import.meta.url), "utf8"));

function bodyOf(vector) {
  if ("text" in vector) return Buffer.from(vector.text);
  if ("base64" in vector) return Buffer.from(vector.base64, "base64");
  if ("bytes" in vector) return Buffer.alloc(vector.bytes, " ");
  if ("deep" in vector) {
    const lists = "[".repeat(vector.deep) + "]".repeat(vector.deep);
    return Buffer.from(`{"factors":{},"header":{},"job":${lists}}`);
  }
  return Buffer.from("body" in vector ? JSON.stringify(vector.body) : "");
}

/** Send one request; an answer that comes before the body has left counts as well. */
function send(port, vector) {
  return new Promise((done, failed) => {
    const body = bodyOf(vector);
    const request = http.request({
      host: "127.0.0.1", port, method: vector.method, path: vector.path, agent: false,
      headers: { ...vector.headers, "Content-Length": body.length },
    }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    request.on("error", failed);
    request.end(body);
  });
}

function check(vector, answer) {
  const wanted = vector.answer;
  assert.equal(answer.status, wanted.status, answer.body);
  if ("body" in wanted) assert.deepEqual(JSON.parse(answer.body), wanted.body);
  if ("text" in wanted) assert.equal(answer.body, wanted.text);
  if ("error" in wanted) assert.ok(JSON.parse(answer.body).error.includes(wanted.error), answer.body);
  for (const [name, value] of Object.entries(wanted.headers ?? {})) {
    assert.equal(answer.headers[name.toLowerCase()], value);
  }
  assert.ok(!answer.body.includes("swordfish"));
}

for (const vector of VECTORS.signatures) {
  test(`signature: ${vector.name}`, () => {
    const keys = parseKeys(vector.keys.join(" "));
    assert.equal(isSigned(keys, vector.headers, Buffer.from(vector.body), vector.now), vector.good);
  });
}

for (const vector of VECTORS.calls) {
  test(`call: ${vector.name}`, async () => {
    const keys = parseKeys((vector.keys ?? []).join(" "));
    const server = await listen(make({ keys, now: () => vector.now ?? 0, log: silent }), "127.0.0.1", 0);
    try {
      check(vector, await send(server.address().port, vector));
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
}
