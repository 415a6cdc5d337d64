// The dialog that makes an agent, changes it, or deletes it.

import { addAgent, changeAgent, deleteAgent, models } from "./api.js";
import { sure } from "./asking.js";
import { $, showProblem } from "./dom.js";

const FIELDS = ["name", "system_prompt", "greeting", "model"];
let agent; // that is changed; undefined: a new one
let onDone;

/** Show it for this agent, or for a new one; `done` gets the agent that is kept, or undefined: it is deleted. */
export async function openForm(changed, done) {
  [agent, onDone] = [changed, done];
  await listModels(agent?.model ?? "");
  for (const name of FIELDS) $(`agent-${name}`).value = agent?.[name] ?? "";
  $("agent-dialog-title").textContent = agent ? "Change the agent" : "New agent";
  $("agent-keep").textContent = agent ? "Keep" : "Make it";
  $("agent-delete").hidden = !agent;
  $("agent-problem").hidden = true;
  $("agent-dialog").showModal();
  $("agent-name").focus();
}

/** Those that there are, and the agent's own, wherever its worker is just now. */
async function listModels(own) {
  const names = await models().catch(() => []);
  if (own && !names.includes(own)) names.push(own);
  $("agent-model").replaceChildren(new Option("The default one", ""), ...names.map((name) => new Option(name, name)));
}

/** Do it and be gone; or say what is wrong with it, and stay. */
async function finish(doing) {
  try {
    const kept = await doing();
    $("agent-dialog").close();
    onDone(kept);
  } catch (error) {
    showProblem($("agent-problem"), error);
  }
}

$("agent-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(FIELDS.map((name) => [name, $(`agent-${name}`).value.trim()]));
  finish(() => (agent ? changeAgent(agent.id, fields) : addAgent(fields)));
});
$("agent-leave").addEventListener("click", () => $("agent-dialog").close());
$("agent-delete").addEventListener("click", async () => {
  const words = "All its conversations are deleted with it. Nobody can bring them back.";
  if (await sure(`Delete ${agent.name}?`, words)) finish(() => deleteAgent(agent.id));
});
