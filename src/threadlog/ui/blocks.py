"""A turn in pieces: a head each, and a text that can be folded away."""

from __future__ import annotations

from typing import NamedTuple

from rich.style import Style

from threadlog.ui import cells

# Lines of a folded text that are shown: of what a tool answered, of what was thought, of the rest.
OUTPUT_LINES, REASONING_LINES, TEXT_LINES = 6, 3, 400
# What is shown of an unfolded text; `threadlog show --full` has the rest.
SHOWN_CHARS = 1 << 18


class Block(NamedTuple):
    """A piece of a turn: `lines` of its text are shown while it is folded."""

    turn_id: str
    number: int  # in its turn
    head: str
    style: Style
    text: str = ""
    text_style: Style = cells.PLAIN
    lines: int = TEXT_LINES

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from other blocks of its thread."""
        return self.turn_id, self.number


def is_head(block: Block) -> bool:
    """True for the first block of a turn."""
    return block.number == 0
