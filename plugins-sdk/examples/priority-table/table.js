// A table in a file of JSON that may change at any time.

import { readFileSync, statSync } from "node:fs";

/** `check` throws for a table that cannot be worked with; read() gives what is there now. */
export class Table {
  #stamp = "";

  #content;

  constructor(path, check) {
    this.path = path;
    this.check = check;
    this.read();
  }

  read() {
    const { ino, size, mtimeMs } = statSync(this.path);
    const stamp = `${ino} ${size} ${mtimeMs}`;
    if (stamp !== this.#stamp) {
      const content = JSON.parse(readFileSync(this.path, "utf8"));
      try {
        this.check(content);
      } catch (error) {
        throw new Error(`${this.path}: ${error.message}`);
      }
      this.#content = content;
      this.#stamp = stamp;
    }
    return this.#content;
  }
}
