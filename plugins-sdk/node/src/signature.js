// Is it really the gateway? Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256
// over `id.timestamp.body` with the bytes of a key, written as `v1,` and base64. Several signatures
// may come, and several keys may be set while one replaces the other: one pair that fits is enough.

import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

const TOLERANCE_S = 300;
const PREFIX = "whsec_";

/** The bytes of `whsec_...` keys, separated by white space; an error tells which is wrong. */
export function parseKeys(text) {
  return text.split(/\s+/).filter(Boolean).map((word, index) => {
    const place = `signing key ${index + 1}`;
    if (!word.startsWith(PREFIX)) throw new Error(`${place}: must start with ${PREFIX}`);
    const key = Buffer.from(word.slice(PREFIX.length), "base64");
    if (key.toString("base64") !== word.slice(PREFIX.length)) {
      throw new Error(`${place}: no base64 behind ${PREFIX}`);
    }
    if (key.length < 24 || key.length > 64) {
      throw new Error(`${place}: has ${key.length} bytes, must have 24 to 64`);
    }
    return key;
  });
}

/** What the gateway writes into `webhook-signature`; for tests and test kits. */
export function sign(key, id, timestamp, body) {
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return `v1,${mac}`;
}

/** Keys as the library wants them, made once of each one's bytes. */
const made = new WeakMap();

function secretOf(key) {
  let secret = made.get(key);
  if (!secret) made.set(key, secret = createSecretKey(key));
  return secret;
}

function same(a, b) {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Does a signature of these headers (names in small letters) fit the bytes of the body? */
export function isSigned(keys, headers, body, nowSeconds) {
  const id = headers["webhook-id"] ?? "";
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!id || !/^[0-9]{1,18}$/.test(stamp)) return false;
  if (Math.abs(Math.trunc(nowSeconds) - Number(stamp)) > TOLERANCE_S) return false;
  const given = (headers["webhook-signature"] ?? "").split(/\s+/).map((word) => Buffer.from(word));
  let fits = false;
  for (const key of keys) {
    const wanted = Buffer.from(sign(secretOf(key), id, Number(stamp), body));
    for (const one of given) fits = same(one, wanted) || fits;
  }
  return fits;
}
