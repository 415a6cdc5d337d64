// What the types allow, and what they do not: compiled by the tests, never run.
import { DEFAULTS, EventStreamParser, StreamError, streamChat, streamEvents } from "token-relay-client";
import type { Answer, GenerateRequest, StreamEvent } from "token-relay-client";

const request: GenerateRequest = { messages: [{ role: "user", content: "Hello" }], seed: 1, stop: ["\n"] };

function told(event: StreamEvent): string {
  switch (event.type) {
    case "open":
      return event.generationId + event.resumedFrom;
    case "message":
      return event.isFinal ? `${event.finishReason} ${event.usage.completionTokens}` : event.delta + (event.reasoning ?? "");
    case "ping":
      return String(event.timestamp);
    case "reconnecting":
      return `${event.attempt} ${event.delayMs} ${event.reason.kind}`;
    default: {
      const never: never = event;
      return never;
    }
  }
}

const stop = new AbortController();
const failed = (error: StreamError) => error.kind === "refused" && error.field;
const answer: Promise<Answer | undefined> = streamChat(request, told, failed, stop.signal, { apiKey: "k" });
void streamChat({ prompt: "Hello" }, told);
for await (const event of streamEvents({ prompt: "Hello" }, { signal: stop.signal, baseUrl: "http://x" })) told(event);
new EventStreamParser().push(new Uint8Array()).map(({ type, data, id }) => type + data + id);
void [answer, DEFAULTS.timeoutMs.toFixed()];

void streamChat({ message: "Hello", mode: "agent_multi", history: [{ role: "user", content: "Hi" }] }, (event) => {
  if (event.type === "thinking" || event.type === "content") return event.stage + event.content;
  return event.type === "complete" ? event.data.generated_code : event.type;
}).then((made) => made?.data.reply);

// @ts-expect-error there is no such mode
void streamChat({ message: "Hello", mode: "agents" }, told);
// @ts-expect-error there is nothing to generate from
void streamChat({ seed: 1 }, told);
// @ts-expect-error either, or
void streamChat({ prompt: "x", messages: [] }, told);
// @ts-expect-error a seed is a number
void streamChat({ prompt: "x", seed: "1" }, told);
// @ts-expect-error a delta's end has not come
told({ type: "message", id: "", delta: "", isFinal: true });
