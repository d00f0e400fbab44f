// The service on a socket, with Node's own HTTP server.

import http from "node:http";

import { TooLarge, problem } from "./app.js";

const IDLE_MS = 70_000; // the gateway gives a connection up after 60 s: it is to be the first
const HEAD_MS = 20_000; // a request's head must arrive within this,
const WHOLE_MS = 30_000; // and all of it within this

/** The body, at most so many bytes. */
function readBody(request, most) {
  return new Promise((done, failed) => {
    const parts = [];
    let size = 0;
    if (Number(request.headers["content-length"] ?? 0) > most) {
      failed(new TooLarge());
      return;
    }
    request.on("data", (part) => {
      size += part.length;
      if (size <= most) parts.push(part);
      else failed(new TooLarge());
    });
    request.on("end", () => done(parts.length === 1 ? parts[0] : Buffer.concat(parts)));
    // of an error too; Node tells of that only where somebody listens
    request.on("close", () => { if (!request.complete) failed(new Error("the caller went away")); });
  });
}

function send(app, request, response, answer) {
  const { headers } = answer;
  if (answer.status !== 204) headers["Content-Length"] = Buffer.byteLength(answer.body);
  if (answer.close || app.stopping) headers.Connection = "close";
  response.writeHead(answer.status, headers);
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

async function handle(app, request, response) {
  try {
    const query = request.url.indexOf("?");
    const path = query < 0 ? request.url : request.url.slice(0, query);
    const read = (most) => readBody(request, most);
    send(app, request, response, await app.handle(request.method, path, request.headers, read));
  } catch (error) {
    if (request.destroyed) return; // the caller went away in the middle: nobody to answer
    app.log("error", "request", { error: String(error) });
    send(app, request, response, { ...problem(500, "internal error"), close: true });
  }
}

/** A server that listens; resolves when its port is open. */
export function listen(app, host, port) {
  const limits = { keepAliveTimeout: IDLE_MS, headersTimeout: HEAD_MS, requestTimeout: WHOLE_MS, noDelay: true };
  const server = http.createServer(limits, (request, response) => { handle(app, request, response); });
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
