"""Values behind their names: which name one has, where it ends, whether it is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from threadlog.core import redaction_values as values

NAME_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
NAME_BACK = 48
_VALUES = ("a", "b", "c", "d", "f", "e", "g")
_BARE = ("e", "g")  # of these those without quotation marks
# More of a value without quotation marks; where so much of one stands before a name, and it has
# a long value too, all of it is one long word that names nothing.
_MORE = re.compile(r"""[^\s"'`<>\\,;&|(){}\[\]\x1b]{0,8192}+""")
_LONG_CHARS, _AMID_CHARS = 256, 512
_LINE_LEADS = frozenset(["", "export", "set", "env"])
_LINE_ENDS = re.compile(r"[ \t]*(?:$|[\r\n]|\\n|#)")
_BEFORE_CHARS = 64


# In an environment a value goes on to the end of its line or of its quotation marks.
_REST = re.compile(r"""[^\s"'`\\\x1b]{0,400}+""")
_NEXT = re.compile(r"[;&|,]\w+=|[;&|]+\Z|[(\[{][^()]*[)\]}]|\|\||&&")
_ADDRESS = re.compile(r"arn:\S*\Z")
_PAINTED_NAME = re.compile(r"[0-9]{1,3}m(?=[A-Za-z_])")
# A word that stands before `key` with a space between.
_SPACED_NAME = re.compile(r"[a-zA-Z]{3,20}(?= \Z)")


def _named_by(left: str, rest: str, text: str, begun: int) -> str:
    """The name that a value has, also one of two words."""
    if not left and rest.lower().startswith("key") and text[max(0, begun - 1) : begun] == " ":
        word = _SPACED_NAME.search(text, max(0, begun - 21), begun)
        if word is not None and values.is_secret_key(word[0]):
            return f"api_{rest.lower()}"
    return left + rest


def _whole(text: str, start: int, end: int) -> int:
    """Where a value of an environment ends that may hold signs as `;` and `(`."""
    rest = _REST.match(text, end)
    if rest is None or not rest[0] or _NEXT.search(text[start : rest.end()]):
        return end
    return rest.end()


def named(match: re.Match[str]) -> tuple[int, int]:
    """Where the value stands that a name has, if it is a secret; else nowhere."""
    nowhere = (0, 0)
    text, begun = match.string, match.start()
    piece = text[max(0, begun - NAME_BACK) : begun]
    left = piece[len(piece.rstrip(NAME_CHARS)) :]
    name_at = begun - len(left)
    before = text[max(0, name_at - 1) : name_at]
    if before == "\\" and left[:1] in ("n", "r", "t"):
        left, name_at = left[1:], name_at + 1
    if before in ("[", ";") and (painted := _PAINTED_NAME.match(left)):
        left, name_at = left[painted.end() :], name_at + painted.end()
    kind = values.kind_of_name(_named_by(left, match["rest"], text, begun))
    if kind is None or (before == ":" and _belongs(text, name_at)):
        return nowhere
    group = next(each for each in _VALUES if match[each] is not None)
    how = _how(match, group, left, before)
    start, end = match.span(group)
    if how is None or not _may_be(group, text[start:end]):
        return nowhere
    ends = False
    env = (left + match["rest"]).strip("-.").isupper() or before in (";", "?", "&")
    if group in _BARE:
        end = _unquoted(text, start, end)
        begins = _begins_line(text, name_at) or before in ('"', "'")
        if env and begins and match["sets"] == "=":
            end = _whole(text, start, end)
        ends = begins and _LINE_ENDS.match(text, end) is not None
        end -= len(text[start:end]) - len(text[start:end].rstrip(".,:;"))
        how = values.TIGHT if env and match["tells"] and begins else how
    if not values.is_secret(kind, text[start:end], how, env=env and how == values.TIGHT, ends=ends):
        return nowhere
    return start, end


def _belongs(text: str, at: int) -> bool:
    """True for a name behind a colon that is a part of another one."""
    return text.startswith("::", at - 2) or _ADDRESS.search(text, max(0, at - 80), at) is not None


def _may_be(group: str, value: str) -> bool:
    """A first look, which is sharper at a value that begins with a bracket."""
    return values.may_be(value) and (group != "g" or values.is_opened(value))


def _unquoted(text: str, start: int, end: int) -> int:
    """Where all of a value ends whose first characters end at *end*; nothing of a long word."""
    if end - start < _LONG_CHARS:
        # What `->` stands behind is a variable of Perl's or PHP's.
        return start if text.startswith("->", end - 1) else end
    if start >= _AMID_CHARS and _MORE.fullmatch(text, start - _AMID_CHARS, start):
        return start
    return _MORE.match(text, end).end()  # type: ignore[union-attr]


def _begins_line(text: str, at: int) -> bool:
    """True if a line begins here, or behind `export`; also one behind an escape of JSON's."""
    piece = text[max(0, at - _BEFORE_CHARS) : at]
    line = piece[max(piece.rfind("\n"), piece.rfind("\\n") + 1, piece.rfind("\r")) + 1 :]
    whole = len(piece) == at or len(line) < len(piece)
    return whole and line.strip(" \t+-") in _LINE_LEADS


def _defines(match: re.Match[str], left: str, before: str) -> bool:
    """True for a name that a value stands behind without a sign: a macro's, or `:name` of Lisp."""
    name_at = match.start() - len(left)
    return before == ":" or match.string.endswith("#define ", 0, name_at)


def _how(match: re.Match[str], group: str, left: str, before: str) -> str | None:
    """How a value stands behind its name; None if it does not belong to it."""
    if match["said"]:
        if left + match["rest"] == "pass":
            return None
        return values.QUOTED if group not in _BARE and "." not in match["rest"] else values.SAID
    if match["flag"] and left.startswith("-"):
        return values.TIGHT if group in _BARE else values.QUOTED
    if match["flag"] or match["defined"]:
        return values.QUOTED if group not in _BARE and _defines(match, left, before) else None
    if match["xml"]:
        closed = (
            before == "<" and group in _BARE and match.string.startswith("</", match.end(group))
        )
        return values.TIGHT if closed else None
    if group not in _BARE:
        return values.LISTED if match["tells"] and "," in match["tells"] else values.QUOTED
    if match["after"] and not (match["sets"] == "=" and (left + match["rest"]).isupper()):
        return None
    sets = match["sets"]
    return values.TIGHT if sets and sets == sets.strip() and not match["type"] else values.SPACED


def paired(match: re.Match[str]) -> tuple[int, int]:
    """The same for a value that stands apart from its name, as in a table or a list of pairs."""
    name = match["name"].rpartition("/")[2]
    if name.lower() == "key":
        name = _named_by("", name, match.string, match.start("name"))
    kind = values.kind_of_name(name)
    group = next(each for each in ("quoted", "single", "bare") if match.groupdict().get(each))
    value = match[group]
    listed = match.groupdict().get("listed")
    how = values.TIGHT if group == "bare" else values.QUOTED
    if kind is None or not values.may_be(value):
        return 0, 0
    if listed and not values.is_random(value, 8):
        return 0, 0
    return match.span(group) if values.is_secret(kind, value, how, env=True) else (0, 0)


MANY = ("passwords", "secrets", "tokens", "keys")
# A name of many secrets with all of them, in brackets or as a list of YAML's; each of these.
_MANY = re.compile(
    r"""(?x)(?:\\{0,7}["'])?\s{0,4}(?:=>|[:=])\s{0,4}
    (?:[\[{](?P<within>(?:\$\{\w{0,60}\}|[^\]}]){1,2000}+)
    |(?P<lines>(?:[ \t]{0,12}-[ \t]{1,3}[^\r\n\\]{1,200}+(?:\r?\n|\\n|\Z)){1,50}))"""
)
_EACH = re.compile(
    r"""\\{0,7}(["'])(?P<quoted>[^"'\\\s]{3,400}+)\\{0,7}\1(?!\s{0,3}(?::|=>))"""
    r"""|(?<=-[ ])(?P<bare>[^\s"'\[\]{},:\\]{6,200}+)(?=\s|\\n|\Z)"""
)


def many(text: str, low: str) -> Iterator[tuple[int, int]]:
    """Where the secrets stand that one name has together."""
    for word in MANY:
        at = low.find(word)
        while at >= 0:
            end = at + len(word)
            if match := _MANY.match(text, end):
                yield from _each(text, at, word, match)
            at = low.find(word, end)


def _each(text: str, at: int, word: str, match: re.Match[str]) -> Iterator[tuple[int, int]]:
    piece = text[max(0, at - NAME_BACK) : at]
    kind = values.kind_of_name(piece[len(piece.rstrip(NAME_CHARS)) :] + word)
    if kind is None:
        return
    for each in _EACH.finditer(text, *match.span(match.lastgroup or 0)):
        value = each[each.lastgroup or 0]
        if values.may_be(value) and values.is_secret(kind, value, values.LISTED):
            yield each.span(each.lastgroup or 0)
