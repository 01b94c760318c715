"""The sheet that a transcript is written on: wrapped, coloured and folded where somebody looks.

Where nobody does, or without colours, lines are written as they are.  Every word passes
`text.printable` here before it is coloured, whatever it is of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from threadlog.cli.terminal import BOLD, DIM, YELLOW, Style
from threadlog.cli.wrapping import Span, painted, wrapped
from threadlog.core import text

# Prose in longer lines is hard to read; code, tables and outputs take all there is.
PROSE_COLUMNS = 100
# Lines of a tool's output, and of a change of a file, that are shown; the rest is counted.
FOLDED_LINES, FOLDED_DIFF_LINES = 12, 40
FOLDED_CHARS = 4000
HELD_LINES = 256
# A longer line is written in pieces.
PIECE_CHARS = 1 << 20
INDENT = "  "
_NARROWEST = 20


class Sheet:
    """Writes to *out*; *full* shows what is folded otherwise."""

    def __init__(self, out: TextIO, style: Style, *, full: bool = False) -> None:
        self._out = out
        self.style = style
        self.full = full
        self._held: list[str] = []
        self._gap = True  # no blank line is wanted where nothing stands yet
        # 0: as long as they are.
        self.columns = max(style.columns, _NARROWEST) if style.colour and style.columns else 0
        self.prose_columns = min(self.columns, PROSE_COLUMNS)

    def gap(self) -> None:
        """A blank line, if the line before is none."""
        if not self._gap:
            self.write("")

    def line(self, words: str, *codes: str) -> None:
        """One line of one colour."""
        self.spans([(words, codes)])

    def spans(self, spans: Iterable[Span], *, indent: str = "", hang: str | None = None) -> None:
        """One line of several colours; where it has to be broken, *hang* begins its next lines."""
        hang = indent + INDENT if hang is None else hang
        safe = [(self._expanded(text.one_line_kept(words)), codes) for words, codes in spans]
        columns = self.columns - max(len(indent), len(hang)) if self.columns else 0
        for number, line in enumerate(wrapped(safe, columns)):
            self.write((hang if number else indent) + painted(line, self.style))

    def rule(self, words: str) -> None:
        """A line across the sheet, with words in it."""
        line = f"── {self._expanded(text.one_line_kept(words))} "
        missing = self.prose_columns - text.width(line)
        if self.columns and missing < 0:
            self.spans([(line, (DIM,))], hang="")
        else:
            self.write(self.style.paint((line + "─" * missing).rstrip(" "), DIM))

    def heading(self, who: str, colour: str) -> None:
        """Who is speaking."""
        self.line(who, BOLD, colour)

    def prose(self, words: str, *codes: str) -> None:
        """Words as they were written, indented; long lines are broken at spaces."""
        lines = text.printable(words).strip("\n").split("\n")
        if not self.columns:
            for line in lines:
                self.write(f"{INDENT}{self.style.paint(line, *codes)}".rstrip())
            return
        for line in lines:
            line = self._expanded(line.rstrip())  # noqa: PLW2901
            lead = line[: len(line) - len(line.lstrip(" "))][: self.columns // 2]
            columns = self.prose_columns - len(INDENT + lead)
            for piece in wrapped([(line[len(lead) :], codes)], columns):
                self.write(f"{INDENT}{lead}{painted(piece, self.style)}".rstrip(" "))

    def output(self, words: str) -> None:
        """What a tool said, folded."""
        if words.strip():
            lines = words.strip("\r\n").split("\n")
            self.folded(((line, (DIM,)) for line in lines), len(lines), FOLDED_LINES)

    def folded(self, lines: Iterable[Span], count: int, limit: int) -> None:
        """So many lines, of which no more than *limit* rows are shown, unless all are wanted."""
        rows, room, shown = limit, FOLDED_CHARS, 0
        for words, codes in lines:
            cut = not self.full and len(words) > room
            pieces = self._rows(words[: room - 1] + text.ELLIPSIS if cut else words)
            if not self.full:
                pieces = pieces[:rows]
                rows, room = rows - len(pieces), room - sum(map(len, pieces))
            for piece in pieces:
                self.write((INDENT + self.style.paint(piece, *codes)).rstrip(" "))
            shown += 1
            if rows <= 0 or room <= 0:
                break
        if shown < count:
            self.write(INDENT + self.style.paint(f"… {count - shown} more lines", DIM))

    def note(self, sentence: str) -> None:
        """A remark of ours."""
        self.gap()
        self.line(f"({sentence})", YELLOW)

    def write(self, line: str) -> None:
        """A line that is ready: made printable, coloured, and short enough."""
        self._gap = not line
        if len(line) > PIECE_CHARS:  # not held, and not copied as a whole
            self.pass_on()
            for at in range(0, len(line), PIECE_CHARS):
                self._out.write(line[at : at + PIECE_CHARS])
            line = ""
        self._held.append(line)
        if len(self._held) >= HELD_LINES:
            self.pass_on()

    def pass_on(self) -> None:
        """Write what is held to where it goes: line by line that takes long."""
        if self._held:
            self._out.write("\n".join(self._held) + "\n")
            self._held.clear()

    def flush(self) -> None:
        """Have it seen."""
        self.pass_on()
        self._out.flush()

    def _rows(self, line: str) -> list[str]:
        line = self._expanded(text.printable(line.removesuffix("\r")))
        columns = self.columns - len(INDENT)
        return text.chop(line, columns) or [""] if self.columns else [line]

    def _expanded(self, line: str) -> str:
        return line.expandtabs() if self.columns and "\t" in line else line
