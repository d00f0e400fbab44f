// The test kit: recorded calls through the functions of an App, without a network.
//
//     import { ask, replay } from "sluice-plugin/testing";
//     assert.equal((await ask(app, "AccessGate", job, { team: "red" })).decision, "pass");
//     assert.deepEqual(await replay(app, "recorded.json"), []);

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { PATHS } from "./app.js";

const JOB_ID = "01a200aa-b256-7000-92e5-148469c5c019";

/** One call, without its signature being looked at. */
export async function send(app, path, document, headers = {}) {
  const body = Buffer.from(JSON.stringify(document));
  const small = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const { keys } = app;
  app.keys = [];
  try {
    const answer = await app.handle("POST", path, small, async () => body);
    return { status: answer.status, text: answer.body.toString() };
  } finally {
    app.keys = keys;
  }
}

/** Ask one plugin about a job of user `test`; its answer, or an error with its words. */
export async function ask(app, type, job, header = {}, { name, factors = {} } = {}) {
  const known = { userID: "test", jobName: "test", jobKind: String(job.kind), jobID: JOB_ID };
  const path = PATHS[type] + (name ? `/${name}` : "");
  const { status, text } = await send(app, path, { factors, header: { ...known, ...header }, job });
  if (status !== 200 && status !== 204) throw new Error(`status ${status}: ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** The plugin's key ends in its name, where it has one: TYPE.feature.author.name. */
function pathOf(app, recorded) {
  const name = (recorded.pluginKey ?? "").split(".")[3];
  const found = [...app.plugins.values()]
    .find((one) => one.type === recorded.pluginType && one.registration.name === name);
  if (!found) throw new Error(`the app has no ${recorded.pluginType} named ${name ?? "(nothing)"}`);
  return found.path;
}

function difference({ status, text }, wanted) {
  if (wanted.status !== undefined && status !== wanted.status) return `status ${status}, not ${wanted.status}: ${text}`;
  if (wanted.text !== undefined && text !== wanted.text) return `answers ${text}, not ${wanted.text}`;
  if (wanted.body !== undefined && !isDeepStrictEqual(JSON.parse(text), wanted.body)) {
    return `answers ${text}, not ${JSON.stringify(wanted.body)}`;
  }
  return null;
}

/** Send every recorded call; what came out otherwise than the file says, in words. */
export async function replay(app, path) {
  const differences = [];
  for (const [index, recorded] of JSON.parse(readFileSync(path, "utf8")).calls.entries()) {
    const answer = await send(app, pathOf(app, recorded), recorded.body, recorded.headers);
    const words = difference(answer, recorded.answer ?? {});
    if (words) differences.push(`${recorded.name ?? `call ${index + 1}`}: ${words}`);
  }
  return differences;
}
