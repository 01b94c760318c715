"""Turns on the screen, with a cursor that goes by lines: for the preview and for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip

from threadlog.ui import cells
from threadlog.ui.blocks import Block
from threadlog.ui.cursor_view import CursorView
from threadlog.ui.layout import Layout, Words

if TYPE_CHECKING:
    from threadlog.core.turn import Turn

# So near an end of what is here, more is asked for.
_NEAR = 30


class TurnView(CursorView):
    """Blocks of turns, or a sentence where there are none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "use", show=False),
        Binding("x", "fold_all", show=False),
        Binding("J,right_square_bracket", "turn(1)", show=False),
        Binding("K,left_square_bracket", "turn(-1)", show=False),
    ]

    class NearStart(Message):
        """The first lines are on screen, or soon."""

    class NearEnd(Message):
        """The last lines are."""

    class UnfoldedSome(Message):
        """Not all texts could be unfolded at once."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._laid_out = Layout()
        self._blocks: dict[str, tuple[Turn, list[Block]]] = {}
        self._head: list[Block] = []
        self._heading = 1  # which way one went last
        self.words = Words("")

    # -- what is shown

    def show_turns(
        self, turns: Sequence[Turn], head: Sequence[str] = (), *, follow: bool = False
    ) -> None:
        """Show these turns; those that were shown before stay where they are on screen.

        Who stands on the last line stays there with *follow*: what is added is followed.
        """
        from threadlog.ui.telling import blocks_of

        top = self._place(self.scroll_offset.y)
        at_end = self._cursor >= len(self._laid_out.lines) - 1
        cursor = self._place(self._cursor)
        before, self._blocks = self._blocks, {}
        for turn in turns:
            known = before.get(turn.id)
            self._blocks[turn.id] = known if known and known[0] == turn else (turn, blocks_of(turn))
        self._head = [
            Block("", number, line, cells.DIM if number > 1 else cells.BOLD)
            for number, line in enumerate(head, start=1)
        ]
        self._lay()
        self._cursor = self._line_of(cursor, self._cursor)
        if follow and at_end and before:
            self._cursor = len(self._laid_out.lines) - 1
            self.scroll_to(y=self.max_scroll_y, animate=False)
        else:
            self.scroll_to(y=self._line_of(top, self.scroll_offset.y), animate=False)

    def _lay(self) -> None:
        blocks = [*self._head]
        for _turn, each in self._blocks.values():
            blocks += each
        self._laid_out.lay(blocks, self._width)
        self._laid()

    def _laid(self) -> None:
        self.virtual_size = Size(self._width, len(self._laid_out.lines))
        self._cursor = max(0, min(self._cursor, len(self._laid_out.lines) - 1))
        self.refresh()

    @property
    def _width(self) -> int:
        return max(self.scrollable_content_region.width, 20)

    def _place(self, line: int) -> tuple[tuple[str, int], int] | None:
        """A line as its block, and how many lines below that one's first."""
        lines = self._laid_out.lines
        if not 0 <= line < len(lines):
            return None
        number = lines[line].block
        first = line
        while first > 0 and lines[first - 1].block == number:
            first -= 1
        return self._laid_out.blocks[number].key, line - first

    def _line_of(self, place: tuple[tuple[str, int], int] | None, otherwise: int) -> int:
        if place is None:
            return otherwise
        for line, each in enumerate(self._laid_out.lines):
            if self._laid_out.blocks[each.block].key == place[0]:
                return line + place[1]
        return otherwise

    def on_resize(self) -> None:
        """Lines of another width."""
        top, cursor = self._place(self.scroll_offset.y), self._place(self._cursor)
        self._lay()
        self._cursor = min(self._line_of(cursor, 0), max(len(self._laid_out.lines) - 1, 0))
        self.scroll_to(y=self._line_of(top, 0), animate=False)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        lines = self._laid_out.lines
        if number >= len(lines):
            return Strip.blank(width)
        line = lines[number]
        segments = [Segment(line.text, line.style)]
        if self.words:
            segments = cells.marked(line.text, self.words.marks(line.text), line.style)
        strip = Strip(segments).adjust_cell_length(width).crop(0, width)
        if number == self._cursor and self.has_focus:
            strip = strip.apply_style(cells.CURSOR)
        return strip

    # -- where one is

    @property
    def turn_id(self) -> str | None:
        """The turn that the cursor is in."""
        lines = self._laid_out.lines
        if not lines:
            return None
        return self._laid_out.blocks[lines[self._cursor].block].turn_id or None

    def move_to(self, place: int) -> None:
        """Put the cursor on that line, or the nearest that there is."""
        self._stand_on(place)
        self.bring_into_view(self._cursor, self._cursor + 1)
        self._ask_for_more()

    def _move_to_top(self, line: int) -> None:
        """The same, and have it near the top of the screen."""
        self._stand_on(line)
        self.scroll_to(y=max(self._cursor - 1, 0), animate=False)
        self._ask_for_more()

    def _stand_on(self, line: int) -> None:
        if line != self._cursor:
            self._heading = 1 if line > self._cursor else -1
        self._cursor = max(0, min(line, len(self._laid_out.lines) - 1))
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel and the bar ask for more, too."""
        super().watch_scroll_y(old_value, new_value)
        if new_value != old_value:
            self._ask_for_more()

    def _ask_for_more(self) -> None:
        """Only on the side that one goes to: what comes there may push out what is on the other."""
        shown, height = self.scroll_offset.y, self.scrollable_content_region.height
        if self._heading < 0 and shown < _NEAR:
            self.post_message(self.NearStart())
        if self._heading > 0 and shown + height > len(self._laid_out.lines) - _NEAR:
            self.post_message(self.NearEnd())

    @on(events.MouseScrollUp)
    @on(ScrollUp)
    def _went_up(self) -> None:
        self._heading = -1

    @on(events.MouseScrollDown)
    @on(ScrollDown)
    def _went_down(self) -> None:
        self._heading = 1

    @on(ScrollTo)
    def _dragged(self, event: ScrollTo) -> None:
        if event.y is not None and event.y != self.scroll_offset.y:
            self._heading = 1 if event.y > self.scroll_offset.y else -1

    def turns_on_screen(self) -> set[str]:
        """The ids of the turns that are seen."""
        top = self.scroll_offset.y
        lines = self._laid_out.lines[top : top + self.scrollable_content_region.height]
        return {self._laid_out.blocks[line.block].turn_id for line in lines}

    def go_to_turn(self, turn_id: str) -> None:
        """Put the cursor at the beginning of a turn, if it is here."""
        for line in self._laid_out.heads():
            if self._laid_out.blocks[self._laid_out.lines[line].block].turn_id == turn_id:
                self._move_to_top(line)
                return

    def go_to_start(self) -> None:
        """The first turn."""
        self._move_to_top(next(iter(self._laid_out.heads()), 0))
        self._heading = 1
        self.call_after_refresh(self._ask_for_more)

    def go_to_end(self) -> None:
        """The last line."""
        self.move_to(len(self._laid_out.lines) - 1)
        self.scroll_to(y=self.max_scroll_y, animate=False)
        self.expect_above()

    def expect_above(self) -> None:
        """What comes before is what one will want next."""
        self._heading = -1
        self.call_after_refresh(self._ask_for_more)

    def find(self, step: int, *, from_turn: str | None = None) -> bool:
        """Go to the next line that has what is looked for, unfolding what hides it."""
        lines, layout = self._laid_out.lines, self._laid_out
        if not self.words or not lines:
            return False
        here = self._cursor
        if from_turn is not None:
            self.go_to_turn(from_turn)
            here = self._cursor - 1
        at = lines[max(here, 0)].block
        numbers = range(at, len(layout.blocks)) if step > 0 else range(at, -1, -1)
        for number in numbers:
            if (line := self._line_in(number, here, step)) is not None:
                (self.move_to if self._on_screen(line) else self._move_to_top)(line)
                return True
        return False

    def _line_in(self, number: int, here: int, step: int) -> int | None:
        block = self._laid_out.blocks[number]
        if not self.words.are_in(block):
            return None
        if block.key in self._laid_out.foldable and not self._laid_out.is_open(block.key):
            self._laid_out.toggle(block.key, self._width)
            self._laid()
        of_block = [n for n, line in enumerate(self._laid_out.lines) if line.block == number]
        found = [n for n in of_block if self.words.marks(self._laid_out.lines[n].text)] or of_block
        beyond = [n for n in found if (n > here if step > 0 else n < here)]
        return (beyond[0] if step > 0 else beyond[-1]) if beyond else None

    def _on_screen(self, line: int) -> bool:
        top = self.scroll_offset.y
        return top <= line < top + self.scrollable_content_region.height

    # -- keys and the mouse

    def action_page(self, pages: int) -> None:
        """A screenful up or down."""
        step = max(self.scrollable_content_region.height - 1, 1) * pages
        self.scroll_to(y=self.scroll_offset.y + step, animate=False)
        self.move_to(self._cursor + step)

    def action_use(self) -> None:
        """Fold or unfold what the cursor is in."""
        if not self._laid_out.lines:
            return
        number = self._laid_out.lines[self._cursor].block
        if self._laid_out.toggle(self._laid_out.blocks[number].key, self._width):
            self._laid()
            if self._cursor >= len(self._laid_out.lines) or (
                self._laid_out.lines[self._cursor].block != number
            ):
                self._cursor = self._laid_out.first_line(number)
            self.move_to(self._cursor)

    def action_fold_all(self) -> None:
        """Unfold everything, as far as that can be held, or fold it."""
        lines = self._laid_out.lines
        if not lines:
            return
        place = self._place(self._cursor)
        if not self._laid_out.toggle_all(self._width, lines[self._cursor].block):
            self.post_message(self.UnfoldedSome())
        self._laid()
        self.move_to(self._line_of(place, self._cursor))

    def action_turn(self, step: int) -> None:
        """The next turn, or the one before."""
        heads = self._laid_out.heads()
        beyond = [n for n in heads if (n > self._cursor if step > 0 else n < self._cursor)]
        if beyond:
            self._move_to_top(beyond[0] if step > 0 else beyond[-1])
        else:
            self.move_to(len(self._laid_out.lines) - 1 if step > 0 else 0)

    def place_at(self, line: int) -> int | None:
        """The line itself, if there is one."""
        return line if line < len(self._laid_out.lines) else None
