// Reads event streams with the parser of our own client.
//   node parse_events_ours.mjs < streams.json        a list of streams, each a list of pieces in base64
import { text } from "node:stream/consumers";

import { EventStreamParser } from "../../clients/js/stream-chat.js";

function read(pieces) {
  const parser = new EventStreamParser();
  const events = pieces.flatMap((piece) => parser.push(Buffer.from(piece, "base64")));
  return { messages: events.map(({ type, data, id }) => [type, data, id]), retryMs: parser.retryMs ?? null };
}

console.log(JSON.stringify({ streams: JSON.parse(await text(process.stdin)).map(read) }));
