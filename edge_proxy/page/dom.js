// What the pages' modules share of the document.

export const $ = (id) => document.getElementById(id);

/** A new element with this text, or these nodes, in it. */
export function element(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...content.filter((part) => part !== undefined));
  return node;
}

/** A new button that is of no form. */
export function button(className, text, onClick) {
  const node = element("button", className, text);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

/** Tell who listens to a screen reader. */
export function announce(text) {
  $("said").textContent = text;
}

/** Change what is in `place`; who reads its end goes on to do so, and who reads elsewhere is left there. */
export function keepingEnd(place, change) {
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  change();
  if (atEnd) place.scrollTop = place.scrollHeight;
}

/** Say in words what went wrong, with the code, and with what a person can do. */
export function showProblem(place, { message, code, retryable }, hints = {}) {
  const words = element("p", "", message);
  if (code) words.append(element("code", "", code));
  const hint = hints[code] ?? (retryable ? "It may well work if you send again." : undefined);
  place.replaceChildren(words, ...(hint ? [element("p", "", hint)] : []));
  place.hidden = false;
}
