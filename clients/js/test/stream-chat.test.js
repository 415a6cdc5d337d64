// What the client does with what can happen to a stream; the server is played, over real connections.
import assert from "node:assert/strict";
import { test } from "node:test";

import { pauseMs, retryAfterMs, streamChat, streamEvents, StreamError } from "../stream-chat.js";
import { cut, event, final, message, opened, playing, refuse } from "./played-server.js";

const soon = { firstDelayMs: 5, maxDelayMs: 20 };
const whole = (response) => {
  opened(response);
  message(response, "Hello", "w1-a.1");
  final(response, " there", "w1-a.3");
};

/** What a call came to: its events by type, the text, and its answer or error. */
async function asked(server, { request = { prompt: "x" }, signal, onEvent, ...options } = {}) {
  const seen = { events: [], text: "", error: undefined };
  const keep = (one) => {
    seen.events.push(one.type);
    seen.text += one.delta ?? "";
    return onEvent?.(one, seen);
  };
  const onError = (error) => (seen.error = error);
  seen.answer = await streamChat(request, keep, onError, signal, { baseUrl: server.url, ...soon, ...options });
  return seen;
}

test("a success is its text, its reason and its usage", async (t) => {
  const server = await playing(t, whole);
  const seen = await asked(server, { apiKey: "secret" });
  const usage = { promptTokens: 1, completionTokens: 3 };
  assert.deepEqual(seen.answer, { text: "Hello there", finishReason: "stop", usage, generationId: "w1-a" });
  assert.deepEqual(seen.events, ["open", "message", "message"]);
  assert.equal(seen.error, undefined);
  const [{ body, headers, url }] = server.asked;
  assert.deepEqual([url, body], ["/api/v1/ai/generate", { resumable: true, prompt: "x" }]);
  assert.deepEqual([headers.authorization, headers["content-type"]], ["Bearer secret", "application/json"]);
  assert.equal(server.methods(), "POST");
});

test("an iterator has the same events", async (t) => {
  const server = await playing(t, whole);
  const events = await Array.fromAsync(streamEvents({ prompt: "x" }, { baseUrl: server.url }));
  assert.deepEqual(events.map(({ type, id = "", delta = "" }) => [type, id, delta]), [
    ["open", "", ""],
    ["message", "w1-a.1", "Hello"],
    ["message", "w1-a.3", " there"],
  ]);
});

test("a connection that breaks is gone on with behind the last event, without the prompt", async (t) => {
  const server = await playing(
    t,
    (response) => {
      opened(response);
      message(response, "Hello", "w1-a.1");
      response.write('event: message\nid: w1-a.2\ndata: {"delta":" ca'); // which must not count
      cut(response);
    },
    (response) => {
      opened(response);
      message(response, ",", "w1-a.2");
      cut(response);
    },
    (response) => {
      opened(response);
      final(response, " you", "w1-a.4");
    },
  );
  const seen = await asked(server);
  assert.equal(seen.answer.text, "Hello, you");
  assert.equal(server.methods(), "POST GET GET");
  assert.deepEqual(server.asked.map(({ headers }) => headers["last-event-id"]), [undefined, "w1-a.1", "w1-a.2"]);
  assert.deepEqual(server.asked.map(({ body }) => Boolean(body)), [true, false, false]);
  assert.ok(server.asked.every(({ url }) => url === "/api/v1/ai/generate"), "nor in the address");
  assert.equal(seen.events.join(" "), "open message reconnecting open message reconnecting open message");
});

test("it breaks before any event: the generation's id in the head is enough", async (t) => {
  const server = await playing(t, (response) => (opened(response), cut(response)), whole);
  assert.equal((await asked(server)).answer.text, "Hello there");
  assert.equal(server.asked[1].headers["last-event-id"], "w1-a.0");
});

test("a prompt whose fate is not known is not sent again", async (t) => {
  const lost = (response) => response.destroy();
  const withoutAnyId = (response) => (opened(response, ""), cut(response));
  const proxys = (response) => response.writeHead(502, { "retry-after": "0" }).end("<h1>Bad Gateway</h1>");
  const proxysToo = (response) => response.writeHead(503).end("<h1>Unavailable</h1>");
  const cases = [
    [lost, "broken", "OUTCOME_UNKNOWN"],
    [withoutAnyId, "broken", "CONNECTION_LOST"],
    [proxys, "refused", "HTTP_502"],
    [proxysToo, "refused", "HTTP_503"],
    [(response) => refuse(response, 503, "WORKER_LOST"), "refused", "WORKER_LOST"],
    [(response) => refuse(response, 502, "GENERATION_ERROR"), "refused", "GENERATION_ERROR"],
  ];
  for (const [script, kind, code] of cases) {
    const server = await playing(t, script, whole);
    const { error } = await asked(server);
    assert.deepEqual([error.kind, error.code, server.methods()], [kind, code, "POST"]);
  }
});

test("what was refused before anything began is sent again, when the server says", async (t) => {
  const full = (response) => refuse(response, 429, "OVERLOADED", { "retry-after": "1" });
  const alone = (response) => refuse(response, 503, "WORKER_UNAVAILABLE");
  const server = await playing(t, full, alone, whole);
  const seen = await asked(server);
  assert.equal(seen.answer.text, "Hello there");
  assert.ok(server.asked[1].at - server.asked[0].at >= 999, "Retry-After counts");
  assert.ok(server.asked[2].at - server.asked[1].at < 900);
  assert.deepEqual(seen.events.slice(0, 2), ["reconnecting", "reconnecting"]);
});

test("it is not waited for longer than the call may take", async (t) => {
  const server = await playing(t, (response) => refuse(response, 429, "OVERLOADED", { "retry-after": "3600" }));
  const { error } = await asked(server);
  assert.deepEqual([error.code, error.retryAfterMs, server.methods()], ["OVERLOADED", 3_600_000, "POST"]);
});

test("attempts end", async (t) => {
  const full = (response) => refuse(response, 429, "OVERLOADED");
  const server = await playing(t, full, full, full, whole);
  assert.equal((await asked(server, { attempts: 2 })).error.code, "OVERLOADED");
  assert.equal(server.methods(), "POST POST POST");
});

test("a wrong request is an error with its field, and nothing is retried", async (t) => {
  const server = await playing(t, (response) => {
    const problem = { status: 400, detail: "Too hot.", code: "INVALID_REQUEST", retryable: false, field: "temperature" };
    response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  });
  const { error } = await asked(server);
  assert.deepEqual([error.kind, error.message, error.status, error.field], ["refused", "Too hot.", 400, "temperature"]);
  assert.ok(error instanceof StreamError);
});

test("the server's error event is no broken connection", async (t) => {
  const server = await playing(t, (response) => {
    opened(response);
    message(response, "Hello", "w1-a.1");
    const details = { retryable: true, partialTokens: 1 };
    event(response, "error", { error: "The model failed.", code: "GENERATION_ERROR", details }, "w1-a.2");
    response.end();
  });
  const { error, answer, text } = await asked(server);
  assert.deepEqual([error.kind, error.code, error.message], ["failed", "GENERATION_ERROR", "The model failed."]);
  assert.deepEqual([error.text, error.generationId, error.lastEventId], ["Hello", "w1-a", "w1-a.2"]);
  assert.deepEqual([answer, text, server.methods()], [undefined, "Hello", "POST"]);
});

test("a server that goes away is left for another one", async (t) => {
  const server = await playing(
    t,
    (response) => {
      opened(response);
      message(response, "Hello", "w1-a.1");
      const details = { retryable: true, partialTokens: 1 };
      event(response, "error", { error: "It goes.", code: "SERVER_DRAINING", details }, "w1-a.1");
      response.end();
    },
    (response) => (opened(response), final(response, "!", "w1-a.3")),
  );
  assert.equal((await asked(server)).answer.text, "Hello!");
});

test("a stream that ends cleanly without its final event has failed", async (t) => {
  const unfinished = (response) => (opened(response), message(response, "Hello", "w1-a.1"), response.end());
  const server = await playing(t, unfinished);
  const { error, answer } = await asked(server, { request: { prompt: "x", resumable: false } });
  assert.deepEqual([answer, error.kind, error.code, error.text], [undefined, "broken", "CONNECTION_LOST", "Hello"]);
  assert.equal(server.methods(), "POST");
  const ended = await playing(t, unfinished, (response) => response.writeHead(204).end());
  assert.equal((await asked(ended)).error.code, "CONNECTION_LOST");
  assert.equal(ended.methods(), "POST GET");
});

test("a generation that is no longer held has failed, in the server's words", async (t) => {
  const server = await playing(
    t,
    (response) => (opened(response), message(response, "Hello", "w1-a.1"), cut(response)),
    (response) => refuse(response, 410, "RESUME_EXPIRED"),
  );
  const { error } = await asked(server);
  assert.deepEqual([error.kind, error.code, error.text], ["refused", "RESUME_EXPIRED", "Hello"]);
});

test("a server that is away for a while is found again", async (t) => {
  const away = (response) => response.destroy();
  const server = await playing(
    t,
    (response) => (opened(response), message(response, "Hello", "w1-a.1"), cut(response)),
    away,
    (response) => response.writeHead(502).end(),
    away,
    (response) => (opened(response), final(response, "!", "w1-a.3")),
  );
  const seen = await asked(server);
  assert.equal(seen.answer.text, "Hello!");
  assert.equal(server.methods(), "POST GET GET GET GET");
});

test("an abort stops the generation, and nothing is told any more", async (t) => {
  const server = await playing(t, (response) => (opened(response), message(response, "Hello", "w1-a.1")));
  const stop = new AbortController();
  const onEvent = ({ type }) => type === "message" && stop.abort();
  const seen = await asked(server, { signal: stop.signal, onEvent });
  assert.deepEqual([seen.answer, seen.error], [undefined, undefined]);
  await server.until(() => server.methods() === "POST DELETE");
  assert.equal(server.asked[1].url, "/api/v1/ai/generations/w1-a");
});

test("an abort stops a generation whose id only its events have told", async (t) => {
  const server = await playing(t, (response) => (opened(response, ""), message(response, "Hello", "w1-a.1")));
  const stop = new AbortController();
  const onEvent = ({ type }) => type === "message" && stop.abort();
  await asked(server, { signal: stop.signal, onEvent });
  await server.until(() => server.methods() === "POST DELETE");
  assert.equal(server.asked[1].url, "/api/v1/ai/generations/w1-a");
});

test("attempts are counted in a row: text begins the count anew", async (t) => {
  const piece = (index) => (response) => (opened(response), message(response, "x", `w1-a.${index}`), cut(response));
  const last = (response) => (opened(response), final(response, "!", "w1-a.5"));
  const server = await playing(t, piece(1), piece(2), piece(3), last);
  assert.equal((await asked(server, { attempts: 1 })).answer.text, "xxx!");
});

test("an abort before the generation has an id stops it all the same", async (t) => {
  const stop = new AbortController();
  const server = await playing(t, (response) => {
    stop.abort();
    setTimeout(() => opened(response), 50);
  });
  assert.equal((await asked(server, { signal: stop.signal })).answer, undefined);
  await server.until(() => server.methods() === "POST DELETE");
});

test("an abort between two connections stops it", async (t) => {
  const server = await playing(t, (response) => (opened(response), message(response, "Hello", "w1-a.1"), cut(response)));
  const stop = new AbortController();
  const onEvent = ({ type }) => type === "reconnecting" && stop.abort();
  assert.equal((await asked(server, { signal: stop.signal, onEvent, firstDelayMs: 60_000 })).error, undefined);
  await server.until(() => server.methods() === "POST DELETE");
});

test("an abort of what is not resumable closes its connection", async (t) => {
  let closed;
  const gone = new Promise((resolve) => (closed = resolve));
  const server = await playing(t, (response) => {
    response.on("close", closed);
    opened(response);
    message(response, "Hello", "w1-a.1");
  });
  const stop = new AbortController();
  const onEvent = ({ type }) => type === "message" && stop.abort();
  await asked(server, { request: { prompt: "x", resumable: false }, signal: stop.signal, onEvent });
  await gone;
  assert.equal(server.methods(), "POST");
});

test("a signal that has aborted before sends nothing", async (t) => {
  const server = await playing(t, whole);
  assert.equal((await asked(server, { signal: AbortSignal.abort() })).answer, undefined);
  assert.equal(server.methods(), "");
});

test("leaving the loop stops the generation", async (t) => {
  const server = await playing(t, (response) => (opened(response), message(response, "Hello", "w1-a.1")));
  for await (const { type } of streamEvents({ prompt: "x" }, { baseUrl: server.url })) if (type === "message") break;
  await server.until(() => server.methods() === "POST DELETE");
});

test("an iterator throws the reason of an abort", async (t) => {
  const server = await playing(t, (response) => opened(response));
  const options = { baseUrl: server.url, signal: AbortSignal.timeout(50) };
  await assert.rejects(Array.fromAsync(streamEvents({ prompt: "x" }, options)), { name: "TimeoutError" });
  await server.until(() => server.methods() === "POST DELETE");
});

test("an answer that takes too long has failed, and is stopped", async (t) => {
  const server = await playing(t, (response) => (opened(response), message(response, "Hello", "w1-a.1")));
  const { error } = await asked(server, { timeoutMs: 100 });
  assert.deepEqual([error.kind, error.code, error.text], ["timeout", "CLIENT_TIMEOUT", "Hello"]);
  await server.until(() => server.methods() === "POST DELETE");
});

test("a connection that is dead is left for another one", async (t) => {
  const server = await playing(
    t,
    (response) => (opened(response), message(response, "Hello", "w1-a.1")),
    (response) => (opened(response), final(response, "!", "w1-a.3")),
  );
  assert.equal((await asked(server, { silenceMs: 100 })).answer.text, "Hello!");
});

test("the server's retry takes the place of the first pause", async (t) => {
  const server = await playing(
    t,
    (response) => {
      opened(response);
      response.write("retry: 400\n");
      message(response, "Hello", "w1-a.1");
      cut(response);
    },
    whole,
  );
  let delayMs;
  await asked(server, { maxDelayMs: 1000, onEvent: (one) => (delayMs ??= one.delayMs) });
  assert.ok(delayMs >= 200 && delayMs <= 400, `${delayMs}`);
});

test("what is no stream of ours is said to be none", async (t) => {
  const server = await playing(
    t,
    (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Log in</h1>"),
    (response) => (opened(response), response.end("data: {half\n\n")),
  );
  assert.equal((await asked(server)).error.code, "NOT_A_STREAM");
  assert.equal((await asked(server)).error.code, "BAD_STREAM");
});

test("events of other kinds are passed over, and shown as they were", async (t) => {
  const server = await playing(t, (response) => {
    opened(response);
    event(response, "weather", { sun: true });
    event(response, "ping", { timestamp: 1_790_000_000 });
    final(response, "!", "w1-a.2");
  });
  const raw = [];
  const seen = await asked(server, { onRawEvent: ({ type }) => raw.push(type) });
  assert.deepEqual([seen.events.join(" "), raw.join(" ")], ["open ping message", "weather ping message"]);
});

test("a listener that fails ends the stream, stops the generation and is heard", async (t) => {
  const server = await playing(t, (response) => (opened(response), message(response, "Hello", "w1-a.1")));
  const onEvent = ({ type }) => {
    if (type === "message") throw new RangeError("mine");
  };
  await assert.rejects(asked(server, { onEvent }), RangeError);
  await server.until(() => server.methods() === "POST DELETE");
});

test("without a listener for errors the promise rejects", async (t) => {
  const server = await playing(t, (response) => refuse(response, 404, "NOT_FOUND"));
  await assert.rejects(streamChat({ prompt: "x" }, () => {}, null, null, { baseUrl: server.url }), { code: "NOT_FOUND" });
});

test("a listener's promise holds the stream back", async (t) => {
  const server = await playing(t, whole);
  let at = 0;
  const onEvent = () => new Promise((resolve) => setTimeout(() => resolve((at += 1)), 5));
  await asked(server, { onEvent });
  assert.equal(at, 3);
});

test("pauses grow, within half to all of what they may be", () => {
  const timing = { firstDelayMs: 500, maxDelayMs: 10_000 };
  assert.equal(pauseMs({ ...timing, attempt: 1, random: 0 }), 250);
  assert.equal(pauseMs({ ...timing, attempt: 1, random: 1 }), 500);
  assert.equal(pauseMs({ ...timing, attempt: 3, random: 1 }), 2000);
  assert.equal(pauseMs({ ...timing, attempt: 30, random: 1 }), 10_000);
  assert.equal(pauseMs({ ...timing, attempt: 1, random: 0, retryAfterMs: 3000 }), 3000);
  assert.equal(pauseMs({ ...timing, attempt: 1, random: 1, retryAfterMs: 4000 }), 5000);
});

test("Retry-After is seconds or a date", () => {
  assert.equal(retryAfterMs("3"), 3000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 40_000), 0);
  for (const nothing of [null, undefined, "", "soon"]) assert.equal(retryAfterMs(nothing), 0);
});

const say = (response, data, id) => response.write(`id: w1-a.${id}\ndata: ${JSON.stringify(data)}\n\n`);
const made = { reply: "4.", generated_code: null, execution_result: null, image: null, plotly_json: null };
const usage = { promptTokens: 5, completionTokens: 6 };
const complete = { type: "complete", data: { ...made, finishReason: "stop", usage } };

test("a message is answered in stages, and gone on with where it was cut", async (t) => {
  const server = await playing(
    t,
    (response) => {
      opened(response);
      say(response, { type: "thinking", stage: "planner", content: "1." }, 1);
      say(response, { type: "content", stage: "executor", content: "5." }, 3);
      cut(response);
    },
    (response) => {
      opened(response);
      say(response, { type: "content", stage: "executor", content: "4." }, 7);
      say(response, complete, 9);
      say(response, { type: "done" }, 10);
      response.end();
    },
  );
  const seen = await asked(server, { request: { message: "2 + 2?", mode: "agent_multi" } });
  assert.deepEqual(seen.answer, { text: "4.", finishReason: "stop", usage, generationId: "w1-a", data: made });
  assert.deepEqual(seen.events, [
    ...["open", "thinking", "content", "reconnecting", "open", "content", "complete", "done"],
  ]);
  assert.deepEqual(server.asked.map(({ method, url }) => [method, url]), [
    ["POST", "/chat/stream"],
    ["GET", "/chat/stream"],
  ]);
  assert.deepEqual(server.asked[0].body, { resumable: true, message: "2 + 2?", mode: "agent_multi" });
  assert.equal(server.asked[1].headers["last-event-id"], "w1-a.3");
});

test("an error of a stage is an error, with the text before it", async (t) => {
  const server = await playing(t, (response) => {
    opened(response);
    say(response, { type: "content", stage: "answer", content: "4" }, 1);
    say(response, { type: "error", error: "It failed.", code: "GENERATION_ERROR", details: { retryable: false } }, 2);
    response.end();
  });
  const seen = await asked(server, { request: { message: "2 + 2?" } });
  assert.deepEqual([seen.error.kind, seen.error.code, seen.error.text], ["failed", "GENERATION_ERROR", "4"]);
  assert.equal(seen.answer, undefined);
  assert.equal(server.methods(), "POST");
});

test("stages without done have failed", async (t) => {
  const server = await playing(t, (response) => {
    opened(response);
    say(response, complete, 9);
    response.end();
  });
  const seen = await asked(server, { request: { message: "2 + 2?", resumable: false } });
  assert.equal(seen.error.code, "CONNECTION_LOST");
});
