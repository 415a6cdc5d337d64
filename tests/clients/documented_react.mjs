// Renders the documentation's React component, and does with it what a person would.
//   node documented_react.mjs EDGE EXAMPLE.jsx
import { writeFileSync, readFileSync } from "node:fs";

import { Window } from "happy-dom";
import typescript from "typescript";

const [edge, example] = process.argv.slice(2);
const jsx = typescript.JsxEmit.ReactJSX;
const compilerOptions = { jsx, module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 };
const module = example.replace(".jsx", ".mjs");
writeFileSync(module, typescript.transpileModule(readFileSync(example, "utf8"), { compilerOptions }).outputText);

const { fetch } = globalThis;
const deleted = [];
globalThis.fetch = (address, init) => {
  const fetched = fetch(new URL(address, `http://${edge}`), init);
  if (init.method === "DELETE") deleted.push(fetched);
  return fetched;
};
const window = new Window();
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: false });
const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");
const { Answer } = await import(module);

const place = document.body.appendChild(document.createElement("div"));
const root = createRoot(place);
root.render(createElement(Answer, { prompt: "x" }));

const text = () => place.querySelector("p")?.textContent ?? "";
const state = () => place.querySelector("output")?.textContent;
const seen = { texts: 0, state: [] };
async function until(condition, what) {
  for (const end = Date.now() + 10_000; !condition(); ) {
    if (Date.now() > end) throw new Error(`not in time: ${what}; ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const click = (name) => [...place.querySelectorAll("button")].find((button) => button.textContent === name).click();

await until(() => state() === "idle", "it is there");
click("Ask");
for (let last = ""; state() !== "complete"; ) {
  await until(() => text() !== last || state() === "complete", "more text");
  if (text() !== last) seen.texts++;
  last = text();
}
seen.text = text();
click("Ask");
await until(() => state() === "streaming" && text(), "it streams again");
click("Stop");
await until(() => state() === "stopped", "it is stopped");
seen.stopped = text().length;
console.log(JSON.stringify(seen));
click("Ask");
await until(() => state() === "streaming" && text(), "it streams once more");
root.unmount();
await until(() => deleted.length === 2, "what is left is stopped, as what was stopped is");
await Promise.all(deleted);
process.exit();
