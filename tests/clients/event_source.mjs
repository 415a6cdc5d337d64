// EventSource, as pages have it: by GET, of the native endpoint or of the ask endpoint.
import { EventSource } from "eventsource";

import { asked, failed, seen, tell } from "./asked.mjs";

const ask = asked.endpoint === "ask";
const query = new URLSearchParams({ [ask ? "question" : "prompt"]: asked.prompt, model: asked.model, seed: asked.seed });
if (asked.leave) query.set("resumable", "false"); // else its generation waits for it to reconnect
if (asked.temperature) query.set("temperature", asked.temperature);
const source = new EventSource(`http://${asked.edge}${ask ? "/ask/stream" : "/api/v1/ai/generate"}?${query}`);
if (asked.returns) setInterval(() => {}, 1000); // this EventSource lets Node end while it waits to reconnect

function done() {
  source.close();
  tell();
}

function finished(end) {
  seen.finish_reason = end.finishReason;
  seen.completion_tokens = end.usage.completionTokens;
  done();
}

function refused(event) {
  failed(event, event.code);
  done();
}

function broken(event, code) {
  failed(event, null, code);
  done();
}

function onNative(message) {
  seen.text += message.delta;
  if (message.isFinal) finished(message);
}

function onAsk(message, event) {
  if (message.type === "delta") seen.text += message.content;
  else if (message.type === "error") broken(event, message.code);
  else if (!message.answer.startsWith(seen.text)) throw new Error("the answer is not what its deltas were");
  else {
    seen.text = message.answer; // what was held at the end is nowhere else
    finished(message);
  }
}

source.addEventListener("ping", () => seen.pings++);
source.addEventListener("message", (event) => {
  seen.last_id = event.lastEventId;
  (ask ? onAsk : onNative)(JSON.parse(event.data), event);
  if (asked.leave && seen.text) done();
});
source.addEventListener("error", (event) => {
  // EventSource fires an error event of its own on connection trouble; the server's has data.
  if (asked.returns && !event.data && source.readyState !== EventSource.CLOSED) {
    seen.chars_at_break ??= seen.text.length; // it comes back by itself
    return;
  }
  event.data ? broken(event, JSON.parse(event.data).code) : refused(event);
});
