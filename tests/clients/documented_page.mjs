// Runs an example of the documentation as a page would: with a document, and addresses that mean the edge.
//   node documented_page.mjs EDGE EXAMPLE.mjs
import { Window } from "happy-dom";

const [edge, example] = process.argv.slice(2);
const { fetch } = globalThis;
globalThis.fetch = (address, init) => fetch(new URL(address, `http://${edge}`), init);
globalThis.document = new Window().document;
document.body.innerHTML = '<button id="stop"></button><p id="answer"></p>';
await import(example);
const place = document.querySelector("#answer");
console.log(JSON.stringify({ text: document.body.textContent, state: place.dataset.state }));
process.exit();
