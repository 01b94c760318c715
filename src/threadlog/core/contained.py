"""Markdown that others wrote, so that it stays in its place: no HTML, no image, nothing left open.

Nor does it name links, which would hold for the whole document.

Code keeps its letters only where every reader of Markdown sees code: in fences that begin a line,
and between backticks that are closed on their line.  Elsewhere `<` and `![` are written as
entities, which code shows as they are: that looks odd, and opens nothing.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
_PIECE = re.compile(
    r"\\[\\`<!]|(?<!`)(?P<ticks>`+)(?!`)(?P<code>.*?)(?<!`)(?P=ticks)(?!`)|(?P<open>`+)"
    r"|<https?://[^\s<>`]*>|<|!\["
)
# What could name a link for the whole document: a label at the beginning of a line, but for marks
# of quotes and lists, with a colon behind it, or that goes on on the next line.
_LABEL = re.compile(r"^((?:[\s>*+-]|\d{1,9}[.)])*+)\[(?=(?:[^\[\]\\]|\\.)*+(?:\]:|\\?$))")
_ENTITIES = re.compile(r"<(?!https?://[^\s<>`]*>)|!(?=\[)")
_ENTITY = {"<": "&lt;", "!": "&#33;"}


def contained(text: str) -> str:
    """*text*, of which nothing swallows, ends or loads what stands around it.

    A fence that does not begin its line may stand in a list, which ends it: it is closed where a
    line begins further left, so that it is clear what the next fence does.
    """
    fence = indent = ""
    ticked = False  # a backtick is open in this paragraph
    made = []
    for line in text.split("\n"):
        if indent and line.strip() and not line.startswith(indent):
            made.append(indent + fence)
            fence = indent = ""
        mark = _FENCE.fullmatch(line)
        if fence:
            made.append(_escaped(line) if indent else line)
            if mark and _closes(mark, fence):
                fence = indent = ""
        elif mark and _opens(mark):
            indent, fence = mark[1], mark[2]
            made.append(_escaped(line))
        else:
            words = _LABEL.sub(r"\1\\[", line)
            shown, left_open = _line(words)
            ticked = (ticked and bool(line.strip())) or left_open
            made.append(_escaped(words) if ticked else shown)
    return "\n".join([*made, indent + fence] if fence else made)


def _line(line: str) -> tuple[str, bool]:
    """A line whose code is code, and True if a backtick in it is left open."""
    left_open = False

    def piece(match: re.Match[str]) -> str:
        nonlocal left_open
        found = match[0]
        left_open = left_open or match["open"] is not None
        if found[0] == "\\" or (match["code"] is not None and "|" not in found):
            return found
        return _escaped(found)

    return _PIECE.sub(piece, line), left_open


def _escaped(text: str) -> str:
    return _ENTITIES.sub(lambda match: _ENTITY[match[0]], text)


def _opens(mark: re.Match[str]) -> bool:
    return mark[2][0] == "~" or "`" not in mark[3]


def _closes(mark: re.Match[str], fence: str) -> bool:
    is_long = mark[2][0] == fence[0] and len(mark[2]) >= len(fence)
    return is_long and not mark[3].strip(" \t")
