"""A draft becomes a rollout: its metadata with the git information of this moment, and copies."""

from __future__ import annotations

import msgspec

from threadlog.backlog import Channel
from threadlog.core import entry
from threadlog.core.entry import Entry
from threadlog.core.items.session import GitInfo
from threadlog.core.lineage import Copied
from threadlog.core.metadata import PAGINATED
from threadlog.ports import Journal
from threadlog.states import Draft, Live


def make_rollout(journal: Journal, channel: Channel, draft: Draft) -> Live:
    """Make it, and have the channel go on from there; raises what `Journal.create` raises."""
    if not draft.asked_git:
        found = journal.git_info(draft.meta.cwd) or GitInfo()
        said = msgspec.structs.replace(found, **draft.git)
        git = None if said == GitInfo() else said
        draft.meta = msgspec.structs.replace(draft.meta, git=git)
        draft.asked_git = True
    base = draft.meta.history_base
    ordinal = None
    if draft.meta.history_mode == PAGINATED:
        ordinal = base.end_ordinal_exclusive if base else 0
    begun: list[Entry] = [(draft.ms, 0, draft.meta)]
    copied = None
    if draft.whole:
        copied = Copied(entry.encode(begun, ordinal).data, draft.copied)
    live = Live(journal.create(channel.path, channel.thread_id, copied), ordinal)
    if copied and ordinal is not None:
        live.ordinal = ordinal + 1
    live.synced = False
    channel.pending = [] if copied else begun
    channel.written = 0 if copied else -1
    return live
