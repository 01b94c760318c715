// Dialogs: opened by a button or a key, closed by Esc, the cross, or a click beside them.

import { byId } from "./shared.js";

export function show(id) {
  const dialog = byId(id);
  if (dialog && !dialog.open) dialog.showModal();
  return dialog;
}

export const anyOpen = () => document.querySelector("dialog[open]") !== null;

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) dialog.close();
  });
}
