"""What a look at a rollout tells: whether it is another than before, or has grown."""

from __future__ import annotations

from typing import NamedTuple


class Glance(NamedTuple):
    """A rollout as the file system tells it; two that are equal are of a file nobody touched.

    `folder_ns` is when its folder changed last, in unix nanoseconds: then files came or went.
    """

    identity: tuple[int, ...]
    folder_ns: int
