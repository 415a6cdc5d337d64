// What an answer is made of besides plain text: blocks of code in it, and what its stages made.

import { element } from "./dom.js";

const FENCE = /^```([^\n`]*)\n([\s\S]*?)^```[ \t]*$\n?/gm;
const urls = []; // of figures on the page

/** Text, of which what stands between fences is code. A block that is `known` is left out: it stands elsewhere. */
export function rich(text, known) {
  const nodes = [];
  let from = 0;
  for (const { index, 0: all, 1: language, 2: code } of text.matchAll(FENCE)) {
    nodes.push(text.slice(from, index).trimEnd());
    if (code !== known) nodes.push(block(code, language.trim() || "code"));
    from = index + all.length;
  }
  nodes.push(from ? text.slice(from).trim() : text);
  return nodes.filter(Boolean);
}

/** Code, output: text that is read as it stands, and scrolled on its own. */
function block(text, label) {
  const node = element("pre", "block", element("code", "", text.replace(/\n$/, "")));
  node.tabIndex = 0;
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", label);
  return node;
}

function titled(className, title, ...content) {
  return element("figure", `made ${className}`, element("figcaption", "", element("span", "", title)), ...content);
}

function link(blob, name) {
  const node = element("a", "", `Download ${name}`);
  Object.assign(node, { href: url(blob), download: name });
  return node;
}

/** An address of data that is here: the only ones besides the server's that the page's policy lets pictures have. */
function url(blob) {
  urls.push(URL.createObjectURL(blob));
  return urls.at(-1);
}

/** Let go of the data of figures that are no longer shown. */
export function forgetFigures() {
  for (const address of urls.splice(0)) URL.revokeObjectURL(address);
}

function picture(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const blob = new Blob([bytes], { type: "image/png" });
  const image = element("img");
  Object.assign(image, { src: url(blob), alt: "The figure that the code has drawn" });
  const figure = titled("picture", "Figure", image);
  figure.firstChild.append(link(blob, "figure.png"));
  return figure;
}

function plotly(json) {
  const text = JSON.stringify(json, null, 2);
  const fold = element("details", "", element("summary", "", "Show its JSON"), block(text, "The figure's JSON"));
  const figure = titled("plotly", "Plotly figure", fold);
  figure.firstChild.append(link(new Blob([text], { type: "application/json" }), "figure.json"));
  return figure;
}

/** What stages made, as it is to be seen: code, what it printed, figures. */
export function made({ generated_code: code, execution_result: printed, image, plotly_json: json }) {
  return [
    ...(code ? [titled("code", "Code", block(code, "Code"))] : []),
    ...(typeof printed === "string" ? [titled("printed", "What it printed", block(printed || "Nothing.", "What it printed"))] : []),
    ...(image ? [picture(image)] : []),
    ...(json ? [plotly(json)] : []),
  ];
}
