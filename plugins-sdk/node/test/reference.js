// The plugin of conformance/README.md, as this SDK writes it.

import { App, OK, RE, Refuse, Unavailable, exception, factor, pass, stop, suspend } from "../src/index.js";

function translate(call) {
  const { words } = call.job;
  if (typeof words !== "string") throw new Refuse("job.words: must be a text");
  const container = { name: "main", command: ["echo", words] };
  return {
    apiVersion: "sluice/v1", kind: "TaskSet", metadata: { name: call.header.jobName },
    spec: { roles: [{ name: "main", template: { spec: { containers: [container] } } }] },
  };
}

function factors(call) {
  if (call.header.level === "gold") return factor("priority", "10", "gold");
  if (call.header.level === "none") return undefined;
  return [factor("priority", "1", "standard"), factor("queue", "shared", "standard")];
}

async function gate(call) {
  switch (call.header.want) {
    case "pass": return pass("as you wish");
    case "suspend": return suspend("not now", { code: "not_now", retryAfter: 30, askOnResume: true });
    case "expire": return suspend("soon too late", { expiresAt: "2030-01-01T00:00:00Z" });
    case "stop": return stop("never", { code: "never_ever" });
    case "unavailable": throw new Unavailable("the list is being read", 7);
    case "shape": return 7;
    case "facts": {
      const deadline = call.deadline === null ? "none" : "some";
      return pass(`attempt=${call.attempt} dry=${call.dryRun} id=${call.id} deadline=${deadline}`);
    }
    default: throw new Error("a secret: the password is swordfish");
  }
}

export function make(options = {}) {
  return new App("reference", options)
    .translator(translate)
    .factors(factors)
    .gate(gate)
    .decorator((call) => { (call.job.metadata.labels ??= {}).team = call.header.team; })
    .decorator((call) => {
      (call.job.metadata.annotations ??= {}).seen = "yes";
      return call.job;
    }, { name: "again" })
    .binder((call) => {
      call.job.spec.engine = "local";
      return call.job;
    })
    .hook(["running", "suspended", "failed", "stopped"], (change) =>
      ({ running: OK, suspended: RE, failed: exception("no mail server") })[change.state]);
}
