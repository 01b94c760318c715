"""Which threads a query means: the filters, one by one, as plain functions of a summary.

The index asks the same of its columns; a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Collection, Container

from threadlog.core import moments
from threadlog.core.query import ThreadQuery, ThreadSummary


def matches(summary: ThreadSummary, wanted: ThreadQuery, folders: Container[str | None]) -> bool:
    """True if a query means this thread; *folders* are the `cwd` values that its `cwd` means.

    Texts are compared as `comparable` has them.
    """
    return (
        (wanted.archived is None or summary.archived == wanted.archived)
        and (wanted.cwd is None or comparable(summary.cwd) in folders)
        and (wanted.sources is None or is_source(summary.source, wanted.sources))
        and (wanted.providers is None or _is_provider(summary.model_provider, wanted))
        and (wanted.text is None or searched(wanted.text) in searched(words(summary)))
        and (wanted.branch is None or _same(summary.git_branch, wanted.branch))
        and (wanted.repository is None or _is_repository(summary.git_url, wanted.repository))
        and (wanted.parent is None or _same(summary.parent_thread_id, wanted.parent))
        and (wanted.forked_from is None or _same(summary.forked_from_id, wanted.forked_from))
        and not (wanted.codex and summary.codex_hides)
        and _in_time(summary, wanted)
    )


def needs_content(wanted: ThreadQuery) -> bool:
    """True if a filter looks at more than where a rollout lies."""
    plain = ThreadQuery(wanted.limit, wanted.cursor, wanted.sort, wanted.ascending, wanted.archived)
    return wanted._replace(default_provider=None) != plain


def is_source(source: str, labels: Collection[str]) -> bool:
    """True for a label named, and for `kind:detail` where `kind` is named."""
    label = comparable(source) or ""
    named = [comparable(each) or "" for each in labels]
    return any(label == each or label.startswith(f"{each}:") for each in named)


def words(summary: ThreadSummary) -> str:
    """The text that a text filter looks through: name and first message (or goal)."""
    return f"{summary.name or ''}\n{summary.preview}"


def comparable(text: str | None) -> str | None:
    """A text as it is compared: what is no character (half a surrogate pair, NUL) is U+FFFD."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    )


def searched(text: str) -> str:
    """A text as it is looked for: without regard to case."""
    return (comparable(text) or "").casefold()


def repository_key(url: str) -> str:
    """A repository however its address is spelt: `host/owner/name`, in lower case."""
    key = (comparable(url) or "").strip().lower().removesuffix("/").removesuffix(".git")
    _scheme, sep, rest = key.partition("://")
    key = rest if sep else key
    at = key.find("@")
    if 0 <= at < len(key.partition("/")[0]):
        key = key[at + 1 :]
    return key if sep else key.replace(":", "/", 1)


def _is_repository(url: str | None, wanted: str) -> bool:
    """True for the same repository; `owner/name` and `name` name it too."""
    if not url:
        return False
    key, end = repository_key(url), repository_key(wanted)
    return key == end or key.endswith("/" + end)


def _is_provider(provider: str | None, wanted: ThreadQuery) -> bool:
    """Codex: a thread that names no provider is of the configured one."""
    named = [comparable(each) for each in wanted.providers or ()]
    return comparable(wanted.default_provider if provider is None else provider) in named


def _same(text: str | None, wanted: str) -> bool:
    return comparable(text) == comparable(wanted)


def _in_time(summary: ThreadSummary, wanted: ThreadQuery) -> bool:
    if wanted.since_ms is None and wanted.until_ms is None:
        return True
    at_ms = moments.unix_ms(getattr(summary, wanted.sort)) or 0
    return (wanted.since_ms is None or at_ms >= wanted.since_ms) and (
        wanted.until_ms is None or at_ms < wanted.until_ms
    )
