// What goes over the wire, as types. Written by plugins-sdk/schema/make_types.py from protocol-1.json: change that.

/** One piece of advice about a job. */
export interface Factor {
  /** What the advice is about: factors are grouped by it. */
  topic: string;
  /** The advice itself; a number or a boolean is taken as its JSON text. */
  advice: string | number | boolean;
  /** Why, in words. */
  reason?: string | number | boolean;
  [member: string]: any;
}

/** What is known about a job: four members of the gateway's own, those of the submitter's token, and whatever the submitter sent. */
export interface Header {
  /** Who submitted it. */
  userID: string;
  /** Its name. */
  jobName: string;
  /** The kind that was submitted, also when the job is a TaskSet by now. */
  jobKind: string;
  /** Its id, a UUIDv7. */
  jobID: string;
  [member: string]: any;
}

/** A container as Kubernetes has it. */
export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: Record<string, any>[];
  resources?: Record<string, any>;
  [member: string]: any;
}

/** Replicas of one kind. */
export interface Role {
  /** Unique in the TaskSet; a DNS label. */
  name: string;
  replicas?: number;
  /** Names of roles, or {role, on}. */
  dependsOn?: any[];
  completionPolicy?: Record<string, any>;
  retryPolicy?: Record<string, any>;
  eventPolicy?: Record<string, any>[];
  /** A Kubernetes PodTemplateSpec. */
  template: Record<string, any>;
  [member: string]: any;
}

/** What is to be run. */
export interface TaskSetSpec {
  /** Which engine runs it; the configured default otherwise. */
  engine?: string;
  gang?: boolean;
  activeDeadlineSeconds?: number;
  retryPolicy?: Record<string, any>;
  roles: Role[];
  [member: string]: any;
}

/** The common form of a job: the answer of a TemplateTranslator, a TemplateDecorator and a SchedulerBinder. */
export interface TaskSet {
  apiVersion?: string;
  kind: "TaskSet";
  metadata?: Record<string, any>;
  spec: TaskSetSpec;
  [member: string]: any;
}

/** What a TemplateTranslator, FactorGenerator, AccessGate, TemplateDecorator or SchedulerBinder is sent. */
export interface CallBody {
  factors: Factors;
  header: Header;
  /** For a TemplateTranslator what was submitted, for all others the TaskSet. */
  job: Record<string, any>;
  [member: string]: any;
}

/** The answer of an AccessGate. */
export interface GateAnswer {
  /** Let it pass, keep it back for now, or end it. */
  decision: "pass" | "suspend" | "stop";
  /** Why: shown to the submitter. */
  reason?: string | number | boolean;
  /** With suspend or stop: a word of your own to search by. */
  reasonCode?: string;
  /** With suspend: ask me again after so many seconds. */
  retryAfterSec?: number;
  /** With suspend: stop the job then (RFC 3339). */
  expiresAt?: string;
  /** With suspend: go on behind this gate when resumed (next, the default), or ask it again. */
  onResume?: "next" | "ask";
  [member: string]: any;
}

/** What a LifeHook is sent: one state change of one job. */
export interface HookBody {
  /** The job's id. */
  id: string;
  current_state: "preparing" | "suspended" | "waiting" | "running" | "succeeded" | "failed" | "stopped";
  /** Absent or empty with the first. */
  previous_state?: string | null;
  /** Counts the job's state changes from 1. */
  sequence?: number;
  /** When (RFC 3339, UTC). */
  time?: string;
  userID?: string;
  jobName?: string;
  jobKind?: string;
  /** Why, in words. */
  reason?: string;
  /** Why, as one word. */
  reasonCode?: string;
  [member: string]: any;
}

/** The body of an answer with another status than 200: with 400 the job fails with these words. */
export interface Refusal {
  /** What is wrong, with its place. */
  error: string;
  [member: string]: any;
}

/** One call as it was sent, and what came back. */
export interface RecordedCall {
  /** What to call it in a report. */
  name?: string;
  pluginType: "TemplateTranslator" | "FactorGenerator" | "AccessGate" | "TemplateDecorator" | "SchedulerBinder" | "LifeHook";
  pluginKey?: string;
  /** Without signature and authorization, which are made anew. */
  headers?: Record<string, string>;
  /** A Call, or a HookCall. */
  body: Record<string, any>;
  /** What it is to be answered, where that is known. */
  answer?: Record<string, any>;
  [member: string]: any;
}

/** A file of recorded calls. */
export interface RecordedCalls {
  protocol: 1;
  calls: RecordedCall[];
  [member: string]: any;
}

/** The advice gathered so far by topic, in the order of the plugins. */
export type Factors = Record<string, Factor[]>;

/** The answer of a FactorGenerator: one factor or a list. Status 204 without a body says: no advice. */
export type FactorAnswer = Factor | Factor[];
