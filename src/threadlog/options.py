"""What a new thread is begun with, and the metadata that its rollout begins with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypedDict

import msgspec

from threadlog import __version__
from threadlog.core import entry, ids, moments
from threadlog.core.items.session import HistoryBase, SessionMeta
from threadlog.core.lines import Json
from threadlog.core.metadata import LEGACY, PAGINATED
from threadlog.core.visibility import DEFAULT_PROVIDER


class ThreadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Who and where a new thread is; what its session metadata will say.

    `cwd` is made absolute.  `source` and `originator` say which program it belongs to; Codex
    lists threads of the sources `cli` and `vscode` by default.  `model_provider` None means
    the one that the home's Codex has configured, else `openai`: Codex resumes no thread whose
    provider it does not know.  `history_mode` is `legacy`, which every Codex reads, or
    `paginated`, which only Codex 0.169 and newer do.  `thread_id`, `rollout_id` and
    `history_base` are for rollouts that go on from another: a revert, or a fork by reference.
    An `ephemeral` thread stays in memory, whatever is asked of it.
    """

    cwd: str
    source: Json = "cli"
    originator: str = "threadlog"
    model_provider: str | None = None
    history_mode: str = LEGACY
    base_instructions: str | None = None
    dynamic_tools: tuple[Json, ...] = ()
    forked_from_id: str | None = None
    forked_from_ordinal_exclusive: int | None = None
    parent_thread_id: str | None = None
    thread_source: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    agent_path: str | None = None
    memory_mode: str | None = None
    thread_id: str | None = None
    rollout_id: str | None = None
    history_base: HistoryBase | None = None
    ephemeral: bool = False


class ThreadKeywords(TypedDict, total=False):
    """The fields of `ThreadOptions` but `cwd`, as keywords of `Home.start`."""

    source: Json
    originator: str
    model_provider: str | None
    history_mode: str
    base_instructions: str | None
    dynamic_tools: tuple[Json, ...]
    forked_from_id: str | None
    forked_from_ordinal_exclusive: int | None
    parent_thread_id: str | None
    thread_source: str | None
    agent_nickname: str | None
    agent_role: str | None
    agent_path: str | None
    memory_mode: str | None
    thread_id: str | None
    rollout_id: str | None
    history_base: HistoryBase | None
    ephemeral: bool


class ForkKeywords(ThreadKeywords, total=False):
    """What `Home.fork` takes: where to cut, and what is other than with the parent."""

    through: str | None
    before: str | None
    message: int | None
    cwd: str | os.PathLike[str] | None


def session_meta(
    options: ThreadOptions, new_id: str, ms: int, home_provider: Callable[[], str | None]
) -> SessionMeta:
    """The metadata of a thread that begins at *ms* (unix milliseconds); shares nothing with them.

    Raises ValueError for options that will not do, Unencodable for what has no JSON form.
    """
    if options.history_mode not in (LEGACY, PAGINATED):
        raise ValueError(
            f"no history mode {options.history_mode!r}: use {LEGACY!r} or {PAGINATED!r}"
        )
    for name in ("thread_id", "rollout_id"):  # parts of a file's name
        value = getattr(options, name)
        if value is not None and not (isinstance(value, str) and ids.is_thread_id(value)):
            raise ValueError(f"{name} is no UUID in lower case: give one, or leave it out")
    if not isinstance(options.source, str | dict):
        raise ValueError("source is neither a text, like `cli`, nor a mapping as Codex has it")
    if not isinstance(options.base_instructions, str | None):
        raise ValueError("base_instructions is no text")
    meta = _session_meta(options, new_id, ms, home_provider)
    entry.weigh_encoded(meta)
    try:
        return msgspec.convert(msgspec.to_builtins(meta), SessionMeta)
    except msgspec.ValidationError as error:
        raise ValueError(f"no thread can begin like this: {error}") from None


def _session_meta(
    options: ThreadOptions, new_id: str, ms: int, home_provider: Callable[[], str | None]
) -> SessionMeta:
    thread_id = options.thread_id or new_id
    instructions = options.base_instructions
    forked = options.forked_from_id is not None
    return SessionMeta(
        id=thread_id,
        session_id=thread_id,
        timestamp=moments.utc_text(ms),
        cwd=os.fsencode(os.path.abspath(options.cwd)).decode(errors="replace"),
        originator=options.originator,
        cli_version=__version__,
        source=options.source,
        model_provider=options.model_provider or home_provider() or DEFAULT_PROVIDER,
        base_instructions=None if instructions is None else {"text": instructions},
        dynamic_tools=options.dynamic_tools or None,
        history_mode=options.history_mode,
        forked_from_id=options.forked_from_id,
        forked_from_ordinal_exclusive=options.forked_from_ordinal_exclusive if forked else None,
        parent_thread_id=options.parent_thread_id,
        thread_source=options.thread_source,
        agent_nickname=options.agent_nickname,
        agent_role=options.agent_role,
        agent_path=options.agent_path,
        memory_mode=options.memory_mode,
        history_base=options.history_base,
    )
