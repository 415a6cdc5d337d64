// The list of an agent's conversations.

import { sessions } from "./api.js";
import { $, button, element } from "./dom.js";

const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [Infinity, "week"],
];
const inWords = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** How long ago that was, in words. */
export function ago(instant, nowMs = Date.now()) {
  let past = Math.max(0, (nowMs - Date.parse(instant)) / 1000);
  if (past < 45) return "just now";
  for (const [most, unit] of STEPS) {
    if (Math.round(past) < most) return inWords.format(-Math.round(past), unit);
    past /= most;
  }
  return "";
}

export const titled = ({ title }) => title || "Untitled";

/** Shows them. `on.open(session)` and `on.remove(session)` are told what a person wants, `on.more(show)` does so. */
export class SessionList {
  #on;
  #agentId = "";
  #next = null;

  constructor(on) {
    this.#on = on;
    $("older").addEventListener("click", () => on.more(() => this.#more()));
  }

  /** Those of an agent, of which one is open: the newest; the rest when somebody asks for it. */
  async show(agentId, openId) {
    const { sessions: found, next } = await sessions(agentId);
    [this.#agentId, this.#next] = [agentId, next];
    const none = element("li", "empty hint", "None yet. Say something, and it is kept here.");
    $("sessions").replaceChildren(...(found.length ? found.map((one) => this.#item(one)) : [none]));
    $("older").hidden = next === null;
    this.mark(openId);
  }

  /** That one is open. */
  mark(openId) {
    for (const node of $("sessions").querySelectorAll(".open")) {
      if (node.dataset.id === openId) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    }
  }

  async #more() {
    const { sessions: found, next } = await sessions(this.#agentId, this.#next);
    this.#next = next;
    $("sessions").append(...found.map((one) => this.#item(one)));
    $("older").hidden = next === null;
  }

  #item(session) {
    const count = session.message_count;
    const facts = `${count} message${count === 1 ? "" : "s"} · ${ago(session.updated_at)}`;
    const open = button("open", titled(session), () => this.#on.open(session));
    open.append(element("span", "hint", facts));
    open.dataset.id = session.id;
    const remove = button("remove", "×", () => this.#on.remove(session));
    remove.setAttribute("aria-label", `Delete “${titled(session)}”`);
    return element("li", "", open, remove);
  }
}
