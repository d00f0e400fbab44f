// The service on a socket, with Node's own HTTP server.

import http from "node:http";

import { problem } from "./app.js";

const IDLE_MS = 70_000; // the gateway gives a connection up after 60 s: it is to be the first
const HEAD_MS = 20_000; // a request's head must arrive within this,
const WHOLE_MS = 30_000; // and all of it within this

/** Gives the body to `done`; null where it has more bytes. Nobody is asked when the caller goes away. */
function readBody(request, most, done) {
  const parts = [];
  let size = 0;
  if (Number(request.headers["content-length"] ?? 0) > most) {
    done(null);
    return;
  }
  request.on("data", (part) => {
    if (size > most) return;
    size += part.length;
    if (size <= most) parts.push(part);
    else done(null);
  });
  request.on("end", () => {
    if (size <= most) done(parts.length === 1 ? parts[0] : Buffer.concat(parts));
  });
  request.on("error", () => {}); // the caller went away: nobody to answer
}

function send(app, request, response, answer) {
  const { headers } = answer;
  if (answer.status !== 204) headers["Content-Length"] = Buffer.byteLength(answer.body);
  if (answer.close || app.stopping) headers.Connection = "close";
  response.writeHead(answer.status, headers);
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

/** Ask the plugin, and answer. */
function ask(app, plugin, request, response, body) {
  const give = (answer) => send(app, request, response, answer);
  const fail = (error) => {
    app.log("error", "request", { error: String(error) });
    give({ ...problem(500, "internal error"), close: true });
  };
  try {
    const answer = app.ask(plugin, request.headers, body);
    if (answer instanceof Promise) answer.then(give).catch(fail);
    else give(answer);
  } catch (error) {
    fail(error);
  }
}

function handle(app, request, response) {
  const query = request.url.indexOf("?");
  const path = query < 0 ? request.url : request.url.slice(0, query);
  const { plugin, answer } = app.find(request.method, path);
  if (answer) send(app, request, response, answer);
  else readBody(request, app.bodyMax, (body) => ask(app, plugin, request, response, body));
}

/** A server that listens; resolves when its port is open. */
export function listen(app, host, port) {
  const limits = { keepAliveTimeout: IDLE_MS, headersTimeout: HEAD_MS, requestTimeout: WHOLE_MS, noDelay: true };
  const server = http.createServer(limits, (request, response) => handle(app, request, response));
  server.on("clientError", (error, socket) => {
    app.log("warning", "connection", { error: error.message });
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(port, host, 256, () => done(server));
  });
}
