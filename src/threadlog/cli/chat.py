"""`threadlog chat`: a conversation with an agent in the terminal."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from threadlog import aio, connect
from threadlog.agents.context import Agent, Said, Settings
from threadlog.agents.conversation import Conversation
from threadlog.agents.finding import find_agent
from threadlog.aio.recording import Thread
from threadlog.aio.waiting import Opening
from threadlog.cli.chat_printer import Printer
from threadlog.cli.loop_thread import LoopThread
from threadlog.cli.served_words import DEFAULT_AGENT
from threadlog.cli.terminal import Style, is_terminal
from threadlog.core.text import one_line
from threadlog.core.turn import Turn
from threadlog.errors import ThreadlogError
from threadlog.home import Home

_HELP = """\
/fork          go on in a copy of this thread; this one stays as it is
/name NAME     call this thread so
/rollback [N]  the last N turns (1) count no more
/archive       put this thread into the archive, and end
/help          this
/quit          end (Ctrl-D too)
//TEXT         say /TEXT to the agent
Ctrl-C interrupts an answer; a second one, or one at the prompt, ends."""
_PROMPT = "> "
_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Talk until the user has had enough."""
    try:
        if arguments.cwd is not None and arguments.resume not in (None, "last"):
            raise ValueError("--cwd goes with --resume last, or with no --resume")
        agent = find_agent(arguments.agent)
    except ValueError as error:
        print(f"threadlog: {one_line(str(error))}", file=sys.stderr)
        return _USAGE
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a rollout is UTF-8
    talking = aio.Home(connect.open(home.path))
    talking.look_after_signals()
    return _Chat(talking, agent, arguments).run()


class _Chat:
    """The conversation, which a loop on another thread drives; this one reads what is typed."""

    def __init__(self, home: aio.Home, agent: Agent, arguments: argparse.Namespace) -> None:
        self._home = home
        self._agent = agent
        self._arguments = arguments
        self._printer = Printer(Style.of(sys.stdout))
        self._printer.on_broken = lambda: self._loop.begin(self._conversation.interrupt)
        self._loop = LoopThread()
        self._over = False
        self._code = 0
        self._archived = False
        self._at_prompt = False
        self._answering = False
        self._interrupted = False
        self._commands: dict[str, Callable[[str], None]] = {
            "/fork": self._fork,
            "/name": self._name,
            "/rollback": self._rollback,
            "/archive": self._archive,
            "/help": self._help,
            "/quit": self._quit,
        }

    def run(self) -> int:
        """From the first line to the last."""
        try:
            self._go_on_with(self._loop.do(self._opened()))
            before = signal.signal(signal.SIGINT, self._on_ctrl_c)
            try:
                self._talk_to_the_end()
            finally:
                signal.signal(signal.SIGINT, before)
        finally:
            self._loop.stop()
        return self._code

    async def _opened(self) -> Thread:
        asked = self._arguments
        if asked.resume is None:
            return await self._home.start("." if asked.cwd is None else asked.cwd, source="cli")
        return await self._home.resume(asked.resume, cwd=asked.cwd)

    def _go_on_with(self, thread: Thread) -> None:
        settings = Settings(model=self._arguments.model)
        self._conversation = Conversation(thread, self._agent, settings, self._printer.take)

    @property
    def _thread(self) -> Thread:
        return self._conversation.thread

    def _talk_to_the_end(self) -> None:
        try:
            self._say(f"thread {self._thread.id}; /help says what can be done")
            self._show_last()
            while not self._over and (line := self._read_line()) is not None:
                self._take(line)
                if self._printer.broken is not None:
                    raise self._printer.broken
        finally:
            self._loop.do(self._close())
        if self._thread.on_disk and not self._archived:
            self._say(f"go on with: {self._command()}")

    async def _close(self) -> None:
        try:
            await self._conversation.close()
        finally:
            await self._home.close()

    def _command(self) -> str:
        """The command that goes on with the thread as it was talked in here."""
        asked = self._arguments
        words = ["threadlog", "chat", "--resume", self._thread.id]
        for option, given in (
            ("--agent", None if asked.agent == DEFAULT_AGENT else asked.agent),
            ("--model", asked.model),
            ("--home", getattr(asked, "home", None)),
        ):
            words += [] if given is None else [option, given]
        return shlex.join(words)

    # -- what is typed

    def _read_line(self) -> str | None:
        """A line; None at the end, which Ctrl-C at the prompt is, too."""
        try:
            self._at_prompt = True
            return None if sys.stdin is None else input(_prompt())
        except EOFError:
            pass
        except KeyboardInterrupt:
            self._code = _INTERRUPTED
        finally:
            self._at_prompt = False
        if is_terminal(sys.stdin):  # the cursor is behind the prompt still
            print(file=_terminal(), flush=True)
        return None

    def _take(self, line: str) -> None:
        words = line.split(None, 1)
        if not words:
            return
        command = self._commands.get(words[0])
        try:
            if command is not None:
                command("".join(words[1:]).strip())
            elif words[0].startswith("/") and "/" not in words[0][1:]:
                raise ValueError(f"no command {words[0]}; /help says which there are")
            else:
                self._talk(line.removeprefix("/") if line.startswith("//") else line)
        except (ThreadlogError, ValueError) as error:
            self._printer.complain(str(error))
            self._note_failure()
        if self._printer.failed:
            self._note_failure()

    def _note_failure(self) -> None:
        """Somebody who sits there has seen it; a script is told by the exit code."""
        if not is_terminal(sys.stdin):
            self._code = self._code or _FAILED

    def _on_ctrl_c(self, _number: int, _frame: FrameType | None) -> None:
        if self._at_prompt:
            raise KeyboardInterrupt
        if self._answering and not self._interrupted:
            self._interrupted = True
            self._printer.typed_over()
            self._loop.begin(self._conversation.interrupt)
            return
        self._over, self._code = True, _INTERRUPTED
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next one is not asked to wait

    # -- what is done

    def _talk(self, text: str) -> None:
        self._answering, self._interrupted = True, False
        try:
            self._loop.do(self._turn(text))
        finally:
            self._answering = False

    async def _turn(self, text: str) -> None:
        run = await self._conversation.begin([Said(text)])
        run.launch()
        await run.wait()

    def _fork(self, _rest: str) -> None:
        before = self._conversation
        self._go_on_with(self._loop.do(_awaited(before.thread.fork())))
        self._say(f"thread {self._thread.id}, forked from {before.thread.id}")
        self._loop.do(before.close())

    def _name(self, name: str) -> None:
        changed = self._loop.do(self._thread.rename(name))
        self._say("\n".join(["named", *changed.remarks]))

    def _rollback(self, count: str) -> None:
        if count and not (count.isascii() and count.isdigit()):
            raise ValueError(f"{count} is no number of turns")
        wanted = int(count or 1)
        there = len(self._last_turns(wanted)) if wanted else wanted
        if not there and wanted and self._thread.on_disk:
            raise ValueError("there is no turn that counts")
        self._loop.do(self._thread.rollback(there or wanted))
        self._say(f"{there} {'turn counts' if there == 1 else 'turns count'} no more; no undo")
        self._show_last()

    def _archive(self, _rest: str) -> None:
        thread = self._thread
        if not thread.on_disk:
            self._loop.do(self._home.archive(thread.id))  # which says why it cannot be
        self._loop.do(self._conversation.close())
        try:
            moved = self._loop.do(self._home.archive(thread.id))
        except ThreadlogError:
            self._go_on_with(self._loop.do(_awaited(self._home.resume(thread.path))))
            raise
        self._over = self._archived = True
        for each in moved:
            self._say("\n".join([f"archived {each.id}", *each.remarks]))
        self._say(f"undo: threadlog unarchive {thread.id}")

    def _help(self, _rest: str) -> None:
        print(_HELP, flush=True)

    def _quit(self, _rest: str) -> None:
        self._over = True

    # -- what is said

    def _show_last(self) -> None:
        for turn in self._last_turns(1):
            self._printer.exchange(turn)

    def _last_turns(self, count: int) -> list[Turn]:
        if not self._thread.on_disk:
            return []
        return list(self._home.sync.turns(self._thread.path, last=count))

    def _say(self, text: str) -> None:
        self._printer.say(text)


async def _awaited(opening: Opening[Thread]) -> Thread:
    return await opening


def _prompt() -> str:
    """What `input` is to ask with, if anybody sits there."""
    if not is_terminal(sys.stdin):
        return ""
    if not is_terminal(sys.stdout):  # which is for something else then
        print(_PROMPT, end="", file=sys.stderr, flush=True)
        return ""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  # arrow keys, and the lines before
    return _PROMPT


def _terminal() -> TextIO:
    return sys.stdout if is_terminal(sys.stdout) else sys.stderr
