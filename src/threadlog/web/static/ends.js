// The end of a thread that has become another: turns that are no more of it, until nobody reads them.

import { idOf } from "./outline.js";

const stale = (turns) => [...turns.querySelectorAll(":scope > .stale")];
const numberOf = (article) => Number(article?.dataset.number) || Infinity;

/**
 * Marks the turns shown that are no more of the thread, whose newest turns are *made*; returns them.
 * Where none of those is shown it can only be told by numbers; what is not found out that way the
 * server tells when it is asked for what comes after.
 */
export function markStale(turns, made) {
  const held = [...turns.querySelectorAll(":scope > .turn:not(.stale)")];
  const news = [...made.querySelectorAll(".turn")];
  const ids = new Set(news.map(idOf));
  const shared = held.findLastIndex((each) => ids.has(idOf(each)));
  const most = news.length ? numberOf(news[news.length - 1]) : 0;
  const isGone = (each, at) => (shared < 0 ? numberOf(each) > most && each.dataset.number : at > shared);
  const gone = held.filter(isGone);
  if (!gone.length) return gone;
  const remark = document.createElement("div"), said = document.createElement("span");
  remark.className = "remark stale";
  said.textContent = "what follows is not of the thread any more";
  remark.append(said);
  gone[0].before(remark);
  let each = remark;
  while ((each = each.nextElementSibling)) each.classList.add("stale");
  return gone;
}

export const hasStale = (turns) => stale(turns).length > 0;

/** Lets go of them once none is on screen; true if none is left. */
export function dropStale(turns) {
  const gone = stale(turns);
  const isSeen = (each) => {
    const box = each.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };
  if (gone.some(isSeen)) return false;
  for (const each of gone) each.remove();
  return true;
}
