"""Our app-server answers and tells what Codex's does, but for what a table says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from interop import app_client
from interop.answers import Sheet
from interop.app_schema import AppSchema
from interop.codex_process import make_home
from interop.mock_model import MockModel
from interop.transcript_normal import Seen, normal
from interop.transcript_play import Partner, Player, Taken, complaints, mock_script
from interop.transcript_script import script
from interop.transcripts import (
    BEGIN,
    DIFFERENCES,
    END,
    PAGE,
    differences,
    judged,
    summary,
    with_table,
)

_AGENT = "interop.playing:agent"


class Run(NamedTuple):
    """The script, run in a folder."""

    folder: Path
    taken: list[Taken]

    def seen(self) -> list[Seen]:
        """What came of it, comparable."""
        return normal(self.taken, self.folder)


@pytest.fixture(scope="module")
def runs(
    newest: Path,
    running_model: MockModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Run]:
    """The script run on Codex's server and on ours, at the same time."""
    folders = {name: tmp_path_factory.mktemp(name) for name in (app_client.CODEX, app_client.OURS)}
    with ThreadPoolExecutor() as pool:
        codex = pool.submit(_of_codex, newest, running_model, folders[app_client.CODEX])
        ours = pool.submit(_of_ours, folders[app_client.OURS])
        return {app_client.CODEX: codex.result(), app_client.OURS: ours.result()}


def _of_codex(binary: Path, model: MockModel, folder: Path) -> Run:
    home = make_home(folder / "run", model.url)
    partner = Partner(mock_script(model.script), model.release)
    with model.used_up():
        player = Player(app_client.codex(binary, home), partner, folder / "log")
        return Run(folder / "run", player.run(script()))


def _of_ours(folder: Path) -> Run:
    home = make_home(folder / "run", "http://127.0.0.1:9/v1")
    sheet = Sheet(folder)
    partner = Partner(sheet.script, sheet.release)
    player = Player(app_client.ours(home, _AGENT, **sheet.environment), partner, folder / "log")
    return Run(folder / "run", player.run(script()))


def _none(lines: str) -> None:
    """Fails with all the lines: pytest shortens what is compared."""
    if lines:
        pytest.fail(lines, pytrace=False)


def test_all_that_codex_says_fits_the_schema(runs: dict[str, Run], app_schema: AppSchema) -> None:
    _none("\n".join(complaints(app_schema, runs[app_client.CODEX].taken)))


def test_all_that_we_say_fits_the_schema(runs: dict[str, Run], app_schema: AppSchema) -> None:
    _none("\n".join(complaints(app_schema, runs[app_client.OURS].taken)))


def test_both_say_the_same_but_for_the_table(runs: dict[str, Run]) -> None:
    found = list(differences(runs[app_client.CODEX].seen(), runs[app_client.OURS].seen()))
    unexcused, idle = judged(found, DIFFERENCES)
    _none(summary(unexcused))
    assert idle == []


@pytest.mark.skipif(not PAGE.exists(), reason="there is no page to hold the table yet")
def test_the_table_stands_on_the_page() -> None:
    page = PAGE.read_text()
    assert with_table(page) == page


# -- the judge itself


def _step(answer: object, *notes: dict[str, object]) -> Seen:
    return Seen("a step", answer, {"<thread>": list(notes)})


def _note(method: str, **params: object) -> dict[str, object]:
    return {"method": method, "params": params}


def test_a_field_that_is_missing_or_more_or_of_another_type_differs() -> None:
    left = _step({"result": {"a": 1, "b": [1, 2], "c": True}})
    right = _step({"result": {"b": [1], "c": 1, "d": None}})
    places = [each.place for each in differences([left], [right])]
    assert places == ["answer.result.a", "answer.result.b.1", "answer.result.c", "answer.result.d"]


def test_notifications_are_compared_in_their_order_and_one_by_one() -> None:
    one, two = _note("turn/started", n=1), _note("turn/completed", n=2)
    assert not list(differences([_step({}, one, two)], [_step({}, one, two)]))
    (order,) = differences([_step({}, one, two)], [_step({}, two, one)])
    assert order.place == "told of thread: order"
    changed = _note("turn/completed", n=3)
    (field,) = differences([_step({}, one, two)], [_step({}, one, changed)])
    assert field.place == "told of thread: turn/completed.0.n"


def test_a_row_excuses_what_it_matches_and_one_that_excuses_nothing_is_said() -> None:
    found = list(differences([_step({"a": 1, "b": 1})], [_step({"a": 2, "b": 2})]))
    unexcused, idle = judged(found, {"a step | *.a": "so", "another step | *": "so"})
    assert [each.place for each in unexcused] == ["answer.b"]
    assert idle == ["another step | *"]


def test_the_table_is_put_between_the_marks() -> None:
    page = with_table(f"Before.\n{BEGIN}\nwhat was there\n{END}\nAfter.\n")
    assert page.startswith(f"Before.\n{BEGIN}\n| step")
    assert page.endswith(f"\n{END}\nAfter.\n")
    assert "what was there" not in page
