"""Thread ids: canonical UUID text, what a listing displays of it, and how a reference is read.

Owns the text rules.  Only lower-case 8-4-4-4-12 text counts as an id; nothing else (braces, `urn:`,
missing hyphens) is ever taken for one, so no id can spell a path.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SUFFIX_MIN_DIGITS = 6
PREFIX_MIN_CHARS = 13
SHORT_DIGITS = 8
RANDOM_BITS = 74  # of a UUIDv7

# Compiled when first used: a listing needs none of them.
_CANONICAL = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PIECE = r"[0-9a-f-]+"


def is_thread_id(text: str) -> bool:
    """True for canonical UUID text of any version."""
    return re.fullmatch(_CANONICAL, text) is not None


def short_id(thread_id: str) -> str:
    """What listings display: the last digits, since the beginnings of UUIDv7 ids collide."""
    return thread_id[-SHORT_DIGITS:]


class Reference(NamedTuple):
    """A user's word for a thread, sorted into the ways it may be meant."""

    text: str
    kind: str  # "id", "last", "path" or "text"
    suffix: bool = False  # may be the end of an id
    prefix: bool = False  # may be the beginning of an id


def read_reference(text: str) -> Reference:
    """Sort *text* into a full id, `last`, a path, or free text (piece of an id, or a name)."""
    if is_thread_id(text):
        return Reference(text, "id")
    if text == "last":
        return Reference(text, "last")
    if "/" in text or text.endswith((".jsonl", ".jsonl.zst")):
        return Reference(text, "path")
    piece = re.fullmatch(_PIECE, text) is not None
    digits = len(text.replace("-", ""))
    return Reference(
        text,
        "text",
        suffix=piece and digits >= SUFFIX_MIN_DIGITS,
        prefix=piece and len(text) >= PREFIX_MIN_CHARS,
    )


def fits(reference: Reference, thread_id: str) -> bool:
    """True if *reference* is a piece of *thread_id* that is long enough to be meant as one."""
    return (reference.suffix and thread_id.endswith(reference.text)) or (
        reference.prefix and thread_id.startswith(reference.text)
    )


def uuid7(unix_ms: int, random_bits: int) -> str:
    """The UUIDv7 text of an instant and RANDOM_BITS (both given: core has no clock)."""
    value = (unix_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= ((random_bits >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & ((1 << 62) - 1)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
