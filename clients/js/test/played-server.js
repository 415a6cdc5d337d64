// A server that plays a list of answers, one for each request but DELETE, and keeps what it was asked.
import { createServer } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** A script is a function of (response, request, server); `opened`, `message` and the others below write the bytes. */
export async function playing(t, ...scripts) {
  const server = { asked: [], url: "", waiting: [] };
  const http = createServer(async (request, response) => {
    const body = await text(request);
    const { method, url, headers } = request;
    server.asked.push({ method, url, headers, body: body && JSON.parse(body), at: Date.now() });
    server.waiting = server.waiting.filter((check) => !check());
    if (method === "DELETE") return response.writeHead(204).end();
    const script = scripts.shift();
    if (script) await script(response, request, server);
    else response.writeHead(500).end();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  server.url = `http://127.0.0.1:${http.address().port}`;
  server.methods = () => server.asked.map(({ method }) => method).join(" ");
  server.until = (condition) =>
    new Promise((resolve) => server.waiting.push(() => (condition() ? (resolve(), true) : false)) && server.waiting.at(-1)());
  t.after(() => (http.closeAllConnections(), http.close()));
  return server;
}

export function opened(response, generationId = "w1-a") {
  const headers = { "content-type": "text/event-stream; charset=utf-8" };
  response.writeHead(200, generationId ? { ...headers, "x-generation-id": generationId } : headers);
  response.write(": stream opened\n");
}

export function event(response, type, data, id = "") {
  response.write(`event: ${type}\n${id && `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

export const message = (response, delta, id) => event(response, "message", { delta, isFinal: false }, id);

export function final(response, delta, id) {
  const usage = { promptTokens: 1, completionTokens: 3 };
  event(response, "message", { delta, isFinal: true, finishReason: "stop", usage }, id);
  response.end();
}

/** Cut the connection, once what was written has left. */
export const cut = (response) => setTimeout(() => response.destroy(), 20);

export function refuse(response, status, code, headers = {}) {
  const problem = { title: code, status, detail: `It is ${code}.`, code, retryable: status >= 429 };
  response.writeHead(status, { "content-type": "application/problem+json", ...headers }).end(JSON.stringify(problem));
}
