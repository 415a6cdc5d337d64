// Microsoft's fetch-event-source: Server-Sent Events by POST. It asks again after every error, so that what is final
// must be thrown from its callbacks, as its documentation has it.

// It is for pages: it looks for a window and a document.
globalThis.window = globalThis;
globalThis.document = new EventTarget();
const { fetchEventSource, EventStreamContentType } = await import("@microsoft/fetch-event-source");
const { asked, failed, seen, tell } = await import("./asked.mjs");

class Refused extends Error {}
class Broken extends Error {}

const leaving = new AbortController();
const fields = { prompt: asked.prompt, model: asked.model, seed: asked.seed, temperature: asked.temperature };

async function onopen(response) {
  if (response.ok && response.headers.get("content-type").startsWith(EventStreamContentType)) return;
  const { status, code } = await response.json();
  throw Object.assign(new Refused(), { status, code });
}

function onmessage(event) {
  if (event.event === "ping") return void seen.pings++;
  const message = JSON.parse(event.data);
  if (event.event === "error") throw Object.assign(new Broken(), { code: message.code });
  seen.last_id = event.id;
  seen.text += message.delta;
  seen.finish_reason = message.finishReason ?? null;
  seen.completion_tokens = message.usage?.completionTokens ?? null;
  if (asked.leave && seen.text) leaving.abort();
}

function onerror(error) {
  if (error instanceof Refused || error instanceof Broken) throw error;
}

await fetchEventSource(`http://${asked.edge}/api/v1/ai/generate`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(fields),
  signal: leaving.signal,
  openWhenHidden: true,
  onopen,
  onmessage,
  onerror,
}).catch((error) => failed(error, error.status, error.code));
tell();
