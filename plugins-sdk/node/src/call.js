// What a function is given: a Call of one of the five stages, or a Change that a hook is told of.

import buffer from "node:buffer";

import { Refuse } from "./answers.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of the bytes; throws where they are no UTF-8. Much faster where Node knows isUtf8 (18.14). */
function textOf(bytes) {
  return buffer.isUtf8?.(bytes) ? bytes.toString() : utf8.decode(bytes);
}

/** What the headers of a call say. A gateway of the first protocol sends none of them. */
class Asked {
  #headers;
  #came;

  /** `came` is the moment of performance.now() at which it was asked. */
  constructor(headers, came) {
    this.#headers = headers;
    this.#came = came;
  }

  /** The same over repeats of one call: the idempotency key. */
  get id() {
    return this.#headers["webhook-id"] ?? "";
  }

  get attempt() {
    return whole(this.#headers["sluice-attempt"]) || 1;
  }

  /** Somebody wants to know what would happen: change nothing. */
  get dryRun() {
    return this.#headers["sluice-dry-run"]?.toLowerCase() === "true";
  }

  /** An answer after this moment of performance.now() is too late; null where none was told. */
  get deadline() {
    const left = whole(this.#headers["sluice-deadline-ms"]);
    return left === null ? null : this.#came + left;
  }

  get pluginKey() {
    return this.#headers["sluice-plugin-key"] ?? "";
  }

  get traceparent() {
    return this.#headers.traceparent ?? "";
  }

  /** Until the deadline; null where none was told. */
  millisecondsLeft() {
    const { deadline } = this;
    return deadline === null ? null : deadline - performance.now();
  }
}

/** A question about a job. */
export class Call extends Asked {
  constructor(document, headers, came) {
    super(headers, came);
    this.factors = document.factors ?? {};
    this.header = document.header;
    this.job = document.job;
  }

  get jobID() {
    return String(this.header.jobID ?? "");
  }

  get user() {
    return String(this.header.userID ?? "");
  }

  /** The advice on one topic, in the order of the plugins. */
  advice(topic) {
    return (this.factors[topic] ?? []).map((one) => String(one.advice));
  }

  /** The containers of all roles of a TaskSet, the objects themselves. */
  containers() {
    return (this.job.spec?.roles ?? []).flatMap((role) => role.template?.spec?.containers ?? []);
  }
}

/** A job went from one state to the next. */
export class Change extends Asked {
  constructor(document, headers, came) {
    super(headers, came);
    this.jobID = document.id;
    this.state = document.current_state;
    this.previous = document.previous_state ?? "";
    this.sequence = Number.isInteger(document.sequence) ? document.sequence : 0;
    /** All members, as sent. */
    this.body = document;
  }
}

function whole(text) {
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readJson(body) {
  let document;
  try {
    document = JSON.parse(textOf(body));
  } catch (error) {
    throw new Refuse(`the body is not JSON: ${error.message}`);
  }
  if (!isObject(document)) throw new Refuse("the body: must be an object");
  return document;
}

export function readCall(body, headers, came) {
  const document = readJson(body);
  for (const name of ["header", "job"]) {
    if (!isObject(document[name])) throw new Refuse(`${name}: must be an object`);
  }
  if (document.factors !== undefined && document.factors !== null && !isObject(document.factors)) {
    throw new Refuse("factors: must be an object");
  }
  return new Call(document, headers, came);
}

export function readChange(body, headers, came) {
  const document = readJson(body);
  for (const name of ["id", "current_state"]) {
    if (typeof document[name] !== "string") throw new Refuse(`${name}: must be a text`);
  }
  return new Change(document, headers, came);
}
