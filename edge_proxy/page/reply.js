// An agent's reply as it is written: to what is said now, or one that is being written already.

import { access } from "./api.js";
import { streamEvents } from "./stream-chat.js";

const STAGED = "/chat/stream"; // where the client asks: agents' replies have the same events, at addresses of their own

/** Asks there what the client asks of staged answers; to come back, too, is a POST. */
function towards(agentId) {
  const path = `/api/agents/${encodeURIComponent(agentId)}/chat/stream`;
  return (url, init) => (url === STAGED ? fetch(path, { ...init, method: "POST" }) : fetch(url, init));
}

/**
 * The events of a reply, for `for await`: "open", "content", "reconnecting", "done".
 *
 * `ask` is `{agentId, sessionId, message}`; or `{agentId, after}` for one that is being written, behind that event's id.
 * Leaving the loop interrupts the reply, and so does the signal. Throws a StreamError when there is no whole reply.
 */
export async function* replyEvents({ agentId, sessionId, message = "", after }, signal) {
  let said = {}; // of an error: here it is `metadata` that has the code
  const options = {
    signal,
    apiKey: access.key,
    fetch: towards(agentId),
    timeoutMs: 0,
    headers: after && { "last-event-id": after },
    onRawEvent: ({ data }) => (said = JSON.parse(data).metadata ?? {}),
  };
  const body = { message, ...(sessionId && { session_id: sessionId }) };
  try {
    yield* streamEvents(body, options);
  } catch (error) {
    if (error.kind === "failed") Object.assign(error, { code: said.code, retryable: said.retryable });
    if (error.code !== "SERVER_DRAINING" || error.kind !== "failed" || !error.lastEventId) throw error;
    yield* replyEvents({ agentId, after: error.lastEventId }, signal); // the reply goes on, and so can we
  }
}
