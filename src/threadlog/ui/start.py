"""The first page, read while the rest of the program is loaded; loads nothing of it itself."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event

from threadlog.home import Home
from threadlog.ui.lanes import Lane
from threadlog.ui.pages import Choice, Fetched, ThreadPages


class Start:
    """What is under way before there is a screen."""

    def __init__(self, home: Home, choice: Choice) -> None:
        self.lane = Lane("list")
        self.stop = Event()
        self.pages = ThreadPages(choice)
        self.first: Future[Fetched] = self.lane.begin(
            lambda: self.pages.fetch(home, 0, self.stop.is_set)
        )
