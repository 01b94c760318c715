"""Words out of texts: what the word index holds, and what is asked of it.

A word is a run of letters and digits, without regard to case and to accents; each character of a
script that writes no spaces between words is one.  `snake_case` and paths are so found by their
parts; `CamelCase` is one word, and its parts are kept beside the text.

All is done a character at a time, so that the words of a piece of a text are pieces of its words:
`--exact` narrows by that.
"""

from __future__ import annotations

import re
import unicodedata

# Longer identifiers, and those of more parts, are no names that people made.
_CAMEL_CHARS, _CAMEL_PARTS = 64, 8
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile("[0-9a-z\x80-\U0010ffff]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Kinds of characters: small and capital letters, digits, others.
_KINDS = (
    bytes(
        ord("l" if each.islower() else "U" if each.isupper() else "d" if each.isdigit() else ".")
        for each in map(chr, range(128))
    )
    + b"." * 128
)
_HUMPS = (b"lU", b"UUl", b"dUl")
# Scripts without spaces between words: Thai to Myanmar, Khmer, kana, Han, Hangul.
_SPACELESS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3040, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class _Plain(dict[int, str]):
    """What stands for a character beyond ASCII, made when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain(chr(code))
        return plain


def _plain(char: str) -> str:
    if _is_spaceless(char):
        return f" {char} " if unicodedata.category(char)[0] in "LN" else _mark_or_space(char)
    base = unicodedata.normalize("NFKD", char.casefold())
    kept = [each for each in base if unicodedata.category(each)[0] in "LN"]
    parted = (f" {each} " if _is_spaceless(each) else each.casefold() for each in kept)
    return "".join(parted) or _mark_or_space(char)


def _is_spaceless(char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in _SPACELESS)


def _mark_or_space(char: str) -> str:
    """Accents of their own, and what joins letters, part no words."""
    return "" if unicodedata.category(char) in ("Mn", "Me", "Cf") else " "


_PLAIN = _Plain()


def plain(text: str) -> str:
    """*text* in lower case and without accents, its words parted by what is ASCII and no letter."""
    if text.isascii():
        return text.lower()
    return _NOT_ASCII.sub(lambda run: run[0].translate(_PLAIN), text).lower()


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    return _WORD.findall(plain(text))


def parts(text: str) -> list[str]:
    """The parts of the CamelCase names in a text, in order."""
    kinds = text.encode("ascii", "replace").translate(_KINDS)
    places: list[int] = []
    for hump in _HUMPS:
        place = kinds.find(hump)
        while place >= 0:
            places.append(place)
            place = kinds.find(b".", place)  # one is enough to tell a name
            place = kinds.find(hump, place) if place >= 0 else -1
    found: list[str] = []
    end = 0
    for place in sorted(places):
        if place < end:
            continue
        start, end = kinds.rfind(b".", 0, place) + 1, kinds.find(b".", place)
        end = end if end >= 0 else len(kinds)
        if end - start <= _CAMEL_CHARS:
            found += [each.lower() for each in _PART.findall(text[start:end])[:_CAMEL_PARTS]]
    return found


def is_of_word(char: str) -> bool:
    """True for a character of a text made `plain` that belongs to a word."""
    return _WORD.match(char) is not None
