"""The list: draws the rows on screen and no others, and asks for those that are not here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Protocol

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from threadlog.core.query import ThreadSummary
from threadlog.ui import cells, rows
from threadlog.ui.cursor_view import CursorView

if TYPE_CHECKING:
    from threadlog.core.search import SearchHit

    Shown = ThreadSummary | SearchHit


class Rows(Protocol):
    """What stands in a list."""

    row_lines: int

    def __len__(self) -> int: ...
    def at(self, row: int) -> Shown | None:
        """What stands in a row, None while it is not here."""


class ListView(CursorView):
    """Rows with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home,g", "first", show=False),
        Binding("end,G", "last", show=False),
        Binding("enter", "use", show=False),
    ]

    class Moved(Message):
        """The cursor stands elsewhere, or on something else."""

    class Opened(Message):
        """What stands at the cursor is to be read."""

    class Wanted(Message):
        """Rows from this one on are on screen, and not here."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: Rows | None = None
        self._wanted: int | None = None
        self.sort = "created"

    def show_rows(self, rows_: Rows, cursor: int = 0) -> None:
        """Show these instead."""
        self._rows = rows_
        self._cursor = cursor
        self.rows_changed()
        self._show_cursor()
        self.post_message(self.Moved())

    def rows_changed(self) -> None:
        """There are more of them now, or others."""
        self._wanted = None
        if self._rows is None:
            return
        self._cursor = max(0, min(self._cursor, len(self._rows) - 1))
        height = len(self._rows) * self._rows.row_lines
        self.virtual_size = Size(self.scrollable_content_region.width, height)
        self.refresh()

    @property
    def cursor(self) -> int:
        """The row of the cursor."""
        return self._cursor

    @property
    def current(self) -> Shown | None:
        """What stands at the cursor."""
        return self._rows.at(self._cursor) if self._rows is not None else None

    def move_to(self, place: int) -> None:
        """Put the cursor on that row, or the nearest that there is."""
        if self._rows is None or not len(self._rows):
            return
        row = max(0, min(place, len(self._rows) - 1))
        if row != self._cursor:
            self._cursor = row
            self.refresh()
            self.post_message(self.Moved())
        self._show_cursor()

    def _show_cursor(self) -> None:
        if self._rows is not None:
            top = self._cursor * self._rows.row_lines
            self.bring_into_view(top, top + self._rows.row_lines)

    def on_resize(self) -> None:
        """As wide as there is room."""
        self.rows_changed()
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        style = self.visual_style.rich_style if hasattr(self, "visual_style") else self.rich_style
        if self._rows is None:
            return Strip.blank(width, style)
        row, line = divmod(y + self.scroll_offset.y, self._rows.row_lines)
        if row >= len(self._rows):
            return Strip.blank(width, style)
        strip = Strip(self._row(row, width)[line]).adjust_cell_length(width).crop(0, width)
        if row == self._cursor:
            strip = strip.apply_style(cells.CURSOR if self.has_focus else cells.BOLD)
        return strip

    def _row(self, row: int, width: int) -> list[list[Segment]]:
        assert self._rows is not None
        shown = self._rows.at(row)
        if shown is None:
            if self._wanted != row:
                self._wanted = row
                self.post_message(self.Wanted(row))
            return [[Segment("        …", cells.DIM)], [Segment("")]]
        now_ms = int(time.time() * 1000)
        if isinstance(shown, ThreadSummary):
            return [rows.thread_row(shown, width, self.sort, now_ms)]
        return rows.hit_rows(shown, width, now_ms)

    def place_at(self, line: int) -> int | None:
        """The row that is drawn in a line."""
        row = line // self._rows.row_lines if self._rows is not None else 0
        return row if row < len(self._rows or ()) else None

    def action_page(self, pages: int) -> None:
        """A screenful up or down."""
        lines = self._rows.row_lines if self._rows is not None else 1
        self.move_to(self._cursor + pages * max(self.size.height // lines - 1, 1))

    def action_first(self) -> None:
        """The first row."""
        self.move_to(0)

    def action_last(self) -> None:
        """The last row."""
        self.move_to(len(self._rows or ()) - 1)

    def action_use(self) -> None:
        """Have it read."""
        if self.current is not None:
            self.post_message(self.Opened())
