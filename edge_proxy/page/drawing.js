// Small drawings in SVG, made by attributes alone: the page's policy allows no inline styles.

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

/** The width that a drawing has, so that its letters are of the size that the sheet says. */
function widthOf(place) {
  return Math.max(place.clientWidth, 240);
}

function canvas(place, width, height, label) {
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "drawing", role: "img", "aria-label": label });
  place.replaceChildren(svg);
  return svg;
}

/** A bar for each count, with its name below and the count above. */
export function drawBars(place, counts, names, label) {
  const [width, height, foot, head] = [widthOf(place), 124, 20, 16];
  const step = width / counts.length;
  const most = Math.max(1, ...counts);
  const told = counts.map((count, i) => `${names[i]}: ${count}`).filter((_, i) => counts[i]);
  const svg = canvas(place, width, height, `${label}. ${told.join(", ") || "Nothing yet"}.`);
  shape("line", { x1: 0, x2: width, y1: height - foot + 0.5, y2: height - foot + 0.5, class: "base" }, svg);
  counts.forEach((count, i) => {
    const tall = (count / most) * (height - foot - head);
    const x = i * step + step * 0.14;
    const y = height - foot - tall;
    if (count) {
      shape("rect", { x, y, width: step * 0.72, height: Math.max(tall, 1.5), rx: 3, class: "bar" }, svg);
      shape("text", { x: i * step + step / 2, y: y - 4, "text-anchor": "middle" }, svg, count);
    }
    shape("text", { x: i * step + step / 2, y: height - 6, "text-anchor": "middle" }, svg, names[i]);
  });
}

/** All events of a stream on one line of time. */
export function drawLine(place, figures, now) {
  const [width, height, foot] = [widthOf(place), 92, 18];
  const tookMs = Math.max((figures.end ?? now) - figures.begin, 1000);
  const x = (at) => ((at - figures.begin) / tookMs) * width;
  const most = figures.events.reduce((size, event) => Math.max(size, event.size), 1);
  const svg = canvas(place, width, height, `${figures.texts} events with text in ${(tookMs / 1000).toFixed(1)} seconds.`);
  const floor = height - foot;
  shape("line", { x1: 0, x2: width, y1: floor + 0.5, y2: floor + 0.5, class: "base" }, svg);
  const thick = Math.min(5, Math.max(1.2, (width / Math.max(figures.events.length, 1)) * 0.55));
  let cutAt;
  for (const { at, size, kind } of figures.events) {
    if (kind === "text") {
      const tall = Math.max((size / most) * (floor - 8), 2);
      shape("rect", { x: Math.min(x(at), width - thick), y: floor - tall, width: thick, height: tall, rx: 1, class: "bar" }, svg);
    } else if (kind === "ping") shape("circle", { cx: x(at), cy: floor - 5, r: 3, class: "dot" }, svg);
    else if (kind === "cut") cutAt = at;
    else if (kind === "back" && cutAt !== undefined) {
      shape("line", { x1: x(cutAt), x2: x(at), y1: floor - 14, y2: floor - 14, class: "away" }, svg);
      cutAt = undefined;
    }
  }
  if (cutAt !== undefined) {
    shape("line", { x1: x(cutAt), x2: x(figures.end ?? now), y1: floor - 14, y2: floor - 14, class: "away" }, svg);
  }
  shape("text", { x: 0, y: height - 4 }, svg, "0 s");
  shape("text", { x: width, y: height - 4, "text-anchor": "end" }, svg, `${(tookMs / 1000).toFixed(1)} s`);
}
