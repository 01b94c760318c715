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
    for (const [work, told] of now) touched.add(work(told));
    for (const article of touched) if (!article?.isConnected) touched.delete(article);
    changed(touched, now.some(([, told]) => told.ended));
  });
  const on = (name, work) => source.addEventListener(name, (event) => {
    due.push([work, JSON.parse(event.data)]);
    apply();
  });
  on("turn", (told) => {
    const made = nodes(told.html).firstElementChild;
    if (told.back === null) {
      turns.querySelector(":scope > .note")?.remove();
      turns.append(made);
    } else {
      const there = articles(turns).at(-1 - told.back);
      if (!there) return undefined; // it was let go of, and comes as it is when asked for
      replaceTurn(there, made);
    }
    return made;
  });
  on("drop", (told) => {
    for (const each of articles(turns).slice(-told.count)) each.remove();
  });
  on("runs", (told) => goesOn(articleOf(turns, told.turn)));
  on("head", (told) => {
    const article = articleOf(turns, told.turn);
    if (!article) return undefined;
    const there = article.querySelector(".turn-head"), made = nodes(told.html).firstElementChild;
    const refocus = keepState(there, made);
    there.replaceWith(made);
    refocus();
    article.dataset.status = told.status;
    return article;
  });
  on("item", (told) => {
    const article = articleOf(turns, told.turn);
    if (!article) return undefined;
    goesOn(article);
    const made = nodes(told.html), items = article.querySelector(".items"), last = items.lastElementChild;
    if (made.firstElementChild) made.firstElementChild.dataset.number = told.number;
    article.dataset.items = String(Math.max(Number(article.dataset.items), told.number + 1));
    // A call that ran is replaced by what came of it; if it was let go of meanwhile, it comes when asked for.
    if (told.replaces !== null) replace(awaited(article, told.replaces), made);
    else if (told.more && last?.matches(".reasoning")) replace(last, made);
    else items.append(made);
    return article;
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
  if (article?.dataset.status !== "interrupted") return article;
  article.dataset.status = "inProgress";
  const said = article.querySelector(".turn-head .status");
  if (said) Object.assign(said, { textContent: "running", className: "fact status" });
  return article;
}

/** Puts a turn that was made anew in place of what it was: what was open is open, what is on screen stays there. */
function replaceTurn(there, made) {
  const box = there.getBoundingClientRect(), shown = itemsOf(there);
  const mark = box.top < 0 && box.bottom > 0 ? shown.findLastIndex((each) => each.getBoundingClientRect().top <= 0) : -1;
  const top = shown[mark]?.getBoundingClientRect().top;
  const refocus = keepState(there, made);
  there.replaceWith(made);
  refocus();
  const now = itemsOf(made), earlier = (there.dataset.items - shown.length) - (made.dataset.items - now.length);
  const same = now[mark + earlier];
  if (top !== undefined && same) scrollBy(0, same.getBoundingClientRect().top - top);
}

const itemsOf = (article) => [...article.querySelectorAll(".items > :not(.error)")];

/** Opens in what was made anew what was open; returns what gives it the focus, if what it replaces has it. */
function keepState(there, made) {
  const was = controls(there), is = controls(made), focused = document.activeElement;
  const raw = there.querySelector(".show-raw");
  let found = there === focused ? made : null;
  if (raw) (made.matches(".turn-head") ? made : made.querySelector(".turn-head")).append(raw);
  if (raw && raw === focused) found = raw;
  for (const [name, each] of was) {
    const now = is.get(name);
    if (now?.matches("summary")) now.parentElement.open = each.parentElement.open;
    if (each === focused) found = now ?? made.querySelector("a");
  }
  return () => found?.focus({ preventScroll: true });
}

/** What can be opened or pressed, by what it says and by how many after it say the same. */
function controls(root) {
  const counts = new Map(), found = new Map();
  for (const each of [...root.querySelectorAll("summary, a, pre[tabindex]")].reverse()) {
    const name = `${each.tagName} ${each.textContent}`, count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    found.set(`${count} ${name}`, each);
  }
  return found;
}

const awaited = (article, id) =>
  [...article.querySelectorAll(".awaited")].find((each) => each.dataset.item === id);

/** Puts what came of a call in its place, as open as that was, and with the focus if that had it. */
function replace(there, made) {
  const first = made.firstElementChild;
  if (there && first) {
    const opens = first.matches("details") ? first : first.querySelector("details");
    if (opens && (there.matches("details[open]") || there.querySelector("details[open]"))) opens.open = true;
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

const articles = (turns) => [...turns.querySelectorAll(":scope > .turn")];

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
