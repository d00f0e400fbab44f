import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { replay } from "../../node/src/testing.js";
import { app, table } from "./priority-table.js";
import { Table } from "./table.js";

test("recorded calls", async () => {
  assert.deepEqual(await replay(app, new URL("calls.json", import.meta.url)), []);
});

test("the table is read again when it changes, and a bad one is not taken", () => {
  const folder = mkdtempSync(join(tmpdir(), "table-"));
  const file = join(folder, "table.json");
  const write = (text) => { writeFileSync(`${file}.new`, text); renameSync(`${file}.new`, file); };
  try {
    write('{"users": {"ann": 1}}');
    const one = new Table(file, table.check);
    assert.deepEqual(one.read(), {"users": {"ann": 1}});
    write('{"users": {"ann": "much"}}');
    assert.throws(() => one.read(), /table.json: .+: /);
    write("{}}");
    assert.throws(() => one.read());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
