"""Literals of rules: which of them a text, or JSON of texts, may hold, at the least cost."""

from __future__ import annotations

import json
from functools import lru_cache

from threadlog.core.redaction_rules import Rule

Literal = tuple[bytes, bytes, str, list[int]]
_LONG_WORD = 15
_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:~$"
_CLASSES = bytes(97 if byte in _WORD else 32 for byte in range(256))
_RUN = b"a" * _LONG_WORD
# What is no part of a word that a literal can be of.
_PARTS = bytes(byte if byte in _WORD + b"/=" or byte > 127 else 32 for byte in range(256))


@lru_cache(maxsize=8)
def by_literal(rules: tuple[Rule, ...], *, tokens: bool) -> tuple[Literal, ...]:
    """How each literal of rules may be written, the literal, and which rules it is of.

    Of one that holds another, which comes before it, that is told too: a text without that needs
    no look.
    """
    found: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        for literal in rule.literals if rule.tokens == tokens else ():
            found.setdefault(literal, []).append(number)
    written = [(raw, each) for each in found for raw in _written(each, tokens=tokens)]
    written.sort(key=lambda each: (len(each[0]), each))
    made: list[Literal] = []
    for raw, each in written:
        within = next((known for known, *_ in made if known in raw and known != raw), b"")
        made.append((raw, within, each, found[each]))
    return tuple(made)


def _written(literal: str, *, tokens: bool) -> list[bytes]:
    """How a literal may stand in a text, or in JSON of it, of which ASCII is in lower case."""
    said = [literal]
    if not (tokens or literal.isascii()):
        said = sorted({literal, literal.upper(), literal.capitalize()})
    inner = [json.dumps(each, ensure_ascii=False)[1:-1] for each in said]
    raw = dict.fromkeys(each.encode() for each in (*said, *inner))
    return list(raw if tokens else dict.fromkeys(each.lower() for each in raw))


def is_word(raw: bytes) -> bool:
    """True for a literal that stands in one word as `distinct` tells words."""
    return b" " not in raw and raw.translate(_PARTS) == raw


def distinct(low: bytes) -> bytes:
    """The words of a text, each once, which is much less to look through for many literals."""
    return b" ".join(set(low.translate(_PARTS).split()))


def long_words(data: bytes) -> bytes:
    """The words of a text that are long enough to be tokens, and nothing else of it."""
    runs = data.translate(_CLASSES)
    words, at = [], runs.find(_RUN)
    while at >= 0:
        end = runs.find(b" ", at + _LONG_WORD)
        end = end if end >= 0 else len(runs)
        words.append(data[at:end])
        at = runs.find(_RUN, end)
    return b" ".join(words)
