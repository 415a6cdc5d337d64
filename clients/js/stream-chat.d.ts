/** A turn of a conversation. */
export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
}

interface Sampling {
  model?: string;
  max_tokens?: number;
  temperature?: number;
  top_p?: number;
  seed?: number;
  stop?: string | string[];
  min_chunk_chars?: number;
  batch_interval_ms?: number;
  timeout_s?: number;
  /** true unless said otherwise: the stream survives a broken connection. */
  resumable?: boolean;
  engine_options?: Record<string, string | number | boolean>;
  /** Whatever a newer server takes. */
  [field: string]: unknown;
}

/** What to generate: `prompt` or `messages`, and how. See docs/native.md. */
export type GenerateRequest = Sampling &
  ({ prompt: string; raw_prompt?: boolean; messages?: undefined } | { messages: Message[]; prompt?: undefined });

/** What is to be answered in stages. See docs/agents.md. */
export interface ChatRequest {
  message: string;
  mode?: "ask" | "agent_single" | "agent_multi";
  history?: Message[];
  session_id?: string;
  model?: string;
  max_rounds?: number;
  /** Of all stages together. */
  max_tokens?: number;
  temperature?: number;
  seed?: number;
  batch_interval_ms?: number;
  timeout_s?: number;
  /** true unless said otherwise: the stream survives a broken connection. */
  resumable?: boolean;
  engine_options?: Record<string, string | number | boolean>;
  prompt?: undefined;
  messages?: undefined;
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
}

export interface ToolCall {
  index: number;
  id: string;
  name: string;
  arguments: string;
}

/** Text since the message before; what is not the answer has an empty `delta` and a member of its own. */
export interface DeltaEvent {
  type: "message";
  id: string;
  delta: string;
  isFinal: false;
  reasoning?: string;
  toolCall?: ToolCall;
  progress?: string;
  result?: string;
  media?: string;
  stage?: string;
}

/** The end of a success; nothing follows. */
export interface FinalEvent {
  type: "message";
  id: string;
  delta: string;
  isFinal: true;
  finishReason: "stop" | "length" | "tool_calls" | "content_filter";
  usage: Usage;
}

/** A sign of life. */
export interface PingEvent {
  type: "ping";
  id: string;
  /** Seconds since 1970. */
  timestamp: number;
}

/** The server has taken the request on, or goes on with it behind the event `resumedFrom` ("" for the first time). */
export interface OpenEvent {
  type: "open";
  generationId: string;
  resumedFrom: string;
}

/** The client comes back after `delayMs`, because of `reason`. */
export interface ReconnectingEvent {
  type: "reconnecting";
  attempt: number;
  delayMs: number;
  reason: StreamError;
}

/** What a stage thinks or does, or says of the answer. */
export interface StageEvent {
  type: "thinking" | "content";
  id: string;
  stage: string;
  content: string;
}

/** What the stages have made. */
export interface Made {
  reply: string;
  generated_code: string | null;
  execution_result: string | null;
  /** A PNG, in base64. */
  image: string | null;
  plotly_json: Record<string, unknown> | null;
}

/** All that was made; `done` follows at once. */
export interface CompleteEvent {
  type: "complete";
  id: string;
  data: Made & { finishReason: string; usage: Usage };
}

/** The end of a success; nothing follows. */
export interface DoneEvent {
  type: "done";
  id: string;
}

export type ChatEvent = StageEvent | CompleteEvent | DoneEvent | OpenEvent | ReconnectingEvent;
export type StreamEvent = DeltaEvent | FinalEvent | PingEvent | OpenEvent | ReconnectingEvent;

/** One server-sent event as it was on the wire. */
export interface RawEvent {
  type: string;
  data: string;
  id: string;
}

export interface Options {
  /** Such as `https://relay.example`; "" is the page's own server. */
  baseUrl?: string;
  /** Sent as `Authorization: Bearer`. */
  apiKey?: string;
  headers?: Record<string, string>;
  /** For all of it; 120,000 unless said otherwise, 0 for none. */
  timeoutMs?: number;
  /** A connection without any byte for so long is dead; 45,000 unless said otherwise, 0 for none. */
  silenceMs?: number;
  /** To connect again, in a row, without any text; 6 unless said otherwise. */
  attempts?: number;
  /** Before the first of these; doubled each time. */
  firstDelayMs?: number;
  maxDelayMs?: number;
  /** Told of every event as it was on the wire. */
  onRawEvent?: (event: RawEvent) => void;
  /** Used instead of the global one. */
  fetch?: typeof fetch;
}

/** The answer as a whole. */
export interface Answer {
  text: string;
  finishReason: string;
  usage?: Usage;
  generationId: string;
}

/** The answer in stages; `text` is its reply. */
export interface ChatAnswer extends Answer {
  data: Made;
}

/**
 * refused: before the stream, by a status. failed: the server said `error`. broken: the connection did, or what came over
 * it was no stream of ours. timeout: ours.
 */
export type ErrorKind = "refused" | "failed" | "broken" | "timeout";

/** Why there is no whole answer. */
export class StreamError extends Error {
  readonly name: "StreamError";
  readonly kind: ErrorKind;
  /** The server's, see docs/native.md, or CONNECTION_LOST, OUTCOME_UNKNOWN, CLIENT_TIMEOUT, NOT_A_STREAM, BAD_STREAM, HTTP_n. */
  readonly code: string;
  /** HTTP; 0: it was not by a status. */
  readonly status: number;
  /** The same request may well succeed soon. */
  readonly retryable: boolean;
  readonly retryAfterMs: number;
  /** Of the request, that is wrong. */
  readonly field: string;
  readonly details?: Record<string, unknown>;
  /** The text that came before. */
  readonly text: string;
  readonly generationId: string;
  readonly lastEventId: string;
}

/** Takes the bytes of an event stream however they are cut, and gives its events. */
export class EventStreamParser {
  readonly lastEventId: string;
  readonly retryMs: number | undefined;
  push(bytes: Uint8Array): RawEvent[];
}

export const DEFAULTS: Readonly<Required<Pick<Options, "baseUrl" | "timeoutMs" | "silenceMs" | "attempts" | "firstDelayMs" | "maxDelayMs">>>;

/** How long to wait before an attempt, in milliseconds. */
export function pauseMs(timing: {
  attempt: number;
  firstDelayMs: number;
  maxDelayMs: number;
  retryAfterMs?: number;
  random?: number;
}): number;

/** The milliseconds that a `Retry-After` header means; 0: it says nothing. */
export function retryAfterMs(value: string | null | undefined, nowMs?: number): number;

/** The events of one generation, for `for await`. Leaving the loop stops the generation. Throws StreamError. */
export function streamEvents(
  request: GenerateRequest,
  options?: Options & { signal?: AbortSignal },
): AsyncGenerator<StreamEvent, void, undefined>;
export function streamEvents(
  request: ChatRequest,
  options?: Options & { signal?: AbortSignal },
): AsyncGenerator<ChatEvent, void, undefined>;

/**
 * Reads one generation, telling `onEvent` of each event. The answer as a whole, or undefined: it failed or was aborted.
 * Failures go to `onError`; without one, the promise rejects. Neither is called any more after an abort.
 */
export function streamChat(
  request: GenerateRequest,
  onEvent: (event: StreamEvent) => unknown,
  onError?: ((error: StreamError) => void) | null,
  signal?: AbortSignal | null,
  options?: Options,
): Promise<Answer | undefined>;
export function streamChat(
  request: ChatRequest,
  onEvent: (event: ChatEvent) => unknown,
  onError?: ((error: StreamError) => void) | null,
  signal?: AbortSignal | null,
  options?: Options,
): Promise<ChatAnswer | undefined>;
