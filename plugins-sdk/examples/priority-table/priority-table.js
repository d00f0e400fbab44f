// priority-table: priorities by user, team and kind of job, from a table.

import { App, Unavailable, factor } from "../../node/src/index.js";
import { Table } from "./table.js";

const PARTS = [
  ["users", "user", (call) => call.user],
  ["teams", "team", (call) => call.header.team],
  ["kinds", "kind", (call) => call.header.jobKind],
];

export const app = new App("priority-table", { author: "examples", description: "priorities by user, team and kind of job" });

function check(content) {
  for (const [part] of PARTS) {
    for (const [name, value] of Object.entries(content[part] ?? {})) {
      if (!Number.isFinite(value)) throw new Error(`${part}.${name}: must be a number`);
    }
  }
  if (content.default !== undefined && !Number.isFinite(content.default)) throw new Error("default: must be a number");
}

export const table = new Table(process.env.PRIORITIES || new URL("priorities.json", import.meta.url), check);

function readTable() {
  try {
    return table.read();
  } catch (error) {
    throw new Unavailable(error.message, 5);
  }
}

app.factors((call) => {
  const content = readTable();
  const advice = PARTS.flatMap(([part, word, of]) => {
    const name = of(call);
    const known = typeof name === "string" && Object.hasOwn(content[part] ?? {}, name);
    return known ? [factor("priority", String(content[part][name]), `${word} ${name}`)] : [];
  });
  if (advice.length > 0) return advice;
  return content.default === undefined ? undefined : factor("priority", String(content.default), "as all others");
}, { sideEffects: "none" });
