// The outline of a thread: how its turns begin.  Those that are shown, and so many about them as one
// scrolls it; those far from what it shows are let go of.

import { ask, byId, framed, nodes } from "./shared.js";

const HELD = 400; // turns in it at once
const NEAR = 300; // so close to one of its ends, more are asked for
const WAIT_MS = 1000, WAIT_AT_MOST_MS = 30_000; // before what could not be read is asked for again
const OVER = new Set([401, 403, 404]); // asking again by itself would not help
const GONE = 410; // its last turn is no more of the thread

const aside = byId("aside"), outline = byId("outline");
const base = `/api/thread/${byId("turns").dataset.thread}`;
const ends = { before: false, after: false }; // is there more than it has?
const entries = new Map();
const failed = { before: null, after: null }; // what says that a piece could not be read
let busy = false, marked = null, failures = 0, waiting = 0;

/** The id of the turn that an article or a line of the outline is of. */
export const idOf = (each) => JSON.parse(each.dataset.at)[1];

function drop(entry) {
  entries.delete(idOf(entry));
  entry.remove();
}

function add(entry, way) {
  entries.get(idOf(entry))?.remove();
  entries.set(idOf(entry), entry);
  if (way === "before") outline.prepend(entry);
  else outline.append(entry);
}

/** How a turn begins: the words of its question, but for code, with a space between blocks. */
function words(article) {
  const said = article.querySelector(".user .words, .user .prose");
  const blocks = said?.matches(".prose") ? [...said.querySelectorAll(":scope > :not(.code)")] : [said];
  return blocks.map((each) => each?.textContent ?? "").join(" ").replace(/\s+/g, " ").trim().slice(0, 120);
}

/** An article's line: the same that the server makes. */
function entryOf(article) {
  const entry = document.createElement("li"), link = document.createElement("a");
  entry.dataset.at = article.dataset.at;
  link.href = article.querySelector(".permalink").getAttribute("href");
  link.textContent = words(article) || "Turn";
  if (article.dataset.number) {
    const count = document.createElement("span");
    count.textContent = article.dataset.number;
    link.prepend(count, " ");
  }
  entry.append(link);
  return entry;
}

/** Changes the outline and keeps what is to be seen of it where it is. */
function keeping(work) {
  const edge = aside.getBoundingClientRect().top;
  const mark = [...outline.children].find((each) => each.getBoundingClientRect().bottom > edge);
  const top = mark?.getBoundingClientRect().top;
  work();
  if (mark?.isConnected) aside.scrollTop += mark.getBoundingClientRect().top - top;
}

/** True if the turns shown stand in the outline one after the other, as far as they are in it. */
function agrees(held) {
  const known = held.map((each) => entries.get(idOf(each)));
  const first = known.findIndex(Boolean), last = known.findLastIndex(Boolean);
  if (first < 0) return false;
  for (let at = first; at < last; at += 1) {
    if (!known[at + 1] || known[at].nextElementSibling !== known[at + 1]) return false;
  }
  return (first === 0 || known[first] === outline.firstElementChild)
    && (last === known.length - 1 || known[last] === outline.lastElementChild);
}

/**
 * Has the turns that are shown in the outline; *more* tells whether there are others about them.  Who
 * scrolled it far away from them is left there until another turn is read: not *current*, nor one
 * that it became because the thread has *grown*.
 */
export function tell(held, more, current, hasGrown) {
  const isElsewhere = outline.children.length && !held.some((each) => entries.has(idOf(each)));
  if (isElsewhere && hasGrown) marked = idOf(current);
  if (isElsewhere && marked === idOf(current)) return;
  keeping(() => {
    if (!agrees(held)) {
      outline.replaceChildren();
      entries.clear();
      Object.assign(ends, more);
    }
    const isNew = (each) => !entries.has(idOf(each));
    const first = held.findIndex((each) => !isNew(each));
    for (let at = first - 1; at >= 0; at -= 1) add(entryOf(held[at]), "before");
    for (const each of held.filter(isNew)) add(entryOf(each), "after");
    const last = held.length ? entries.get(idOf(held[held.length - 1])) : null;
    if (last) last.replaceChildren(...entryOf(held[held.length - 1]).childNodes);
    if (!more.after) while (last && outline.lastElementChild !== last) drop(outline.lastElementChild);
    ends.before &&= more.before || outline.firstElementChild !== entries.get(idOf(held[0]));
    ends.after &&= more.after;
  });
  void fill();
}

/** Lets go of turns at its end that are no more of the thread. */
export function forget(held) {
  for (const each of held) if (entries.has(idOf(each))) drop(entries.get(idOf(each)));
  if (held.length) ends.after = true;
}

/** Marks the line of the turn that is read, and brings it to where it is seen. */
export function mark(article) {
  const entry = article ? entries.get(idOf(article)) : null;
  if (!entry) return;
  point(entry);
  if (marked === idOf(article)) return;
  marked = idOf(article);
  reveal(entry);
}

function point(entry) {
  const link = entry.querySelector("a");
  if (link.hasAttribute("aria-current")) return;
  outline.querySelector("[aria-current]")?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
}

function reveal(entry) {
  const box = entry.getBoundingClientRect(), shown = aside.getBoundingClientRect();
  if (box.top < shown.top || box.bottom > shown.bottom) {
    aside.scrollTop += box.top - shown.top - shown.height / 2;
  }
}

function wanted() {
  if (!aside.getClientRects().length || !outline.children.length) return null;
  if (ends.before && !failed.before && aside.scrollTop < NEAR) return "before";
  const left = aside.scrollHeight - aside.clientHeight - aside.scrollTop;
  return ends.after && !failed.after && left < NEAR ? "after" : null;
}

async function further(way) {
  const edgeNow = () => outline[way === "before" ? "firstElementChild" : "lastElementChild"];
  const edge = edgeNow();
  const page = await ask(`${base}/outline?${way}=${encodeURIComponent(edge.dataset.at)}`);
  if (edge !== edgeNow()) return; // it has become another meanwhile
  ends[way] = page[way];
  const made = [...nodes(page.html).children];
  keeping(() => {
    for (const entry of way === "before" ? made.reverse() : made) add(entry, way);
    const far = way === "before" ? "lastElementChild" : "firstElementChild";
    while (outline.children.length > HELD) {
      drop(outline[far]);
      ends[way === "before" ? "after" : "before"] = true;
    }
    if (entries.has(marked)) point(entries.get(marked));
  });
  failures = 0;
}

/** Says that there is more than could be read; that is asked for again, later or when somebody wants it. */
function fail(way, status) {
  const said = document.createElement("p"), button = document.createElement("button");
  said.className = "note";
  said.setAttribute("role", "status");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", retry);
  said.append("More turns could not be read. ", button);
  keeping(() => (way === "before" ? outline.before(said) : outline.after(said)));
  failed[way] = said;
  clearTimeout(waiting);
  if (OVER.has(status)) return;
  waiting = setTimeout(retry, Math.min(WAIT_MS * 2 ** failures, WAIT_AT_MOST_MS));
  failures += 1;
}

function retry() {
  clearTimeout(waiting);
  keeping(() => {
    for (const way of ["before", "after"]) {
      failed[way]?.remove();
      failed[way] = null;
    }
  });
  void fill();
}

/** Asks for more where its end is near. */
async function fill() {
  if (busy) return;
  busy = true;
  let way = wanted();
  try {
    for (let pieces = 0; way && pieces < 8; pieces += 1) {
      await further(way);
      way = wanted();
    }
  } catch (error) {
    if (error.status === GONE) ends[way] = false; // it ends there, until other turns are shown
    else fail(way, error.status);
  } finally {
    busy = false;
  }
}

aside.addEventListener("scroll", framed(() => void fill()), { passive: true });

/** It was opened, where it is not always there. */
export function opened() {
  const link = outline.querySelector("[aria-current]");
  if (link && aside.getClientRects().length) reveal(link.parentElement);
  void fill();
}
