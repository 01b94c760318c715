"""The head of a thread: what it is called, where and when it was, whom it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from threadlog.core import moments
from threadlog.core.query import ThreadSummary
from threadlog.core.text import count_text, one_line
from threadlog.html.looks import Look
from threadlog.html.markup import Html, joined, tag


def title_of(thread: ThreadSummary) -> str:
    """What a thread is called, or why it is not, on one line."""
    said = one_line(thread.title)
    return said or (f"({one_line(thread.problem)})" if thread.problem else "(no message yet)")


def head(thread: ThreadSummary, look: Look, kin: Mapping[str, str] | None = None) -> Html:
    """The head; *kin* has the titles of threads that it comes from, by id."""
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in _facts(thread, look)]
    return tag(
        "header",
        tag("h1", title_of(thread)),
        tag("dl", *facts, class_="facts"),
        *_kin(thread, look, kin or {}),
        class_="thread-head",
    )


def moment(text: str, look: Look) -> Html | None:
    """A moment as a summary has it, as words that a page may put into its reader's time."""
    at = moments.unix_ms(text)
    if at is None:
        return None
    return tag("time", look.moment(at // 1000), datetime=text, data_unix=at // 1000)


def _facts(thread: ThreadSummary, look: Look) -> Iterator[tuple[str, Html]]:
    plain = {
        "directory": thread.cwd,
        "branch": thread.git_branch,
        "model": thread.model,
        "source": thread.source,
        "version": thread.cli_version,
    }
    yield "id", tag("code", thread.id or "(none)")
    for name, at in (("began", thread.created), ("changed", thread.updated)):
        if (told := moment(at, look)) is not None:
            yield name, told
    for name, value in plain.items():
        if value:
            yield name, joined([one_line(value)])
    for name, count in (("turns", thread.turns), ("tokens", thread.tokens)):
        if count:
            yield name, joined([count_text(count)])
    yield "size", joined([f"{count_text(thread.size_bytes)}B"])
    if thread.archived:
        yield "state", joined(["archived"])


def _kin(thread: ThreadSummary, look: Look, kin: Mapping[str, str]) -> Iterator[Html]:
    if thread.forked_from_id:
        yield _comes_from("Forked from ", thread.forked_from_id, look, kin)
    if thread.parent_thread_id and thread.parent_thread_id != thread.forked_from_id:
        names = [one_line(each) for each in (thread.agent_nickname, thread.agent_role) if each]
        who = " ".join(["Subagent", *(f"({name})" for name in names), "of "])
        yield _comes_from(who, thread.parent_thread_id, look, kin)


def _comes_from(how: str, thread_id: str, look: Look, kin: Mapping[str, str]) -> Html:
    said = one_line(kin.get(thread_id, "")) or thread_id
    url = look.thread_url(thread_id) if look.thread_url else None
    return tag("p", how, tag("a", said, href=url) if url else tag("code", said), class_="kin")
