// The conversation that is open: what was said, what is being said, and who is interrupted.

import { addSession, conversation, deleteSession } from "./api.js";
import { $, announce, element, keepingEnd } from "./dom.js";
import { Growing, kept, mine } from "./messages.js";
import { replyEvents } from "./reply.js";
import { titled } from "./sessions.js";

const STATES = { waiting: "waiting for the first text", streaming: "answering", away: "connection lost" };
const ENDS = { complete: "The reply is complete.", interrupted: "Interrupted.", failed: "The reply failed." };
const TITLE_CHARS = 60;
const STILL_THERE_MS = 10 * 60_000; // no generation is kept for longer without a reader
const SETTLE_MS = 150;
const SETTLE_TRIES = 60;
const ELSEWHERE_MS = 2000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A reply that is read, wherever it is shown. */
class Run {
  state = "waiting";
  stop = new AbortController();
  growing = new Growing();

  constructor(agent, sessionId) {
    Object.assign(this, { agent, sessionId });
  }
}

/** `on.begun(sessionId)` is told of a conversation's first words, `on.changed(agent)` of every reply's end. */
export class Talk {
  #on;
  #agent;
  #sessionId; // undefined: of a conversation that has not begun
  #runs = new Set();
  #run; // the one that is shown

  constructor(on) {
    this.#on = on;
  }

  get sessionId() {
    return this.#sessionId;
  }

  /** A new conversation with this agent. */
  begin(agent) {
    this.#show(agent, undefined, "New conversation");
    const greeting = agent.greeting && element("div", "reply", agent.greeting);
    $("messages").replaceChildren(greeting || element("p", "empty", `Say something to ${agent.name}.`));
  }

  /** One that is kept. Throws what the server refuses. */
  async open(agent, sessionId) {
    const found = await conversation(sessionId);
    this.#show(agent, sessionId, titled(found));
    const nodes = found.messages.map(kept);
    if (this.#run) nodes.splice(-1, 1, this.#run.growing.node);
    this.#put(nodes);
    const last = found.messages.at(-1);
    if (!this.#run && mayGoOn(last)) this.#follow(last, nodes.at(-1));
  }

  /** Say something. Returns why no whole reply came of it; one that is of the kind "refused" has changed nothing. */
  async say(message) {
    if (this.#run) return undefined;
    const run = new Run(this.#agent, this.#sessionId);
    $("messages").querySelector(".empty")?.remove();
    const said = mine(message);
    this.#put([...$("messages").childNodes, said, run.growing.node]);
    this.#set(run);
    announce("Said. The reply is on its way.");
    const isNew = !run.sessionId;
    const error = await this.#read(run, async () => {
      if (isNew) await this.#keep(run, message);
      return { agentId: run.agent.id, sessionId: run.sessionId, message };
    });
    if (error?.kind === "refused") {
      said.remove();
      run.growing.node.remove();
      if (isNew && run.sessionId) await this.#unkeep(run);
    }
    return error;
  }

  /** Interrupt the reply that is shown. */
  interrupt() {
    this.#run?.stop.abort();
  }

  /** Interrupt what is written in a conversation that is to be deleted. */
  leave(sessionId) {
    for (const run of this.#runs) if (run.sessionId === sessionId) run.stop.abort();
  }

  async #keep(run, message) {
    const title = message.replace(/\s+/g, " ").slice(0, TITLE_CHARS);
    run.sessionId = (await addSession(run.agent.id, { title })).id;
    if (run !== this.#run) return;
    this.#sessionId = run.sessionId;
    $("title").textContent = title;
    this.#on.begun(run.sessionId);
  }

  async #unkeep(run) {
    await deleteSession(run.sessionId).catch(() => {});
    if (this.#sessionId === run.sessionId) this.begin(run.agent);
    this.#on.changed(run.agent);
  }

  #show(agent, sessionId, title) {
    [this.#agent, this.#sessionId] = [agent, sessionId];
    $("title").textContent = title;
    this.#set([...this.#runs].find((run) => run.sessionId === sessionId && run.agent.id === agent.id));
  }

  #put(nodes) {
    const place = $("messages");
    place.replaceChildren(...nodes);
    place.scrollTop = place.scrollHeight;
  }

  #set(run) {
    this.#run = run;
    this.#state(run?.state ?? "idle", run ? undefined : "");
    $("send").hidden = Boolean(run);
    $("stop").hidden = !run;
  }

  #state(state, words = STATES[state]) {
    $("state").dataset.state = state;
    $("state").textContent = words;
  }

  /** Read a reply to its end; why there is no whole one, unless it was interrupted here. */
  async #read(run, ask) {
    this.#runs.add(run);
    let [how, error] = ["complete", undefined];
    try {
      for await (const event of replyEvents(await ask(), run.stop.signal)) this.#take(run, event);
    } catch (thrown) {
      how = run.stop.signal.aborted ? "interrupted" : "failed";
      if (how === "failed") error = thrown;
    }
    if (error?.kind !== "refused") run.growing.end(how, error?.code);
    if (how !== "complete" && error?.kind !== "refused") await this.#settle(run);
    this.#runs.delete(run);
    if (this.#run === run) this.#over(how);
    this.#on.changed(run.agent);
    return error;
  }

  #over(how) {
    const focused = document.activeElement === $("stop");
    this.#set(undefined);
    this.#state({ complete: "done", failed: "failed" }[how] ?? "idle", how);
    if (focused) $("send").focus();
    announce(ENDS[how]);
  }

  #take(run, { type, content, metadata }) {
    if (type === "open") run.state = run.growing.text ? "streaming" : "waiting";
    if (type === "reconnecting") run.state = "away";
    if (type === "content") {
      run.state = "streaming";
      run.before?.replaceWith(run.growing.node);
      run.before = undefined;
      keepingEnd($("messages"), () => run.growing.add(content, metadata));
    }
    if (run === this.#run) this.#state(run.state);
  }

  /** Wait for how the conversation is kept, and show that. */
  async #settle(run) {
    if (run === this.#run) this.#state("waiting", "being kept");
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const found = await conversation(run.sessionId).catch(() => undefined);
      if (!found) return;
      if (found.messages.at(-1)?.state !== "running") {
        if (run === this.#run) this.#put(found.messages.map(kept));
        return;
      }
      await pause(SETTLE_MS);
    }
  }

  /** Go on with a reply that is being written, or whose reader has left; else look how it ends elsewhere. */
  async #follow(last, node) {
    const sessionId = this.#sessionId;
    const run = new Run(this.#agent, sessionId);
    let error = { kind: "refused" };
    if (last.generation_id) {
      run.before = node;
      this.#set(run);
      error = await this.#read(run, () => ({ agentId: run.agent.id, after: `${last.generation_id}.0` }));
    }
    if (error?.kind !== "refused") return;
    if (this.#sessionId === sessionId && !this.#run) this.#state("idle", "");
    if (last.state === "running") await this.#wait(run.agent, sessionId);
  }

  /** Somebody else reads that reply: show it when it is there. */
  async #wait(agent, sessionId) {
    const isShown = () => this.#sessionId === sessionId && !this.#run;
    while (isShown()) {
      await pause(ELSEWHERE_MS);
      const found = await conversation(sessionId).catch(() => undefined);
      if (found?.messages.at(-1)?.state === "running") continue;
      if (found && isShown()) await this.open(agent, sessionId);
      return;
    }
  }
}

/** Whether a reply may still be written. */
function mayGoOn(message) {
  if (message?.role !== "assistant") return false;
  if (message.state === "running") return true;
  const isNew = Date.now() - Date.parse(message.created_at) < STILL_THERE_MS;
  return message.state === "interrupted" && message.generation_id && isNew;
}
