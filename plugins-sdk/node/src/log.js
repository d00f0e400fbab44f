// One line of JSON per event, to standard error: for people with grep, and for collectors.

const BEHIND_MS = 100; // a line of level info is written so much later at most,
const BEHIND_SIZE = 65536; // or with so many others: a write is what costs most

let lines = "";
let timer = null;
let told = 0; // the moment that was told last,
let stamp = ""; // and its words

function flush() {
  const some = lines;
  lines = "";
  clearTimeout(timer);
  timer = null;
  if (some) process.stderr.write(some);
}

/** A fact that is undefined is left out. */
export function line(level, msg, facts = {}) {
  const now = Date.now();
  if (now !== told) {
    told = now;
    stamp = new Date(now).toISOString();
  }
  lines += `${JSON.stringify({ time: stamp, level, msg, ...facts })}\n`;
  if (level !== "info" || lines.length >= BEHIND_SIZE) flush();
  else timer ??= setTimeout(flush, BEHIND_MS).unref();
}

process.on("exit", flush); // also of a fault that nobody caught

/** For tests. */
export function silent() {}
