// Our own client, asked for an answer in stages.
import { streamChat } from "../../clients/js/stream-chat.js";
import { asked, tell, seen } from "./asked.mjs";

Object.assign(seen, { stages: [], types: [], answer: null });

function onEvent(event) {
  seen.types.push(event.type);
  if (event.type !== "thinking" && event.type !== "content") return;
  const last = seen.stages.at(-1);
  if (last?.[0] === event.type && last[1] === event.stage) last[2] += event.content;
  else seen.stages.push([event.type, event.stage, event.content]);
}

const onError = ({ code, kind, field, text }) => (seen.error = { code, kind, field, text });
const options = { baseUrl: `http://${asked.edge}`, firstDelayMs: 20 };
seen.answer = (await streamChat(asked.request, onEvent, onError, undefined, options)) ?? null;
tell();
