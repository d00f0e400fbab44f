// What a function gives back, and the two ways in which it says that it cannot answer.

/** A hook's answer: done. */
export const OK = "OK";
/** A hook's answer: tell me again later. */
export const RE = "RE";

/** The job cannot be worked with: it fails, and its submitter reads these words. Name the place. */
export class Refuse extends Error {}

/** No answer can be given right now: the job waits, and the question comes again. */
export class Unavailable extends Error {
  constructor(words, seconds = 5) {
    super(words);
    this.seconds = Math.max(1, Math.trunc(seconds));
  }
}

/** Those that were told. */
function answer(members) {
  const told = {};
  for (const name in members) if (members[name] !== undefined) told[name] = members[name];
  return told;
}

/** One piece of advice. A FactorGenerator gives one, a list of them, or nothing. */
export function factor(topic, advice, reason) {
  return answer({ topic, advice, reason });
}

/** The job may go on. */
export function pass(reason) {
  return answer({ decision: "pass", reason });
}

/**
 * The job waits: until it is resumed, or for `retryAfter` seconds; it ends at `expiresAt`.
 * A resumed job goes on behind this gate, or with `askOnResume` is asked about once more.
 */
export function suspend(reason, { code, retryAfter, expiresAt, askOnResume } = {}) {
  return answer({
    decision: "suspend", reason, reasonCode: code, retryAfterSec: retryAfter,
    expiresAt: expiresAt instanceof Date ? expiresAt.toISOString() : expiresAt,
    onResume: askOnResume ? "ask" : undefined,
  });
}

/** The job ends here, for good. */
export function stop(reason, { code } = {}) {
  return answer({ decision: "stop", reason, reasonCode: code });
}

/** A hook's answer: do not tell me again; the words are kept for whoever looks after it. */
export function exception(words = "") {
  return `EX ${words.split(/\s+/).join(" ")}`.trimEnd();
}
