// The page of conversations: who is talked to, what has been said, and what is said now.

import { openForm } from "./agent-form.js";
import { access, agents, conversation, deleteSession, stats } from "./api.js";
import { sure } from "./asking.js";
import { $, announce, showProblem } from "./dom.js";
import { SessionList, titled } from "./sessions.js";
import { Talk } from "./talk.js";

const HINTS = {
  UNREACHABLE: "Is the server running?",
  CONFLICT: "Wait until that reply is complete, or interrupt it.",
};

let known = []; // agents
let agent; // that is talked to
const talk = new Talk({ begun, changed: refresh });
const list = new SessionList({
  open: ({ id }) => attempt(() => open(id)),
  remove: (session) => attempt(() => remove(session)),
  more: attempt,
});

/** Do what a person wants; what goes wrong is said in words. */
async function attempt(doing) {
  $("problem").hidden = true;
  try {
    await doing();
  } catch (error) {
    complain(error);
  }
}

function complain(error) {
  if (error.status === 401 || error.status === 403) {
    $("locked").hidden = false;
    $("rooms").hidden = true;
    $("key").focus();
  } else if (error.status === 501) {
    $("off").hidden = false;
    return;
  }
  showProblem($("problem"), error, HINTS);
}

/** What is open is in the page's address: who comes back finds it open. */
function remember(id) {
  history.replaceState(null, "", `#${id}`);
  list.mark(id);
}

function begun(sessionId) {
  remember(sessionId);
  refresh(agent);
}

async function refresh(whose) {
  if (whose.id !== agent?.id) return;
  await list.show(agent.id, talk.sessionId).catch(() => {});
  const counted = await stats(whose.id).catch(() => undefined);
  if (!counted || whose.id !== agent?.id) return;
  const some = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const { sessions, messages, tokens } = counted;
  $("stats").textContent = [some(sessions, "conversation"), some(messages, "message"), some(tokens, "token")].join(" · ");
}

async function choose(chosen) {
  agent = chosen;
  $("agent").value = agent.id;
  begin();
  await refresh(agent);
}

function begin() {
  talk.begin(agent);
  remember(agent.id);
}

async function open(sessionId) {
  await talk.open(agent, sessionId);
  remember(sessionId);
}

async function remove(session) {
  const words = `“${titled(session)}” is forgotten with all its messages. Nobody can bring it back.`;
  if (!(await sure("Delete this conversation?", words))) return;
  talk.leave(session.id);
  await deleteSession(session.id);
  if (talk.sessionId === session.id) begin();
  await refresh(agent);
  $("new").focus();
  announce("Deleted.");
}

async function send() {
  const message = $("message").value.trim();
  if (!message || $("send").hidden) return;
  $("problem").hidden = true;
  $("message").value = "";
  const focused = document.activeElement === $("send");
  const reading = talk.say(message);
  if (focused) $("stop").focus();
  const error = await reading;
  if (!error) return;
  if (error.kind === "refused") $("message").value ||= message;
  complain(error);
}

/** Who there is; with one of them chosen. */
function showAgents(found, chosen) {
  known = found;
  $("agent").replaceChildren(...known.map(({ id, name }) => new Option(name, id)));
  $("nobody").hidden = known.length > 0;
  $("rooms").hidden = !known.length;
  return chosen && choose(chosen);
}

/** What the address says is open; else the agent that was made last. */
async function load() {
  const wanted = location.hash.slice(1);
  const found = await agents();
  $("locked").hidden = true;
  if (!wanted.startsWith("session_")) return showAgents(found, found.find(({ id }) => id === wanted) ?? found[0]);
  const session = await conversation(wanted).catch(() => undefined);
  const whose = found.find(({ id }) => id === session?.agent_id);
  await showAgents(found, whose ?? found[0]);
  if (whose) await open(wanted);
}

/** An agent is made, or changed, or (undefined) the one that is chosen is deleted. */
function changed(kept) {
  attempt(async () => {
    const found = await agents();
    await showAgents(found, found.find(({ id }) => id === kept?.id) ?? found[0]);
    $(found.length ? "message" : "first").focus();
  });
}

$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  access.key = $("key").value.trim();
  attempt(load);
});
$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("message").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) talk.interrupt();
});
$("stop").addEventListener("click", () => talk.interrupt());
$("new").addEventListener("click", () => {
  begin();
  $("message").focus();
});
$("agent").addEventListener("change", () => attempt(() => choose(known.find(({ id }) => id === $("agent").value))));
$("add").addEventListener("click", () => openForm(undefined, changed));
$("first").addEventListener("click", () => openForm(undefined, changed));
$("change").addEventListener("click", () => openForm(agent, changed));
addEventListener("hashchange", () => attempt(load));

attempt(load);
