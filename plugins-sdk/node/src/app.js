// A plugin service: functions, and how a request finds its way to one and back.
//
// Nothing here knows a socket: App.handle() takes the parts of a request and gives those of an
// answer. server.js brings requests to it, testing.js recorded ones.

import { OK, Refuse, Unavailable } from "./answers.js";
import { readCall, readChange } from "./call.js";
import { line } from "./log.js";
import { main } from "./main.js";
import { isSigned } from "./signature.js";

export const PATHS = {
  TemplateTranslator: "/translate", FactorGenerator: "/factors", AccessGate: "/gate",
  TemplateDecorator: "/decorate", SchedulerBinder: "/bind", LifeHook: "/hook",
};
const EVERY_JOB = { conditions: [], expression: "*" };
const DECISIONS = ["pass", "suspend", "stop"];

function reply(status, body, type = "application/json") {
  return { status, body, headers: { "Content-Type": type }, close: false };
}

export function problem(status, words, headers = {}) {
  const answer = reply(status, JSON.stringify({ error: words }));
  Object.assign(answer.headers, headers);
  return answer;
}

/** The body was not read: the connection can carry no other request. */
function unread(answer) {
  return { ...answer, close: true };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFactor(value) {
  return isObject(value) && Boolean(value.topic) && value.advice !== undefined;
}

/** Throws for a result that cannot be an answer of this plugin type. */
function check(type, result) {
  let good;
  if (type === "AccessGate") good = isObject(result) && DECISIONS.includes(result.decision);
  else if (type === "FactorGenerator") good = result === undefined || [result].flat().every(isFactor);
  else if (type === "LifeHook") good = typeof result === "string" && ["OK", "RE", "EX"].includes(result.split(" ")[0]);
  else good = isObject(result);
  if (!good) throw new TypeError(`the function gave ${typeof result}, no answer of a ${type}`);
}

/** The answer made of what the function gave. */
function replyOf(type, call, result) {
  if (type === "LifeHook") {
    const word = result ?? OK;
    check(type, word);
    return reply(200, word, "text/plain; charset=utf-8");
  }
  const isAdding = type === "TemplateDecorator" || type === "SchedulerBinder";
  const value = result === undefined && isAdding ? call.job : result;
  check(type, value);
  return value === undefined ? reply(204, "") : reply(200, JSON.stringify(value));
}

/** The answer to a call that went wrong, which must not end the service. */
function failed(error, facts) {
  facts.error = error instanceof Error ? error.message : String(error);
  if (error instanceof Refuse) return problem(400, error.message);
  if (error instanceof Unavailable) return problem(503, error.message, { "Retry-After": String(error.seconds) });
  facts.error = error instanceof Error ? `${error.name}: ${error.message}` : facts.error;
  return problem(500, "internal error");
}

/** Waits for calls in progress. */
class Busy {
  #count = 0;
  #waiting = [];

  get count() {
    return this.#count;
  }

  enter() {
    this.#count += 1;
  }

  leave() {
    this.#count -= 1;
    if (this.#count === 0) this.#waiting.splice(0).forEach((done) => done(true));
  }

  /** False when calls are still in progress after these milliseconds. */
  wait(milliseconds) {
    if (this.#count === 0) return Promise.resolve(true);
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds, false);
      this.#waiting.push(() => { clearTimeout(timer); done(true); });
    });
  }
}

/** The plugins of one feature. Give it functions, then call main(). */
export class App {
  #busy = new Busy();

  constructor(name, options = {}) {
    this.name = name;
    this.author = options.author ?? "sluice-plugin";
    this.description = options.description ?? "";
    this.selector = options.selector ?? EVERY_JOB;
    this.keys = options.keys ?? [];
    this.bodyMax = options.bodyMax ?? 4 * 1024 * 1024;
    this.concurrency = options.concurrency ?? 64;
    this.log = options.log ?? line;
    this.now = options.now ?? (() => Date.now() / 1000);
    this.plugins = new Map();
    this.stopping = false;
  }

  /** A function of any type. `settings` go into its registration as they stand. */
  plugin(type, run, { name, path, ...settings } = {}) {
    const place = path ?? PATHS[type] + (name ? `/${name}` : "");
    if (this.plugins.has(place)) throw new Error(`${place}: there is a plugin already; give this one a name`);
    const registration = { pluginType: type, ...(name ? { name } : {}), ...settings };
    const read = type === "LifeHook" ? readChange : readCall;
    this.plugins.set(place, { type, path: place, read, run, registration });
    return this;
  }

  translator(run, settings) { return this.plugin("TemplateTranslator", run, settings); }

  factors(run, settings) { return this.plugin("FactorGenerator", run, settings); }

  gate(run, settings) { return this.plugin("AccessGate", run, settings); }

  decorator(run, settings) { return this.plugin("TemplateDecorator", run, settings); }

  binder(run, settings) { return this.plugin("SchedulerBinder", run, settings); }

  /** `states` are those to be told of. */
  hook(states, run, settings = {}) {
    const jobSelector = { ...this.selector, ...settings.jobSelector, states };
    return this.plugin("LifeHook", run, { ...settings, jobSelector });
  }

  /** What is registered: these plugins, reached at this address. */
  feature(address) {
    const base = address.replace(/\/+$/, "");
    return {
      name: this.name, author: this.author, description: this.description, jobSelector: this.selector,
      plugins: [...this.plugins.values()].map((one) => ({ ...one.registration, callAddress: base + one.path })),
    };
  }

  /**
   * Answer one request. The names of `headers` are in small letters; `read(most)` gives the body, null
   * where it has more bytes.
   */
  async handle(method, path, headers, read) {
    const { plugin, answer } = this.find(method, path);
    if (answer) return answer;
    return this.ask(plugin, headers, await read(this.bodyMax));
  }

  /** The `plugin` that is asked, or the `answer` to a request whose body nobody reads. */
  find(method, path) {
    const plugin = this.plugins.get(path);
    if (plugin && method === "POST") return { plugin };
    if (plugin) return { answer: unread(problem(405, "plugins are asked with POST", { Allow: "POST" })) };
    if (path === "/healthz" && (method === "GET" || method === "HEAD")) return { answer: this.#health() };
    return { answer: unread(problem(404, `no plugin here; there are ${[...this.plugins.keys()].join(", ")}`)) };
  }

  #health() {
    return reply(this.stopping ? 503 : 200, JSON.stringify({ status: this.stopping ? "stopping" : "ok" }));
  }

  /** The answer to one call, whose body may be null; a promise of it only where the plugin's function gives one. */
  ask(plugin, headers, body) {
    if (body === null) return unread(problem(413, `the body: has more than ${this.bodyMax} bytes`));
    const began = performance.now();
    const facts = {
      plugin: this.name, type: plugin.type, job: headers["sluice-job-id"], call: headers["webhook-id"],
      status: 0, ms: 0, error: undefined,
    };
    if (this.#busy.count >= this.concurrency) {
      const words = `${this.concurrency} calls are being answered`;
      return this.#told(problem(503, words, { "Retry-After": "1" }), facts, began);
    }
    this.#busy.enter();
    let answer;
    try {
      answer = this.#run(plugin, headers, body, facts, began);
    } catch (error) {
      answer = failed(error, facts);
    }
    if (answer instanceof Promise) return this.#later(answer, facts, began);
    this.#busy.leave();
    return this.#told(answer, facts, began);
  }

  #run(plugin, headers, body, facts, began) {
    if (this.keys.length > 0 && !isSigned(this.keys, headers, body, this.now())) {
      facts.error = "the signature does not fit";
      return problem(401, "the signature does not fit, or is more than 5 minutes off");
    }
    const call = plugin.read(body, headers, began);
    facts.job = call.jobID || undefined;
    const result = plugin.run(call);
    if (typeof result?.then !== "function") return replyOf(plugin.type, call, result ?? undefined);
    return Promise.resolve(result).then((value) => replyOf(plugin.type, call, value ?? undefined));
  }

  async #later(promised, facts, began) {
    const answer = await promised.catch((error) => failed(error, facts));
    this.#busy.leave();
    return this.#told(answer, facts, began);
  }

  #told(answer, facts, began) {
    const level = answer.status < 400 ? "info" : answer.status === 500 ? "error" : "warning";
    facts.status = answer.status;
    facts.ms = Math.round((performance.now() - began) * 100) / 100;
    this.log(level, "call", facts);
    return answer;
  }

  /** Until no call is in progress; false when some still are after these milliseconds. */
  waitIdle(milliseconds) {
    return this.#busy.wait(milliseconds);
  }

  /** A whole program: read the options, serve until SIGTERM or SIGINT. */
  main(args = process.argv.slice(2)) {
    return main(this, args);
  }
}
