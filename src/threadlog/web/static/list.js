// The list: pages of threads or hits as one scrolls, of which only those about the screen are held.

import { listen } from "./keys.js";
import { keep, place } from "./place.js";
import { ask, byId, framed, nodes, say, settled } from "./shared.js";

const HELD = 5; // pages in the document at once, unless a screen has room for more
const REACH = 1.5; // screens, above and below, that are filled
const TITLES = 6; // threads whose titles fit, above what a search found
const TYPED_MS = 140;

const rows = byId("rows"), above = byId("above"), below = byId("below"), titles = byId("titles");
const named = byId("named"), said = byId("said");
const search = byId("search"), filters = byId("filters"), sort = byId("sort"), status = byId("status");
const FIELD = new RegExp(`(^|\\s)(${search.dataset.fields.replaceAll(" ", "|")}):\\S`);

/** What is listed: a page is { cursor, count }; those from first to last are in the document. */
let listed = null;
let asking = new AbortController();

function begin(words, cursor = null, count = 0) {
  asking.abort();
  asking = new AbortController();
  sort.disabled = Boolean(words); // what is found stands in an order of its own
  listed = { words, pages: [], first: 0, last: -1, next: cursor, busy: false, height: 0 };
  if (count) {
    listed.pages.push({ cursor: null, count });
    listed.last = 0;
  }
}

function query(words, cursor) {
  const asked = new URLSearchParams();
  for (const { name, value } of filters.elements) if (value) asked.set(name, value);
  if (!sort.selectedIndex) asked.delete("sort"); // the first is what is meant without
  if (words) asked.set("q", words);
  if (cursor) asked.set("cursor", cursor);
  return asked;
}

const rowHeight = () => rows.firstElementChild?.offsetHeight || listed.height || 64;

function space() {
  const height = listed.height = rowHeight();
  const sum = (pages) => pages.reduce((all, page) => all + page.count, 0) * height;
  above.style.height = `${sum(listed.pages.slice(0, listed.first))}px`;
  below.style.height = `${sum(listed.pages.slice(listed.last + 1))}px`;
}

async function fetched(number) {
  const known = listed.pages[number], cursor = known ? known.cursor : listed.next;
  const where = listed.words ? "/api/search?" : "/api/threads?";
  const page = await ask(where + query(listed.words, cursor), { signal: asking.signal });
  if (known) known.count = page.count; // there may be others by now
  else {
    listed.pages.push({ cursor, count: page.count });
    listed.next = page.next;
  }
  return page;
}

function drop(count, atEnd) {
  for (let left = count; left > 0; left -= 1) {
    (atEnd ? rows.lastElementChild : rows.firstElementChild)?.remove();
  }
}

/** Whether there are too many pages and this one, at an end, is out of reach: else it would be asked for again. */
function isBeyond(number, atEnd) {
  if (listed.last - listed.first < HELD) return false;
  const box = rows.getBoundingClientRect(), height = listed.pages[number].count * rowHeight();
  const reach = innerHeight * REACH;
  return atEnd ? box.bottom - height >= innerHeight + reach : box.top + height <= -reach;
}

/** One more page below, or again one that was let go of. */
async function further() {
  const number = listed.last + 1;
  const known = listed.pages[number];
  if (!known && (listed.next === null && number > 0)) return false;
  const page = await fetched(number);
  if (page.problems) byId("problems").replaceChildren(nodes(page.problems));
  rows.append(nodes(page.html));
  listed.last = number;
  while (isBeyond(listed.first, false)) {
    drop(listed.pages[listed.first++].count, false);
    space();
  }
  space();
  return page.count > 0;
}

/** One page above that was let go of. */
async function back() {
  const number = listed.first - 1;
  const page = await fetched(number);
  rows.prepend(nodes(page.html));
  listed.first = number;
  while (isBeyond(listed.last, true)) drop(listed.pages[listed.last--].count, true);
  space();
}

/** The page at a place that was scrolled to past all that is held. */
async function jump(number) {
  const page = await fetched(number);
  rows.replaceChildren(nodes(page.html));
  listed.first = listed.last = number;
  space();
}

function pageAt(y) {
  let top = 0;
  for (const [number, page] of listed.pages.entries()) {
    top += page.count * listed.height;
    if (y < top) return number;
  }
  return listed.pages.length - 1;
}

async function fill() {
  if (listed.busy) return;
  listed.busy = true;
  const mine = listed;
  try {
    while (mine === listed) {
      const box = rows.getBoundingClientRect(), reach = innerHeight * REACH;
      const isPast = listed.last >= 0 && (box.bottom < -reach || box.top > innerHeight + reach);
      if (isPast && listed.height) await jump(pageAt(-above.getBoundingClientRect().top));
      else if (box.top > -reach && listed.first > 0) await back();
      else if (box.bottom < innerHeight + reach) {
        if (!await further()) break;
      } else break;
    }
    if (mine === listed) tell();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  } finally {
    mine.busy = false;
  }
}

function tell() {
  const count = listed.pages.reduce((all, page) => all + page.count, 0);
  const what = listed.words ? "place" : "thread";
  const more = listed.next === null ? "" : ", more below";
  if (!count && !listed.words && !query("", null).toString()) say(status.dataset.empty);
  else if (!count) say(listed.words ? "Nothing was found." : "No threads.");
  else say(`${count} ${what}${count === 1 ? "" : "s"}${more}`);
}

async function showTitles(words) {
  named.hidden = true;
  titles.replaceChildren();
  if (!words || FIELD.test(words)) return;
  try {
    const page = await ask(`/api/threads?${query(words, null)}`, { signal: asking.signal });
    const found = nodes(page.html);
    while (found.children.length > TITLES) found.lastElementChild.remove();
    titles.replaceChildren(found);
    named.hidden = !titles.children.length;
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
}

function name(words) {
  said.hidden = !words;
  rows.setAttribute("aria-label", words ? said.textContent : "Threads");
}

function again() {
  const words = search.value.trim();
  begin(words);
  rows.replaceChildren();
  byId("problems").replaceChildren();
  space();
  say(words ? "Searching…" : "");
  name(words);
  const shown = query(search.value, null).toString();
  history.replaceState(null, "", shown ? `/?${shown}` : "/");
  keep();
  void showTitles(words);
  scrollTo(0, 0);
  void fill();
}

/** Where the list is, for who comes back. */
function left() {
  if (!listed.pages.length) return null;
  const row = document.activeElement?.closest(".row");
  return {
    pages: listed.pages,
    next: listed.next,
    height: listed.height,
    page: pageAt(-above.getBoundingClientRect().top),
    y: scrollY,
    focused: row?.querySelector(".title").getAttribute("href"),
    top: row?.getBoundingClientRect().top,
  };
}

/** The list as it was left. */
async function resume({ pages, next, height, page, y, focused, top }) {
  const words = search.value.trim();
  begin(words);
  Object.assign(listed, { pages, next, height, busy: true });
  const mine = listed;
  name(words);
  try {
    await Promise.all([showTitles(words), jump(page)]);
  } catch (error) {
    if (error.name !== "AbortError") again();
    return;
  } finally {
    mine.busy = false;
  }
  if (mine !== listed) return;
  scrollTo(0, y);
  await fill();
  const title = [...document.querySelectorAll(".row .title")].find((each) => each.getAttribute("href") === focused);
  if (mine !== listed || !title) return;
  title.focus({ preventScroll: true });
  scrollBy(0, title.closest(".row").getBoundingClientRect().top - top);
}

const links = () => [...document.querySelectorAll(".row .title")];

function lead(title) {
  title?.focus({ preventScroll: true });
  title?.closest(".row").scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = links(), at = all.indexOf(document.activeElement);
  lead(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step]);
}

async function toFirst() {
  scrollTo(0, 0);
  await fill();
  if (listed.first === 0) links()[0]?.focus({ preventScroll: true });
}

/** The last that is loaded: how many there are nobody has read. */
async function toLast() {
  scrollTo(0, document.body.scrollHeight);
  await fill();
  lead(links().at(-1));
}

search.addEventListener("input", settled(again, TYPED_MS));
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { event.preventDefault(); move(1); }
});
byId("searching").addEventListener("submit", (event) => { event.preventDefault(); again(); });
filters.addEventListener("submit", (event) => { event.preventDefault(); again(); });
filters.addEventListener("change", again);
rows.addEventListener("click", (event) => {
  const folder = event.target.closest(".cwd");
  if (!folder) return;
  byId("cwd").value = byId("cwd").value === folder.dataset.cwd ? "" : folder.dataset.cwd;
  again();
});
addEventListener("scroll", framed(() => void fill()), { passive: true });
addEventListener("resize", framed(() => { space(); void fill(); }));

listen({
  j: () => move(1),
  k: () => move(-1),
  g: () => void toFirst(),
  G: () => void toLast(),
  Escape: () => {
    if (search.value) { search.value = ""; again(); }
    document.activeElement?.blur();
  },
});

history.scrollRestoration = "manual";
addEventListener("pagehide", () => keep(left()));

const was = place();
begin("", rows.dataset.next || null, rows.children.length);
if (was) void resume(was);
else if (search.value.trim()) again();
else {
  keep();
  space();
  void fill();
}
