"""`threadlog ui` without a terminal: driven by keys, read as lines of text."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from textual.pilot import Pilot

import threadlog
from makers import THREAD, content, event, file_name, meta, put, turn, uuid
from threadlog.ui.app import Browser
from threadlog.ui.pages import Choice
from threadlog.ui.resuming import Agent
from threadlog.ui.start import Start

_WAIT_S = 20.0
_CHAR_WIDTH = 12.2  # of the picture that textual draws
_TEXT = re.compile(r'<text class="[^"]*" x="([^"]*)" y="([^"]*)"[^>]*>([^<]*)</text>')


class Seat:
    """Somebody who sits in front of the program."""

    def __init__(self, pilot: Pilot[int], home: Path) -> None:
        self.pilot = pilot
        self.home = home

    @property
    def app(self) -> Browser:
        """The program."""
        assert isinstance(self.pilot.app, Browser)
        return self.pilot.app

    def lines(self) -> list[str]:
        """What is on the screen."""
        rows: dict[float, str] = {}
        for x, y, words in _TEXT.findall(self.app.export_screenshot()):
            before = rows.get(float(y), "")
            rows[float(y)] = before.ljust(round(float(x) / _CHAR_WIDTH)) + html.unescape(words)
        return [rows[y].replace("\xa0", " ").rstrip() for y in sorted(rows)]

    def text(self) -> str:
        """The same in one text."""
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        """Type these keys."""
        await self.pilot.press(*keys)

    async def type(self, words: str) -> None:
        """Type a text."""
        for char in words:
            await self.pilot.press({" ": "space", "/": "slash"}.get(char, char))

    async def until(self, is_so: Callable[[], object], what: str = "") -> None:
        """Wait for what comes from other threads."""
        end = time.monotonic() + _WAIT_S
        while not is_so():
            assert time.monotonic() < end, f"{what}\n{self.text()}"
            await self.pilot.pause(0.01)

    async def see(self, *texts: str) -> str:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(each in self.text() for each in texts), f"no {texts}")
        return self.text()

    async def see_no(self, text: str) -> str:
        """Wait until this is not there any more."""
        await self.until(lambda: text not in self.text(), f"still {text!r}")
        return self.text()

    def opened(self) -> threadlog.Home:
        """The home, as others see it."""
        return threadlog.open(self.home)


Scenario = Callable[[Seat], Awaitable[None]]


def sit(
    home: Path,
    scenario: Scenario,
    *,
    size: tuple[int, int] = (80, 24),
    choice: Choice | None = None,
    agent: Agent | None = None,
) -> None:
    """Run the program over a home, and have *scenario* happen."""

    async def run() -> None:
        opened = threadlog.open(home)
        app = Browser(opened, Start(opened, choice or Choice()), agent)
        async with app.run_test(size=size) as pilot:
            seat = Seat(pilot, home)
            await seat.see("? help")
            await seat.see_no("reading ...")
            await seat.until(lambda: app.focused is not None)
            await scenario(seat)
            app.exit(0)
        app.home.close()
        opened.close()

    asyncio.run(run())


def put_turns(home: Path, number: int, names: Iterator[str] | list[str], **fields: str) -> Path:
    """A thread of these turns; the first of them is its title."""
    thread = uuid(number)
    raws = [meta(thread, **fields)]
    for name in names:
        raws += turn(name)
    return put(home, content(raws), file_name(thread, stamp=f"2026-01-02T03-04-{number % 60:02d}"))


def command(call: str, words: str, output: str, turn_id: str = "turn-t") -> bytes:
    """A command that ran, as an event."""
    return event(
        "exec_command_end",
        call_id=call,
        turn_id=turn_id,
        command=["bash", "-lc", words],
        cwd="/desk/project",
        parsed_cmd=[],
        stdout=output,
        stderr="",
        aggregated_output=output,
        exit_code=0,
        duration={"secs": 0, "nanos": 1},
        formatted_output=output,
        status="completed",
    )


__all__ = ["THREAD", "Seat", "command", "put_turns", "sit"]
