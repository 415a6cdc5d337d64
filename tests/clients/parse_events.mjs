// Reads event streams with the parser inside npm's `eventsource`, fed as `eventsource` feeds it.
//   node parse_events.mjs < streams.json        a list of streams, each a list of pieces in base64
import { createParser } from "eventsource-parser";
import { text } from "node:stream/consumers";

function read(pieces) {
  const seen = { messages: [], retryMs: null };
  let lastEventId = "";
  const parser = createParser({
    onId: (id) => (lastEventId = id),
    onRetry: (ms) => (seen.retryMs = ms),
    onEvent: ({ event, data }) => seen.messages.push([event || "message", data, lastEventId]),
  });
  const decoder = new TextDecoder();
  for (const piece of pieces) parser.feed(decoder.decode(Buffer.from(piece, "base64"), { stream: true }));
  return seen;
}

console.log(JSON.stringify({ streams: JSON.parse(await text(process.stdin)).map(read) }));
