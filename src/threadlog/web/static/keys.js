// The keys of a page; none while somebody types, none with Ctrl, Alt or Meta.

import { anyOpen, show } from "./dialogs.js";
import { byId, toggleTheme } from "./shared.js";

const typing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;

/** Has *keys*, by their names, do what they are given. */
export function listen(keys) {
  const all = {
    "?": () => show("help"),
    t: toggleTheme,
    "/": () => { byId("search")?.focus(); byId("search")?.select(); },
    ...keys,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || anyOpen()) return;
    if (event.key !== "Escape" && typing(event.target)) return;
    const does = Object.hasOwn(all, event.key) ? all[event.key] : null;
    if (does && does(event) !== false) event.preventDefault();
  });
  byId("theme")?.addEventListener("click", toggleTheme);
  byId("keys")?.addEventListener("click", () => show("help"));
}
