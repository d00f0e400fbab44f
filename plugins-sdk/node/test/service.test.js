// Calls in progress, more of them than allowed, and the test kit.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { App, Refuse, factor, listen, pass, suspend } from "../src/index.js";
import { silent } from "../src/log.js";
import { ask, replay } from "../src/testing.js";

const JOB = { kind: "TaskSet", spec: { roles: [] } };
const CALL = JSON.stringify({ factors: {}, header: { jobID: "j", want: "pass" }, job: JOB });

async function post(port, path, body, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body, headers });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

test("calls in progress end first, and more than allowed are told to come again", { timeout: 60_000 }, async (t) => {
  let go;
  let started;
  const wait = new Promise((done) => { go = done; });
  const begun = new Promise((done) => { started = done; });
  const app = new App("narrow", { concurrency: 1, log: silent }).gate(async () => {
    started();
    await wait;
    return pass();
  });
  assert.equal(await app.waitIdle(0), true);
  const port = await serve(t, app);
  const first = post(port, "/gate", CALL);
  await begun;
  assert.equal(await app.waitIdle(0), false);
  const second = await post(port, "/gate", CALL);
  assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "1"]);
  go();
  assert.equal((await first).status, 200);
  assert.equal(await app.waitIdle(20_000), true);
});

async function serve(t, app) {
  const server = await listen(app, "127.0.0.1", 0);
  t.after(() => { server.close(); server.closeAllConnections(); });
  return server.address().port;
}

/** In pieces, without a length. */
async function postChunked(port, body) {
  const request = http.request({ port, method: "POST", path: "/gate" });
  request.on("error", () => {}); // it may be refused before all of it is written
  for (let at = 0; at < body.length; at += 50) request.write(body.slice(at, at + 50));
  request.end();
  const [answer] = await once(request, "response");
  answer.resume();
  return answer;
}

test("a body over the limit is refused, told beforehand or not", { timeout: 60_000 }, async (t) => {
  let asked = 0;
  const app = new App("small", { bodyMax: CALL.length, log: silent }).gate(() => { asked += 1; return pass(); });
  const port = await serve(t, app);
  const whole = await post(port, "/gate", `${CALL} `);
  assert.deepEqual([whole.status, whole.headers.get("connection")], [413, "close"]);
  const chunked = await postChunked(port, CALL + " ".repeat(500));
  assert.deepEqual([chunked.statusCode, chunked.headers.connection], [413, "close"]);
  assert.equal(asked, 0);
  assert.equal((await postChunked(port, CALL)).statusCode, 200);
  assert.equal((await post(port, "/gate", CALL)).status, 200);
});

test("a caller that goes away in the middle of a body asks nothing and breaks nothing", { timeout: 60_000 }, async (t) => {
  let asked = 0;
  const port = await serve(t, new App("left", { log: silent }).gate(() => { asked += 1; return pass(); }));
  const socket = net.connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(`POST /gate HTTP/1.1\r\nHost: x\r\nContent-Length: ${CALL.length}\r\n\r\n{`);
  socket.resetAndDestroy();
  await once(socket, "close");
  assert.equal((await post(port, "/gate", CALL)).status, 200);
  assert.equal(asked, 1);
});

test("a promise that fails is told like a fault at once", { timeout: 60_000 }, async (t) => {
  const faults = [new Refuse("not so"), new Error("broken")];
  const app = new App("faulty", { log: silent })
    .gate(() => { throw faults[0]; }, { name: "refuses" })
    .gate(async () => { throw faults[0]; }, { name: "refuses-later" })
    .gate(() => { throw faults[1]; }, { name: "breaks" })
    .gate(async () => { throw faults[1]; }, { name: "breaks-later" })
    .gate(async () => "no answer of a gate", { name: "wrong-later" });
  const port = await serve(t, app);
  const told = async (name) => { const { status, text } = await post(port, `/gate/${name}`, CALL); return [status, text]; };
  assert.deepEqual(await told("refuses"), [400, '{"error":"not so"}']);
  assert.deepEqual(await told("refuses-later"), await told("refuses"));
  assert.deepEqual(await told("breaks"), [500, '{"error":"internal error"}']);
  assert.deepEqual(await told("breaks-later"), await told("breaks"));
  assert.equal((await told("wrong-later"))[0], 500);
  assert.equal(await app.waitIdle(0), true);
});

function kit() {
  return new App("kit", { log: silent })
    .factors(() => factor("priority", 1))
    .gate((call) => {
      if (!call.header.team) throw new Refuse("header.team: is needed");
      return suspend("later", { retryAfter: 5 });
    }, { name: "late" });
}

test("the test kit asks a function", async () => {
  assert.deepEqual(await ask(kit(), "FactorGenerator", JOB), { topic: "priority", advice: 1 });
  assert.equal((await ask(kit(), "AccessGate", JOB, { team: "red" }, { name: "late" })).retryAfterSec, 5);
  await assert.rejects(ask(kit(), "AccessGate", JOB, {}, { name: "late" }), /header.team: is needed/);
});

test("the test kit replays recorded calls", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "plugin-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const body = { factors: {}, header: { team: "red" }, job: JOB };
  const calls = [
    { pluginType: "AccessGate", pluginKey: "AccessGate.kit.me.late", body,
      answer: { status: 200, body: { decision: "suspend", reason: "later", retryAfterSec: 5 } } },
    { name: "wrong", pluginType: "FactorGenerator", body,
      answer: { status: 200, body: { topic: "priority", advice: 2 } } },
  ];
  writeFileSync(join(folder, "r.json"), JSON.stringify({ protocol: 1, calls }));
  const differences = await replay(kit(), join(folder, "r.json"));
  assert.equal(differences.length, 1);
  assert.ok(differences[0].startsWith("wrong: answers"), differences[0]);
});
