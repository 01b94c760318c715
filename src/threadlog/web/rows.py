"""Threads and hits as rows of a list, the tree of a thread: one line each, escaped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from threadlog.core.moments import age, unix_ms
from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit
from threadlog.core.text import count_text, one_line, with_tilde
from threadlog.core.tree import Branch, Tree
from threadlog.home import Home
from threadlog.html.head import title_of
from threadlog.html.markup import Html, joined, tag, words
from threadlog.telling import local_time
from threadlog.web.places import name_of

# Characters of a title, and of any other text of a row; threads of a tree.
TITLE_CHARS, FACT_CHARS, TREE_THREADS = 200, 100, 300


def thread_rows(home: Home, threads: Iterable[ThreadSummary], sort: str) -> Html:
    """Threads, a row each."""
    return joined(_thread_row(home, each, sort) for each in threads)


def _thread_row(home: Home, thread: ThreadSummary, sort: str) -> Html:
    title = title_of(thread)[:TITLE_CHARS]
    moment = getattr(thread, sort)
    shown = tag("a", title, href=f"/thread/{name_of(home, thread)}", class_="title")
    when = tag("time", age_of(moment), title=_full(moment), class_="when")
    top = tag("div", shown, when, class_="top")
    return tag("li", top, tag("div", *_facts(thread), class_="about"), class_="row")


def _facts(thread: ThreadSummary) -> Iterator[Html]:
    if thread.cwd:
        folder = with_tilde(thread.cwd, os.path.expanduser("~"))
        yield tag(
            "button",
            _short(folder),
            type="button",
            class_="cwd",
            title=f"only threads of {thread.cwd}"[:1000],
            data_cwd=thread.cwd,
        )
    for name, value in (("branch", thread.git_branch), ("model", thread.model)):
        if value:
            yield tag("span", _short(value), class_=name)
    size = f"{count_text(thread.size_bytes)}B"
    turns = f"{thread.turns} turn{'s' * (thread.turns > 1)}, " if thread.turns else ""
    yield tag("span", f"{turns}{size}", class_="size")
    for badge in _badges(thread):
        yield tag("span", badge, class_="badge")


def _badges(thread: ThreadSummary) -> Iterator[str]:
    if thread.problem is not None:
        yield "damaged"
    if thread.archived:
        yield "archived"
    if thread.parent_thread_id is not None or thread.source.startswith("subagent"):
        yield "subagent"
    elif thread.source:
        yield _short(thread.source)
    if thread.forked_from_id is not None:
        yield "fork"


def hit_rows(home: Home, hits: Iterable[SearchHit]) -> Html:
    """What was found, a row each."""
    return joined(_hit_row(home, each) for each in hits)


def _hit_row(home: Home, hit: SearchHit) -> Html:
    base = f"/thread/{name_of(home, hit.thread)}"
    place = {"turn": hit.turn, "in": os.path.basename(hit.path), "byte": hit.offset}
    url = f"{base}/found?{urlencode(place, errors='replace')}" if hit.turn else base
    who = hit.role if not hit.tool else f"{hit.role}, {_short(hit.tool)}"
    title = title_of(hit.thread)[:TITLE_CHARS]
    top = tag("div", tag("a", title, href=url, class_="title"), _when(hit.at), class_="top")
    excerpt = joined(_marked(hit.excerpt, hit.marks))
    about = tag("div", tag("span", who, class_="badge"), tag("span", excerpt), class_="about")
    return tag("li", top, about, class_="row hit")


def _marked(excerpt: str, marks: Iterable[tuple[int, int]]) -> Iterator[str]:
    at = 0
    for start, end in marks:
        if at <= start < end <= len(excerpt):
            yield excerpt[at:start]
            yield tag("mark", excerpt[start:end])
            at = end
    yield excerpt[at:]


def tree(home: Home, tree: Tree) -> Html:
    """A thread among those that it comes from and that come from it."""
    left = [TREE_THREADS]
    return joined(tag("ul", _branch(home, root, left), class_="tree") for root in tree.roots)


def _branch(home: Home, branch: Branch, left: list[int]) -> Html:
    left[0] -= 1
    relation = "" if branch.relation == "root" else branch.relation
    kind = tag("span", relation, class_="badge") if relation else None
    children = [_branch(home, each, left) for each in branch.children if left[0] > 0]
    below = tag("ul", *children) if children else None
    hidden = len(branch.children) - len(children)
    more = tag("p", f"{hidden} more", class_="note") if hidden > 0 else None
    return tag("li", tag("span", _shown(home, branch), " ", kind), below, more)


def _shown(home: Home, branch: Branch) -> Html:
    if branch.thread is None:
        return tag("span", _short(branch.id or "a thread"), " (not there any more)", class_="gone")
    title = title_of(branch.thread)[:FACT_CHARS]
    if branch.asked:
        return tag("strong", title, aria_current="page")
    return tag("a", title, href=f"/thread/{name_of(home, branch.thread)}")


def age_of(moment: str) -> str:
    """How long ago that was."""
    at = unix_ms(moment)
    return "-" if at is None else age(max(int(time.time()) - at // 1000, 0))


def _when(moment: str) -> Html:
    return tag("time", age_of(moment), title=_full(moment), class_="when")


def _full(moment: str) -> str:
    at = unix_ms(moment)
    return "" if at is None else local_time(at // 1000)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= FACT_CHARS else f"{line[:FACT_CHARS]}…"


def sentences(problems: Iterable[str]) -> Html:
    """What could not be listed or looked through."""
    return joined(tag("p", words(each[:1000]), class_="note") for each in list(problems)[:5])
