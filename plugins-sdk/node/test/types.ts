// Compiled, not run: the types fit the ways in which the SDK is used.
import { App, OK, Refuse, exception, factor, pass, stop, suspend } from "sluice-plugin";
import type { GateAnswer } from "sluice-plugin";
import { ask, replay } from "sluice-plugin/testing";

const app = new App("typed", { author: "me", concurrency: 8 })
  .translator((call) => {
    if (typeof call.job.words !== "string") throw new Refuse("job.words: must be a text");
    return { kind: "TaskSet", spec: { roles: [{ name: "main", template: {} }] } };
  })
  .factors((call) => (call.user === "ann" ? factor("priority", 10) : undefined))
  .gate(async (call): Promise<GateAnswer> => {
    if (call.header.team === "red") return pass();
    return call.dryRun ? stop("no", { code: "no" }) : suspend("later", { retryAfter: 5, expiresAt: new Date() });
  }, { name: "team", timeoutMs: 2000, failurePolicy: "ignore" })
  .decorator((call) => { call.job.spec.engine = "local"; })
  .hook(["failed"], (change) => (change.state === "failed" ? exception("x") : OK));

// @ts-expect-error: a gate must decide
app.gate(() => "yes", { name: "wrong" });
// @ts-expect-error: there is no such state
app.hook(["asleep"], () => OK, { name: "wrong" });

export const done: Promise<unknown>[] = [app.main(), ask(app, "AccessGate", {}), replay(app, "x.json")];
