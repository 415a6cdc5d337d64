// Starts generations on one WebSocket as a page would; prints what it saw of each, by ref, as one line of JSON.
//   node web_socket.mjs URL FRAME...
const [url, ...frames] = process.argv.slice(2);
const socket = new WebSocket(url);
const seen = { refs: {}, close: null };
let running = frames.length;

socket.onopen = () => frames.forEach((frame) => socket.send(frame));
socket.onmessage = (event) => {
  const { ref, type, delta, isFinal, ...rest } = JSON.parse(event.data);
  const one = (seen.refs[ref] ??= { types: [], text: "", last: null });
  one.types.push(type);
  one.text += delta ?? "";
  one.last = rest;
  if (isFinal || type === "error") running--;
  if (running === 0) socket.close(1000);
};
socket.onclose = (event) => {
  seen.close = { code: event.code, clean: event.wasClean };
  console.log(JSON.stringify(seen));
  process.exit();
};
setTimeout(() => socket.close(), 120_000).unref(); // the client's time-out
