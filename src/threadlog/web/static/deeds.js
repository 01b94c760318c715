// What can be done with a thread: its lineage shown, another name, into the archive, a search in it.

import { show } from "./dialogs.js";
import { ask, byId, change, nodes } from "./shared.js";

const base = `/api/thread/${byId("turns").dataset.thread}`;

async function showKin() {
  show("kin");
  const shown = byId("kin-shown");
  try {
    shown.replaceChildren(nodes((await ask(`${base}/kin`)).html));
    if (shown.querySelectorAll("li").length === 1) shown.append("It is no fork, and has no forks, subagents or reviews.");
  } catch (error) {
    shown.textContent = error.message;
  }
}

function rename() {
  const dialog = show("rename");
  byId("rename-said").textContent = "";
  dialog.querySelector("input").select();
}

async function archive() {
  const dialog = show("archive"), form = dialog.querySelector("form");
  const said = byId("archive-said"), verb = form.dataset.verb;
  const does = form.querySelector("[type=submit]");
  said.textContent = "";
  does.disabled = false;
  does.focus();
  try {
    const told = await change(`${base}/${verb}`, { dry_run: true });
    const others = told.threads - 1;
    const along = others > 0 ? ` and ${others} of its subagents` : "";
    said.textContent = `This will ${verb} the thread${along}. It can be undone here.`;
  } catch (error) {
    said.textContent = error.message;
    does.disabled = true;
    form.querySelector(".close").focus();
  }
}

async function done(saying, url, body) {
  try {
    await change(url, body);
    location.reload();
  } catch (error) {
    byId(saying).textContent = error.message;
  }
}

byId("show-kin").addEventListener("click", () => void showKin());
byId("show-rename").addEventListener("click", rename);
byId("show-archive").addEventListener("click", () => void archive());
byId("rename").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void done("rename-said", `${base}/rename`, { name: byId("name").value });
});
byId("archive").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void done("archive-said", `${base}/${event.target.dataset.verb}`, {});
});
byId("searching").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = byId("search").value.trim(), within = byId("search").dataset.within;
  if (words) location.assign(`/?q=${encodeURIComponent(within ? `${words} in:${within}` : words)}`);
});
