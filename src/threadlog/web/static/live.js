// A thread as it grows: events of the server, put at the end of the page.

import { framed, nodes } from "./shared.js";

const ITEMS = 300; // of a turn that are left when there are twice as many

/**
 * Follows the thread of *turns*; returns what ends it.  *told* is called before and after the page
 * changes, *ready* when all is told that there is, *again* when the end is to be read anew, *broken*
 * when the server does not tell any more, with its status or 0.
 */
export function follow(turns, { changing, changed, ready, again, gone, broken }) {
  const last = turns.querySelector(".turn:last-of-type");
  const known = new URLSearchParams();
  if (last) {
    known.set("turn", JSON.parse(last.dataset.at)[1]);
    known.set("items", last.dataset.items);
    known.set("status", last.dataset.status);
    known.set("awaited", last.querySelectorAll(".awaited").length);
    if (last.dataset.number) known.set("number", last.dataset.number);
  }
  const url = `/api/thread/${turns.dataset.thread}/events?${known}`;
  const source = new EventSource(url);
  let isStopped = false;
  let due = [];
  const apply = framed(() => {
    if (isStopped) return;
    const now = due;
    due = [];
    changing();
    const touched = new Set();
    for (const [work, told] of now) {
      work(told);
      touched.add(articleOf(turns, told.turn));
    }
    touched.delete(undefined);
    changed(touched, now.some(([, told]) => told.head));
  });
  const on = (name, work) => source.addEventListener(name, (event) => {
    due.push([work, JSON.parse(event.data)]);
    apply();
  });
  on("turn", (told) => {
    const made = nodes(told.html).firstElementChild;
    const there = articleOf(turns, told.turn);
    if (there) there.replaceWith(made);
    else {
      turns.querySelector(":scope > .note")?.remove();
      turns.append(made);
    }
  });
  on("runs", (told) => goesOn(articleOf(turns, told.turn)));
  on("item", (told) => {
    const article = articleOf(turns, told.turn);
    if (!article) return;
    goesOn(article);
    const made = nodes(told.html);
    // A call that ran is replaced by what came of it; if it was let go of meanwhile, it comes when asked for.
    if (told.replaces !== null) return replace(awaited(article, told.replaces), made);
    const number = Number(article.dataset.items) - (told.more ? 1 : 0);
    if (made.firstElementChild) made.firstElementChild.dataset.number = number;
    article.querySelector(".items").append(made);
    article.dataset.items = String(number + 1);
  });
  on("ended", (told) => {
    const there = articleOf(turns, told.turn);
    if (!there) return;
    there.querySelector(".turn-head").replaceWith(nodes(told.head));
    there.querySelector(".items").append(nodes(told.html));
    there.dataset.status = told.status;
  });
  source.addEventListener("again", () => { source.close(); again(); });
  source.addEventListener("gone", (event) => {
    source.close();
    turns.append(nodes(JSON.parse(event.data).html));
    gone();
  });
  source.addEventListener("ready", ready);
  // A browser connects again by itself, with what was known at first, and does not tell why it was refused.
  source.addEventListener("error", async () => {
    source.close();
    const status = await statusOf(url);
    if (!isStopped) broken(status);
  });
  return () => { isStopped = true; source.close(); };
}

/** A stored turn without an end is told as interrupted: the server, or what happens in it, tells that it was not. */
function goesOn(article) {
  if (article?.dataset.status !== "interrupted") return;
  article.dataset.status = "inProgress";
  const said = article.querySelector(".turn-head .status");
  if (said) Object.assign(said, { textContent: "running", className: "fact status" });
}

const awaited = (article, id) =>
  [...article.querySelectorAll(".awaited")].find((each) => each.dataset.item === id);

/** Puts what came of a call in its place, as open as that was, and with the focus if that had it. */
function replace(there, made) {
  const first = made.firstElementChild;
  if (there && first) {
    first.dataset.number = there.dataset.number ?? "";
    const opens = first.matches("details") ? first : first.querySelector("details");
    if (opens && there.querySelector("details[open]")) opens.open = true;
    const had = there.contains(document.activeElement);
    there.replaceWith(made);
    if (had) opens?.querySelector("summary").focus({ preventScroll: true });
  } else there?.remove();
}

async function statusOf(url) {
  const asking = new AbortController();
  try {
    return (await fetch(url, { signal: asking.signal })).status;
  } catch {
    return 0;
  } finally {
    asking.abort();
  }
}

function articleOf(turns, id) {
  let each = turns.lastElementChild;
  while (each && each.dataset.turn !== id) each = each.previousElementSibling;
  return each ?? undefined;
}

const hasVeryMany = (article) => article.querySelector(".items").children.length > 2 * ITEMS;

/**
 * Lets go of items of a turn that has very many, but for the first; of those from the screen on only if *all*
 * may go; they come again when asked for.  False if there are very many left.
 */
export function trim(turns, article, all) {
  if (!hasVeryMany(article)) return true;
  const items = article.querySelector(".items"), shown = [...items.children];
  const most = shown.length - ITEMS;
  const read = all ? most : shown.findIndex((each, at) => at && each.getBoundingClientRect().bottom > -innerHeight);
  const kept = read < 0 ? most : Math.min(read, most), first = shown[kept];
  if (kept < 2 || !first.dataset.number) return false;
  for (const each of shown.slice(1, kept)) each.remove();
  const place = document.createElement("div"), link = document.createElement("a");
  const asked = new URLSearchParams({ at: article.dataset.at, count: first.dataset.number });
  place.className = "remark";
  link.className = "earlier";
  link.href = `/api/thread/${turns.dataset.thread}/items?${asked}`;
  link.textContent = `show ${first.dataset.number - 1} earlier items of this turn`;
  place.append(link);
  first.before(place);
  return !hasVeryMany(article);
}
