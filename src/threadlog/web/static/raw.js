// Lines of the rollout from a turn on: laid out to be read, or as they stand.

import { show } from "./dialogs.js";
import { ask, byId } from "./shared.js";

const shown = byId("raw-shown"), plain = byId("raw-plain"), more = byId("raw-more");
const TOKENS = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+/g;
const texts = new WeakMap();
let thread = "", place = null;

/** JSON with its parts on lines of their own; all of them as they stand, for a number may not fit ours. */
export function laidOut(json) {
  let made = "", depth = 0, before = "";
  const line = () => `\n${"  ".repeat(Math.min(depth, 20))}`;
  for (const [token] of json.matchAll(TOKENS)) {
    const closes = token === "}" || token === "]", opened = before === "{" || before === "[";
    if (closes) depth = Math.max(depth - 1, 0);
    if (closes ? !opened : opened || before === ",") made += line();
    made += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    before = token;
  }
  return made;
}

const isPlain = () => plain.getAttribute("aria-pressed") === "true";

function write(pre) {
  const text = texts.get(pre);
  pre.textContent = !isPlain() && text.startsWith("{") ? laidOut(text) : text;
}

function lineOf(segment, line) {
  const made = document.createElement("section"), head = document.createElement("p");
  const text = document.createElement("pre");
  head.className = "note";
  head.textContent = `byte ${line.byte}, ${line.length} bytes `;
  if (line.cut) {
    const whole = document.createElement("a");
    whole.href = `/thread/${thread}/line?segment=${segment}&byte=${line.byte}`;
    whole.target = "_blank";
    whole.textContent = "the whole line";
    head.append(whole);
  }
  text.className = "output";
  text.tabIndex = 0;
  texts.set(text, line.text);
  write(text);
  made.append(head, text);
  return made;
}

async function further() {
  const mine = place;
  try {
    const page = await ask(`/api/thread/${thread}/raw?${new URLSearchParams(mine)}`);
    if (mine !== place) return;
    for (const line of page.lines) shown.append(lineOf(page.segment, line));
    place = { segment: page.segment, byte: page.next };
    more.hidden = page.next === null;
  } catch (error) {
    if (mine === place) shown.append(error.message);
  }
}

/** Shows the lines from a place of a thread on, where a turn of that name begins. */
export function showLines(name, segment, byte, turn) {
  [thread, place] = [name, { segment, byte }];
  byId("raw-title").textContent = `${turn}: lines of the rollout from there on`;
  shown.replaceChildren();
  more.hidden = true;
  show("raw");
  void further();
}

plain.setAttribute("aria-pressed", "false");
plain.addEventListener("click", () => {
  plain.setAttribute("aria-pressed", String(!isPlain()));
  for (const pre of shown.querySelectorAll("pre")) write(pre);
});
more.addEventListener("click", () => void further());
