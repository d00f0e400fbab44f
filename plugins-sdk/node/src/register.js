// Registering the feature with the gateway: safe at every start and from every replica.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MAX_S = 30;

/** A feature of one's own; `{address}` in it stands for the service's address. */
export function featureFromFile(path, address) {
  return JSON.parse(readFileSync(path, "utf8").replaceAll("{address}", address.replace(/\/+$/, "")));
}

/** Register once: the status, the gateway's words, and whether the feature is known to be off. */
export async function postFeature(server, token, feature) {
  const answer = await fetch(`${server.replace(/\/+$/, "")}/v1/features`, {
    method: "POST", redirect: "manual", signal: AbortSignal.timeout(10_000),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(feature),
  });
  const text = await answer.text();
  try {
    const { msg, payload } = JSON.parse(text);
    return { status: answer.status, words: String(msg ?? ""), isOff: payload?.enabled === false };
  } catch {
    return { status: answer.status, words: text.slice(0, 200) };
  }
}

/** A status that asking again would not change. */
function isFinal(status) {
  return status > 0 && status < 500 && status !== 408 && status !== 429;
}

/** Until the gateway has taken or refused it, or `ended` is aborted. True when it was taken. */
export async function keepRegistering(app, server, token, feature, ended) {
  for (let seconds = 1; !ended.aborted; seconds = Math.min(2 * seconds, PAUSE_MAX_S)) {
    const { status, words, isOff } = await postFeature(server, token, feature)
      .catch((error) => ({ status: 0, words: `${server}: ${error.cause?.message ?? error.message}` }));
    if (status === 200) {
      app.log("info", "registered", { plugin: feature.name, words, next: isOff ? `sluicectl feature on ${feature.name}` : undefined });
      return true;
    }
    if (isFinal(status)) {
      const next = status === 401 ? "set SLUICE_TOKEN to a token that may register features" : undefined;
      app.log("error", "not registered", { plugin: feature.name, status, error: words, next });
      return false;
    }
    app.log("warning", "not registered yet",
      { plugin: feature.name, status: status || undefined, error: words, again_in_s: seconds });
    await pause(seconds * 1000, undefined, { signal: ended, ref: false }).catch(() => {});
  }
  return false;
}
