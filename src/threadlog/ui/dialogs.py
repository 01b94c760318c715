"""Questions over the screen: yes or no, one of several, a line of text; and the help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from threadlog.core.text import one_line, printable
from threadlog.ui.keys import ACTIONS, READING, THREADS, described
from threadlog.ui.rows import MARKS

_SCROLL = (
    Binding("down,j", "scroll(1)", show=False),
    Binding("up,k", "scroll(-1)", show=False),
    Binding("pagedown,space", "scroll(10)", show=False),
    Binding("pageup", "scroll(-10)", show=False),
)


class Answer(NamedTuple):
    """One of the answers to a question: the key that gives it, and what it means."""

    key: str
    written: str
    what: str


YES = Answer("enter", "Enter", "yes")


class Question(ModalScreen[str | None]):
    """Asks; the answer is the key of one of the answers, None for Esc.

    The answers are seen however low the screen is; what is asked scrolls.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*_SCROLL]

    def __init__(self, asked: str, notes: Sequence[str] = (), answers: Sequence[Answer] = (YES,)):
        super().__init__()
        self._asked = asked
        self._notes = notes
        self._answers = answers

    def compose(self) -> ComposeResult:
        """A box in the middle."""
        lines = Text(printable(self._asked), style="bold")
        for note in self._notes:
            lines.append(f"\n{printable(note)}", style="not bold")
        written = [f"{each.written} {each.what}" for each in self._answers]
        with VerticalScroll(classes="box", id="scrolled"):
            yield Static(lines, markup=False)
            yield Static("    ".join([*written, "Esc no"]), markup=False, classes="answers")

    def on_key(self, event: events.Key) -> None:
        """One of the answers, or none."""
        if event.key in ("escape", "q", "ctrl+c"):
            event.stop()
            self.dismiss(None)
        elif event.key in {each.key for each in self._answers}:
            event.stop()
            self.dismiss(event.key)

    def on_click(self, event: events.Click) -> None:
        """A click beside the box is a no."""
        if event.widget is self:
            self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        _scroll(self, lines)


class Line(ModalScreen[str | None]):
    """Asks for a line of text, which may be empty; None for Esc."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, asked: str, given: str = "") -> None:
        super().__init__()
        self._asked = asked
        self._given = one_line(given)

    def compose(self) -> ComposeResult:
        """A box with a line to type in."""
        with VerticalScroll(classes="box"):
            yield Static(Text(printable(self._asked), style="bold"), markup=False)
            yield Input(self._given, select_on_focus=False)
            yield Static("Enter yes    Esc no", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is it."""
        event.stop()
        self.dismiss(event.value.strip())


class Help(ModalScreen[None]):
    """Every key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,ctrl+c", "dismiss(None)", show=False),
        *_SCROLL,
    ]

    def compose(self) -> ComposeResult:
        """A box with all of it."""
        text = Text()
        for title, table in (("List", THREADS), ("Reading", READING), ("Both", ACTIONS)):
            text.append(f"{title}\n", style="bold")
            text.append("\n".join(described(table)) + "\n\n")
        text.append("Letters before a thread\n", style="bold")
        text.append("\n".join(f"  {mark:<19}{what}" for mark, what in MARKS.items()) + "\n\n")
        text.append("The mouse: a click moves, a second one opens; the wheel scrolls.\n")
        text.append("Esc closes this.", style="dim")
        with VerticalScroll(classes="box", id="scrolled"):
            yield Static(text, markup=False)

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        _scroll(self, lines)


def _scroll(screen: Screen[Any], lines: int) -> None:
    screen.query_one("#scrolled").scroll_relative(y=lines, animate=False)
