// One line of JSON per event, to standard error: for people with grep, and for collectors.

export function line(level, msg, facts = {}) {
  const known = Object.entries(facts).filter(([, v]) => v !== undefined && v !== null && v !== "");
  const entry = { time: new Date().toISOString(), level, msg, ...Object.fromEntries(known) };
  process.stderr.write(`${JSON.stringify(entry)}\n`);
}

/** For tests. */
export function silent() {}
