// Our own client, as pages and scripts have it.
import { streamChat } from "../../clients/js/stream-chat.js";
import { asked, failed, seen, tell } from "./asked.mjs";

const leaving = new AbortController();
const { prompt, model, seed, temperature, request } = asked;
const options = { baseUrl: `http://${asked.edge}`, firstDelayMs: 20, ...asked.options };
let ids = 0;

function onEvent(event) {
  if (event.type === "ping") seen.pings++;
  if (event.type === "reconnecting" && seen.reconnected !== undefined) seen.reconnected++;
  if (event.type !== "message") return;
  const index = Number(event.id.split(".")[1]);
  if (index <= ids) throw new Error(`the id ${event.id} does not rise`);
  ids = index;
  seen.last_id = event.id;
  seen.text += event.delta;
  seen.finish_reason = event.finishReason ?? null;
  seen.completion_tokens = event.usage?.completionTokens ?? null;
  if (asked.leave && seen.text) leaving.abort();
}

if (asked.counts) seen.reconnected = 0;
const onError = (error) => failed({ constructor: { name: error.kind } }, error.status || null, error.code);
await streamChat({ prompt, model, seed, temperature, ...request }, onEvent, onError, leaving.signal, options);
tell();
