// The playground: asks, shows the answer as it grows, the events that brought it, and what can be measured of them.

import { $, element, showProblem } from "./dom.js";
import { forgetFigures } from "./made.js";
import { Run, setState } from "./run.js";
import { chosen, clear, offer } from "./wire.js";

const NUMBERS = ["temperature", "top_p", "seed", "max_tokens", "batch_interval_ms"];
const NOT_OF_STAGES = new Set(["top_p"]);
const HINTS = {
  UNAUTHENTICATED: "Enter an API key under Settings, and send again.",
  UNREACHABLE: "Is the server running?",
};

const turns = []; // of the chat: {role, content}
let run; // the one that streams now

function mode() {
  return document.querySelector("input[name=mode]:checked").value;
}

const said = {
  prompt: (prompt) => ({ prompt }),
  chat: (prompt) => ({ messages: [...turns, { role: "user", content: prompt }] }),
  agents: (prompt) => ({ message: prompt, mode: $("agents").value }),
};

function request(prompt) {
  const asked = { ...said[mode()](prompt), ...($("model").value && { model: $("model").value }) };
  for (const name of NUMBERS) if (!$(name).disabled && $(name).value !== "") asked[name] = Number($(name).value);
  return asked;
}

function complain(error) {
  showProblem($("problem"), error, HINTS);
  if (error.code !== "UNAUTHENTICATED") return;
  $("settings").open = true;
  $("key").focus();
}

// What a person does

function enable() {
  $("send").hidden = Boolean(run);
  $("stop").hidden = !run;
  $("cut").disabled = !run?.dialect.resumes;
}

/** A place in the conversation for what comes now. */
function makeRoom(prompt) {
  const place = $("turns");
  if (mode() !== "chat" || !turns.length) place.replaceChildren();
  if (mode() === "chat") place.append(element("div", "mine", prompt));
  forgetFigures();
  clear(chosen());
  run = new Run(chosen());
  place.append(run.node);
  place.scrollTop = place.scrollHeight;
}

async function send() {
  const prompt = $("prompt").value.trim();
  if (run || !prompt) return;
  $("problem").hidden = true;
  const [asked, inChat] = [request(prompt), mode() === "chat"];
  makeRoom(prompt);
  if (inChat) $("prompt").value = "";
  const focused = document.activeElement === $("send");
  enable();
  if (focused) $("stop").focus();
  const error = await run.read(asked, $("key").value.trim());
  if (error) complain(error);
  else if (inChat) turns.push({ role: "user", content: prompt }, { role: "assistant", content: run.shown });
  const back = document.activeElement === $("stop") || document.activeElement === $("cut");
  run = undefined;
  enable();
  if (back) $("send").focus();
}

async function loadModels() {
  const key = $("key").value.trim();
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch("/v1/models", { headers }).catch(() => undefined);
  if (!response?.ok) return;
  const { data } = await response.json();
  const before = $("model").value;
  $("model").replaceChildren(...data.map(({ id }) => new Option(id, id, false, id === before)));
  if (!data.length) $("model").append(new Option("default", ""));
}

function forget() {
  turns.length = 0;
  $("turns").replaceChildren(element("p", "empty", "Send the prompt, and the answer grows here."));
  setState("idle");
}

function showMode() {
  const staged = mode() === "agents";
  $("forget").hidden = mode() !== "chat";
  $("agents").hidden = !staged;
  for (const name of NOT_OF_STAGES) $(name).disabled = staged;
  offer(staged);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") run?.stop.abort();
});
$("stop").addEventListener("click", () => run?.stop.abort());
$("cut").addEventListener("click", () => run?.cut());
$("key").addEventListener("change", loadModels);
for (const choice of document.querySelectorAll("input[name=mode]")) {
  choice.addEventListener("change", () => {
    showMode();
    if (!run) forget();
  });
}
$("forget").addEventListener("click", () => !run && forget());

showMode();
enable();
loadModels();
