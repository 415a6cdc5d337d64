// The playground: asks, shows the answer as it grows, the events that brought it, and what can be measured of them.

import { DIALECTS } from "./dialects.js";
import { drawBars, drawLine } from "./drawing.js";
import { BATCHES, Figures, GAPS_MS, labels } from "./figures.js";

const KEPT_EVENTS = 400; // of each dialect, on the page; older ones leave
const DRAW_EVERY_MS = 120;
const NUMBERS = ["temperature", "top_p", "seed", "max_tokens", "batch_interval_ms"];
const STATES = { idle: "ready", waiting: "waiting for the first text", streaming: "streaming", away: "connection lost" };

const $ = (id) => document.getElementById(id);
const logs = new Map(DIALECTS.map(({ name }) => [name, { nodes: [], events: 0 }]));
const turns = []; // of the chat: {role, content}
let dialect = DIALECTS[0];
let run; // the one that streams now
let figures;
let lastDrawn = -Infinity;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function announce(text) {
  $("said").textContent = text;
}

function setState(state, words = STATES[state]) {
  $("state").dataset.state = state;
  $("state").textContent = words;
}

// What is sent

function mode() {
  return document.querySelector("input[name=mode]:checked").value;
}

function request(prompt) {
  const said = mode() === "chat" ? { messages: [...turns, { role: "user", content: prompt }] } : { prompt };
  const asked = { ...said, ...($("model").value && { model: $("model").value }) };
  for (const name of NUMBERS) if ($(name).value !== "") asked[name] = Number($(name).value);
  return asked;
}

// What comes back

/** Takes one answer: puts it on the page as it comes, and counts. */
class Run {
  constructor(prompt) {
    this.prompt = prompt;
    this.dialect = dialect;
    this.stop = new AbortController();
    this.connection = undefined;
    this.cutAt = undefined;
    this.figures = figures = new Figures(performance.now());
    this.shown = "";
    this.reply = element("div", "reply");
    this.reply.setAttribute("aria-busy", "true");
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

  raw(kind, text) {
    addEvent(this.dialect, kind, text);
  }

  text(text, tokens) {
    if (this.figures.firstMs === undefined) setState("streaming");
    this.figures.text(performance.now(), text.length, tokens);
    this.#show(text);
    draw();
  }

  /** The whole text is known: what of it is not on the page yet. */
  rest(whole, tokens) {
    if (whole.length > this.shown.length) this.text(whole.slice(this.shown.length), tokens);
  }

  aside(text) {
    this.thought ??= this.reply.insertBefore(element("span", "aside"), this.reply.firstChild);
    this.thought.append(text);
  }

  ping() {
    this.figures.note(performance.now(), "ping");
    draw();
  }

  away({ attempt, delayMs, reason }) {
    if (attempt === 1) this.figures.note(this.cutAt ?? performance.now(), "cut");
    const why = this.cutAt === undefined ? reason.message : "You cut the connection.";
    addEvent(this.dialect, "note", `${why} Back in ${delayMs} ms, for what comes after ${this.lastId() || "the beginning"}.`);
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

  lastId() {
    const last = logs.get(this.dialect.name).nodes.findLast((node) => node.dataset.id);
    return last?.dataset.id ?? "";
  }

  async read() {
    try {
      const tokens = await this.dialect.read(request(this.prompt), this, this.stop.signal, $("key").value.trim());
      this.#done("done", tokens);
    } catch (error) {
      if (this.stop.signal.aborted) this.#done("stopped");
      else this.#failed(error);
    }
  }

  #show(text) {
    this.shown += text;
    this.#append(text);
  }

  #append(what) {
    const place = $("turns");
    const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
    this.reply.append(what);
    if (atEnd) place.scrollTop = place.scrollHeight;
  }

  #close(tokens) {
    this.figures.close(performance.now(), tokens);
    this.reply.removeAttribute("aria-busy");
    draw(true);
  }

  #done(how, tokens) {
    this.#close(tokens);
    const { tokens: count, firstMs, begin, end } = this.figures;
    const took = `${((end - begin) / 1000).toFixed(1)} s`;
    setState(how === "done" ? "done" : "idle", how === "done" ? `complete, in ${took}` : `stopped after ${took}`);
    const first = firstMs === undefined ? "" : ` The first text came after ${Math.round(firstMs)} milliseconds.`;
    announce(how === "done" ? `The answer is complete: ${count} tokens in ${took}.${first}` : "Stopped.");
    if (mode() === "chat") turns.push({ role: "user", content: this.prompt }, { role: "assistant", content: this.shown });
  }

  #failed(error) {
    this.#close();
    setState("failed", "failed");
    if (!this.shown) this.reply.remove();
    showProblem(error);
  }
}

function showProblem({ message, code, retryable }) {
  const words = element("p", "", message);
  if (code) words.append(element("code", "", code));
  const hints = {
    UNAUTHENTICATED: "Enter an API key under Settings, and send again.",
    UNREACHABLE: "Is the server running?",
  };
  const hint = hints[code] ?? (retryable ? "It may well work if you send again." : "");
  $("problem").replaceChildren(words, ...(hint ? [element("p", "", hint)] : []));
  $("problem").hidden = false;
  if (code === "UNAUTHENTICATED") {
    $("settings").open = true;
    $("key").focus();
  }
}

// On the wire

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

function addEvent({ name }, kind, text) {
  const log = logs.get(name);
  const node = painted(kind, text);
  log.nodes.push(node);
  if (kind !== "note") log.events++;
  if (log.nodes.length > KEPT_EVENTS) log.nodes.shift().remove();
  if (name !== dialect.name) return;
  const panel = $("panel");
  const atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 40;
  if (log.nodes.length === 1) panel.replaceChildren();
  panel.append(node);
  if (atEnd) panel.scrollTop = panel.scrollHeight;
  showCount();
}

function showCount() {
  const { events, nodes } = logs.get(dialect.name);
  const left = events > KEPT_EVENTS ? `, the last ${nodes.length} shown` : "";
  $("count").textContent = events ? `${events} event${events === 1 ? "" : "s"}${left}` : "no events yet";
}

function choose(chosen, focus = false) {
  dialect = chosen;
  for (const tab of $("tabs").children) {
    const selected = tab.dataset.dialect === dialect.name;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
    if (selected && focus) tab.focus();
    if (selected) $("panel").setAttribute("aria-labelledby", tab.id);
  }
  $("address").textContent = dialect.address;
  const { nodes } = logs.get(dialect.name);
  const empty = element("p", "empty", `Send a prompt, and its stream is shown here as the ${dialect.label} dialect spells it.`);
  $("panel").replaceChildren(...(nodes.length ? nodes : [empty]));
  $("panel").scrollTop = $("panel").scrollHeight;
  showCount();
}

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
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = DIALECTS.indexOf(dialect);
    const ends = { Home: 0, End: DIALECTS.length - 1 }[event.key];
    const to = ends ?? (step && (at + step + DIALECTS.length) % DIALECTS.length);
    if (to === undefined) return;
    event.preventDefault();
    choose(DIALECTS[to], true);
  });
}

// The beat

function shown(value, digits = 0) {
  return value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

function draw(all = false) {
  const now = performance.now();
  if (!figures || (!all && now - lastDrawn < DRAW_EVERY_MS)) return;
  lastDrawn = now;
  const unit = figures.countsTokens ? "tokens" : "characters";
  $("n-first").textContent = shown(figures.firstMs);
  $("n-speed").textContent = shown(figures.speed(now));
  $("n-tokens").textContent = figures.tokens || "–";
  $("n-events").textContent = figures.texts;
  $("n-batch").textContent = shown(figures.batch, 1);
  $("n-pings").textContent = figures.pings;
  $("n-unit").textContent = unit;
  $("batch-title").textContent = figures.countsTokens ? "Tokens in a batch" : "Characters in a batch";
  drawLine($("d-line"), figures, now);
  drawBars($("d-gaps"), figures.gaps, labels(GAPS_MS), "Gaps between events, in milliseconds");
  drawBars($("d-batches"), figures.batches, labels(BATCHES, true), `The ${unit} of a batch`);
}

// What a person does

function enable() {
  $("send").hidden = Boolean(run);
  $("stop").hidden = !run;
  $("cut").disabled = !run?.dialect.resumes;
}

async function send() {
  const prompt = $("prompt").value.trim();
  if (run || !prompt) return;
  $("problem").hidden = true;
  const place = $("turns");
  if (mode() === "prompt" || !turns.length) place.replaceChildren();
  if (mode() === "chat") place.append(element("div", "mine", prompt));
  const log = logs.get(dialect.name);
  Object.assign(log, { nodes: [], events: 0 });
  $("panel").replaceChildren();
  run = new Run(prompt);
  place.append(run.reply);
  place.scrollTop = place.scrollHeight;
  if (mode() === "chat") $("prompt").value = "";
  setState("waiting");
  announce("Asked. The answer is on its way.");
  draw(true);
  const focused = document.activeElement === $("send");
  enable();
  if (focused) $("stop").focus();
  const beat = setInterval(() => draw(), DRAW_EVERY_MS);
  await run.read();
  clearInterval(beat);
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
  const chosen = $("model").value;
  $("model").replaceChildren(...data.map(({ id }) => new Option(id, id, false, id === chosen)));
  if (!data.length) $("model").append(new Option("default", ""));
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
    $("forget").hidden = mode() !== "chat";
    if (!run) forget();
  });
}
$("forget").addEventListener("click", () => !run && forget());

function forget() {
  turns.length = 0;
  $("turns").replaceChildren(element("p", "empty", "Send the prompt, and the answer grows here."));
  setState("idle");
}

makeTabs();
choose(dialect);
enable();
figures = new Figures(0);
figures.close(0);
draw(true);
addEventListener("resize", () => draw(true));
loadModels();
