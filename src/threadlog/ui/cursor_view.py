"""What the list and the turns have in common: a cursor, kept on the screen."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView


class CursorView(ScrollView, can_focus=True):
    """Lines with a cursor, which stands on one of their places: a row, or a line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cursor = 0

    def move_to(self, place: int) -> None:
        """Put the cursor there, and bring it into view."""
        raise NotImplementedError

    def place_at(self, line: int) -> int | None:
        """The place that is drawn in a line; None below the last."""
        raise NotImplementedError

    def action_use(self) -> None:
        """Do what a second click, or Enter, means."""
        raise NotImplementedError

    def bring_into_view(self, top: int, end: int) -> None:
        """Scroll no further than these lines need."""
        shown, height = self.scroll_offset.y, self.scrollable_content_region.height
        if top < shown:
            self.scroll_to(y=top, animate=False)
        elif height and end > shown + height:
            self.scroll_to(y=end - height, animate=False)

    def action_move(self, places: int) -> None:
        """Up or down."""
        self.move_to(self._cursor + places)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; one on the cursor does what Enter does."""
        place = self.place_at(event.y + self.scroll_offset.y)
        if place is None:
            return
        if place == self._cursor:
            self.action_use()
        else:
            self.move_to(place)

    def on_focus(self) -> None:
        """The cursor is seen better."""
        self.refresh()

    def on_blur(self) -> None:
        """And less."""
        self.refresh()
