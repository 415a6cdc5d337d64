// Load on a running edge, with the thresholds that its monitoring alerts on.
//
//   make run                                  in one terminal
//   .venv/bin/k6 run bench/k6/stream.js       in another; k6 comes with `make .venv/bench`
//
// Settings, by -e NAME=value: EDGE_URL, VUS, DURATION, PROMPT, MAX_TOKENS; and TOKENS and RATE (tokens a second), which
// only the scripted engine knows: WORKER_ENGINE=scripted make run.
//
// k6 reads a response to its end before a script sees it. So the first chunk is the time to the first byte of the body's
// response, which the edge sends when the worker has taken the request on, and the gap is the mean over a stream: the time
// that the body took over its events. For every single token's age, see `make bench`.
import http from 'k6/http';
import { check } from 'k6';
import { Rate, Trend } from 'k6/metrics';

const URL = `${__ENV.EDGE_URL || 'http://127.0.0.1:8080'}/api/v1/ai/generate`;
const BODY = { prompt: __ENV.PROMPT || 'Tell me a story about an owl.' };
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
const meanGap = new Trend('mean_gap_ms', true);

export const options = {
  vus: Number(__ENV.VUS || 50),
  duration: __ENV.DURATION || '30s',
  gracefulStop: '150s',
  thresholds: {
    first_chunk_ms: ['p(95)<500'],
    mean_gap_ms: ['avg<100'],
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

// Where in its generation an event ends: the number behind the id's last dot.
function index(event) {
  return Number(event.id.slice(event.id.lastIndexOf('.') + 1));
}

export default function () {
  const response = http.post(URL, REQUEST, PARAMETERS);
  const all = events(response.body);
  const messages = all.filter((event) => event.event === 'message');
  const finals = messages.filter((event) => JSON.parse(event.data).isFinal);
  const ok = check(response, {
    'status is 200': (r) => r.status === 200,
    'content type is text/event-stream': (r) => (r.headers['Content-Type'] || '').startsWith('text/event-stream'),
    'no error event': () => all.every((event) => event.event !== 'error'),
    'one final message, and it is last': () => finals.length === 1 && finals[0] === all[all.length - 1],
    'ids rise': () => messages.every((event, i) => i === 0 || index(event) >= index(messages[i - 1])),
  });
  success.add(ok);
  firstChunk.add(response.timings.waiting);
  if (messages.length > 1) meanGap.add(response.timings.receiving / (messages.length - 1));
}
