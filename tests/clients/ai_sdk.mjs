// Vercel's AI SDK, with its provider for what speaks OpenAI's dialect.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

import { asked, failed, seen, tell } from "./asked.mjs";

const provider = createOpenAICompatible({ name: "relay", baseURL: `http://${asked.edge}/v1`, includeUsage: true });
const leaving = new AbortController();
const request = {
  model: provider(asked.model),
  prompt: asked.prompt,
  seed: asked.seed,
  temperature: asked.temperature,
  abortSignal: leaving.signal,
};

function report(error) {
  failed(error, error.statusCode, error.data?.error?.code ?? error.code);
}

async function whole() {
  const answer = await generateText(request);
  seen.text = answer.text;
  seen.finish_reason = answer.finishReason;
  seen.completion_tokens = answer.usage.outputTokens;
}

async function streamed() {
  const answer = streamText({ ...request, onError: ({ error }) => report(error) });
  for await (const text of answer.textStream) {
    seen.text += text;
    if (asked.leave) leaving.abort();
  }
  if (asked.leave || seen.error) return; // its promises would be rejected, or never settled
  seen.finish_reason = await answer.finishReason;
  seen.completion_tokens = (await answer.usage).outputTokens;
}

await (asked.whole ? whole() : streamed()).catch(report);
tell();
