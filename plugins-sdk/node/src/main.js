// The program around an App: options, the socket, registration, and a clean end.

import { renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { featureFromFile, keepRegistering } from "./register.js";
import { listen } from "./server.js";
import { parseKeys } from "./signature.js";

const OPTIONS = {
  listen: ["HOST:PORT", "where to serve; port 0 takes a free one (127.0.0.1:9000)"],
  "port-file": ["FILE", "the port is written here once it is open"],
  concurrency: ["N", "calls at once; more are told to come again (64)"],
  "max-body": ["BYTES", "the largest body that is read (4194304)"],
  grace: ["SECONDS", "how long calls in progress may take at the end (10)"],
  register: ["", "register the feature with the gateway at start"],
  address: ["URL", "how the gateway reaches this service (where it listens)"],
  feature: ["FILE", "register this feature; {address} in it stands for the address"],
  help: ["", "this text"],
};

function usage(app) {
  const rows = Object.entries(OPTIONS).map(([name, [value, words]]) =>
    `  ${`--${name} ${value}`.padEnd(22)}${words}`);
  return [`usage: ${app.name} [options]`, app.description, "", ...rows, "",
    "PLUGIN_SIGNING_KEY holds the signing keys; SLUICE_SERVER and SLUICE_TOKEN tell where to register.", ""].join("\n");
}

class Usage extends Error {}

function number(text, name) {
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text)) throw new Usage(`${name}: ${text}: must be a number`);
  return Number(text);
}

/** The options, each from its argument, its environment variable, or its default. */
export function readOptions(app, args, env = process.env) {
  let values;
  try {
    const options = Object.fromEntries(Object.entries(OPTIONS).map(([name, [value]]) =>
      [name, { type: value ? "string" : "boolean" }]));
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new Usage(error.message);
  }
  const where = values.listen ?? env.PLUGIN_LISTEN ?? "127.0.0.1:9000";
  const [, host, port] = /^(.+):([0-9]{1,5})$/.exec(where) ?? [];
  if (!host || Number(port) > 65535) throw new Usage(`${where}: must be HOST:PORT, as 127.0.0.1:9000`);
  return {
    help: values.help, host: host.replace(/^\[|\]$/g, ""), port: Number(port), portFile: values["port-file"],
    concurrency: number(values.concurrency ?? env.PLUGIN_CONCURRENCY ?? `${app.concurrency}`, "--concurrency"),
    bodyMax: number(values["max-body"] ?? env.PLUGIN_MAX_BODY ?? `${app.bodyMax}`, "--max-body"),
    graceMs: number(values.grace ?? env.PLUGIN_GRACE ?? "10", "--grace") * 1000,
    register: values.register ?? env.PLUGIN_REGISTER === "1",
    address: values.address ?? env.PLUGIN_ADDRESS, feature: values.feature,
  };
}

/** Whole or not at all: whoever waits for the file reads a complete number. */
function writePort(path, port) {
  writeFileSync(`${path}.new`, `${port}\n`);
  renameSync(`${path}.new`, path);
}

function register(app, options, address, ended) {
  const feature = options.feature ? featureFromFile(options.feature, address) : app.feature(address);
  const [key] = (process.env.PLUGIN_SIGNING_KEY ?? "").split(/\s+/).filter(Boolean);
  if (key) feature.signingKey ??= key;
  const server = process.env.SLUICE_SERVER || "http://127.0.0.1:8080";
  keepRegistering(app, server, process.env.SLUICE_TOKEN ?? "", feature, ended);
}

/** Resolves at the first SIGTERM or SIGINT. */
function toldToEnd() {
  return new Promise((done) => {
    for (const name of ["SIGTERM", "SIGINT"]) process.once(name, done);
  });
}

/** Answer until SIGTERM or SIGINT, then let the calls in progress end. */
async function serve(app, options) {
  const keys = parseKeys(process.env.PLUGIN_SIGNING_KEY ?? "");
  if (keys.length > 0) app.keys = keys;
  app.concurrency = options.concurrency;
  app.bodyMax = options.bodyMax;
  const end = toldToEnd();
  const server = await listen(app, options.host, options.port).catch((error) => {
    throw new Error(`cannot listen: ${error.message}; choose another place: --listen HOST:PORT (port 0 takes a free one)`);
  });
  const { port } = server.address();
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const address = options.address ?? `http://${host}:${port}`;
  if (options.portFile) writePort(options.portFile, port);
  app.log("info", "listening", { plugin: app.name, address, paths: [...app.plugins.keys()].join(" ") });
  if (app.keys.length === 0) {
    app.log("warning", "signatures are not checked: PLUGIN_SIGNING_KEY is not set", { plugin: app.name });
  }
  const ended = new AbortController();
  if (options.register) register(app, options, address, ended.signal);
  await end;
  app.stopping = true;
  ended.abort();
  server.close();
  server.closeIdleConnections?.();
  const idle = await app.waitIdle(options.graceMs);
  app.log(idle ? "info" : "warning", "ended",
    { plugin: app.name, error: idle ? undefined : "calls were still in progress" });
  setTimeout(() => server.closeAllConnections?.(), 100).unref(); // answers on their way leave first
}

export async function main(app, args) {
  try {
    const options = readOptions(app, args);
    if (options.help) process.stdout.write(usage(app));
    else await serve(app, options);
  } catch (error) {
    process.stderr.write(`${app.name}: ${error.message}\n`);
    process.exitCode = error instanceof Usage ? 2 : 1;
  }
}
