// A staged answer: its stages, each shown as it runs, then what they made.

import { element } from "./dom.js";
import { made, rich } from "./made.js";

const DOING = { thinking: "thinking", content: "writing", execution: "running" };
const VERDICTS = { ACCEPT: "accepts", OBJECT: "objects" };
const BY_ITSELF = ".reasoning"; // behind a stage's name: what its model thinks before it says what it was asked for

/** One stage for as long as no other speaks. What it thinks and says can be folded. */
class Stage {
  constructor(name, round) {
    this.name = name;
    this.begin = performance.now();
    this.text = "";
    this.note = element("span", "note");
    const title = name ? name[0].toUpperCase() + name.slice(1) : "Answer";
    const summary = element("summary", "", element("b", "", title), round > 1 ? ` round ${round}` : "", this.note);
    this.body = element("div", "words");
    this.fold = element("details", "", summary, this.body);
    this.fold.open = true;
    this.node = element("li", "stage", this.fold);
    this.node.dataset.state = "running";
    this.node.dataset.stage = name;
  }

  add(kind, text, byItself) {
    if (kind !== this.kind || byItself !== this.byItself) {
      Object.assign(this, { kind, byItself, text: "" });
      this.part = element("div", byItself ? `${kind} aside` : kind);
      this.body.append(this.part);
      this.note.textContent = DOING[this.name] ?? DOING[kind];
    }
    this.text += text;
    this.part.append(text);
  }

  /** It is over: "done", "stopped" or "failed". */
  end(how) {
    if (this.node.dataset.state !== "running") return;
    this.node.dataset.state = how;
    if (this.kind === "content" && !this.part.childElementCount) this.part.replaceChildren(...rich(this.text));
    const took = `${((performance.now() - this.begin) / 1000).toFixed(1)} s`;
    const verdict = this.name === "verifier" && VERDICTS[/^\W*(ACCEPT|OBJECT)/i.exec(this.text)?.[1].toUpperCase()];
    this.note.textContent = [verdict, how === "done" ? took : `${how} after ${took}`].filter(Boolean).join(" · ");
    if (verdict) this.node.dataset.verdict = verdict;
  }
}

/** The whole of it; `node` is what it looks like. */
export class Stages {
  #stages = [];
  #list = element("ol", "stages");

  constructor() {
    this.#list.setAttribute("aria-label", "Stages");
    this.node = element("div", "staged", this.#list);
  }

  /** The stage `label` thinks ("thinking") or says ("content") something. */
  add(label, kind, text) {
    const byItself = label.endsWith(BY_ITSELF);
    const name = byItself ? label.slice(0, -BY_ITSELF.length) : label;
    let last = this.#stages.at(-1);
    if (last?.name !== name) {
      last?.end("done");
      if (last?.kind === "thinking") last.fold.open = false; // what it led to comes now
      const round = this.#stages.filter((stage) => stage.name === name).length + 1;
      last = new Stage(name, round);
      this.#stages.push(last);
      this.#list.append(last.node);
    }
    last.add(kind, text, byItself);
  }

  /** Put a mark where the text goes on. */
  append(mark) {
    (this.#stages.at(-1)?.part ?? this.node).append(mark);
  }

  /** All is made: the stages are folded, and what they made stands below them. */
  finish(data) {
    this.end("done");
    for (const { fold } of this.#stages) fold.open = false;
    this.node.append(...made(data));
    if (data.reply) this.node.append(element("div", "reply", ...rich(data.reply, data.generated_code)));
  }

  /** There is no more: "done", "stopped" or "failed". */
  end(how) {
    this.#stages.at(-1)?.end(how);
  }
}
