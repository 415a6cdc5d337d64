// OpenAI's SDK for Node.js.
import OpenAI from "openai";

import { asked, failed, seen, tell } from "./asked.mjs";

const client = new OpenAI({ baseURL: `http://${asked.edge}/v1`, apiKey: "none" });
const request = {
  model: asked.model,
  messages: [{ role: "user", content: asked.prompt }],
  seed: asked.seed,
  temperature: asked.temperature,
};

async function whole() {
  const answer = await client.chat.completions.create(request);
  seen.text = answer.choices[0].message.content;
  seen.finish_reason = answer.choices[0].finish_reason;
  seen.completion_tokens = answer.usage.completion_tokens;
}

async function streamed() {
  const chunks = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of chunks) {
    const choice = chunk.choices[0];
    seen.text += choice?.delta.content ?? "";
    seen.finish_reason ??= choice?.finish_reason ?? null;
    seen.completion_tokens = chunk.usage?.completion_tokens ?? null;
    if (asked.leave && seen.text) chunks.controller.abort();
  }
}

await (asked.whole ? whole() : streamed()).catch((error) => failed(error, error.status, error.code));
tell();
