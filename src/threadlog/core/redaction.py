"""Secrets in texts, found by rules and replaced by what tells which rule found them.

The same secret gets the same number wherever it stands, and one that was found behind its name is
replaced where it stands by itself too.  Time goes with the length of the text: literals are looked
for first, and patterns are tried where those stand.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from threadlog.core import redaction_values as values
from threadlog.core.redaction_copies import copies, plain, with_copies
from threadlog.core.redaction_literals import by_literal, distinct, is_word, long_words
from threadlog.core.redaction_named import NAME_BACK, NAME_CHARS, named, paired
from threadlog.core.redaction_rules import NEAR_CHARS, SECRETS, Rule

# Of the secrets of an export: so many have numbers, and so many are looked for where they stand
# by themselves.
NUMBERED_LIMIT = 10_000
BARE_LIMIT = 256
# Within what is longer than this, and was found to be no secret, only so much is looked at again.
LONG_CHARS = 512
# What stands between texts of a list, and how long one may be that belongs to others.
_BETWEEN, WORD_CHARS = '", "', 4096
# Where a word begins: also behind what JSON, a URL or a terminal's colours write as letters.
_EDGE = re.compile(
    r"(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u00[0-9A-Fa-f]{2})|(?<=[0-9;]m)|(?<=%[0-9A-F]{2})"
)
_COLOUR = re.compile(r"(?<=\[)[0-9;]{1,8}m|(?<=\\)[nrt]")


class Gate(NamedTuple):
    """The rules that may find something in a text, with their literals; secrets known from before.

    It tells of a text, and of every text that is a part of it.
    """

    rules: tuple[tuple[Rule, tuple[str, ...]], ...]
    bare: tuple[str, ...]


class _Span(NamedTuple):
    start: int
    end: int
    rule: Rule


class Redactor:
    """Replaces what rules find in the texts of one export.

    `counts` says how often what each rule found was replaced.
    """

    def __init__(self, rules: Sequence[Rule], allow: Sequence[re.Pattern[str]] = ()) -> None:
        self._rules = tuple(rules)
        self._allow = tuple(allow)
        self._labels: dict[object, str] = {}
        self._numbers: dict[str, int] = {}
        self._bare: dict[str, tuple[bytes, Rule]] = {}
        self._tokens = by_literal(self._rules, tokens=True)
        others = by_literal(self._rules, tokens=False)
        self._words = [each for each in others if is_word(each[0])]
        self._signs = [(raw, b"", *each[2:]) for each in others if not is_word(raw := each[0])]
        self._written: dict[str, list[bytes]] = {}
        for raw, _within, literal, _numbers in (*self._tokens, *others):
            if raw not in (known := self._written.setdefault(literal, [])):
                known.append(raw)
        self._shapes = [
            n for n, rule in enumerate(self._rules) if rule.tokens and not rule.literals
        ]
        self._free = [n for n, rule in enumerate(self._rules) if not (rule.tokens or rule.literals)]
        self._name_rule = next((rule for rule in self._rules if rule.named), None)
        names = "|".join(sorted({re.escape(rule.name) for rule in self._rules}))
        self._marks = re.compile(rf"\[redacted: (?:{names})(?: #[0-9]{{1,5}})?\]")
        self.counts: dict[str, int] = {}
        self._taken: list[str] = []

    def begin(self) -> None:
        """Count anew, knowing all secrets that were found so far."""
        self.counts.clear()
        self._taken.clear()

    def take(self) -> list[str]:
        """The labels of what was replaced since the last call, in order."""
        taken, self._taken = self._taken, []
        return taken

    def gate(self, data: bytes) -> Gate | None:
        """What a text, or JSON of texts, may hold; None if that is nothing."""
        data = with_copies(data)
        hits: dict[int, list[str]] = {number: [] for number in self._free}
        words, low = long_words(data), data.lower()
        looks = ((self._tokens, words), (self._words, distinct(low)), (self._signs, low))
        for literals, where in looks:
            seen = set()
            for raw, within, literal, numbers in literals:
                if (not within or within in seen) and raw in where:
                    seen.add(raw)
                    for number in numbers:
                        hits.setdefault(number, []).append(literal)
        said = words.decode("ascii") if self._shapes else ""
        hits |= {n: [] for n in self._shapes if self._rules[n].pattern.search(said)}
        bare = tuple(value for value, (raw, _rule) in self._bare.items() if raw in data)
        if not hits and not bare:
            return None
        return Gate(tuple((self._rules[n], tuple(hits[n])) for n in sorted(hits)), bare)

    def everything(self) -> Gate:
        """The gate of a text of which nothing is known."""
        return Gate(tuple((rule, rule.literals) for rule in self._rules), tuple(self._bare))

    def bare_gate(self, data: bytes) -> Gate | None:
        """The gate of a text in which rules find nothing: secrets that stand by themselves."""
        bare = tuple(value for value, (raw, _rule) in self._bare.items() if raw in data)
        return Gate((), bare) if bare else None

    def narrowed(self, gate: Gate, data: bytes) -> Gate | None:
        """What a part of what *gate* tells of may hold; None if that is nothing."""
        data = with_copies(data)
        words, low = b"", data.lower()
        if any(rule.tokens for rule, _literals in gate.rules):
            words = long_words(data)
        rules = []
        for rule, literals in gate.rules:
            where = words if rule.tokens else low
            hit = tuple(each for each in literals for raw in self._written[each] if raw in where)
            if hit or not literals:
                rules.append((rule, hit))
        bare = tuple(value for value in gate.bare if self._bare[value][0] in data)
        return Gate(tuple(rules), bare) if rules or bare else None

    def text(self, text: str, gate: Gate | None = None) -> str:
        """*text* without secrets; *gate* is that of all that it is a part of, if it was asked."""
        gate = gate or self.gate(text.encode("utf-8", "surrogatepass"))
        spans = self._spans(text, gate) if gate else []
        if not spans:
            return text
        pieces: list[str] = []
        at = 0
        for span in spans:
            secret = plain(text[span.start : span.end])
            pieces += (text[at : span.start], self._label(span.rule, secret))
            at = span.end
        return "".join([*pieces, text[at:]])

    def words(self, words: list[str], gate: Gate, between: str = _BETWEEN) -> list[str]:
        """Texts that stand side by side, without what is a secret where it stands behind another.

        They are looked at as a list is written, or as lines; a long one names nothing and has no
        name.
        """
        said = [each if len(each) <= WORD_CHARS else "" for each in words]
        begins = list(accumulate((len(each) + len(between) for each in said[:-1]), initial=1))
        made = list(words)
        for span in reversed(self._spans(f'"{between.join(said)}"', gate)):
            number = bisect_right(begins, span.end - 1) - 1
            while number >= 0 and begins[number] + len(said[number]) > span.start:
                word, start = made[number], max(0, span.start - begins[number])
                stop = min(span.end - begins[number], len(said[number]))
                if start < stop:
                    label = self._label(span.rule, word[start:stop])
                    made[number] = word[:start] + label + word[stop:]
                number -= 1
        return made

    def value(
        self, name: str, value: str, gate: Gate | None = None, how: str = values.QUOTED
    ) -> str:
        """The same for a text that a name belongs to: all of it is a secret, or parts are.

        *how* it stands behind that: alone, or as one of a list.
        """
        if values.is_header(name):
            said = self.text(f"{name}: {value}", gate).partition(": ")[2]
            return value if said == value else said
        rule = self._name_rule
        kind = None if rule is None or values.MARK in name else values.kind_of_name(name)
        if rule is None or kind is None or not self._allowed(rule, value):
            return self.text(value, gate)
        redacted = self.text(value, gate)
        if redacted == value and values.is_secret(kind, value, how):
            return self._label(rule, value)
        return redacted

    # -- what is a secret in it

    def _spans(self, text: str, gate: Gate) -> list[_Span]:
        """Where secrets stand in it, also those that something stands in or about."""
        found = self._seen(text, gate)
        for copy in copies(text):
            for span in self._seen(copy.text, gate):
                found.append(_Span(*copy.places(span.start, span.end), span.rule))
        return _merged(found)

    def _seen(self, text: str, gate: Gate) -> list[_Span]:
        low = _lower(text)
        found: list[_Span] = []
        for rule, literals in gate.rules:
            where = text if rule.tokens else low
            for literal in literals or ("",):
                if literal in where:
                    if not rule.beside or any(each in low for each in rule.beside):
                        found += self._found(rule, literals, text, low)
                    break
        for value in gate.bare:
            found += self._standing(value, text)
        if found and values.MARK in text:
            found = _outside([match.span() for match in self._marks.finditer(text)], found)
        return found

    def _found(self, rule: Rule, literals: tuple[str, ...], text: str, low: str) -> Iterator[_Span]:
        if rule.finder is not None:
            for start, end in rule.finder(text, low):
                if self._allowed(rule, text[start:end]):
                    yield _Span(start, end, rule)
            return
        if not rule.anchored:
            for match in rule.pattern.finditer(text):
                if span := self._judged(rule, match, low):
                    yield span
            return
        yield from self._anchored(rule, literals, text, low)

    def _anchored(
        self, rule: Rule, literals: tuple[str, ...], text: str, low: str
    ) -> Iterator[_Span]:
        """What a rule finds that is tried where its literals stand."""
        where = text if rule.tokens else low
        for literal in literals:
            at = where.find(literal)
            while at >= 0:
                end = at + len(literal)
                begin = _word_begins(text, at) if rule.inner else at
                if rule.inner or not rule.tokens or _EDGE.match(text, at):
                    found = rule.pattern.match(text, begin)
                    span = self._judged(rule, found, low) if found else None
                    if span is not None:
                        yield span
                        end = max(end, span.end)
                    elif found is not None:  # what is long and no secret is looked at once
                        end = max(end, found.end() - LONG_CHARS)
                at = where.find(literal, end)

    def _judged(self, rule: Rule, match: re.Match[str], low: str) -> _Span | None:
        """Where the secret of a match stands, if it is one."""
        if rule.named:
            start, end = (paired if rule.group else named)(match)
        else:
            start, end = match.span(rule.group)
        if start >= end or (rule.keywords and not _near(rule.keywords, low, start, end)):
            return None
        secret = match.string[start:end]
        if rule.named:
            return _Span(start, end, rule) if self._allowed(rule, secret) else None
        if rule.about == SECRETS and (
            values.is_placeholder(secret) or not (rule.tokens or values.may_be(secret))
        ):
            return None
        if rule.entropy and values.entropy(secret) < rule.entropy:
            return None
        return _Span(start, end, rule) if self._allowed(rule, secret) else None

    def _allowed(self, rule: Rule, secret: str) -> bool:
        """True if no pattern of the rule's, nor of all rules, says that it is no secret."""
        return not any(each.search(secret) for each in (*rule.allow, *self._allow))

    def _standing(self, value: str, text: str) -> Iterator[_Span]:
        """Where a secret that is known stands by itself."""
        at = text.find(value)
        while at >= 0:
            end = at + len(value)
            before, after = text[at - 1 : at], text[end : end + 1]
            if not (before.isalnum() and not _EDGE.match(text, at)) and not after.isalnum():
                yield _Span(at, end, self._bare[value][1])
            at = text.find(value, end)

    def _label(self, rule: Rule, secret: str) -> str:
        """What stands in its place."""
        key = secret if len(secret) <= 256 else (hash(secret), len(secret), secret[:64])
        label = self._labels.get(key)
        if label is None:
            label = f"{values.MARK}{rule.name}]"
            if len(self._labels) < NUMBERED_LIMIT:
                number = self._numbers[rule.name] = self._numbers.get(rule.name, 0) + 1
                label = self._labels[key] = f"{values.MARK}{rule.name} #{number}]"
        if rule.bare and not rule.tokens:
            self._learn(rule, secret)
        name = label[len(values.MARK) : -1].partition(" #")[0]
        self.counts[name] = self.counts.get(name, 0) + 1
        self._taken.append(label)
        return label

    def _learn(self, rule: Rule, secret: str) -> None:
        """Look for a secret where it stands by itself too, if nothing else can be meant there."""
        if secret in self._bare or len(self._bare) >= BARE_LIMIT:
            return
        if values.is_unusual(secret) and not set(secret) & set('"\\'):
            self._bare[secret] = secret.encode("utf-8", "surrogatepass"), rule


def _outside(marks: list[tuple[int, int]], found: list[_Span]) -> list[_Span]:
    """Those that begin in none of the marks, which are in their order."""
    ends = dict(marks)
    starts = [0, *ends]
    return [
        span
        for span in found
        if span.start >= ends.get(starts[bisect_right(starts, span.start) - 1], 0)
    ]


def _lower(text: str) -> str:
    """*text* in lower case, every character in its place."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _word_begins(text: str, at: int) -> int:
    """Where the word begins that a literal stands in, without what colours and JSON put before."""
    piece = text[max(0, at - NAME_BACK) : at]
    begin = at - len(piece) + len(piece.rstrip(NAME_CHARS))
    skipped = _COLOUR.match(text, begin)
    return skipped.end() if skipped else begin


def _near(keywords: tuple[str, ...], low: str, start: int, end: int) -> bool:
    about = low[max(0, start - NEAR_CHARS) : start] + " " + low[end : end + NEAR_CHARS]
    return any(each in about for each in keywords)


def _merged(found: list[_Span]) -> list[_Span]:
    """Spans in their order, none of which meets another; of two that do the larger one names it."""
    merged: list[_Span] = []
    for span in sorted(found, key=lambda each: each.start):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif span.end > last.end:
            larger = span if span.start == last.start else last
            merged[-1] = _Span(last.start, span.end, larger.rule)
    return merged
