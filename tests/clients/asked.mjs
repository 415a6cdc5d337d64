// What the scripts of this folder have in common: what they are asked, and how they say what they saw.
//   node SCRIPT '{"edge": "127.0.0.1:8080", "prompt": "Hello", ...}'

export const asked = JSON.parse(process.argv[2]);

// Nothing is seen yet.
export const seen = { text: "", finish_reason: null, completion_tokens: null, pings: 0, last_id: "", error: null };

// Keep what a client says of its error: its own type, the status and the code if it has them.
export function failed(error, status, code) {
  seen.error = { type: error?.constructor?.name ?? typeof error, status: status ?? null, code: code ?? null };
}

// Print it, then live on until stdin ends: what a client has left must be seen to be gone while its process is there.
export function tell() {
  console.log(JSON.stringify(seen));
  process.stdin.on("end", () => process.exit(0)).resume();
}
