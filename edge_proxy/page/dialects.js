// The dialects that the edge speaks, each read in its own way into the same few calls.
//
// A reader gets (ask, to, signal, key) and calls `to.raw(kind, text)` for what came, `to.text(text, tokens)`,
// `to.aside(text)` for what is not the answer, `to.ping()`, `to.away(error)`, `to.back(id)`. It returns the tokens that
// the server counted, or throws an error with `message` and `code`.

import { EventStreamParser, StreamError, streamEvents } from "./stream-chat.js";

const NATIVE = "/api/v1/ai/generate";

/** How many tokens lie between the ids of two events: an id ends with how many there are so far. */
function counter() {
  let last = 0;
  return (id) => {
    const index = Number(id?.slice(id.lastIndexOf(".") + 1));
    if (!id || !Number.isInteger(index)) return undefined;
    const tokens = index - last;
    last = index;
    return tokens;
  };
}

function failed(error, code, kind = "failed") {
  return new StreamError(error ?? "The server said that it failed, and not why.", { kind, code: code ?? "UNKNOWN" });
}

function unfinished() {
  return failed("The stream ended without its end.", "CONNECTION_LOST", "broken");
}

/** A response that is to be read; else the server's own words are thrown. */
async function post(path, body, signal, key, accept = "text/event-stream") {
  const headers = { "content-type": "application/json", accept, ...(key && { authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal }).catch((error) => {
    throw signal.aborted ? error : failed("The server could not be reached.", "UNREACHABLE", "broken");
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const said = problem.detail ?? problem.error?.message ?? `The server answered with status ${response.status}.`;
  throw failed(said, problem.code ?? problem.error?.code ?? `HTTP_${response.status}`, "refused");
}

async function* pieces(response, signal) {
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw signal.aborted ? error : failed("The connection broke.", "CONNECTION_LOST", "broken");
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function* serverSent(response, signal, to) {
  const parser = new EventStreamParser();
  for await (const piece of pieces(response, signal)) {
    for (const event of parser.push(piece)) {
      const name = event.type === "message" ? "" : `event: ${event.type}\n`;
      to.raw(event.type, `${name}${event.id && `id: ${event.id}\n`}data: ${event.data}`);
      yield event;
    }
  }
}

const other = (said) => said.reasoning ?? said.progress ?? said.result ?? said.media ?? said.toolCall?.arguments;

async function native(ask, to, signal, key) {
  const tokens = counter();
  const onRawEvent = ({ type, id, data }) => {
    to.raw(type, `event: ${type}\n${type !== "ping" && id ? `id: ${id}\n` : ""}data: ${data}`);
  };
  const options = { signal, apiKey: key, onRawEvent, fetch: to.fetch, timeoutMs: 0 };
  for await (const event of streamEvents(ask, options)) {
    if (event.type === "reconnecting") to.away(event);
    if (event.type === "open" && event.resumedFrom) to.back(event.resumedFrom);
    if (event.type === "ping") to.ping();
    if (event.type !== "message") continue;
    const came = tokens(event.id);
    if (other(event)) to.aside(other(event));
    if (event.delta) to.text(event.delta, event.isFinal ? came - 1 : came);
    if (event.isFinal) return event.usage.completionTokens;
  }
}

async function staged(ask, to, signal, key) {
  const tokens = counter();
  const onRawEvent = ({ id, data }) => to.raw("message", `${id && `id: ${id}\n`}data: ${data}`);
  const options = { signal, apiKey: key, onRawEvent, fetch: to.fetch, timeoutMs: 0 };
  let counted;
  for await (const event of streamEvents(ask, options)) {
    if (event.type === "reconnecting") to.away(event);
    if (event.type === "open" && event.resumedFrom) to.back(event.resumedFrom);
    if (event.type === "thinking" || event.type === "content") {
      to.stage(event.stage, event.type, event.content, tokens(event.id));
    }
    if (event.type !== "complete") continue;
    to.made(event.data);
    counted = event.data.usage.completionTokens;
  }
  return counted;
}

async function openai(ask, to, signal, key) {
  const { prompt, messages, batch_interval_ms: _, ...sampling } = ask;
  const body = { ...sampling, messages: messages ?? [{ role: "user", content: prompt }], stream: true };
  const response = await post("/v1/chat/completions", { ...body, stream_options: { include_usage: true } }, signal, key);
  let counted;
  for await (const { data } of serverSent(response, signal, to)) {
    if (data === "[DONE]") return counted;
    const chunk = JSON.parse(data);
    if (chunk.error) throw failed(chunk.error.message, chunk.error.code);
    const { content, reasoning_content: reasoning } = chunk.choices[0]?.delta ?? {};
    if (reasoning) to.aside(reasoning);
    if (content) to.text(content);
    counted = chunk.usage?.completion_tokens ?? counted;
  }
  throw unfinished();
}

async function asked(ask, to, signal, key) {
  const question = ask.prompt ?? ask.messages.at(-1).content;
  const known = ["model", "max_tokens", "temperature", "seed"].filter((name) => name in ask);
  const body = { question, ...Object.fromEntries(known.map((name) => [name, ask[name]])) };
  const tokens = counter();
  for await (const { data, id } of serverSent(await post("/ask/stream", body, signal, key), signal, to)) {
    const said = JSON.parse(data);
    if (said.type === "delta") to.text(said.content, tokens(id));
    else if (said.type === "error") throw failed(said.error, said.code);
    else if (said.type === "end") {
      to.rest(said.answer, tokens(id) - 1);
      return said.usage.completionTokens;
    } else to.aside(said.content ?? said.arguments);
  }
  throw unfinished();
}

async function lines(ask, to, signal, key) {
  const response = await post(NATIVE, ask, signal, key, "application/x-ndjson");
  const decoder = new TextDecoder();
  const frames = framed(to);
  let rest = "";
  for await (const piece of pieces(response, signal)) {
    const complete = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = complete.pop();
    for (const line of complete) {
      const counted = frames(line);
      if (counted !== undefined) return counted;
    }
  }
  throw unfinished();
}

/** Takes lines or frames of JSON; the tokens that were counted when one is the last. */
function framed(to) {
  const tokens = counter();
  return (text) => {
    const said = JSON.parse(text);
    to.raw(said.type, text);
    if (said.type === "error") throw failed(said.error, said.code);
    if (said.type === "ping") to.ping();
    if (said.type !== "message") return undefined;
    const came = tokens(said.id);
    if (other(said)) to.aside(other(said));
    if (said.delta) to.text(said.delta, said.isFinal ? came - 1 : came);
    return said.isFinal ? said.usage.completionTokens : undefined;
  };
}

async function socket(ask, to, signal, key) {
  const url = new URL(`${NATIVE}/ws`, location.href.replace(/^http/, "ws"));
  if (key) {
    // A page can set no headers on a socket: it gets a ticket with its key, which is good once.
    const given = await (await post("/api/v1/ai/tickets", {}, signal, key, "application/json")).json();
    url.searchParams.set("ticket", given.ticket);
  }
  const open = new WebSocket(url);
  const frames = framed(to);
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      open.onopen = () => open.send(JSON.stringify({ type: "generate", ...ask }));
      open.onclose = () => reject(failed("The socket was closed before the answer was complete.", "CONNECTION_LOST", "broken"));
      open.onmessage = ({ data }) => {
        try {
          const counted = frames(data);
          if (counted !== undefined) resolve(counted);
        } catch (error) {
          reject(error);
        }
      };
    });
  } finally {
    open.onclose = null;
    open.close();
  }
}

export const DIALECTS = [
  { name: "native", label: "Native", address: `POST ${NATIVE}`, read: native, resumes: true },
  { name: "openai", label: "OpenAI", address: "POST /v1/chat/completions", read: openai },
  { name: "ask", label: "Ask", address: "POST /ask/stream", read: asked },
  { name: "lines", label: "JSON lines", address: `POST ${NATIVE}  Accept: application/x-ndjson`, read: lines },
  { name: "socket", label: "WebSocket", address: `GET ${NATIVE}/ws`, read: socket },
  { name: "staged", label: "Stages", address: "POST /chat/stream", read: staged, resumes: true, staged: true },
];
