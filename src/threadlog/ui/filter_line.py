"""The first line: what the list is filtered by, or what is searched for.

The field to type in is loaded and made when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from threadlog.ui import cells

if TYPE_CHECKING:
    from textual.widgets import Input

_IDLE = "t: titles   /: search everything   Enter: read   ?: help"


class FilterLine(Horizontal):
    """A hint, or what was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down,tab", "leave", show=False)]

    class Typed(Message):
        """Something was typed, to `search` for or to filter by; `done` with Enter."""

        def __init__(self, words: str, *, search: bool, done: bool = False) -> None:
            super().__init__()
            self.words = words
            self.search = search
            self.done = done

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._input: Input | None = None
        self.searches = False

    def compose(self) -> ComposeResult:
        """The hint."""
        yield Static(Text(_IDLE, style=cells.DIM), markup=False, id="hint")

    @property
    def words(self) -> str:
        """What was typed."""
        return self._input.value if self._input is not None else ""

    def type_in(self, *, search: bool) -> None:
        """Have somebody type what to search for, or to filter by; what was typed stays."""
        from textual.widgets import Input

        if self._input is None:
            self._input = Input(id="words", select_on_focus=False)
            self.mount(self._input)
        self.query_one("#hint", Static).update(Text("search: " if search else "titles: "))
        self._input.display = True
        if self.searches != search:
            self.searches = search
            with self.prevent(Input.Changed):
                self._input.value = ""
        self._input.cursor_position = len(self._input.value)
        self._input.focus()

    def clear(self) -> None:
        """The hint again."""
        if self._input is None:
            return
        with self.prevent(type(self._input).Changed):
            self._input.value = ""
        self._input.display = self.searches = False
        self.query_one("#hint", Static).update(Text(_IDLE, style=cells.DIM))

    def on_input_changed(self, event: Input.Changed) -> None:
        """A key was typed."""
        event.stop()
        self.post_message(self.Typed(event.value, search=self.searches))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is all."""
        event.stop()
        self.post_message(self.Typed(event.value, search=self.searches, done=True))

    def action_leave(self) -> None:
        """To the list, as it is by now."""
        self.screen.query_one("#list").focus()
