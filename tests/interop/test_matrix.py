"""What each of us does to threads, as each of the others sees it: the cells of docs/interop.md."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from interop.codex_answers import (
    Listed,
    codex_default_listing,
    codex_turns,
    opened,
    resume,
    threadlog_listing,
)
from interop.codex_process import NEWEST, OLDER, AppServer, CodexHome
from interop.limits import Circumstances, limited
from interop.looking import OURS, Codex, Ours, Sight
from interop.matrix import COLD, Cell, Stage, diagonal, stages
from interop.matrix_page import PAGE, Outcome, note, read_page
from interop.mock_model import MockModel
from interop.operations import TEXTS, US, After, Subject, say, settle
from threadlog import Home

ALL = os.environ.get("THREADLOG_CELLS") == "all"
# A file for what is seen, of which the page is made; without it that has to be what the page tells.
SEEN = os.environ.get("THREADLOG_CELLS_SEEN")
STAGES = list(enumerate(stages()))
_FIXTURES = {NEWEST: "newest", OLDER: "older"}


class Theatre:
    """The home of a stage, and the binaries that play in it."""

    def __init__(
        self, stage: Stage, binaries: dict[str, Path], home: CodexHome, model: MockModel
    ) -> None:
        self.stage = stage
        self.codex_home = home
        self.model = model
        self.home: Home = opened(home)
        self._binaries = binaries

    @contextlib.contextmanager
    def running(self, version: str) -> Iterator[Codex]:
        """A Codex that knows only what is on disk."""
        with AppServer(self._binaries[version], self.codex_home) as server:
            yield Codex(server, version, self.stage.mode, self.model, self.home)

    def make(self, cells: list[Cell]) -> list[Subject]:
        """A thread of two turns for each cell, by whom it says."""
        chats: dict[Cell, tuple[str, list[str]]] = {}
        makers = {cell.maker for cell in cells}
        for maker in sorted(makers, key=(OLDER, NEWEST, US).index):  # no Codex knows of ours
            theirs = [cell for cell in cells if cell.maker == maker]
            if maker == US:
                chats.update((cell, self._record()) for cell in theirs)
                continue
            with self.running(maker) as codex:
                chats.update((cell, codex.builder.chat(*TEXTS)) for cell in theirs)
        settle(self.codex_home)
        mode = self.stage.mode
        return [Subject(self.home, self.codex_home, mode, *chats[cell]) for cell in cells]

    def _record(self) -> tuple[str, list[str]]:
        mode = self.stage.mode
        with self.home.start(cwd=self.codex_home.work, history_mode=mode) as thread:
            turns = [say(thread, text) for text in TEXTS]
        return thread.id, turns


class Performance:
    """One stage: everything is done, then everything is looked at."""

    def __init__(self, theatre: Theatre, cells: list[Cell], subtests: pytest.Subtests) -> None:
        self.theatre = theatre
        self.stage = theatre.stage
        self.subtests = subtests
        self.subjects = dict(zip(cells, theatre.make(cells), strict=True))
        self.afters: dict[Cell, After] = {}
        self.outcomes: dict[Cell, Outcome] = {}

    def play(self) -> None:
        """Do it, and look, in the order that the stage says."""
        if self.stage.looker == US:
            self._play_to_us()
        elif self.stage.when == COLD:
            self._do_all()
            with self.theatre.running(self.stage.looker) as looker:
                self._codex_looks(looker)
        else:
            with self.theatre.running(self.stage.looker) as looker:
                codex_default_listing(looker.server)
                for subject in self.subjects.values():
                    codex_turns(looker.server, subject.thread)
                self._do_all()
                self._codex_looks(looker)

    def _play_to_us(self) -> None:
        if self.stage.when == COLD:
            rows = self._do_all()
            self.theatre.home = opened(self.theatre.codex_home)
            self._we_look(rows)
            with self.theatre.running(self.stage.doer) as codex:
                self._given_back(codex)
            return
        threadlog_listing(self.theatre.home)
        with self.theatre.running(self.stage.doer) as doer:
            self._codex_does_all(doer)
            self._we_look(codex_default_listing(doer.server), self.stage.doer)

    def _do_all(self) -> dict[str, Listed]:
        """What a Codex that did it lists then."""
        if self.stage.doer != US:
            with self.theatre.running(self.stage.doer) as doer:
                self._codex_does_all(doer)
                return codex_default_listing(doer.server)
        for cell, subject in self.subjects.items():
            self._do(cell, subject)
        return {}

    def _codex_does_all(self, doer: Codex) -> None:
        for cell, subject in self.subjects.items():
            if cell.deed.loaded:
                resume(doer.server, subject.thread)
            self._do(cell, subject._replace(made=doer.builder, server=doer.server))

    def _do(self, cell: Cell, subject: Subject) -> None:
        do = cell.deed.by(self.stage.doer)
        assert do is not None
        with self.subtests.test(f"doing: {cell}"):
            self.afters[cell] = do(subject)

    def _codex_looks(self, looker: Codex) -> None:
        rows, ours = codex_default_listing(looker.server), threadlog_listing(self.theatre.home)
        for cell, after in self.afters.items():
            sights = looker.look(after, rows.get(after.thread), ours.get(after.thread))
            with self.subtests.test(str(cell)):
                at = self._circumstances(cell, after, looker.version)
                self.outcomes[cell] = _seen(sights, at)

    def _we_look(self, rows: dict[str, Listed], loaded_by: str | None = None) -> None:
        looker = Ours(self.theatre.home, self.theatre.codex_home, loaded_by)
        ours = threadlog_listing(looker.home)
        for cell, after in self.afters.items():
            sights = looker.look(after, rows.get(after.thread), ours.get(after.thread))
            with self.subtests.test(str(cell)):
                # Where the Codex that did it lists something else than we, that is its limit.
                at = self._circumstances(cell, after, self.stage.doer)
                _seen(sights, at, aspects=("listed",))
                self.outcomes[cell] = frozenset()

    def _given_back(self, codex: Codex) -> None:
        """The Codex that did it goes on after us."""
        rows, ours = codex_default_listing(codex.server), threadlog_listing(codex.home)
        for cell, after in self.afters.items():
            if after.place == "gone":
                continue
            now = after._replace(said=(*after.said, OURS), place="active", compressed=False)
            sights = codex.look(now, rows.get(now.thread), ours.get(now.thread))
            with self.subtests.test(f"given back: {cell}"):
                _seen(sights, self._circumstances(cell, now, codex.version))

    def _circumstances(self, cell: Cell, after: After, version: str) -> Circumstances:
        stage, same = self.stage, after.thread == self.subjects[cell].thread
        listed_before = stage.when != COLD and stage.looker == NEWEST
        taken_in = cell.maker == NEWEST or (cell.maker == OLDER and NEWEST in stage.makers)
        has_row = stage.doer == NEWEST or (same and (listed_before or taken_in))
        shown = cell.maker == NEWEST and (same or after.parents)
        known: tuple[str, ...] = TEXTS if shown else ()
        if stage.doer == NEWEST and (cell.deed.loaded or cell.maker == NEWEST or not same):
            known = tuple(text for text in after.said if text != OURS)
        return Circumstances(version, stage.mode, stage.doer, after, has_row, known)


def _seen(
    sights: Iterator[Sight], at: Circumstances, aspects: Collection[str] | None = None
) -> Outcome:
    """Compare all sights; which limits of a Codex were met, where it is Codex's *aspects*."""
    letters: set[str] = set()
    problems = []
    for aspect, seen, there_is in sights:
        wanted = there_is
        if aspects is None or aspect in aspects:
            wanted, met = limited(aspect, there_is, seen, at)
            letters |= met
        if seen != wanted:
            problems.append(f"{aspect}: {_different(seen, wanted)}")
    assert not problems, "\n".join(problems)
    return frozenset(letters)


def _different(seen: object, wanted: object) -> str:
    if isinstance(seen, Listed) and isinstance(wanted, Listed):
        pairs = zip(seen._fields, seen, wanted, strict=True)
        return ", ".join(f"{name} {one}, not {other}" for name, one, other in pairs if one != other)
    return f"{seen}, not {wanted}"


def test_a_fast_run_does_all_that_anybody_can_do() -> None:
    every = {(stage.doer, cell.deed.name) for _, stage in STAGES for cell in stage.cells()}
    fast = {
        (stage.doer, cell.deed.name) for number, stage in STAGES for cell in diagonal(number, stage)
    }
    assert fast == every


@pytest.mark.parametrize(("number", "stage"), STAGES, ids=[str(stage) for _, stage in STAGES])
def test_cells(
    number: int,
    stage: Stage,
    request: pytest.FixtureRequest,
    codex_home: CodexHome,
    model: MockModel,
    monkeypatch: pytest.MonkeyPatch,
    subtests: pytest.Subtests,
) -> None:
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(codex_home.path))
    binaries = {version: request.getfixturevalue(_FIXTURES[version]) for version in _FIXTURES}
    cells = stage.cells() if ALL else diagonal(number, stage)
    performance = Performance(Theatre(stage, binaries, codex_home, model), cells, subtests)
    performance.play()
    if SEEN:
        note(Path(SEEN), performance.outcomes)
        return
    told = read_page(PAGE)
    for cell, letters in performance.outcomes.items():
        with subtests.test(f"told: {cell}"):
            assert letters <= told[stage, cell.deed.name], "`make interop-all` writes the page anew"
