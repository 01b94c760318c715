"""What `threadlog chat` prints: a turn as it happens, and what was said last before."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from threadlog.agents.happenings import (
    MESSAGE,
    OUTPUT,
    Happening,
    ItemBegan,
    ItemEnded,
    TextGrew,
    Troubled,
    TurnEnded,
)
from threadlog.cli.terminal import DIM, Style
from threadlog.core.calls import output_text
from threadlog.core.items import turn as ti
from threadlog.core.text import fit, one_line, printable
from threadlog.core.turn import COMPLETED, INTERRUPTED, Turn

# Of the exchange before, and of what a tool answered, so much is shown.
_SHOWN_LINES, _SHOWN_CHARS = 8, 400


class Printer:
    """Prints a turn as it happens.  `take` never raises: it would end the turn unrecorded."""

    def __init__(self, style: Style) -> None:
        self.failed = False  # a turn was
        self.broken: OSError | None = None  # nobody takes what we print
        self.on_broken: Callable[[], object] = lambda: None
        self._style = style
        self._at_start = True
        self._grown: set[str] = set()  # items of which something was printed

    def take(self, happening: Happening) -> None:
        """Print it, if it is for people."""
        if self.broken is not None:
            return
        try:
            self._take(happening)
        except OSError as error:
            self.broken = error
            self.on_broken()

    def say(self, text: str) -> None:
        """A remark of ours, on lines of its own."""
        self._end_line()
        print(self._style.paint(printable(text), DIM), flush=True)

    def typed_over(self) -> None:
        """The terminal has shown a key, ^C, so that what comes next begins a line."""
        self._at_start = False

    def complain(self, text: str) -> None:
        """Something went wrong: one sentence on standard error."""
        self._end_line()
        print(f"threadlog: {one_line(text)}", file=sys.stderr, flush=True)

    def exchange(self, turn: Turn) -> None:
        """What was said last, in short."""
        asked = [item for item in turn.items if isinstance(item, ti.UserMessage)]
        said = [item for item in turn.items if isinstance(item, ti.AgentMessage)]
        for user in asked[-1:]:
            parts = [part.text or f"[{part.type}]" for part in user.content]
            self.say(f"> {_short(' '.join(parts))}")
        for agent in said[-1:]:
            self.say(_short("".join(part.text for part in agent.content)))
        if turn.status != COMPLETED:
            self.say(f"({turn.status})")

    def _take(self, happening: Happening) -> None:
        if isinstance(happening, TextGrew):
            self._grew(happening)
        elif isinstance(happening, ItemBegan):
            self._begun(happening.item)
        elif isinstance(happening, ItemEnded):
            self._ended(happening.item)
        elif isinstance(happening, Troubled):
            again = "; trying again" if happening.again else ""
            self.failed = self.failed or not happening.again
            self.complain(f"{happening.message}{again}")
        elif isinstance(happening, TurnEnded):
            self._grown.clear()
            self._end_line()
            if happening.turn.status == INTERRUPTED:
                self.say("interrupted")

    def _grew(self, it: TextGrew) -> None:
        if it.kind in (MESSAGE, OUTPUT) and it.text:
            self._grown.add(it.item_id)
            text = printable(it.text)
            print(text, end="", flush=True)
            self._at_start = text.endswith("\n")

    def _begun(self, item: ti.AnyTurnItem) -> None:
        if isinstance(item, ti.CommandExecution):
            self.say(one_line(f"$ {' '.join(item.command)}"))
        elif isinstance(item, ti.DynamicToolCall):
            arguments = json.dumps(item.arguments, ensure_ascii=False)
            self.say(fit(one_line(f"{item.tool} {arguments}"), _SHOWN_CHARS))

    def _ended(self, item: ti.AnyTurnItem) -> None:
        self._end_line()
        if isinstance(item, ti.Reasoning):
            self._remark("\n".join(item.summary_text))
        elif isinstance(item, ti.DynamicToolCall):
            self._remark(_short(output_text(item.content_items)))
        elif isinstance(item, ti.CommandExecution):
            if item.id not in self._grown:
                self._remark(_short(item.aggregated_output or ""))
            if item.exit_code:
                self.say(f"exit code {item.exit_code}")

    def _remark(self, text: str) -> None:
        if text.strip():
            self.say(text)

    def _end_line(self) -> None:
        if not self._at_start:
            self._at_start = True
            print(flush=True)


def _short(text: str) -> str:
    """The first lines of a text, and how many more there are."""
    lines = text.strip().splitlines()
    shown = [fit(line, _SHOWN_CHARS) for line in lines[:_SHOWN_LINES]]
    if len(lines) > len(shown):
        shown.append(f"… {len(lines) - len(shown)} more lines")
    return "\n".join(shown)
