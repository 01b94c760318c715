"""The pages: what stands around threads; filled by the server at first, by scripts from then on."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from threadlog.core.query import CREATED, RECENCY, UPDATED, ThreadSummary
from threadlog.core.search import FIELDS
from threadlog.html import head as heads
from threadlog.html.looks import Look
from threadlog.html.markup import NOTHING, Html, document, joined, tag
from threadlog.telling import local_time
from threadlog.web.asked import SOURCES, TEXT_CHARS, Choice
from threadlog.web.assets import Assets
from threadlog.web.stretches import Stretch

_SORTS = (
    (CREATED, "newest first"),
    (UPDATED, "last changed first"),
    (RECENCY, "last asked first"),
)
_SHELVES = (("", "not archived"), ("only", "archived only"), ("all", "archived too"))
_TITLE_CHARS = 200
_EMPTY = (
    "has no threads, or all are archived. "
    "To see those of another folder: threadlog --home DIR serve"
)
_KEYS = (
    ("j, k", "the next and the previous thread or turn"),
    ("g, G", "the first and the last; of a list, the last that is loaded"),
    ("Enter", "open the thread"),
    ("/", "search"),
    ("o", "the outline of the thread"),
    ("t", "light or dark"),
    ("?", "these keys"),
    ("Esc", "close, clear, back to the list"),
)


class Listed(NamedTuple):
    """The first rows of the list, where the next begin, and what could not be listed."""

    rows: Html
    cursor: str | None
    problems: Html


class Frame(NamedTuple):
    """What every page of this server has."""

    assets: Assets
    write_key: str

    def page(self, title: str, body: Html, *scripts: str) -> Html:
        """A whole page."""
        asset = self.assets.url
        head = [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="threadlog-key", content=self.write_key),
            tag("title", f"{title} · threadlog" if title else "threadlog"),
            tag("link", rel="stylesheet", href=asset("thread.css")),
            tag("link", rel="stylesheet", href=asset("web.css")),
            tag("script", src=asset("theme.js")),
            *(tag("script", src=asset(name), type="module") for name in scripts),
        ]
        return document(head, body, lang="en")

    def list_page(self, home: str, choice: Choice, listed: Listed) -> Html:
        """The list of threads of the folder *home*."""
        rows = tag(
            "ol",
            listed.rows,
            id="rows",
            class_="rows",
            data_next=listed.cursor or "",
            aria_label="Threads",
        )
        status = tag(
            "p",
            id="status",
            class_="status",
            role="status",
            aria_live="polite",
            data_empty=f"{home} {_EMPTY}",
        )
        main = tag(
            "main",
            tag("h1", "Threads", class_="unseen"),
            _filters(choice),
            tag("div", listed.problems, id="problems"),
            _part("named", "Threads", tag("ol", id="titles", class_="rows")),
            tag("h2", "Said in threads", id="said", class_="part", hidden=True),
            tag("div", id="above", class_="spacer"),
            rows,
            tag("div", id="below", class_="spacer"),
            status,
            id="main",
            tabindex=-1,
        )
        body = tag("body", _skip(), _bar(_search(choice.text)), main, _help(), class_="list")
        return self.page("", body, "list.js")

    def thread_page(self, thread: ThreadSummary, stretch: Stretch, name: str) -> Html:
        """One thread."""
        look = Look(moment=local_time, thread_url=lambda other: f"/thread/{other}")
        turns = tag(
            "div",
            stretch.html or tag("p", "This thread has no turns yet.", class_="note"),
            id="turns",
            data_thread=name,
            data_before=str(stretch.before).lower(),
            data_after=str(stretch.after).lower(),
        )
        main = tag(
            "main",
            heads.head(thread, look),
            _deeds(thread),
            tag("div", id="top", class_="edge"),
            turns,
            tag("div", id="bottom", class_="edge"),
            tag("p", id="status", class_="status", role="status", aria_live="polite"),
            id="main",
            tabindex=-1,
        )
        aside = tag(
            "nav",
            tag("header", tag("h2", "Turns"), _button("×", "hide-outline", "close")),
            tag("ol", id="outline"),
            id="aside",
            aria_label="Turns",
        )
        columns = tag("div", aside, main, class_="columns")
        title = heads.title_of(thread)[:_TITLE_CHARS]
        named = tag("span", title, class_="bar-title", aria_hidden="true")
        search = joined([named, _search("", within=thread.id or "")])
        ends = tag("button", "Newest ↓", id="newest", type="button", hidden=True)
        dialogs = joined([_help(), _rename(thread), _archive(thread), _kin(), _raw()])
        body = tag("body", _skip(), _bar(search), columns, ends, dialogs, class_="reading")
        return self.page(title, body, "thread.js")

    def error_page(self, said: str, thread: str | None = None) -> Html:
        """Why there is nothing to be shown, and where there is: in *thread*, if that is told."""
        whole = (
            tag("p", tag("a", "the thread", href=f"/thread/{quote(thread)}")) if thread else NOTHING
        )
        back = tag("p", tag("a", "all threads", href="/"))
        said_why = tag("p", said)
        main = tag("main", tag("h1", "Not shown"), said_why, whole, back, id="main", tabindex=-1)
        body = tag("body", _skip(), _bar(NOTHING), main, _help(), class_="list failed")
        return self.page("Not shown", body, "error.js")


def _skip() -> Html:
    return tag("a", "to the content", href="#main", class_="skip")


def _bar(middle: Html) -> Html:
    home = tag("a", "threadlog", href="/", class_="brand")
    theme = _button("◐", "theme", "light or dark")
    keys = _button("?", "keys", "keys")
    return tag("header", home, middle, theme, keys, class_="bar")


def _button(said: str, id_: str, name: str) -> Html:
    return tag("button", said, id=id_, type="button", aria_label=name, title=name, class_="round")


def _search(text: str, within: str = "") -> Html:
    what = "Search this thread" if within else "Search all threads"
    field = tag(
        "input",
        type="search",
        name="q",
        id="search",
        value=text,
        placeholder=what,
        aria_label=what,
        autocomplete="off",
        spellcheck="false",
        maxlength=TEXT_CHARS,
        data_within=within,
        data_fields=" ".join(FIELDS),
    )
    return tag("form", field, id="searching", role="search")


def _filters(choice: Choice) -> Html:
    known = (*SOURCES, *({choice.source} - {"", *SOURCES}))
    sources = (("", "any source"), *((each, each) for each in known))
    folder = tag(
        "input",
        id="cwd",
        name="cwd",
        value=choice.cwd,
        placeholder="any directory",
        aria_label="only threads of this directory",
        autocomplete="off",
        spellcheck="false",
        maxlength=TEXT_CHARS,
    )
    return tag(
        "form",
        _select("archived", "which threads", _SHELVES, choice.archived),
        _select("source", "source", sources, choice.source),
        _select("sort", "order", _SORTS, choice.sort),
        folder,
        id="filters",
        aria_label="Filters",
        class_="filters",
    )


def _select(name: str, label: str, options: tuple[tuple[str, str], ...], chosen: str) -> Html:
    entries = [
        tag("option", said, value=value, selected=value == chosen) for value, said in options
    ]
    return tag("select", *entries, name=name, id=name, aria_label=label)


def _part(id_: str, title: str, inner: Html) -> Html:
    """A part of what a search found, until it is there not to be seen."""
    head = tag("h2", title, id=f"{id_}-title", class_="part")
    return tag("section", head, inner, id=id_, aria_labelledby=f"{id_}-title", hidden=True)


def _deeds(thread: ThreadSummary) -> Html:
    """What can be done with the thread."""
    named = "Unarchive" if thread.archived else "Archive"
    return tag(
        "div",
        tag("button", "Turns", id="show-outline", type="button"),
        tag("button", "Lineage", id="show-kin", type="button"),
        tag("button", "Rename", id="show-rename", type="button"),
        tag("button", named, id="show-archive", type="button"),
        tag("button", "First turn", id="oldest", type="button"),
        class_="deeds",
    )


def _dialog(id_: str, title: str, *inner: Html) -> Html:
    close = tag("button", "×", type="button", class_="round close", aria_label="close")
    head = tag("header", tag("h2", title, id=f"{id_}-title"), close)
    return tag("dialog", head, *inner, id=id_, aria_labelledby=f"{id_}-title")


def _help() -> Html:
    listed = [tag("div", tag("dt", keys), tag("dd", said)) for keys, said in _KEYS]
    return _dialog("help", "Keys", tag("dl", *listed, class_="keys"))


def _rename(thread: ThreadSummary) -> Html:
    field = tag(
        "input",
        id="name",
        value=thread.name or "",
        maxlength=1000,
        autocomplete="off",
        placeholder=heads.title_of(thread)[:_TITLE_CHARS],
    )
    said = tag("p", class_="note", role="status", id="rename-said")
    form = tag("form", tag("label", "Its new name", field), said, _choice("Rename"))
    return _dialog("rename", "Rename this thread", form)


def _archive(thread: ThreadSummary) -> Html:
    named = "Unarchive" if thread.archived else "Archive"
    said = tag("p", class_="note", role="status", id="archive-said")
    form = tag("form", said, _choice(named), data_verb=named.lower())
    return _dialog("archive", f"{named} this thread", form)


def _choice(does: str) -> Html:
    """The buttons that end a question."""
    cancel = tag("button", "Cancel", type="button", class_="close")
    return tag("div", cancel, tag("button", does, type="submit"), class_="choice")


def _kin() -> Html:
    return _dialog("kin", "Lineage", tag("div", id="kin-shown", aria_live="polite"))


def _raw() -> Html:
    plain = tag("button", "as it stands", id="raw-plain", type="button")
    more = tag("button", "more lines", id="raw-more", type="button")
    return _dialog("raw", "Lines of the rollout", plain, tag("div", id="raw-shown"), more)
