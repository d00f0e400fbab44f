// Calls in progress, more of them than allowed, and the test kit.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  const server = await listen(app, "127.0.0.1", 0);
  t.after(() => { server.close(); server.closeAllConnections(); });
  const first = post(server.address().port, "/gate", CALL);
  await begun;
  assert.equal(await app.waitIdle(0), false);
  const second = await post(server.address().port, "/gate", CALL);
  assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "1"]);
  go();
  assert.equal((await first).status, 200);
  assert.equal(await app.waitIdle(20_000), true);
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
