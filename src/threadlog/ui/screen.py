"""What both screens have: the status line, work off the loop with its failures, the actions."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from rich.text import Text
from textual import work
from textual.app import SuspendNotSupported
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from threadlog.core import text
from threadlog.core.query import ThreadSummary
from threadlog.errors import ThreadlogError
from threadlog.ui import cells, verbs
from threadlog.ui.lanes import Lane, Stopped

if TYPE_CHECKING:
    from threadlog.home import Home
    from threadlog.ui.app import Browser
    from threadlog.ui.resuming import Command

T = TypeVar("T")
P = ParamSpec("P")
_HINT = "? help"


def background(
    *, group: str, exclusive: bool = False
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Worker[T]]]:
    """Have a method go on beside the loop; what it fails with is told, and ends nothing."""
    return work(group=group, exclusive=exclusive, exit_on_error=False)


class StatusLine(Static):
    """The last line: how things are, or what was said last."""

    def say(self, facts: str, sentence: str = "", *, failed: bool = False) -> None:
        """Show *facts*, and in front of them a sentence."""
        room = max(self.app.size.width - len(_HINT) - 3, 10)
        shown = Text(no_wrap=True)
        said = cells.one_line(sentence, room) if sentence else ""
        shown.append(said, style="bold red" if failed else "bold")
        left = room - cells.width(said) - 3
        if left > 10 or not said:
            shown.append(f"{'   ' if said else ''}{cells.one_line(facts, left if said else room)}")
        shown.append(" " * max(room + 2 - shown.cell_len, 1) + _HINT, style="dim")
        self.update(shown)

    def on_resize(self) -> None:
        """Another width: laid out anew."""
        if isinstance(self.screen, ThreadScreen):
            self.screen.show_status()


class ThreadScreen(Screen[None]):
    """A screen on which one thread is meant."""

    _sentence = ""
    _failed = False

    @property
    def browser(self) -> Browser:
        """The program."""
        return cast("Browser", self.app)

    @property
    def home(self) -> Home:
        """The home that it is about; for work off the loop."""
        return self.browser.home

    def meant(self) -> ThreadSummary | None:
        """The thread that a key is about."""
        raise NotImplementedError

    def meant_turn(self) -> str | None:
        """The turn that it is about, while reading."""
        return None

    def facts(self) -> str:
        """How things are, for the status line."""
        raise NotImplementedError

    def was_changed(self, done: verbs.Done) -> None:
        """Something was done to a thread."""
        raise NotImplementedError

    # -- what is said

    def say(self, sentence: str = "", *, failed: bool = False) -> None:
        """Have a sentence stand in the status line until there is another, or a key is pressed."""
        self._sentence, self._failed = text.one_line(sentence), failed
        self.show_status()

    def show_status(self) -> None:
        """The status line anew."""
        if not self.is_mounted:
            return
        for line in self.query(StatusLine):
            line.say(self.facts(), self._sentence, failed=self._failed)

    def was_heard(self) -> None:
        """A key was pressed: what was said before has been read."""
        if self._sentence:
            self.say()

    def complain(self, error: Exception) -> None:
        """Say what went amiss, as a sentence."""
        self.say(sentence_of(error), failed=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What goes on in the background failed."""
        if event.state is WorkerState.ERROR and isinstance(event.worker.error, Exception):
            self.complain(event.worker.error)

    async def off_the_loop(self, lane: Lane, job: Callable[[Stopped], T]) -> T | None:
        """What comes of a piece of work; None if it failed, which is said, or if we are gone."""
        try:
            done = await lane.do(job)
            return done if self.is_attached else None
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self.complain(error)
            return None

    # -- what can be done to a thread

    def _ready(self) -> ThreadSummary | None:
        thread = self.meant()
        if thread is None:
            self.say("no thread is chosen")
        return thread

    @background(group="verbs")
    async def _do(self, deed: Callable[[Home], verbs.Done], *, undoes: bool = False) -> None:
        done = await self.off_the_loop(self.browser.verbs, lambda _stopped: deed(self.home))
        if done is not None:
            self.browser.remember(done)
            self.say(done.told)
            self.was_changed(done)
        elif undoes:
            self.browser.keep_undo(deed)

    def action_undo(self) -> None:
        """Undo what was done last."""
        undo = self.browser.take_undo()
        if undo is None:
            self.say("nothing to undo")
        else:
            self._do(undo, undoes=True)

    @background(group="verbs")
    async def action_archive(self) -> None:
        """Into the archive, or back."""
        if (thread := self._ready()) is None:
            return
        what = "Bring back from the archive" if thread.archived else "Archive"
        if await self._agreed(thread, what, delete=False):
            self._do(lambda home: verbs.put_away(home, thread))

    @background(group="verbs")
    async def action_delete(self) -> None:
        """Into the trash."""
        if (thread := self._ready()) is None:
            return
        if await self._agreed(thread, "Put into the trash", delete=True):
            self._do(lambda home: verbs.deleted(home, verbs.reference(thread)))

    async def _agreed(self, thread: ThreadSummary, what: str, *, delete: bool) -> bool:
        """Ask, once it is known that it can be done, and what goes along."""
        from threadlog.ui.dialogs import Question

        moved = await self.off_the_loop(
            self.browser.verbs, lambda _stopped: verbs.would_move(self.home, thread, delete=delete)
        )
        if moved is None:
            return False
        notes = [_named(thread)]
        if len(moved) > 1:
            notes.append(f"and {len(moved) - 1} of its subagents")
        return await self.app.push_screen_wait(Question(f"{what}?", notes)) is not None

    @background(group="verbs")
    async def action_rename(self) -> None:
        """Call it something else."""
        from threadlog.ui.dialogs import Line

        if (thread := self._ready()) is None:
            return
        name = await self.app.push_screen_wait(Line("Its name", thread.name or ""))
        if name and name != thread.name:
            self._do(lambda home: verbs.renamed(home, thread, name))

    @background(group="verbs")
    async def action_fork(self) -> None:
        """A thread with what it holds."""
        from threadlog.ui.dialogs import YES, Answer, Question

        if (thread := self._ready()) is None:
            return
        turn = self.meant_turn()
        answers = [YES._replace(what="all of it")]
        if turn is not None:
            answers.append(Answer("t", "t", "up to this turn"))
        question = Question("Fork?", [_named(thread)], answers)
        if (answer := await self.app.push_screen_wait(question)) is not None:
            through = turn if answer == "t" else None
            self._do(lambda home: verbs.forked(home, thread, through))

    @background(group="verbs")
    async def action_resume(self) -> None:
        """Go on with it in another program."""
        from threadlog.ui.dialogs import YES, Answer, Question
        from threadlog.ui.resuming import with_agent, with_codex

        if (thread := self._ready()) is None:
            return
        if thread.archived:
            self.say("it is archived: bring it back with a, then go on with it", failed=True)
            return
        codex = with_codex(self.home.path, thread)
        agent = with_agent(self.home.path, thread, self.browser.agent)
        if codex is None and agent is None:
            self.say(_no_program(thread), failed=True)
            return
        ways: dict[str, Command] = {}
        answers = []
        for command, other in ((codex, "enter"), (agent, "c" if codex else "enter")):
            if command is not None:
                ways[other] = command
                written = YES.written if other == "enter" else other
                answers.append(Answer(other, written, command.words[0]))
        if agent is not None:
            answers[-1] = answers[-1]._replace(what="threadlog chat")
        notes = [_named(thread), *(f"$ {each.written}" for each in ways.values())]
        answer = await self.app.push_screen_wait(Question("Go on with it?", notes, answers))
        if answer is not None:
            self._run(ways[answer])

    def _run(self, command: Command) -> None:
        try:
            with self.app.suspend():
                code = command.run()
        except SuspendNotSupported:
            self.say(f"this terminal cannot be lent; run: {command.written}", failed=True)
        except OSError as error:
            self.complain(error)
        else:
            self.say(f"it ended with exit code {code}" if code else "", failed=bool(code))
            self.was_changed(verbs.Done(""))

    # -- what can be copied

    def action_copy_id(self) -> None:
        """Its id onto the clipboard."""
        if (thread := self._ready()) is not None:
            self.copy("id", verbs.reference(thread))

    def action_copy_path(self) -> None:
        """Where its rollout lies."""
        if (thread := self._ready()) is not None:
            self.copy("path", thread.path)

    def copy(self, what: str, words: str) -> None:
        """Onto the terminal's clipboard, and into the status line, should it have none."""
        self.app.copy_to_clipboard(text.printable(words))
        self.say(f"{what} copied: {words}")

    def action_help(self) -> None:
        """Every key."""
        from threadlog.ui.dialogs import Help

        self.app.push_screen(Help())


def sentence_of(error: Exception) -> str:
    """What went amiss, in one sentence."""
    if isinstance(error, (ThreadlogError, ValueError)):
        return text.one_line(str(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return text.one_line(f"{where}{error.strerror or type(error).__name__}")
    return f"a defect of threadlog ({type(error).__name__}); the command line may tell more"


def _named(thread: ThreadSummary) -> str:
    from threadlog.ui.rows import title_of

    return f"{cells.one_line(title_of(thread), 60)}  {thread.id or os.path.basename(thread.path)}"


def _no_program(thread: ThreadSummary) -> str:
    if thread.id is None:
        return "it has no thread id, so nobody can go on with it"
    return (
        f"no codex on the PATH: run `codex resume {thread.id}` where there is one, "
        "or start with `threadlog ui --agent MODULE:NAME`"
    )
