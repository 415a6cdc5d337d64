// What has been said in a conversation, as it is seen.

import { element } from "./dom.js";
import { rich } from "./made.js";

const STATES = {
  running: "being written elsewhere",
  interrupted: "interrupted",
  failed: "failed",
};

/** What a user says. */
export function mine(text) {
  return element("div", "mine", text);
}

/** A reply that is kept. */
export function kept({ role, text, state, error_code: code }) {
  if (role === "user") return mine(text);
  const node = element("div", "reply", ...rich(text));
  if (state !== "complete") node.append(chip(state, code));
  return node;
}

/** How a reply ended that is not complete. */
export function chip(state, code) {
  const words = STATES[state] + (state === "failed" && code ? `: ${code}` : "");
  const node = element("span", "chip", words);
  node.dataset.state = state;
  return node;
}

/** A reply as it is written: `node` is what it looks like. */
export class Growing {
  #text = "";

  constructor() {
    this.node = element("div", "reply");
    this.node.setAttribute("aria-busy", "true");
  }

  get text() {
    return this.#text;
  }

  /** Some more of it; `metadata` has what is not the reply. */
  add(content, metadata) {
    const aside = metadata?.reasoning ?? metadata?.progress;
    if (aside) {
      this.thought ??= this.node.insertBefore(element("span", "aside"), this.node.firstChild);
      this.thought.append(aside);
    }
    this.#text += content;
    this.node.append(content);
  }

  /** There is no more. `state` is how it is kept. */
  end(state, code) {
    this.node.removeAttribute("aria-busy");
    this.node.replaceChildren(...(this.thought ? [this.thought] : []), ...rich(this.#text));
    if (state !== "complete") this.node.append(chip(state, code));
  }
}
