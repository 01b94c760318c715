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
    seen: Asked = {"archived": asked.get("archived", False), "sort": asked.get("sort", "created")}
    told = []
    others = home.count(archived=not seen["archived"])
    if others:
        told.append(f"{others:,} {'active' if seen['archived'] else 'archived (--archived)'}")
    left = home.count(**seen)
    for name, which, option in _FILTERS:
        if asked.get(name):
            seen[name] = asked[name]  # type: ignore[literal-required]
            now = home.count(**seen)
            if now < left:
                told.append(f"{left - now:,} {which} ({option})")
            left = now
    return f"not shown: {', '.join(told)}" if told else None
