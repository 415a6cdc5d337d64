// What can be measured of one stream where it is read. Instants are milliseconds on one clock; nothing here draws.

export const GAPS_MS = [10, 30, 45, 55, 70, 100, 200, 500]; // upper bounds; the last bar is what is longer
export const BATCHES = [1, 2, 4, 8, 16, 32]; // the same, of tokens or characters
const MOST_EVENTS = 4000; // kept for the drawing of a long stream

export class Figures {
  constructor(now) {
    this.begin = now;
    this.end = undefined;
    this.events = []; // {at, size, kind: "text" | "ping" | "cut" | "back"}
    this.firstMs = undefined;
    this.texts = 0;
    this.pings = 0;
    this.tokens = 0;
    this.chars = 0;
    this.countsTokens = true;
    this.gaps = new Array(GAPS_MS.length + 1).fill(0);
    this.batches = new Array(BATCHES.length + 1).fill(0);
    this.lastAt = undefined;
  }

  /** Text has come; `tokens` is how many, if that is known. */
  text(now, chars, tokens) {
    const size = tokens ?? chars;
    this.countsTokens &&= tokens !== undefined;
    this.firstMs ??= now - this.begin;
    if (this.lastAt !== undefined) this.gaps[bar(GAPS_MS, now - this.lastAt)]++;
    this.lastAt = now;
    this.texts++;
    this.chars += chars;
    this.tokens += tokens ?? 0;
    this.batches[bar(BATCHES, size)]++;
    this.#keep({ at: now, size, kind: "text" });
  }

  /** A sign of life, or the connection going ("cut") and coming ("back"). */
  note(now, kind) {
    if (kind === "ping") this.pings++;
    else this.lastAt = undefined; // the time without a connection is no gap between events
    this.#keep({ at: now, size: 0, kind });
  }

  /** The stream has ended; `tokens` is what the server counted, if it did. */
  close(now, tokens) {
    this.end ??= now;
    if (tokens !== undefined) this.tokens = tokens;
  }

  /** Tokens a second, from the first text on; undefined: not yet to be said. */
  speed(now) {
    const tookMs = (this.end ?? now) - this.begin - (this.firstMs ?? 0);
    return this.tokens > 1 && tookMs > 0 ? ((this.tokens - 1) * 1000) / tookMs : undefined;
  }

  /** What an event has on average, in tokens or characters. */
  get batch() {
    return this.texts ? (this.countsTokens ? this.tokens : this.chars) / this.texts : undefined;
  }

  #keep(event) {
    if (this.events.length < MOST_EVENTS) this.events.push(event);
  }
}

/** The index of the bar that `value` belongs to. */
export function bar(bounds, value) {
  const index = bounds.findIndex((bound) => value <= bound);
  return index < 0 ? bounds.length : index;
}

/** What the bars are called: "≤10" and ">500"; or, of what is counted, "2", "3–4" and ">32". */
export function labels(bounds, counted = false) {
  const from = (i) => (i ? bounds[i - 1] + 1 : bounds[0]);
  const name = (bound, i) => (counted ? (from(i) < bound ? `${from(i)}–${bound}` : `${bound}`) : `≤${bound}`);
  return [...bounds.map(name), `>${bounds.at(-1)}`];
}
