// One answer of the playground: put on the page as it comes, and counted.

import { begin, draw, rest } from "./beat.js";
import { $, announce, element, keepingEnd } from "./dom.js";
import { Stages } from "./stages.js";
import { addEvent, lastId } from "./wire.js";

const STATES = { idle: "ready", waiting: "waiting for the first text", streaming: "streaming", away: "connection lost" };

/** Show what the answer does. */
export function setState(state, words = STATES[state]) {
  $("state").dataset.state = state;
  $("state").textContent = words;
}

/** An answer in the dialect that is given; `node` is what it looks like. */
export class Run {
  constructor(dialect) {
    this.dialect = dialect;
    this.stop = new AbortController();
    this.connection = undefined;
    this.cutAt = undefined;
    this.figures = begin();
    this.shown = "";
    this.stages = dialect.staged ? new Stages() : undefined;
    this.node = this.stages?.node ?? element("div", "reply");
    this.node.setAttribute("aria-busy", "true");
  }

  /** A connection of its own, that can be cut without stopping anything. */
  fetch = (url, init) => {
    const cutter = new AbortController();
    init.signal?.addEventListener("abort", () => cutter.abort(init.signal.reason));
    if (init.method !== "DELETE") this.connection = cutter;
    return fetch(url, { ...init, signal: cutter.signal });
  };

  cut() {
    if (!this.connection) return;
    this.cutAt = performance.now();
    this.connection.abort(new DOMException("You cut it.", "NetworkError"));
    this.connection = undefined;
  }

  // What readers of dialects call

  raw(kind, text) {
    addEvent(this.dialect, kind, text);
  }

  text(text, tokens) {
    this.#count(text, tokens);
    this.shown += text;
    this.#append(text);
  }

  /** The whole text is known: what of it is not on the page yet. */
  rest(whole, tokens) {
    if (whole.length > this.shown.length) this.text(whole.slice(this.shown.length), tokens);
  }

  aside(text) {
    this.thought ??= this.node.insertBefore(element("span", "aside"), this.node.firstChild);
    this.thought.append(text);
  }

  /** A stage thinks ("thinking") or says ("content") something. */
  stage(name, kind, text, tokens) {
    this.#count(text, tokens);
    this.shown += text;
    keepingEnd($("turns"), () => this.stages.add(name, kind, text));
  }

  /** All stages are over, and this is what they made. */
  made(data) {
    this.shown = data.reply ?? this.shown;
    keepingEnd($("turns"), () => this.stages.finish(data));
  }

  ping() {
    this.figures.note(performance.now(), "ping");
    draw();
  }

  away({ attempt, delayMs, reason }) {
    if (attempt === 1) this.figures.note(this.cutAt ?? performance.now(), "cut");
    const why = this.cutAt === undefined ? reason.message : "You cut the connection.";
    const behind = lastId(this.dialect) || "the beginning";
    addEvent(this.dialect, "note", `${why} Back in ${delayMs} ms, for what comes after ${behind}.`);
    setState("away");
  }

  back(id) {
    const tookMs = Math.round(performance.now() - (this.cutAt ?? performance.now()));
    this.cutAt = undefined;
    this.figures.note(performance.now(), "back");
    addEvent(this.dialect, "note", `Connected again, behind event ${id}. Nothing is missing, and nothing comes twice.`);
    this.#append(element("span", "seam", `resumed after ${tookMs} ms`));
    announce("The connection was cut, and the answer goes on.");
    setState(this.shown ? "streaming" : "waiting");
  }

  // From its beginning to its end

  /** Why there is no whole answer; undefined: there is, or it was stopped. */
  async read(ask, key) {
    setState("waiting");
    announce("Asked. The answer is on its way.");
    try {
      this.#done("done", await this.dialect.read(ask, this, this.stop.signal, key));
      return undefined;
    } catch (error) {
      if (!this.stop.signal.aborted) return this.#failed(error);
      this.#done("stopped");
      return undefined;
    }
  }

  #count(text, tokens) {
    if (this.figures.firstMs === undefined) setState("streaming");
    this.figures.text(performance.now(), text.length, tokens);
    draw();
  }

  #append(what) {
    keepingEnd($("turns"), () => (this.stages ?? this.node).append(what));
  }

  #close(how, tokens) {
    this.figures.close(performance.now(), tokens);
    this.node.removeAttribute("aria-busy");
    this.stages?.end(how);
    rest();
  }

  #done(how, tokens) {
    this.#close(how, tokens);
    const { tokens: count, firstMs, begin: from, end } = this.figures;
    const took = `${((end - from) / 1000).toFixed(1)} s`;
    setState(how === "done" ? "done" : "idle", how === "done" ? `complete, in ${took}` : `stopped after ${took}`);
    const first = firstMs === undefined ? "" : ` The first text came after ${Math.round(firstMs)} milliseconds.`;
    announce(how === "done" ? `The answer is complete: ${count} tokens in ${took}.${first}` : "Stopped.");
  }

  #failed(error) {
    this.#close("failed");
    setState("failed", "failed");
    if (!this.shown) this.node.remove();
    return error;
  }
}
