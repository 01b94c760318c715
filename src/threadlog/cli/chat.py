"""`threadlog chat`: a conversation with an agent in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

from threadlog import aio, connect
from threadlog.agents.context import Said, Settings
from threadlog.agents.conversation import Conversation
from threadlog.agents.finding import find_agent
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
from threadlog.aio.recording import Thread
from threadlog.cli.terminal import DIM, Style
from threadlog.core.items import turn as ti
from threadlog.core.text import one_line, printable
from threadlog.core.turn import INTERRUPTED
from threadlog.errors import ThreadlogError
from threadlog.home import Home

_HELP = """\
/fork          go on in a copy of this thread; this one stays as it is
/name NAME     call this thread so
/rollback [N]  the last N turns (1) count no more
/archive       put this thread into the archive, and end
/help          this
/quit          end (Ctrl-D too)"""
_PROMPT = "> "


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Talk until the user has had enough."""
    try:
        agent = find_agent(arguments.agent)
    except ValueError as error:
        print(f"threadlog: {error}", file=sys.stderr)
        return 2
    talking = aio.Home(connect.open(home.path))
    return asyncio.run(_Chat(talking, arguments).run(agent))


class _Chat:
    """The conversation, and what the user types into it."""

    def __init__(self, home: aio.Home, arguments: argparse.Namespace) -> None:
        self._home = home
        self._arguments = arguments
        self._style = Style.of(sys.stdout)
        self._printer = _Printer(self._style)
        self._over = False
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "fork": self._fork,
            "name": self._name,
            "rollback": self._rollback,
            "archive": self._archive,
            "help": self._help,
            "quit": self._quit,
        }

    async def run(self, agent: object) -> int:
        """From the first line to the last."""
        arguments = self._arguments
        settings = Settings(model=arguments.model)
        if arguments.resume is not None:
            cwd = arguments.cwd if arguments.resume == "last" else None
            thread = await self._home.resume(arguments.resume, cwd=cwd)
        else:
            thread = await self._home.start(arguments.cwd or ".", source="cli")
        self._agent, self._settings = agent, settings
        self._go_on_with(thread)
        self._say(f"thread {thread.id}; /help says what can be done")
        try:
            while not self._over and (line := await _read_line()) is not None:
                await self._take(line)
        finally:
            await self._conversation.close()
            await self._home.close()
        if thread.on_disk:
            self._say(f"go on with: threadlog chat --resume {self._conversation.thread.id}")
        return 0

    def _go_on_with(self, thread: Thread) -> None:
        self._conversation = Conversation(thread, self._agent, self._settings, self._printer.take)  # type: ignore[arg-type]

    async def _take(self, line: str) -> None:
        if not line.strip():
            return
        word, _, rest = line.partition(" ")
        command = self._commands.get(word[1:]) if word.startswith("/") else None
        try:
            if command is not None:
                await command(rest.strip())
            elif word.startswith("/") and "/" not in word[1:]:
                self._say(f"no command {word}; /help says which there are")
            else:
                await self._talk(line)
        except (ThreadlogError, ValueError) as error:
            self._say(f"threadlog: {one_line(str(error))}")

    async def _talk(self, text: str) -> None:
        run = await self._conversation.begin([Said(text)])
        with _on_ctrl_c(lambda: asyncio.ensure_future(self._conversation.interrupt())):
            run.launch()
            await run.wait()

    async def _fork(self, _rest: str) -> None:
        thread = self._conversation.thread
        fork = await thread.fork()
        await self._conversation.close()
        self._go_on_with(fork)
        self._say(f"thread {fork.id}, forked from {thread.id}")

    async def _name(self, name: str) -> None:
        await self._conversation.thread.rename(name)
        self._say("named")

    async def _rollback(self, count: str) -> None:
        if count and not count.isdigit():
            raise ValueError(f"{count} is no number of turns")
        turns = int(count or 1)
        await self._conversation.thread.rollback(turns)
        self._say(f"{turns} {'turn counts' if turns == 1 else 'turns count'} no more")

    async def _archive(self, _rest: str) -> None:
        thread = self._conversation.thread
        if not thread.on_disk:
            await self._home.archive(thread.id)  # which says why it cannot be
        await self._conversation.close()
        await self._home.archive(thread.id)
        self._over = True
        self._say(f"archived; undo: threadlog unarchive {thread.id}")

    async def _help(self, _rest: str) -> None:
        print(_HELP)

    async def _quit(self, _rest: str) -> None:
        self._over = True

    def _say(self, text: str) -> None:
        print(self._style.paint(text, DIM), flush=True)


class _Printer:
    """What happens in a turn, as lines."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._at_start = True

    def take(self, happening: Happening) -> None:
        """Print it, if it is for people."""
        if isinstance(happening, TextGrew) and happening.kind in (MESSAGE, OUTPUT):
            self._print(printable(happening.text), end="")
        elif isinstance(happening, ItemBegan):
            self._begun(happening.item)
        elif isinstance(happening, ItemEnded) and isinstance(happening.item, ti.Reasoning):
            self._line(" ".join(happening.item.summary_text))
        elif isinstance(happening, ItemEnded) and isinstance(happening.item, ti.AgentMessage):
            self._end_line()
        elif isinstance(happening, Troubled):
            again = "; trying again" if happening.again else ""
            self._line(f"failed: {happening.message}{again}")
        elif isinstance(happening, TurnEnded):
            self._end_line()
            if happening.turn.status == INTERRUPTED:
                self._line("interrupted")

    def _begun(self, item: ti.TurnItem) -> None:
        if isinstance(item, ti.CommandExecution):
            self._line(f"$ {' '.join(item.command)}")
        elif isinstance(item, ti.DynamicToolCall):
            self._line(f"{item.tool} {item.arguments}")

    def _line(self, text: str) -> None:
        self._end_line()
        print(self._style.paint(printable(text), DIM), flush=True)

    def _print(self, text: str, end: str) -> None:
        if text:
            print(text, end=end, flush=True)
            self._at_start = text.endswith("\n")

    def _end_line(self) -> None:
        if not self._at_start:
            print(flush=True)
            self._at_start = True


async def _read_line() -> str | None:
    """What the user types; None at the end."""

    def read() -> str | None:
        with contextlib.suppress(EOFError):
            return input(_PROMPT if sys.stdin.isatty() else "")
        return None

    return await asyncio.to_thread(read)


@contextlib.contextmanager
def _on_ctrl_c(act: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C ends the answer, not the conversation."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, act)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
