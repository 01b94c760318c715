"""Thread ids as Codex reads them, and what it says of a text that is none."""

from __future__ import annotations

from uuid import UUID

_URN = "urn:uuid:"
_GROUPS = (8, 4, 4, 4, 12)


def read_id(text: str) -> str:
    """The id that a text spells, in lower case with hyphens; ValueError with Codex's sentence."""
    digits, skipped, bare = _digits(text)
    for place, letter in enumerate(digits):
        if letter not in "0123456789abcdefABCDEF-":
            before = len(digits[:place].encode(errors="replace"))
            raise ValueError(
                f"invalid character: expected an optional prefix of `{_URN}` followed by "
                f"[0-9a-fA-F-], found `{letter}` at {before + skipped + 1}"
            )
    groups = digits.split("-")
    if len(groups) == 1 and len(digits) == 32:
        return str(UUID(digits))
    if len(groups) == 1 and bare:
        raise ValueError(
            f"invalid length: expected length 32 for simple format, found {len(digits)}"
        )
    if len(groups) != 5:
        raise ValueError(f"invalid group count: expected 5, found {len(groups)}")
    for number, (group, length) in enumerate(zip(groups, _GROUPS, strict=True)):
        if len(group) != length:
            raise ValueError(
                f"invalid group length in group {number}: expected {length}, found {len(group)}"
            )
    return str(UUID(digits))


def _digits(text: str) -> tuple[str, int, bool]:
    """The part with the digits, what comes before it, and whether that is all there is."""
    if len(text) > 1 and text[0] == "{" and text[-1] == "}":
        return text[1:-1], 1, False
    if text.startswith(_URN):
        return text[len(_URN) :], len(_URN), False
    return text, 0, True
