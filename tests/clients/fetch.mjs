// Reads a native stream as a page would by fetch and a reader; prints what it saw as one line of JSON.
//   node fetch.mjs URL BODY
const response = await fetch(process.argv[2], {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: process.argv[3],
  signal: AbortSignal.timeout(120_000), // the client's time-out
});
const seen = { status: response.status, type: response.headers.get("content-type"), reads: 0, text: "", last: null };

let rest = "";
const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
for (;;) {
  const { done, value } = await reader.read();
  if (done) break;
  seen.reads++;
  const blocks = (rest + value).split("\n\n");
  rest = blocks.pop();
  for (const block of blocks) {
    const event = block.match(/^event: (.*)$/m)?.[1];
    const data = block.match(/^data: (.*)$/m)?.[1];
    if (!data) continue; // a comment
    seen.last = { event, data: JSON.parse(data) };
    if (event === "message") seen.text += seen.last.data.delta;
  }
}
console.log(JSON.stringify(seen));
