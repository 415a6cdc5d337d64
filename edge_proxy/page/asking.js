// Asks before something is deleted.

import { $ } from "./dom.js";

/** Whether a person is sure. Who closes the dialog, by Escape or otherwise, is not. */
export function sure(title, words) {
  const dialog = $("sure");
  $("sure-title").textContent = title;
  $("sure-words").textContent = words;
  dialog.returnValue = "";
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

$("sure-no").addEventListener("click", () => $("sure").close());
$("sure-yes").addEventListener("click", () => $("sure").close("yes"));
