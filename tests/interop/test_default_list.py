"""Which threads Codex's own list leaves out: as it does, and as we say that it does."""

from __future__ import annotations

from pathlib import Path

from interop.codex_answers import opened
from interop.codex_process import PROVIDER, AppServer, CodexHome
from interop.listed_rollouts import OLDER, put_all
from threadlog.core.metadata import PREVIEW_LIMIT_CHARS

# Of these Codex shows another beginning: context as if the user wrote it, and what needs its
# database to be known.
OTHER_BEGINNINGS = {
    "context of a kind",
    "a fork by reference",
    "a fork by reference in a legacy thread",
}


def _codex_previews(codex: AppServer, *, archived: bool) -> dict[str, str]:
    """What Codex lists by default, by path as it is on disk."""
    rows = []
    cursor: dict[str, str] = {}
    while True:
        page = codex.call("thread/list", archived=archived, limit=50, **cursor)
        rows += page["data"]
        if not page["nextCursor"]:
            break
        cursor = {"cursor": page["nextCursor"]}
    paths = [Path(row["path"]) for row in rows]
    found = [path if path.exists() else path.with_name(path.name + ".zst") for path in paths]
    return {str(path): row["preview"] for path, row in zip(found, rows, strict=True)}


def test_what_we_say_of_codexs_list_is_what_it_lists(newest: Path, codex_home: CodexHome) -> None:
    names = put_all(codex_home.path)
    ours = opened(codex_home)
    # Asked before Codex, which compresses and repairs what it finds.
    threads = {thread.path: thread for thread in ours.threads(limit=None, archived=None)}
    default = {thread.path for thread in ours.threads(limit=None, archived=None, codex=True)}
    with AppServer(newest, codex_home) as codex:
        theirs = _codex_previews(codex, archived=False) | _codex_previews(codex, archived=True)
    listed = {names[path]: path in theirs for path in threads}
    said = {
        names[path]: thread.codex_hides is None and thread.model_provider in (None, PROVIDER)
        for path, thread in threads.items()
    }
    assert said == listed
    assert {names[path] for path in theirs} - {OLDER} == {names[path] for path in default}
    assert sum(listed.values()) > 60
    assert len(listed) - sum(listed.values()) > 40
    for path in default:
        if names[path] not in OTHER_BEGINNINGS:
            preview = theirs[path][:PREVIEW_LIMIT_CHARS]
            assert threads[path].preview == preview, names[path]
