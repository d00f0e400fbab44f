// The program: options, registration, a clean end, more calls than allowed, and the test kit.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import test from "node:test";

import { App, Refuse, factor, listen, pass, suspend } from "../src/index.js";
import { silent } from "../src/log.js";
import { ask, replay } from "../src/testing.js";

const KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const JOB = { kind: "TaskSet", spec: { roles: [] } };
const CALL = JSON.stringify({ factors: {}, header: { jobID: "j", want: "pass" }, job: JOB });
const PROGRAM = new URL("reference_main.js", import.meta.url).pathname;

async function until(condition) {
  const end = performance.now() + 20_000;
  while (performance.now() < end) {
    if (condition()) return;
    await pause(10);
  }
  throw new Error("it did not come");
}

/** The reference plugin as a process of its own, ended with the test. */
async function program(t, options = [], environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), "plugin-"));
  const portFile = join(folder, "port");
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PLUGIN|SLUICE)_/.test(name)));
  const child = spawn(process.execPath, [PROGRAM, "--listen", "127.0.0.1:0", "--port-file", portFile, ...options],
    { env: { ...clean, ...environment }, stdio: ["ignore", "inherit", "pipe"] });
  const exited = once(child, "exit");
  let text = "";
  child.stderr.on("data", (part) => { text += part; });
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true });
  });
  await until(() => existsSync(portFile) || child.exitCode !== null);
  return {
    child, exited, folder, text: () => text,
    port: existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : 0,
    lines: () => text.split("\n").filter(Boolean).map((line) => JSON.parse(line)),
  };
}

/** Takes registrations, answering each in turn and the last for ever. */
async function gateway(t, ...answers) {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    seen.push({ path: request.url, authorization: request.headers.authorization, feature: JSON.parse(text) });
    const [status, words] = answers.length > 1 ? answers.shift() : answers[0];
    response.writeHead(status).end(JSON.stringify({ code: "X", msg: words }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => { server.close(); server.closeAllConnections(); });
  return { seen, url: `http://127.0.0.1:${server.address().port}` };
}

async function post(port, path, body, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body, headers });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

test("serves, logs, and ends when told", { timeout: 60_000 }, async (t) => {
  const running = await program(t);
  assert.equal((await fetch(`http://127.0.0.1:${running.port}/healthz`)).status, 200);
  assert.equal((await post(running.port, "/gate", CALL, { "webhook-id": "msg_1" })).status, 200);
  running.child.kill("SIGTERM");
  assert.deepEqual(await running.exited, [0, null]);
  const lines = running.lines();
  const line = lines.find(({ msg }) => msg === "call");
  assert.deepEqual([line.job, line.call, line.status, line.type], ["j", "msg_1", 200, "AccessGate"]);
  assert.ok(lines.some(({ msg }) => msg.includes("PLUGIN_SIGNING_KEY")));
  assert.equal(lines.at(-1).msg, "ended");
});

test("keys come from the environment", { timeout: 60_000 }, async (t) => {
  const running = await program(t, [], { PLUGIN_SIGNING_KEY: KEY });
  assert.equal((await post(running.port, "/gate", CALL)).status, 401);
  assert.ok(!running.text().includes(KEY));
});

test("a bad option is told", { timeout: 60_000 }, async (t) => {
  for (const [options, environment, words] of [[["--listen", "nowhere"], {}, "HOST:PORT"],
    [["--bogus"], {}, "--bogus"], [[], { PLUGIN_SIGNING_KEY: "secret" }, "whsec_"]]) {
    const running = await program(t, options, environment);
    const [code] = await running.exited;
    assert.notEqual(code, 0);
    assert.ok(running.text().includes(words), running.text());
    assert.ok(!running.text().includes("    at "), running.text());
  }
});

test("registers its feature until it is taken", { timeout: 60_000 }, async (t) => {
  const { seen, url } = await gateway(t, [503, "starting"], [200, ""]);
  const running = await program(t, ["--register"],
    { SLUICE_SERVER: url, SLUICE_TOKEN: "t0", PLUGIN_SIGNING_KEY: KEY });
  await until(() => running.lines().some(({ msg }) => msg === "registered"));
  assert.equal(seen.length, 2);
  const { path, authorization, feature } = seen[1];
  assert.deepEqual([path, authorization], ["/v1/features", "Bearer t0"]);
  assert.deepEqual([feature.name, feature.signingKey], ["reference", KEY]);
  const at = (type, name) => feature.plugins.find((one) => one.pluginType === type && one.name === name);
  assert.equal(at("AccessGate").callAddress, `http://127.0.0.1:${running.port}/gate`);
  assert.equal(at("TemplateDecorator", "again").callAddress, `http://127.0.0.1:${running.port}/decorate/again`);
  assert.deepEqual(at("LifeHook").jobSelector.states, ["running", "suspended", "failed", "stopped"]);
});

test("a refused registration is told, and it goes on serving", { timeout: 60_000 }, async (t) => {
  const { seen, url } = await gateway(t, [403, "the feature is on"]);
  const running = await program(t, ["--register"], { SLUICE_SERVER: url });
  await until(() => running.lines().some(({ msg }) => msg === "not registered"));
  assert.equal(running.lines().find(({ msg }) => msg === "not registered").error, "the feature is on");
  assert.equal((await fetch(`http://127.0.0.1:${running.port}/healthz`)).status, 200);
  assert.equal(seen.length, 1);
});

test("a feature file of one's own", { timeout: 60_000 }, async (t) => {
  const { seen, url } = await gateway(t, [200, ""]);
  const folder = mkdtempSync(join(tmpdir(), "plugin-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "f.json"), '{"name": "mine", "plugins": [{"callAddress": "{address}/gate"}]}');
  await program(t, ["--register", "--feature", join(folder, "f.json"), "--address", "http://plugin.example:1/"],
    { SLUICE_SERVER: url });
  await until(() => seen.length > 0);
  assert.equal(seen[0].feature.plugins[0].callAddress, "http://plugin.example:1/gate");
});

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
