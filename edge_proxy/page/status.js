// The status page: asks for /status.json every two seconds while somebody looks, and shows it.

const PERIOD_MS = 2000;
const WORDS = {
  ready: "Ready for streams.",
  draining: "Shutting down: streams may finish, new ones go elsewhere.",
  "no worker": "No worker takes streams.",
};

const $ = (id) => document.getElementById(id);
let key = "";

function cell(content, className) {
  const node = document.createElement("td");
  if (className) node.className = className;
  node.append(content ?? "–");
  return node;
}

function row(...cells) {
  const node = document.createElement("tr");
  node.append(...cells);
  return node;
}

function tagged(tag, text, data = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  Object.assign(node.dataset, data);
  return node;
}

function load({ running, places, address }) {
  if (!places) return document.createTextNode(running ? String(running) : "–");
  const bar = document.createElement("progress");
  Object.assign(bar, { className: "load", max: places, value: running });
  bar.setAttribute("aria-label", `Load of ${address}`);
  const both = document.createElement("span");
  both.append(bar, `${running} of ${places}`);
  return both;
}

function state(worker) {
  const chip = tagged("span", worker.state, { state: worker.state });
  chip.className = "chip";
  return chip;
}

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

const number = (value) => (value === null ? "–" : String(Math.round(value)));

function show(status) {
  $("verdict").textContent = WORDS[status.status];
  $("verdict").dataset.state = status.status;
  const taking = status.workers.filter((worker) => worker.state === "connected").length;
  $("summary").textContent = `Workers that take new streams: ${taking} of ${status.workers.length}.`;
  $("s-streams").textContent = status.streams.open;
  $("s-most").textContent = `of ${status.streams.most.toLocaleString("en")}`;
  $("s-first").textContent = number(status.firstTextMs);
  $("s-gap").textContent = number(status.gapMs);
  $("s-lag").textContent = number(status.lagMs);
  $("s-busy").textContent = number(status.busyPercent);
  $("s-up").textContent = ago(status.upSeconds);
  $("workers").replaceChildren(
    ...status.workers.map((worker) =>
      row(
        cell(tagged("code", worker.address)),
        cell(worker.id && tagged("code", worker.id)),
        cell(state(worker)),
        cell(load(worker)),
        cell(String(worker.streams), "number"),
        cell(worker.models.join(", ")),
      ),
    ),
  );
  const errors = status.errors.map(({ code, message, at }) =>
    row(cell(`${ago(Math.max(0, status.time - at))} ago`), cell(tagged("code", code)), cell(message)),
  );
  const none = cell("None so far.");
  none.colSpan = 3;
  $("errors").replaceChildren(...(errors.length ? errors : [row(none)]));
}

function trouble(words) {
  $("verdict").textContent = words;
  $("verdict").dataset.state = "failed";
}

async function ask() {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch("/status.json", { headers, cache: "no-store" }).catch(() => undefined);
  if (!response) return trouble("The server can not be reached.");
  const locked = response.status === 401 || response.status === 403;
  if (locked && $("locked").hidden) $("locked").hidden = false;
  if (response.ok) {
    $("locked").hidden = true;
    return show(await response.json());
  }
  const problem = await response.json().catch(() => ({}));
  trouble(problem.detail ?? `The server answered with status ${response.status}.`);
}

$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value.trim();
  ask();
});

async function follow() {
  if (!document.hidden) await ask();
  setTimeout(follow, PERIOD_MS);
}
follow();
