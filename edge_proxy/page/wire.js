// On the wire: the very events of each dialect, and the tabs that choose one.

import { DIALECTS } from "./dialects.js";
import { $, element, keepingEnd } from "./dom.js";

const KEPT_EVENTS = 400; // of each dialect, on the page; older ones leave

const logs = new Map(DIALECTS.map(({ name }) => [name, { nodes: [], events: 0 }]));
let shown = DIALECTS[0];

/** The dialect that is chosen. */
export const chosen = () => shown;

function painted(kind, text) {
  const node = element("pre", `event ${kind}`);
  if (kind === "note") {
    node.textContent = text;
    return node;
  }
  node.dataset.id = /^id: (.+)$/m.exec(text)?.[1] ?? "";
  for (const line of text.split("\n")) {
    const [, field, value] = /^(event|id|data)(: .*)$/s.exec(line) ?? [];
    if (node.childNodes.length) node.append("\n");
    if (!field) node.append(line);
    else node.append(element("span", "f", field), field === "event" ? element("span", "n", value) : value);
  }
  return node;
}

/** Show what came in a dialect; what is of the kind "note" is ours. */
export function addEvent({ name }, kind, text) {
  const log = logs.get(name);
  const node = painted(kind, text);
  log.nodes.push(node);
  if (kind !== "note") log.events++;
  if (log.nodes.length > KEPT_EVENTS) log.nodes.shift().remove();
  if (name !== shown.name) return;
  keepingEnd($("panel"), () => {
    if (log.nodes.length === 1) $("panel").replaceChildren();
    $("panel").append(node);
  });
  showCount();
}

/** The id of the last event that came in a dialect. */
export function lastId({ name }) {
  return logs.get(name).nodes.findLast((node) => node.dataset.id)?.dataset.id ?? "";
}

/** Forget a dialect's events. */
export function clear({ name }) {
  Object.assign(logs.get(name), { nodes: [], events: 0 });
  if (name === shown.name) $("panel").replaceChildren();
}

function showCount() {
  const { events, nodes } = logs.get(shown.name);
  const left = events > KEPT_EVENTS ? `, the last ${nodes.length} shown` : "";
  $("count").textContent = events ? `${events} event${events === 1 ? "" : "s"}${left}` : "no events yet";
}

function choose(dialect, focus = false) {
  shown = dialect;
  for (const tab of $("tabs").children) {
    const selected = tab.dataset.dialect === shown.name;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
    if (selected && focus) tab.focus();
    if (selected) $("panel").setAttribute("aria-labelledby", tab.id);
  }
  $("address").textContent = shown.address;
  const { nodes } = logs.get(shown.name);
  const empty = element("p", "empty", `Send a prompt, and its stream is shown here as the ${shown.label} dialect spells it.`);
  $("panel").replaceChildren(...(nodes.length ? nodes : [empty]));
  $("panel").scrollTop = $("panel").scrollHeight;
  showCount();
}

/** Offer the dialects for answers in stages, or the others. */
export function offer(staged) {
  for (const tab of $("tabs").children) tab.hidden = Boolean(offered(tab).staged) !== staged;
  if (Boolean(shown.staged) !== staged) choose(DIALECTS.find((one) => Boolean(one.staged) === staged));
}

const offered = (tab) => DIALECTS.find(({ name }) => name === tab.dataset.dialect);

function makeTabs() {
  for (const one of DIALECTS) {
    const tab = element("button", "", one.label);
    Object.assign(tab, { type: "button", id: `tab-${one.name}` });
    Object.assign(tab.dataset, { dialect: one.name });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "panel");
    tab.addEventListener("click", () => choose(one));
    $("tabs").append(tab);
  }
  $("tabs").addEventListener("keydown", (event) => {
    const tabs = [...$("tabs").children].filter((tab) => !tab.hidden);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.findIndex((tab) => tab.dataset.dialect === shown.name);
    const ends = { Home: 0, End: tabs.length - 1 }[event.key];
    const to = ends ?? (step && (at + step + tabs.length) % tabs.length);
    if (to === undefined) return;
    event.preventDefault();
    choose(offered(tabs[to]), true);
  });
}

makeTabs();
choose(shown);
