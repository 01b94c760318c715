"""What a listing leaves out, in a line: how many threads, and by which filter."""

from __future__ import annotations

from threadlog.asking import Asked
from threadlog.home import Home

# In this order a thread that several filters leave out is counted.
_FILTERS = (
    ("cwd", "of other directories", "--cwd"),
    ("sources", "of other sources", "--source"),
    ("providers", "of other providers", "--provider"),
    ("branch", "of other branches", "--branch"),
    ("repository", "of other repositories", "--repository"),
    ("parent", "of other parents", "--parent"),
    ("since", "older", "--since"),
    ("until", "newer", "--until"),
    ("text", "without the text", "--text"),
    ("codex", "that Codex does not list", "--codex; threadlog why ID says why"),
)


def hidden(home: Home, asked: Asked) -> str | None:
    """The line; None if nothing is left out."""
    basic: Asked = {"archived": asked.get("archived", False), "sort": asked.get("sort", "created")}
    others: Asked = {"archived": not basic["archived"]}
    asking, filters = [others, basic], [each for each in _FILTERS if asked.get(each[0])]
    for name, _which, _option in filters:  # each in addition to those before it
        asking.append({**asking[-1], name: asked[name]})  # type: ignore[misc]
    counted = home.store.catalog.counts([home.query(each) for each in asking])
    told = []
    if counted[0]:
        which = "active" if basic["archived"] else "archived (--archived)"
        told.append(f"{counted[0]:,} {which}")
    for (_name, which, option), before, left in zip(
        filters, counted[1:], counted[2:], strict=False
    ):
        if left < before:
            told.append(f"{before - left:,} {which} ({option})")
    return f"not shown: {', '.join(told)}" if told else None
