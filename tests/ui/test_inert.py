"""Nothing that a thread says steers the terminal or is read as markup; failures are sentences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from screens import Seat, put_turns, sit

from makers import THREAD, content, event, file_name, meta, put, put_names, turn, user, uuid
from threadlog.core.text import printable
from threadlog.errors import Unreadable
from threadlog.home import Home
from threadlog.ui import cells, keys
from threadlog.ui.dialogs import Help
from threadlog.ui.telling import blocks_of

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "title of the terminal": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "link": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "C1": "\x9b31m\x90q\x9c",
    "backspaces": "good\x08\x08\x08\x08evil",
    "carriage return": "good\revil",
    "NUL and DEL": "a\x00b\x7fc",
    "bidi": "\u202egnp.exe\u202c\u2066x\u2069",
    "surrogate": "a\ud800b",
    "line separators": "a\u2028b\u2029c\x85d",
    "markup": "[red]not red[/red]",
    "open markup": "[bold",
    "wrong markup": "[/nothing] [/]",
    "action": "[@click=app.quit]quit[/]",
    "link markup": "[link=http://evil]x[/link]",
    "emoji code": ":smile: :warning:",
    "wide": "日本語" * 20 + "🎉🚀",
    "combining": "a" + "\u0301" * 50,
    "tabs": "a\tb\tc",
}
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def put_hostile(home: Path, number: int, words: str) -> None:
    thread = uuid(number)
    command = {
        "cwd": "/",
        "parsed_cmd": [],
        "stdout": words,
        "stderr": "",
        "exit_code": 1,
        "duration": {"secs": 0, "nanos": 1},
        "formatted_output": words,
    }
    raws = [
        meta(thread, cwd=f"/desk/{words}", git={"branch": words, "commit_hash": ""}),
        event("task_started", turn_id=words),
        user(words),
        event("agent_reasoning", text=words),
        event("agent_message", message=words),
        event("error", message=words),
        event("web_search_end", call_id="w", query=words),
        event("view_image_tool_call", call_id="i", path=words),
        event(
            "exec_command_end",
            call_id="c",
            turn_id=words,
            command=["bash", "-lc", words],
            aggregated_output=words,
            **command,
        ),
        event("task_complete", turn_id=words, last_agent_message=None),
    ]
    put(home, content(raws), file_name(thread, stamp=f"2026-01-02T03-04-{number:02d}"))


def test_hostile_texts_are_shown_as_text_wherever_they_stand(home: Path) -> None:
    for number, words in enumerate(HOSTILE.values()):
        put_hostile(home, number, words)
        put_names(home, (uuid(number), words))

    async def scenario(seat: Seat) -> None:
        for words in reversed(HOSTILE.values()):
            shown = re.sub(r"\s+", " ", printable(words))[:8].strip()
            await seat.see(shown)
            for step in ("", "enter", "f", "escape", "q", "down"):
                await seat.press(*([step] if step else []))
                text = seat.text()
                assert not _FORBIDDEN.search(text), (words, step)
                assert not any(map(_FORBIDDEN.search, drawn(seat))), (words, step)

    sit(home, scenario, size=(120, 30))


def drawn(seat: Seat) -> list[str]:
    """What widgets hand over, before anybody else looks at it."""
    strips = []
    for each in seat.app.screen.query("ListView, TurnView"):
        strips += [each.render_line(y).text for y in range(each.size.height)]
    return strips


def test_a_name_that_is_markup_is_no_markup_in_questions_either(home: Path) -> None:
    put_turns(home, 1, ["x"])
    put_names(home, (uuid(1), "[red]name[/red] [@click=app.quit]q[/]"))

    async def scenario(seat: Seat) -> None:
        for key in ("d", "f", "a"):
            await seat.press(key)
            await seat.see("?", "[red]name[/red] [@click=app.quit]q[/]", "Esc no")
            await seat.press("escape")
            await seat.see_no("Esc no")

    sit(home, scenario, size=(120, 24))


def test_every_line_takes_the_columns_that_there_are(home: Path) -> None:
    for words in HOSTILE.values():
        for columns in (2, 3, 10, 79):
            for line in cells.lines_of(words, columns):
                assert cells.width(line) <= columns
            assert cells.width(cells.one_line(words, columns)) <= columns
            assert cells.width(cells.end_of(words, columns)) <= columns


def test_no_text_is_lost_where_lines_are_broken() -> None:
    words = "one two  three " + "x" * 50 + " 日本語 end"
    for columns in (4, 7, 20):
        joined = "".join(cells.lines_of(words, columns))
        assert joined.replace(" ", "") == words.replace(" ", "")


def test_help_tells_every_key_that_is_bound(home: Path) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("question_mark")
        await seat.see("Up Down PgUp PgDn", "Esc closes this")
        text = seat.text()
        for table in (keys.THREADS, keys.READING, keys.ACTIONS):
            for key in table:
                assert key.what in text
                assert key.written in text
        await seat.press("escape")
        await seat.see("1 of 1 threads")
        await seat.press("enter")
        await seat.see("1 turn")
        await seat.press("question_mark")
        await seat.until(lambda: isinstance(seat.app.screen, Help))
        await seat.press("q", "q")
        await seat.see("1 of 1 threads")

    sit(home, scenario, size=(100, 60))


def test_help_can_be_read_on_a_small_terminal(home: Path) -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("question_mark")
        await seat.see("List")
        for _ in range(6):
            await seat.press("pagedown")
        await seat.see("Esc closes this")

    sit(home, scenario, size=(80, 24))


def test_an_index_that_cannot_be_used_changes_nothing(home: Path) -> None:
    put_turns(home, 1, ["one"])
    (home / "threadlog").mkdir()
    (home / "threadlog" / "index.sqlite").write_bytes(b"no database" * 100)

    async def scenario(seat: Seat) -> None:
        await seat.see("1 of 1 threads")
        await seat.press("t")
        await seat.type("one")
        await seat.see("1 of 1 threads")

    sit(home, scenario)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Unreadable("cannot read it: \x1b[31mred"), "cannot read it: ␛[31mred"),
        (OSError(5, "Input/output error", "/x"), "/x: Input/output error"),
        (RuntimeError("of ours"), "a defect of threadlog (RuntimeError)"),
    ],
)
def test_a_failure_of_any_kind_is_a_sentence_and_the_program_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        def fail(*_args: object, **_asked: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Home, "threads", fail)
            patch.setattr(Home, "search", fail)
            for keys_ in (["f5"], ["s"], ["slash", "o", "enter"]):
                await seat.press(*keys_)
                await seat.see(sentence)
                assert "Traceback" not in seat.text()
        await seat.press("escape", "f5")
        await seat.see("1 of 1 threads")

    sit(home, scenario)


def test_a_first_page_that_fails_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_asked: object) -> None:
        raise Unreadable("cannot read the folder")

    monkeypatch.setattr(Home, "threads", fail)

    async def scenario(seat: Seat) -> None:
        await seat.see("cannot read the folder")

    sit(home, scenario)


def test_a_kind_of_item_that_nobody_knows_has_its_name(home: Path) -> None:
    put(home, content([meta(THREAD), *turn("one")]))
    from threadlog.core.items.turn import UntypedTurnItem
    from threadlog.core.turn import Turn

    item = UntypedTurnItem(id="x", payload={"type": "NewThing"}, reason="type")
    (_head, block) = blocks_of(Turn("t", "completed", (item,)))
    assert block.head == "[NewThing]"
