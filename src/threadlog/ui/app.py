"""The program: its lanes, its screens, what can be undone."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from threadlog.home import Home
from threadlog.ui import upkeep, verbs
from threadlog.ui.browse import Browse
from threadlog.ui.lanes import Lane
from threadlog.ui.screen import ThreadScreen, background, sentence_of
from threadlog.ui.start import Start

if TYPE_CHECKING:
    from threadlog.ui.resuming import Agent

# A word of progress is shown for so long, unless there is another.
_TOLD_S = 1.0
# The terminal's own colours: right where it is dark, and where it is light.
_COLOURS = Theme(
    name="terminal",
    primary="ansi_blue",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=False,
)


class Browser(App[int]):
    """Threads to look through, read, and do things with."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "threadlog"
    CSS: ClassVar[str] = """
    Screen { background: ansi_default; color: ansi_default; }
    #filter { height: 1; }
    #words { border: none; height: 1; padding: 0; background: ansi_default; width: 1fr; }
    #hint { width: auto; }
    #panes { height: 1fr; layout: vertical; }
    #list { height: 3fr; scrollbar-size-vertical: 1; }
    #preview { height: 2fr; scrollbar-size-vertical: 1; border-top: solid ansi_bright_black; }
    #preview:focus { border-top: solid ansi_cyan; }
    .-wide #panes { layout: horizontal; }
    .-wide #list { width: 11fr; height: 100%; }
    .-wide #preview { width: 9fr; height: 100%; border-top: none;
        border-left: solid ansi_bright_black; padding: 0 0 0 1; }
    .-wide #preview:focus { border-left: solid ansi_cyan; }
    #turns { height: 1fr; scrollbar-size-vertical: 1; }
    ListView, TurnView { background: ansi_default; overflow-x: hidden; overflow-y: scroll;
        scrollbar-color: ansi_bright_black; scrollbar-color-hover: ansi_cyan;
        scrollbar-color-active: ansi_cyan; scrollbar-background: ansi_default;
        scrollbar-background-hover: ansi_default; scrollbar-background-active: ansi_default; }
    #head, StatusLine { height: 1; }
    ModalScreen { align: center middle; background: transparent; }
    .box { border: round ansi_cyan; background: ansi_default; padding: 0 1; width: auto;
        min-width: 40; max-width: 90%; height: auto; max-height: 90%; }
    .box Static { width: auto; max-width: 100%; }
    .box .answers { dock: bottom; padding: 1 0 0 0; background: ansi_default; }
    .box Input { border: none; height: 1; padding: 0; margin: 1 0; width: 60; max-width: 100%; }
    """

    def __init__(self, home: Home, start: Start, agent: Agent | None = None) -> None:
        super().__init__(ansi_color=True)
        self.register_theme(_COLOURS)
        self.theme = _COLOURS.name
        self.home = home  # replaced by one that is told what changed, once that is ready
        self.start = start
        self.agent = agent
        self.listing = start.lane
        self.finding, self.reading = Lane("search"), Lane("read")
        self.verbs, self.indexing = Lane("verbs"), Lane("index")
        self._settled = False
        self.stale = False  # the list has to be read again
        self._told: tuple[float, upkeep.Telling] | None = None
        self._undo: deque[Callable[[Home], verbs.Done]] = deque(maxlen=verbs.UNDO_LIMIT)
        home.tell_progress(self.tell)
        self._ended_by = "a defect of threadlog; the command line may tell more"
        # A traceback would have what threads say among its values: whoever ran us says it.
        self.error_console = Console(quiet=True)

    def get_default_screen(self) -> Screen[None]:
        """The list."""
        return Browse()

    def tell(self, what: str, done: int, total: int) -> None:
        """How far something is; from any thread, the screens look for themselves."""
        telling = upkeep.Telling(what, done, total)
        self._told = (time.monotonic(), telling) if done < total else None

    @property
    def telling(self) -> upkeep.Telling | None:
        """What was told last, unless that is some time ago: the end of it is not always told."""
        told = self._told
        return told[1] if told and time.monotonic() - told[0] < _TOLD_S else None

    def told_all(self) -> None:
        """What was under way has ended."""
        self._told = None

    def settle_once(self) -> None:
        """Once there is something on the screen: do what can wait until then."""
        if not self._settled:
            self._settled = True
            self.call_after_refresh(self._settle)

    @background(exclusive=True, group="index")
    async def _settle(self) -> None:
        """Have the file system tell what changes, and bring the index of listings up to date."""
        try:
            self.home = await self.indexing.do(partial(upkeep.watched, self.home))
        except Exception:  # noqa: BLE001, RUF100 -- whoever asks for a page is told
            return
        self.home.tell_progress(self.tell)
        await self.indexing.do(lambda stopped: upkeep.catch_up(self.home, stopped, self.tell))
        self.told_all()

    def remember(self, done: verbs.Done) -> None:
        """What was done can be undone."""
        if done.undo is not None:
            self._undo.append(done.undo)

    def keep_undo(self, undo: Callable[[Home], verbs.Done]) -> None:
        """That failed: it can be tried again."""
        self._undo.append(undo)

    def take_undo(self) -> Callable[[Home], verbs.Done] | None:
        """What undoes the last of it."""
        return self._undo.pop() if self._undo else None

    # -- what goes amiss on the loop

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key asks for; what goes amiss is said, and the program goes on."""
        if isinstance(self.screen, ThreadScreen):
            self.screen.was_heard()
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self._complain(error)
            return True

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What goes on in the background failed."""
        if event.state is WorkerState.ERROR and isinstance(event.worker.error, Exception):
            self._complain(event.worker.error)

    def _fatal_error(self) -> None:
        """Keep in a sentence what ends the program.

        textual calls it for what fails in its loop, and has no public way to tell of that; where
        it does not call it, `ended_by` says less.
        """
        error = sys.exc_info()[1]
        if isinstance(error, Exception):
            self._ended_by = sentence_of(error)
        super()._fatal_error()

    @property
    def ended_by(self) -> str | None:
        """What ended the program, in a sentence; None if nothing did but the user."""
        return None if self.return_code == 0 else self._ended_by

    def _complain(self, error: Exception) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ThreadScreen):
                screen.complain(error)
                return

    def on_unmount(self) -> None:
        """Nothing more is begun, and what is under way is given up."""
        self.start.stop.set()
        for lane in (self.listing, self.finding, self.reading, self.verbs, self.indexing):
            lane.close()
