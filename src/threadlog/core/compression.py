"""What compressing the rollouts of a home is asked for, and what came of each: values only."""

from __future__ import annotations

from typing import NamedTuple

COMPRESSED = "compressed"
WOULD_COMPRESS = "would compress"
SKIPPED = "skipped"
FAILED = "failed"

DAY_S = 86_400


class ColdQuery(NamedTuple):
    """Which rollouts to compress: those that did not change for so long; None = both kinds.

    With *dry_run* it is only told what would be done.
    """

    older_than_s: float
    archived: bool | None = None
    dry_run: bool = False


class Compression(NamedTuple):
    """What came of one rollout.

    `path` is where it lay.  `status` is COMPRESSED, WOULD_COMPRESS, SKIPPED or FAILED, and `reason`
    says why it is as it was.  `before_bytes` is its size on disk then, `after_bytes` its size now;
    for WOULD_COMPRESS that is an estimate, by samples.
    """

    thread_id: str | None
    path: str
    status: str
    reason: str | None
    before_bytes: int
    after_bytes: int
