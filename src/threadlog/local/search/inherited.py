"""What threads build on by reference, searched with them: others' rollouts, up to a place."""

from __future__ import annotations

import os

from threadlog.core import quick
from threadlog.core.search import Inherited
from threadlog.errors import Unreadable
from threadlog.local.files import open_rollout
from threadlog.local.heads import read_head
from threadlog.local.scan import below, found_at
from threadlog.local.search.scanning import Unread
from threadlog.local.search.sources import stem_of


def stem(part: Inherited) -> bytes:
    """What its rollout is called in the word index."""
    return stem_of(found_at(part.path, archived=False))


def to_be_read(home: str, part: Inherited) -> Unread:
    """The part as a rollout to be read for a search; raises Unreadable."""
    with open_rollout(part.path) as rollout:
        head = read_head(rollout, quick.parse)
    if head is None:
        raise Unreadable(part.path)
    return Unread(
        key=part.key,
        stem=os.fsdecode(stem(part)),
        full_path=part.path,
        path=os.fsencode(below(home, part.path)),
        head=head,
        cut=part.end,
    )
