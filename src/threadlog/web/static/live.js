// A thread as it grows: events of the server, put at the end of the page.

import { nodes } from "./shared.js";

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
    if (last.dataset.number) known.set("number", last.dataset.number);
  }
  const url = `/api/thread/${turns.dataset.thread}/events?${known}`;
  const source = new EventSource(url);
  let isStopped = false;
  const on = (name, work) => source.addEventListener(name, (event) => {
    const told = JSON.parse(event.data);
    changing();
    work(told);
    changed(name);
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
  on("item", (told) => {
    const items = articleOf(turns, told.turn)?.querySelector(".items");
    items?.append(nodes(told.html));
    count(articleOf(turns, told.turn));
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
  return [...turns.querySelectorAll(".turn")].findLast((each) => JSON.parse(each.dataset.at)[1] === id);
}

function count(article) {
  if (article) article.dataset.items = String(Number(article.dataset.items) + 1);
}
