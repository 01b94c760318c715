// One thread: its turns, a page at a time in either direction; those far from the screen are let go.

import "./deeds.js";
import { dropStale, hasStale, markStale } from "./ends.js";
import { listen } from "./keys.js";
import { follow, trim } from "./live.js";
import { forget, idOf, mark, opened, tell } from "./outline.js";
import { backToList } from "./place.js";
import { showLines } from "./raw.js";
import { ask, byId, framed, nodes, say, settled } from "./shared.js";

const TURNS = 48; // in the document at once
const CHARS = 6_000_000; // of their HTML
const WAIT_MS = 1000, WAIT_AT_MOST_MS = 30_000; // before the server is asked again
const OVER = new Set([401, 403, 404, 410]); // asking again would not help
const GONE = 410; // a turn that the page has is no more of the thread: its end is another
const NEAR = 160; // so close to the end, one is at the end

const turns = byId("turns"), outline = byId("outline"), newest = byId("newest");
const base = `/api/thread/${turns.dataset.thread}`;
const more = { before: turns.dataset.before === "true", after: turns.dataset.after === "true" };
const sizes = new WeakMap();
// What is asked for belongs to the stretch that is shown; another stretch ends it.
let asking = new AbortController(), busy = null, stopFollowing = null, failures = 0, isOver = false, isBroken = false;

const articles = () => [...turns.querySelectorAll(":scope > .turn")];
/** True if what is shown is not all up to the end: turns come after it, or items of the last one. */
const hasMore = () => more.after || turns.querySelector(":scope > .turn:last-of-type a.onward") !== null;
const isAtEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - NEAR;
const toEnd = () => scrollTo(0, document.documentElement.scrollHeight);

// -- pages

function dress(root) {
  for (const head of root.querySelectorAll(".turn-head")) {
    if (head.querySelector(".show-raw")) continue;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "show-raw", textContent: "raw" });
    button.setAttribute("aria-label", "lines of the rollout from here on");
    head.append(button);
  }
}

const sizeOf = (article) => {
  if (!sizes.has(article)) sizes.set(article, article.innerHTML.length);
  return sizes.get(article);
};

/** Lets go of turns at one end until what is left may stay. */
function bound(atEnd) {
  const held = articles();
  let count = held.length, chars = held.reduce((sum, each) => sum + sizeOf(each), 0);
  while (count > 2 && (count > TURNS || chars > CHARS)) {
    const far = atEnd ? held[count - 1] : held[held.length - count];
    const box = far.getBoundingClientRect();
    if (box.bottom > -innerHeight && box.top < 2 * innerHeight) break;
    if (atEnd) while (turns.lastElementChild !== far) turns.lastElementChild.remove();
    else while (turns.firstElementChild !== far) turns.firstElementChild.remove();
    far.remove();
    count -= 1;
    chars -= sizeOf(far);
    more[atEnd ? "after" : "before"] = true;
  }
}

/** Changes the page and keeps what is on screen of the *held* where it is. */
function keeping(work, held = articles()) {
  const mark = held.find((each) => each.getBoundingClientRect().bottom > 0) || held[0];
  const top = mark?.getBoundingClientRect().top;
  work();
  if (mark?.isConnected) scrollBy(0, mark.getBoundingClientRect().top - top);
}

async function load(way) {
  const held = articles();
  const edge = way === "before" ? held[0] : held[held.length - 1];
  if (!edge || !more[way]) return;
  const page = await ask(`${base}/turns?${way}=${encodeURIComponent(edge.dataset.at)}`, { signal: asking.signal });
  more[way] = page[way];
  const made = nodes(page.html);
  dress(made);
  keeping(() => {
    if (way === "before") turns.prepend(made);
    else turns.append(made);
    bound(way === "before");
  });
}

async function fill() {
  if (busy) return;
  if (hasStale(turns) && !dropStale(turns)) {
    if (isAtEnd()) void openNewest();
    return;
  }
  const mine = busy = asking;
  try {
    for (let pages = 0; pages < 8; pages += 1) {
      const box = turns.getBoundingClientRect(), reach = innerHeight * 1.2;
      if (more.before && box.top > -reach) await load("before");
      else if (more.after && !turns.querySelector(".later") && box.bottom < innerHeight + reach) await load("after");
      else break;
    }
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.status === GONE) return wait(openNewest);
    say(error.message);
  } finally {
    if (busy === mine) busy = null;
  }
  tellOutline();
  live();
}

/** Shows another stretch in place of this one. */
async function open(asked, after) {
  stopFollowing?.();
  stopFollowing = null;
  asking.abort();
  const mine = busy = asking = new AbortController();
  try {
    const page = await ask(`${base}/turns?${asked}`, { signal: mine.signal });
    more.before = page.before;
    more.after = page.after;
    const made = nodes(page.html);
    dress(made);
    turns.replaceChildren(made);
    after();
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.status === GONE) return openNewest();
    say(error.message);
    return broken(error.status ?? 0);
  } finally {
    if (busy === mine) busy = null;
  }
  void fill();
}

const openNewest = () => open("from=last", toEnd);

/** To one of its ends because somebody wants to be there: the keys go on from that. */
function go(way) {
  const arrive = () => {
    scrollTo(0, way === "after" ? document.documentElement.scrollHeight : 0);
    articles().at(way === "after" ? -1 : 0)?.focus({ preventScroll: true });
    markCurrent();
  };
  if (!(way === "after" ? hasMore() : more.before)) return arrive();
  void open(way === "after" ? "from=last" : "from=first", arrive);
}

// -- as it grows

function live() {
  newest.hidden = !hasMore() && isAtEnd();
  if (hasMore()) {
    stopFollowing?.();
    stopFollowing = null;
    return;
  }
  // A browser has few connections to a server: pages that nobody sees leave theirs to others.
  if (isOver || stopFollowing || document.hidden) return;
  let follows = false;
  stopFollowing = follow(turns, {
    changing: () => { follows = isAtEnd(); },
    changed: (touched, hasEnded) => {
      for (const article of touched) {
        dress(article);
        sizes.delete(article);
      }
      if (follows) {
        for (const article of touched) trim(turns, article, true);
        bound(false);
        toEnd();
      } else growBelow(touched);
      if (hasEnded) say("The turn has ended.");
      tellOutline(true);
      live();
    },
    ready: () => {
      if (isBroken) say("");
      isBroken = false;
      failures = 0;
    },
    again: () => wait(() => (isAtEnd() || !articles().length ? openNewest() : reread())),
    gone: () => {
      isOver = true;
      say("The thread is not there any more.");
    },
    broken,
  });
}

/** Somebody reads above the end: that stays, and what came is held as long as it is not too much. */
function growBelow(touched) {
  bound(true);
  for (const article of touched) {
    if (!article.isConnected) continue;
    let isLittle = true;
    keeping(() => { isLittle = trim(turns, article, false); }, [...article.querySelectorAll(".items > *")]);
    if (!isLittle && article === articles().at(-1) && article.dataset.status === "inProgress") cut(article);
  }
}

/** Of a turn that goes on no more is told here: its newest items are shown to who asks for them. */
function cut(article) {
  const place = document.createElement("div"), link = document.createElement("a");
  place.className = "remark";
  link.className = "later";
  link.href = article.querySelector(".permalink").href;
  link.textContent = "the turn goes on: show its newest items";
  place.append(link);
  article.append(place);
  more.after = true;
}

/** Waits longer each time in a row, and less than a moment the first time. */
function wait(work) {
  stopFollowing?.();
  const ms = failures ? Math.min(WAIT_MS * 2 ** (failures - 1), WAIT_AT_MOST_MS) : 0;
  failures += 1;
  const waiting = setTimeout(work, ms);
  stopFollowing = () => clearTimeout(waiting);
}

/** The server does not tell what happens: asks again later, unless that is of no use. */
function broken(status) {
  if (OVER.has(status)) {
    isOver = true;
    return say(status === 403
      ? "This browser is not let in any more: open the link that threadlog serve printed."
      : "The thread is not there any more.");
  }
  if (status === 0) say("The server has ended, or cannot be reached.");
  else if (status === 503) say("Too many pages follow threads; this one waits.");
  isBroken = true;
  failures = Math.max(failures, 1);
  wait(() => {
    stopFollowing = null;
    live();
  });
}

/** The end is another by now; what is on screen stays, with a mark if it is no more of the thread. */
async function reread() {
  stopFollowing = null;
  more.after = true;
  newest.hidden = false;
  asking.abort();
  const mine = busy = asking = new AbortController();
  try {
    const page = await ask(`${base}/turns?from=last`, { signal: mine.signal });
    const made = nodes(page.html);
    keeping(() => forget(markStale(turns, made)));
    say("The end of the thread is another by now.");
  } catch (error) {
    if (mine.signal.aborted) return;
    return broken(error.status ?? 0);
  } finally {
    if (busy === mine) busy = null;
  }
  void fill();
}

// -- outline

function tellOutline(hasGrown = false) {
  const held = articles().filter((each) => !each.matches(".stale"));
  if (!held.length) return;
  tell(held, more, held[current(held)], hasGrown);
  markCurrent();
}

/** The turn that is read: at the end the last, unless another that is seen there has the focus. */
function current(held) {
  let at = 0;
  held.forEach((each, number) => { if (each.getBoundingClientRect().top < innerHeight / 3) at = number; });
  if (more.after || !isAtEnd()) return at;
  const focused = held.findIndex((each) => each.contains(document.activeElement));
  return focused >= at ? focused : held.length - 1;
}

function markCurrent() {
  const held = articles();
  mark(held[current(held)]);
}

function move(step) {
  const held = articles();
  const focused = held.indexOf(document.activeElement?.closest(".turn"));
  const next = held[(focused >= 0 ? focused : current(held)) + step];
  if (next) lead(next);
}

// -- what is asked for by a button

function showRaw(article) {
  const [, id, , start] = JSON.parse(article.dataset.at);
  const named = /^turn-(\d+)$/.exec(id);
  if (!start && !named) return say("Where this turn begins in the rollout is not told.");
  const [segment, byte] = start ?? [0, Number(named[1])];
  showLines(turns.dataset.thread, segment, byte, article.querySelector("h2").textContent);
}

async function showEarlier(link) {
  const page = await ask(link.getAttribute("href"));
  const article = link.closest(".turn"), place = link.closest(".remark");
  keeping(() => {
    place.replaceWith(nodes(page.html));
    sizes.delete(article);
  });
}

turns.addEventListener("click", (event) => {
  const button = event.target.closest(".show-raw"), earlier = event.target.closest("a.earlier");
  if (button) showRaw(button.closest(".turn"));
  if (earlier) {
    event.preventDefault();
    showEarlier(earlier).catch((error) => say(error.message));
  }
});
outline.addEventListener("click", (event) => {
  const entry = event.target.closest("li");
  if (!entry || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  document.body.classList.remove("outlined");
  leaveFor(entry.querySelector("a").href);
  const there = articles().find((each) => idOf(each) === idOf(entry));
  if (there) lead(there);
  else void open(`at=${encodeURIComponent(entry.dataset.at)}`, () => lead(articles()[0]));
});

function lead(article) {
  article?.scrollIntoView({ block: "start" });
  article?.focus({ preventScroll: true });
  markCurrent();
}

for (const id of ["show-outline", "hide-outline"]) byId(id).addEventListener("click", toggleOutline);
byId("oldest").addEventListener("click", () => go("before"));
newest.addEventListener("click", () => go("after"));
/** Opens the outline, or closes it; over the thread where there is no room for it beside that. */
function toggleOutline() {
  const opens = document.body.classList.toggle("outlined"), button = byId("show-outline");
  opened();
  if (opens) (outline.querySelector("[aria-current]") ?? byId("hide-outline")).focus({ preventScroll: true });
  else if (button.checkVisibility()) button.focus({ preventScroll: true });
  else document.activeElement?.blur();
}

addEventListener("scroll", framed(() => {
  markCurrent();
  newest.hidden = !hasMore() && isAtEnd();
  void fill();
}), { passive: true });

listen({
  j: () => move(1),
  k: () => move(-1),
  g: () => go("before"),
  G: () => go("after"),
  o: toggleOutline,
  Escape: () => {
    if (document.activeElement?.matches("input")) document.activeElement.blur();
    else if (document.body.classList.contains("outlined")) toggleOutline();
    else backToList();
  },
});

let path = location.pathname;

/** The address leads to what is on screen, for who comes back or loads the page again. */
function keepPlace() {
  const held = articles().filter((each) => !each.matches(".stale"));
  const article = held[current(held)];
  const link = article?.querySelector(".permalink");
  if (!link) return;
  const isNewest = !hasMore() && isAtEnd();
  const top = article.getBoundingClientRect().top;
  history.replaceState(isNewest ? null : { top }, "", isNewest ? `/thread/${turns.dataset.thread}` : link.href);
  path = location.pathname;
}

/** The browser's Back leads from there to what is read now. */
function leaveFor(url) {
  keepPlace();
  history.pushState(null, "", url);
  path = location.pathname;
}

addEventListener("scroll", settled(keepPlace, 300), { passive: true });
addEventListener("popstate", () => { if (location.pathname !== path) location.reload(); });

history.scrollRestoration = "manual";
dress(turns);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stopFollowing?.();
    stopFollowing = null;
  } else live();
});
let lacking = 0; // it was so much further down, and there is no room above it yet
if (location.search === "?from=first") scrollTo(0, 0);
else if (more.after || /\/(turn|found)/.test(location.pathname)) {
  const first = articles()[0];
  if (first) lead(first.querySelector(".found") ?? first);
  if (first && history.state?.top) {
    const lacks = () => first.getBoundingClientRect().top - history.state.top;
    scrollBy(0, lacks());
    lacking = lacks();
  }
} else toEnd();
void fill().then(() => scrollBy(0, lacking));
