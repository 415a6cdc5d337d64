/**
 * Token Relay's client: reads a generation as it is made, and goes on with it when the connection breaks.
 *
 * A prompt is sent once. Whatever happens later is asked for by the id of the last event that came (`Last-Event-ID`), in
 * requests that have no prompt in them: they can not start anything.
 *
 *     what happens                                     what is done
 *     ----------------------------------------------   ------------------------------------------------------------
 *     refused, and nothing has begun (429; 503 of us)  sent again, after `Retry-After` or a pause that grows
 *     the connection breaks before the answer's head   failed: the prompt may have arrived, so it is not sent again
 *     it breaks later, or ends without a final event   gone on with, if the request is resumable; else failed
 *     the server says `error`                          failed, in its words; a server that goes away is left for another
 *     aborted, left, or too late                       the generation is stopped
 *
 * Server-Sent Events are read as WHATWG HTML has them, section 9.2 "Server-sent events". There are no dependencies.
 */

const GENERATE = "/api/v1/ai/generate";
const CHAT = "/chat/stream"; // answers in stages: its events have no names, their data says what they are
const GENERATIONS = "/api/v1/ai/generations/";
const LINE_END = /\r\n?|\n/g;
const NOTHING_BEGAN = new Set(["OVERLOADED", "SERVER_BUSY", "WORKER_UNAVAILABLE", "SERVER_DRAINING"]);
const HEAD_PATIENCE_MS = 5000; // for the id of a generation that is to be stopped before it is known
const END_PATIENCE_MS = 1000; // behind the last event

export const DEFAULTS = Object.freeze({
  baseUrl: "", // the page's own server
  timeoutMs: 120_000, // for all of it
  silenceMs: 45_000, // three pings missed: the connection is dead, whatever TCP thinks
  attempts: 6, // in a row without any text
  firstDelayMs: 500, // doubled each time; a `retry:` of the server's takes its place
  maxDelayMs: 10_000,
});

/** Why there is no whole answer. `kind` says who is to blame. */
export class StreamError extends Error {
  constructor(message, { kind, code, status = 0, retryable = false, retryAfterMs = 0, field = "", details, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StreamError";
    this.kind = kind;
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
    this.field = field;
    this.details = details;
    this.text = ""; // what came before
    this.generationId = "";
    this.lastEventId = "";
  }
}

/** Takes the bytes of an event stream however they are cut, and gives its events. */
export class EventStreamParser {
  /** The last id that was dispatched. */
  lastEventId = "";
  /** What the server last said by `retry:`; undefined: nothing. */
  retryMs = undefined;

  #decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // Node.js drops two byte order marks when they are cut
  #begun = false;
  #rest = ""; // of a line that has not ended
  #afterCR = false; // a line feed now belongs to the line end before
  #type = "";
  #data = [];
  #id = "";

  /** The events that are complete with these bytes: `{type, data, id}`. */
  push(bytes) {
    const events = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (!text) return events;
    if (!this.#begun && text[0] === "\ufeff") text = text.slice(1);
    this.#begun = true;
    if (this.#afterCR && text[0] === "\n") text = text.slice(1);
    this.#afterCR = text.endsWith("\r");
    let from = 0;
    for (const end of text.matchAll(LINE_END)) {
      this.#line(this.#rest + text.slice(from, end.index), events);
      this.#rest = "";
      from = end.index + end[0].length;
    }
    this.#rest += text.slice(from);
    return events;
  }

  #line(line, events) {
    if (line === "") return this.#dispatch(events);
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(events) {
    this.lastEventId = this.#id;
    if (this.#data.length) {
      events.push({ type: this.#type || "message", data: this.#data.join("\n"), id: this.lastEventId });
    }
    this.#type = "";
    this.#data = [];
  }
}

/** How long to wait before attempt `attempt` (1 is the first), in milliseconds. `random` is from 0 to 1. */
export function pauseMs({ attempt, firstDelayMs, maxDelayMs, retryAfterMs = 0, random = Math.random() }) {
  const most = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
  // Half to all of it: clients that were cut off together do not come back together.
  return Math.max(most * (0.5 + random / 2), retryAfterMs * (1 + random / 4));
}

/** The milliseconds that a `Retry-After` header means: RFC 9110, section 10.2.3. 0: it says nothing. */
export function retryAfterMs(value, nowMs = Date.now()) {
  if (!value) return 0;
  if (/^[0-9]+$/.test(value.trim())) return Number(value) * 1000;
  return Math.max(0, Date.parse(value) - nowMs) || 0;
}

/**
 * The events of one generation, for `for await`. Leaving the loop stops the generation.
 *
 * Throws a StreamError when there is no whole answer, and the signal's reason when that aborts.
 */
export async function* streamEvents(request, options = {}) {
  const call = new Call(request, { ...DEFAULTS, ...options });
  try {
    yield* call.events();
  } catch (error) {
    throw call.describe(error);
  } finally {
    call.close();
  }
}

/**
 * Reads one generation, telling `onEvent` of each event. The answer as a whole, or undefined: it failed or was aborted.
 * A request with a `message` is answered in stages; then the answer has `data`, all that they made.
 *
 * Failures go to `onError`; without one, the promise rejects. Neither is called any more after an abort.
 */
export async function streamChat(request, onEvent, onError, signal, options = {}) {
  const answer = { text: "", finishReason: "", usage: undefined, generationId: "" };
  try {
    for await (const event of streamEvents(request, { ...options, signal: signal ?? undefined })) {
      if (event.type === "open") answer.generationId = event.generationId;
      if (event.type === "message") answer.text += event.delta;
      if (event.type === "content") answer.text += event.content;
      if (event.type === "complete") {
        const { finishReason, usage, ...data } = event.data;
        Object.assign(answer, { text: data.reply, finishReason, usage, data }); // what was said may be more
      }
      if (event.isFinal) Object.assign(answer, { finishReason: event.finishReason, usage: event.usage });
      await onEvent(event); // a promise holds the stream back
    }
    return answer;
  } catch (error) {
    if (signal?.aborted) return undefined;
    if (!(error instanceof StreamError) || !onError) throw error;
    onError(error);
    return undefined;
  }
}

/** One generation: what is known of it, and the connection that it is read by just now. */
class Call {
  #request;
  #path;
  #options;
  #resumable;
  #stop = new AbortController(); // its reason says why all of this ends
  #connection = new AbortController();
  #head; // of the request that started it
  #timer;
  #endsAt;
  #ended = false;
  #attempt = 0;
  #generationId = "";
  #lastEventId = "";
  #firstDelayMs;
  #text = "";

  constructor(request, options) {
    this.#request = { resumable: true, ...request };
    this.#path = "message" in request ? CHAT : GENERATE;
    this.#resumable = this.#request.resumable === true;
    this.#options = options;
    this.#firstDelayMs = options.firstDelayMs;
    this.#endsAt = options.timeoutMs > 0 ? Date.now() + options.timeoutMs : Infinity;
    if (options.timeoutMs > 0) this.#timer = setTimeout(() => this.#stop.abort(tooLate(options)), options.timeoutMs);
    options.signal?.addEventListener("abort", this.#onAbort);
    if (options.signal?.aborted) this.#onAbort();
  }

  async *events() {
    let response = yield* this.#begin();
    for (;;) {
      const broken = yield* this.#read(response);
      if (!broken) return;
      if (!this.#resumable || !this.#generationId) throw broken;
      response = yield* this.#resume(broken);
    }
  }

  /** The error, with what came before it. */
  describe(error) {
    if (error instanceof StreamError) {
      Object.assign(error, { text: this.#text, generationId: this.#generationId, lastEventId: this.#lastEventId });
    }
    return error;
  }

  /** Hold nothing any more, and stop the generation if it has not ended. */
  close() {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#ended) return;
    if (!this.#resumable) this.#connection.abort(); // which stops one that is not kept
    else if (this.#generationId) this.#discard(this.#generationId);
    else this.#discardWhenKnown();
  }

  #onAbort = () => this.#stop.abort(this.#options.signal.reason);

  async *#begin() {
    for (;;) {
      this.#stop.signal.throwIfAborted();
      this.#head = this.#fetch("POST", { "content-type": "application/json" }, JSON.stringify(this.#request));
      const response = await this.#within(this.#head).catch((error) => {
        throw this.#stop.signal.aborted ? error : unknownOutcome(error);
      });
      if (response.ok) return yield* this.#opened(response);
      this.#head = undefined;
      const refusal = await this.#refusal(response);
      if (response.status !== 429 && !NOTHING_BEGAN.has(refusal.code)) throw this.#over(refusal);
      yield* this.#pause(refusal);
    }
  }

  async *#resume(broken) {
    for (let why = broken; ; ) {
      yield* this.#pause(why);
      const lastEventId = this.#lastEventId || `${this.#generationId}.0`;
      let response;
      try {
        response = await this.#within(this.#fetch("GET", { "last-event-id": lastEventId }));
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        why = brokenBy(error);
        continue;
      }
      if (response.status === 204) throw this.#over(brokenBy()); // all was read, and there was no final event
      if (response.ok) return yield* this.#opened(response, lastEventId);
      why = await this.#refusal(response);
      if (response.status < 500 && response.status !== 429) throw this.#over(why);
    }
  }

  async *#opened(response, resumedFrom = "") {
    const type = response.headers.get("content-type") ?? "";
    if (!type.startsWith("text/event-stream")) {
      const message = `The server answered with ${type || "something"} instead of an event stream.`;
      throw new StreamError(message, { kind: "broken", code: "NOT_A_STREAM", status: response.status });
    }
    this.#generationId = response.headers.get("x-generation-id") ?? this.#generationId;
    yield { type: "open", generationId: this.#generationId, resumedFrom };
    return response;
  }

  /** Why it broke; undefined: it has come to its end. */
  async *#read(response) {
    const reader = response.body.getReader();
    const parser = new EventStreamParser();
    try {
      for (;;) {
        const { done, value, error } = await this.#piece(reader);
        if (done) return brokenBy(error);
        for (const raw of parser.push(value)) {
          this.#firstDelayMs = parser.retryMs ?? this.#firstDelayMs;
          this.#options.onRawEvent?.(raw);
          const event = this.#understood(raw);
          if (event instanceof StreamError) return event; // the rest is to be had from another server
          if (event) yield event;
          if (this.#ended) return undefined;
          this.#stop.signal.throwIfAborted();
        }
        this.#firstDelayMs = parser.retryMs ?? this.#firstDelayMs;
      }
    } finally {
      if (this.#ended) letEnd(reader);
      else reader.cancel().catch(() => {});
    }
  }

  async #piece(reader) {
    let timer;
    const silent = new Promise((_, reject) => {
      const { silenceMs } = this.#options;
      if (silenceMs > 0) timer = setTimeout(() => reject(new Error(`Nothing came for ${silenceMs} ms.`)), silenceMs);
    });
    try {
      return await this.#within(Promise.race([reader.read(), silent]));
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      return { done: true, error };
    } finally {
      clearTimeout(timer);
    }
  }

  /** The event as our caller gets it; undefined: of a kind that is not known. Throws what the server calls an error. */
  #understood({ type, data, id }) {
    if (type !== "message" && type !== "ping" && type !== "error") return undefined;
    let said;
    try {
      said = JSON.parse(data);
    } catch (cause) {
      throw new StreamError("The server sent what is no JSON.", { kind: "broken", code: "BAD_STREAM", cause });
    }
    if (id && id !== this.#lastEventId) {
      this.#lastEventId = id;
      this.#attempt = 0;
    }
    const kind = this.#path === CHAT ? said.type : type;
    if (kind === "error") return this.#failed(said);
    if (kind === "content") this.#text += said.content;
    if (kind === "done") this.#ended = true;
    if (kind === "message") {
      this.#generationId ||= id.slice(0, id.lastIndexOf("."));
      this.#text += said.delta;
      this.#ended = said.isFinal === true;
    }
    return { ...said, type: kind, id };
  }

  #failed({ error, code, details }) {
    const retryable = details?.retryable === true;
    const failure = new StreamError(error, { kind: "failed", code, retryable, details });
    if (code === "SERVER_DRAINING" && this.#resumable) return failure; // the generation goes on, and so can we
    throw this.#over(failure);
  }

  /** Wait for the next attempt, or throw `why`: there is to be none. */
  async *#pause(why) {
    this.#attempt += 1;
    const { attempts, maxDelayMs } = this.#options;
    const timing = { attempt: this.#attempt, firstDelayMs: this.#firstDelayMs, maxDelayMs };
    const delayMs = Math.round(pauseMs({ ...timing, retryAfterMs: why.retryAfterMs }));
    if (this.#attempt > attempts || Date.now() + delayMs > this.#endsAt) throw why;
    yield { type: "reconnecting", attempt: this.#attempt, delayMs, reason: why };
    let timer;
    const over = new Promise((resolve) => (timer = setTimeout(resolve, delayMs)));
    await this.#within(over).finally(() => clearTimeout(timer));
  }

  /** There is nothing to stop any more. */
  #over(error) {
    this.#ended = true;
    return error;
  }

  #fetch(method, headers, body, more = {}) {
    const { apiKey, baseUrl } = this.#options;
    const authorization = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
    const all = { accept: "text/event-stream", ...authorization, ...this.#options.headers, ...headers };
    this.#connection = new AbortController();
    const signal = this.#connection.signal;
    const fetched = (this.#options.fetch ?? globalThis.fetch)(baseUrl + (more.path ?? this.#path), {
      method,
      headers: all,
      body,
      signal,
      cache: "no-store",
      keepalive: more.keepalive,
    });
    fetched.catch(() => {}); // it may be that nobody waits for it any more
    return fetched;
  }

  /** The promise's outcome, or the reason for which all of this ends, if that comes first. */
  #within(promise) {
    const { signal } = this.#stop;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort);
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  async #refusal(response) {
    let problem = {};
    try {
      problem = await this.#within(response.json());
    } catch {
      this.#stop.signal.throwIfAborted(); // else it is a proxy's page, which says nothing to us
    }
    return new StreamError(problem.detail ?? `The server answered with status ${response.status}.`, {
      kind: "refused",
      code: problem.code ?? `HTTP_${response.status}`,
      status: response.status,
      retryable: problem.retryable ?? (response.status === 429 || response.status >= 500),
      retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
      field: problem.field,
    });
  }

  #discard(generationId) {
    this.#connection.abort();
    const path = GENERATIONS + encodeURIComponent(generationId);
    this.#fetch("DELETE", {}, undefined, { path, keepalive: true }); // also when the page is being left
  }

  #discardWhenKnown() {
    const [connection, head] = [this.#connection, this.#head];
    if (!head) return connection.abort();
    const timer = setTimeout(() => connection.abort(), HEAD_PATIENCE_MS);
    head
      .then((response) => {
        const generationId = response.headers.get("x-generation-id");
        connection.abort();
        if (generationId) this.#discard(generationId);
      })
      .catch(() => {})
      .finally(() => clearTimeout(timer));
  }
}

/** Read to the body's own end, which is there or near: so its connection can be used again. */
function letEnd(reader) {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), END_PATIENCE_MS);
  const read = () => reader.read().then(({ done }) => (done ? undefined : read()));
  read()
    .catch(() => {})
    .finally(() => clearTimeout(timer));
}

function tooLate({ timeoutMs }) {
  const message = `The answer was not complete after ${timeoutMs / 1000} s.`;
  return new StreamError(message, { kind: "timeout", code: "CLIENT_TIMEOUT", retryable: true });
}

function unknownOutcome(cause) {
  const message =
    "The server could not be reached, or the connection broke before it answered. " +
    "The prompt may have arrived, so it is not sent again by itself.";
  return new StreamError(message, { kind: "broken", code: "OUTCOME_UNKNOWN", cause });
}

function brokenBy(cause) {
  const message = cause ? "The connection broke before the answer was complete." : "The stream ended without its end.";
  return new StreamError(message, { kind: "broken", code: "CONNECTION_LOST", retryable: true, cause });
}
