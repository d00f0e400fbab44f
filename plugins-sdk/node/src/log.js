// One line of JSON per event, to standard error: for people with grep, and for collectors.

let lines = "";

/** Lines of one turn of the event loop leave together: a write is what costs most. */
function flush() {
  const some = lines;
  lines = "";
  if (some) process.stderr.write(some);
}

export function line(level, msg, facts = {}) {
  const entry = { time: new Date().toISOString(), level, msg };
  for (const name in facts) {
    const value = facts[name];
    if (value !== undefined && value !== null && value !== "") entry[name] = value;
  }
  if (!lines) setImmediate(flush);
  lines += `${JSON.stringify(entry)}\n`;
}

process.on("exit", flush); // also of a fault that nobody caught

/** For tests. */
export function silent() {}
