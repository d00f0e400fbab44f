// The types of index.js; those of the messages are made from the schema.
import type { Factor, Factors, FactorAnswer, GateAnswer, Header, HookBody, TaskSet } from "./types.js";

export * from "./types.js";

export const OK: "OK";
export const RE: "RE";
export class Refuse extends Error {}
export class Unavailable extends Error {
  constructor(words: string, seconds?: number);
  seconds: number;
}

export interface SuspendOptions {
  /** A word of your own to search by. */
  code?: string;
  /** Ask again after so many seconds. */
  retryAfter?: number;
  expiresAt?: Date | string;
  askOnResume?: boolean;
}

export function factor(topic: string, advice: string | number | boolean, reason?: string): Factor;
export function pass(reason?: string): GateAnswer;
export function suspend(reason: string, options?: SuspendOptions): GateAnswer;
export function stop(reason: string, options?: { code?: string }): GateAnswer;
export function exception(words?: string): string;

/** What the headers of a call say. */
interface Asked {
  /** The same over repeats of one call: the idempotency key. */
  readonly id: string;
  readonly attempt: number;
  /** Somebody wants to know what would happen: change nothing. */
  readonly dryRun: boolean;
  /** A moment of performance.now(). */
  readonly deadline: number | null;
  readonly pluginKey: string;
  readonly traceparent: string;
  millisecondsLeft(): number | null;
}

export interface Call<Job = TaskSet> extends Asked {
  readonly factors: Factors;
  readonly header: Header;
  job: Job;
  readonly jobID: string;
  readonly user: string;
  advice(topic: string): string[];
  containers(): any[];
}

export interface Change extends Asked {
  readonly jobID: string;
  readonly state: HookBody["current_state"];
  readonly previous: string;
  readonly sequence: number;
  readonly body: HookBody;
}

/** Anything else that may be registered, by its own name. */
export interface Settings {
  name?: string;
  path?: string;
  description?: string;
  jobSelector?: Record<string, any>;
  timeoutMs?: number;
  retries?: number;
  maxInFlight?: number;
  failurePolicy?: "fail" | "ignore" | "wait";
  sideEffects?: "none" | "some";
  answer?: "whole" | "typed";
}

export interface AppOptions {
  author?: string;
  description?: string;
  selector?: Record<string, any>;
  keys?: Uint8Array[];
  bodyMax?: number;
  concurrency?: number;
  log?: (level: string, msg: string, facts?: Record<string, unknown>) => void;
  now?: () => number;
}

export interface Reply {
  status: number;
  body: Uint8Array;
  headers: Record<string, string>;
  close: boolean;
}

type Given<T> = T | Promise<T>;

export class App {
  constructor(name: string, options?: AppOptions);
  translator(run: (call: Call<Record<string, any>>) => Given<TaskSet>, settings?: Settings): this;
  factors(run: (call: Call) => Given<FactorAnswer | undefined | null | void>, settings?: Settings): this;
  gate(run: (call: Call) => Given<GateAnswer>, settings?: Settings): this;
  decorator(run: (call: Call) => Given<TaskSet | undefined | null | void>, settings?: Settings): this;
  binder(run: (call: Call) => Given<TaskSet | undefined | null | void>, settings?: Settings): this;
  hook(states: HookBody["current_state"][], run: (change: Change) => Given<string | undefined | null | void>,
    settings?: Settings): this;
  feature(address: string): Record<string, any>;
  handle(method: string, path: string, headers: Record<string, string | undefined>,
    read: (most: number) => Promise<Uint8Array | null>): Promise<Reply>;
  waitIdle(milliseconds: number): Promise<boolean>;
  main(args?: string[]): Promise<void>;
  stopping: boolean;
  keys: Uint8Array[];
}

/** A server that listens; resolves when its port is open. */
export function listen(app: App, host: string, port: number): Promise<any>;
export function parseKeys(text: string): Uint8Array[];
export function sign(key: Uint8Array, id: string, timestamp: number, body: Uint8Array | string): string;
export function isSigned(keys: Uint8Array[], headers: Record<string, string | undefined>,
  body: Uint8Array | string, nowSeconds: number): boolean;
