// Agents and sessions, by the edge's API. What it refuses is thrown, in its words.

import { StreamError } from "./stream-chat.js";

const AGENTS = "/api/agents";
const PAGE = 30; // sessions that are listed at a time

/** The API key: in this page's memory, and nowhere else. */
export const access = { key: "" };

async function call(method, path, body) {
  const headers = {
    accept: "application/json",
    ...(access.key && { authorization: `Bearer ${access.key}` }),
    ...(body && { "content-type": "application/json" }),
  };
  const init = { method, headers, body: body && JSON.stringify(body), cache: "no-store" };
  const response = await fetch(path, init).catch((cause) => {
    throw new StreamError("The server could not be reached.", { kind: "broken", code: "UNREACHABLE", cause });
  });
  if (response.ok) return response.status === 204 ? undefined : response.json();
  const { detail, code, retryable } = await response.json().catch(() => ({}));
  const { status } = response;
  const said = detail ?? `The server answered with status ${status}.`;
  throw new StreamError(said, { kind: "refused", code: code ?? `HTTP_${status}`, status, retryable });
}

const one = (id) => `${AGENTS}/${encodeURIComponent(id)}`;
const session = (id) => `/api/sessions/${encodeURIComponent(id)}`;

/** All agents, newest first. */
export async function agents() {
  const found = [];
  for (let before = 0; before !== null; ) {
    const page = await call("GET", `${AGENTS}?limit=200&before=${before}`);
    found.push(...page.agents);
    before = page.next;
  }
  return found;
}

export const addAgent = (fields) => call("POST", AGENTS, fields);
export const changeAgent = (id, fields) => call("PATCH", one(id), fields);
export const deleteAgent = (id) => call("DELETE", one(id));
export const stats = (id) => call("GET", `${one(id)}/stats`);

/** Sessions of an agent, newest first: `{sessions, next}`. `before` is the `next` of the page before. */
export const sessions = (id, before = 0) => call("GET", `${one(id)}/sessions?limit=${PAGE}&before=${before}`);
export const addSession = (id, fields) => call("POST", `${one(id)}/sessions`, fields);
export const deleteSession = (id) => call("DELETE", session(id));

/** A session with all its messages, oldest first. */
export async function conversation(id) {
  const found = await call("GET", session(id));
  for (let { next } = found; next !== null; ) {
    const page = await call("GET", `${session(id)}?after=${next}`);
    found.messages.push(...page.messages);
    next = page.next;
  }
  return found;
}

/** The names of the models that there are. */
export async function models() {
  const { data } = await call("GET", "/v1/models");
  return data.map(({ id }) => id);
}
