"""What new rollouts are made of, before there is anything on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from threadlog.core import moments
from threadlog.core.items.session import HistoryBase, SessionMeta
from threadlog.core.lineage import Segment
from threadlog.fresh import new_id, now_ms
from threadlog.options import ThreadOptions, session_meta
from threadlog.states import Draft


def new_draft(
    options: ThreadOptions, home_provider: Callable[[], str | None], copied: Sequence[Segment] = ()
) -> Draft:
    """A thread that begins now; *copied* are pieces of rollouts that come after its metadata.

    Raises ValueError for options that will not do, Unencodable for what has no JSON form.
    """
    ms = now_ms()
    meta = session_meta(options, new_id(ms), ms, home_provider)
    return Draft(meta, ms, copied, ephemeral=options.ephemeral)


def revision(meta: SessionMeta, base: HistoryBase | None) -> Draft:
    """A further rollout of a stored paginated thread, which begins with *meta* as of now.

    It goes on from *base*, or begins anew, and is named by this instant (Codex: the same).
    """
    ms = now_ms()
    fresh = msgspec.structs.replace(
        meta,
        timestamp=moments.utc_text(ms),
        history_base=base,
        forked_from_ordinal_exclusive=None,
    )
    draft = Draft(fresh, ms)
    draft.asked_git = True  # that of its beginning
    draft.whole = True
    return draft
