// Reads a native stream as a page would by EventSource; prints what it saw as one line of JSON.
//   node event_source.mjs URL
import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
const seen = { opened: 0, text: "", ids: [], pings: 0, final: null, error: null };

function done() {
  source.close();
  console.log(JSON.stringify(seen));
}

source.onopen = () => seen.opened++;
source.addEventListener("ping", (event) => (seen.pings += JSON.parse(event.data).timestamp > 0));
source.addEventListener("message", (event) => {
  const message = JSON.parse(event.data);
  seen.text += message.delta;
  seen.ids.push(event.lastEventId);
  if (message.isFinal) {
    seen.final = message;
    done();
  }
});
source.addEventListener("error", (event) => {
  // EventSource fires its own error event on connection trouble; the server's has data.
  seen.error = event.data ? JSON.parse(event.data) : { connection: event.code ?? "lost" };
  done();
});
setTimeout(done, 120_000).unref(); // the client's time-out
