// Load on a running edge, with the thresholds that its monitoring alerts on.
//
//   make run                                  in one terminal
//   .venv/bin/k6 run bench/k6/stream.js       in another; k6 comes with `make .venv/bench`
//
// Settings, by -e NAME=value: EDGE_URL, VUS, DURATION, MODEL, PROMPT, MAX_TOKENS; and TOKENS and RATE (tokens a
// second), which only the scripted engine knows: WORKER_ENGINE=scripted make run.
//
// k6 reads a response to its end before a script sees it. So the first chunk is the first byte: the edge sends headers
// and a comment when the worker has taken the request on, before there is a token. The wait for that one is in the gap,
// which is a stream's mean: from the first byte to the end, over its messages. A long stream hides a slow first token
// in it. For each token's age, see `make bench`.
import http from 'k6/http';
import { check } from 'k6';
import { Rate, Trend } from 'k6/metrics';

const URL = `${__ENV.EDGE_URL || 'http://127.0.0.1:8080'}/api/v1/ai/generate`;
const BODY = { prompt: __ENV.PROMPT || 'Tell me a story about an owl.' };
if (__ENV.MODEL) BODY.model = __ENV.MODEL;
if (__ENV.MAX_TOKENS) BODY.max_tokens = Number(__ENV.MAX_TOKENS);
if (__ENV.TOKENS || __ENV.RATE) {
  BODY.engine_options = {};
  if (__ENV.TOKENS) BODY.engine_options.tokens = Number(__ENV.TOKENS);
  if (__ENV.RATE) BODY.engine_options.tokens_per_second = Number(__ENV.RATE);
}
const REQUEST = JSON.stringify(BODY);
const PARAMETERS = { headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' }, timeout: '150s' };

const success = new Rate('stream_success');
const firstChunk = new Trend('first_chunk_ms', true);
const chunkGap = new Trend('chunk_gap_ms', true);

export const options = {
  scenarios: {
    streams: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS || 50),
      duration: __ENV.DURATION || '30s',
      gracefulStop: '150s', // as long as a request may take: a stream that k6 interrupts is counted nowhere
    },
  },
  thresholds: {
    first_chunk_ms: ['p(95)<500'],
    chunk_gap_ms: ['avg<100'],
    stream_success: ['rate>0.99'],
    checks: ['rate>0.99'],
  },
};

// The events of a body, each an object of its fields. Comments and the empty block at the end are none.
function events(body) {
  return (body || '')
    .split('\n\n')
    .map((block) => Object.fromEntries(block.split('\n').filter((line) => /^\w/.test(line)).map(field)))
    .filter((event) => 'data' in event);
}

function field(line) {
  const colon = line.indexOf(': ');
  return [line.slice(0, colon), line.slice(colon + 2)];
}

// Where in its generation an event ends: the number behind the id's last dot; without one NaN, which is never above.
function index(event) {
  return event ? parseInt((event.id || '').split('.').pop(), 10) : -1;
}

// Whether a message is the last by its own word. One that is no JSON, as when it is cut, is not: a script that throws
// records nothing, and k6 takes a threshold without samples for met.
function isFinal(message) {
  try {
    return JSON.parse(message.data).isFinal === true;
  } catch (error) {
    return false;
  }
}

// Each id is above the one before; a final message without text may repeat it.
function rise(messages) {
  return messages.every((message, i) => {
    const before = index(messages[i - 1]);
    return index(message) > before || (isFinal(message) && index(message) === before);
  });
}

export default function () {
  const response = http.post(URL, REQUEST, PARAMETERS);
  const all = events(response.body);
  const messages = all.filter((event) => event.event === 'message');
  const finals = messages.filter(isFinal);
  const ok = check(response, {
    'status is 200': (r) => r.status === 200,
    'content type is text/event-stream': (r) => (r.headers['Content-Type'] || '').startsWith('text/event-stream'),
    'no error event': () => all.every((event) => event.event !== 'error'),
    'one final message, and it is last': () => finals.length === 1 && finals[0] === all[all.length - 1],
    'ids rise': () => rise(messages),
  });
  success.add(ok);
  if (response.status !== 200) return; // a refusal is quick, and no chunk
  firstChunk.add(response.timings.waiting);
  if (messages.length) chunkGap.add(response.timings.receiving / messages.length);
}
