// The beat: the figures of the answer that was asked for last, in numbers and drawings.

import { $ } from "./dom.js";
import { drawBars, drawLine } from "./drawing.js";
import { BATCHES, Figures, GAPS_MS, labels } from "./figures.js";

const DRAW_EVERY_MS = 120;

let figures = new Figures(0);
figures.close(0);
let lastDrawn = -Infinity;
let timer;

function shown(value, digits = 0) {
  return value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

/** Figures of an answer that is asked for now; they are drawn until `rest` is called. */
export function begin() {
  figures = new Figures(performance.now());
  clearInterval(timer);
  timer = setInterval(draw, DRAW_EVERY_MS);
  draw(true);
  return figures;
}

/** The answer is over. */
export function rest() {
  clearInterval(timer);
  draw(true);
}

/** Draw what is known; not more often than anybody can see, unless it is the last of it. */
export function draw(all = false) {
  const now = performance.now();
  if (!all && now - lastDrawn < DRAW_EVERY_MS) return;
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

draw(true);
addEventListener("resize", () => draw(true));
