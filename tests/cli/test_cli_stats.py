"""`threadlog stats`: tables that fit, numbers that add up, JSON as described, plots."""

from __future__ import annotations

import builtins
import importlib.util
import json
import re
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from test_cli_terminal import EVIL, OURS, on_terminal, width

import threadlog
from makers import command, content, event, file_name, line, meta, put, turn, uuid
from threadlog.cli import bars, drawing
from threadlog.cli.bars import Bar
from threadlog.cli.stats import duration
from threadlog.core.ledger import Tokens
from threadlog.core.stats import GROUPINGS, Stats, StatsRow, Sums

ROOT = Path(__file__).parents[2]


def used(total: int) -> bytes:
    counts = {"input_tokens": total, "output_tokens": 0, "total_tokens": total}
    return event("token_count", info={"total_token_usage": counts, "last_token_usage": counts})


def put_use(home: Path, number: int, total: int, *, day: int = 2, **fields: Any) -> None:
    """A thread of one turn, one call and so many tokens."""
    model, tool = fields.pop("model", "m"), fields.pop("tool", "shell")
    settings = {"cwd": "/w", "approval_policy": "x", "sandbox_policy": {}, "model": model}
    called = {"type": "function_call", "name": tool, "arguments": "{}", "call_id": "c"}
    raws = [
        event("task_started", turn_id="a"),
        line("turn_context", settings),
        event("user_message", message=fields.pop("says", "hello")),
        line("response_item", called),
        used(total),
        event("task_complete", turn_id="a", last_agent_message=None, duration_ms=61_000),
    ]
    stamped = [raw.replace(b"2026-01-02T03", b"2026-01-%02dT13" % day, 1) for raw in raws]
    folder = fields.pop("folder", "sessions/2026/01/02")
    put(home, content([meta(uuid(number), **fields), *stamped]), file_name(uuid(number)), folder)


def some_home(home: Path) -> None:
    put_use(home, 1, 1_234_567, cwd="/desk/a")
    put_use(home, 2, 89, day=4, cwd="/desk/b", tool="grep", model="n")
    put_use(home, 3, 1000, day=4, cwd="/desk/b", folder="archived_sessions")


# -- for programs


def test_programs_get_whole_numbers_separated_by_tabs(home: Path) -> None:
    some_home(home)
    ran = command(home, "stats", "--by", "project")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode().splitlines() == [
        "/desk/a\t1\t1\t61000\t1\t1234567\t0\t0\t0\t1234567",
        "/desk/b\t2\t2\t122000\t2\t1089\t0\t0\t0\t1089",
    ]
    by_thread = command(home, "stats", "--by", "thread", "--archived").out.decode()
    assert by_thread == f"{uuid(3)}\thello\t1\t61000\t1\t1000\t0\t0\t0\t1000\n"
    assert command(home, "stats", "--by", "tool").out == b"shell\t2\t2\ngrep\t1\t1\n"


@pytest.mark.parametrize("by", GROUPINGS)
def test_json_is_what_python_tells_and_every_key_is_described(home: Path, by: str) -> None:
    some_home(home)
    ran = command(home, "stats", "--json", "--by", by, "--active", "--since", "2026-01-01")
    assert ran.out.isascii()
    told = json.loads(ran.out)
    stats = threadlog.open(home).stats(by=by, archived=False, since="2026-01-01")
    assert told == {"version": 1, **json.loads(json.dumps(stats.as_dict()))}
    assert told["total"]["threads"] == 2
    page = (ROOT / "docs" / "cli.md").read_text().partition("\n## stats\n")[2].partition("\n## ")[0]
    assert list(told["total"]) == [each for each in told["rows"][0] if each not in ("key", "title")]
    for key in [*told, *told["rows"][0], *told["total"].get("tokens", ())]:
        assert f"`{key}`" in page, key


def test_the_threads_of_tools_are_those_that_called_one(home: Path) -> None:
    some_home(home)
    silent = [meta(uuid(4)), *turn("hello"), used(7)]
    put(home, content(silent), file_name(uuid(4)))
    told = json.loads(command(home, "stats", "--json", "--by", "tool").out)
    assert told["total"] == {"threads": 3, "calls": 3}
    stats = threadlog.open(home).stats(by="tool")
    assert (stats.total.turns, stats.total.tokens.total) == (0, 0)


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["--cwd", "/desk/b"], 1),
        (["--active"], 2),
        (["--archived"], 1),
        (["--since", "2026-01-03", "--until", "2026-01-04"], 0),
        (["--provider", "some"], 2),
        (["--source", "exec"], 0),
        (["--text", "hello"], 2),
    ],
)
def test_options_choose(home: Path, words: list[str], rows: int) -> None:
    some_home(home)
    ran = command(home, "stats", *words)
    assert len(ran.out.splitlines()) == rows
    assert ran.err == ("" if rows else f"no use of anything that fits in {home}\n")
    assert ran.code == 0


def test_nothing_is_a_sentence(home: Path) -> None:
    for words in (["stats"], ["stats", "--plot"]):
        ran = command(home, *words)
        assert (ran.code, ran.out) == (0, b"")
        assert ran.err == f"no use of anything in {home}\n"
    assert command(home, "stats", "--by", "tool").err == f"no call of a tool in {home}\n"
    assert json.loads(command(home, "stats", "--json").out)["rows"] == []


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "--plot"],
        ["--png", "x", "--json"],
        ["--archived", "--active"],
        ["--by", "hour"],
        ["--since", "x"],
        ["--png", ""],
    ],
)
def test_what_makes_no_sense_is_refused(home: Path, words: list[str]) -> None:
    ran = command(home, "stats", *words)
    assert (ran.code, ran.out) == (2, b"")
    assert "Traceback" not in ran.err


# -- for people


WIDE = [*zip(GROUPINGS, [40, 80, 200, 200, 80, 40], strict=True), ("model", 40), ("day", 80)]


@pytest.mark.parametrize(("by", "columns"), WIDE)
def test_a_table_fits_the_terminal_and_adds_up(home: Path, by: str, columns: int) -> None:
    some_home(home)
    for words in ([], ["--plot"]):
        code, told = on_terminal(home, "stats", "--by", by, *words, columns=columns)
        assert code == 0
        shown = OURS.sub("", told).splitlines()
        assert all(width(each) <= columns for each in shown)
        if not words:
            assert shown[0].split()[0] == by.upper()
            assert shown[-1].split()[0] == "total"
            assert shown[-1].split()[-1] == ("3" if by == "tool" else "1.24M")
            numbers = [each.partition("█")[0].rstrip() for each in shown[:2]]
            assert len({len(each) for each in numbers}) == 1  # headings stand above numbers


def test_nothing_in_a_thread_steers_the_terminal(home: Path) -> None:
    evil: dict[str, Any] = {"cwd": f"/desk/{EVIL}", "model": EVIL, "tool": EVIL, "says": EVIL}
    put_use(home, 1, 5, **evil, source={"custom": EVIL})
    for words in (*(["--by", by] for by in GROUPINGS), ["--by", "thread", "--plot"]):
        _code, told = on_terminal(home, "stats", *words)
        rest = OURS.sub("", told)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", rest), words
        assert all(width(each) <= 80 for each in rest.splitlines())


def test_what_the_sums_do_not_say_is_said_below(home: Path) -> None:
    raws = [event("user_message", message="q"), used(9_000), used(40)]
    put(home, content([meta(uuid(9)), *raws]), file_name(uuid(9)))
    put_use(home, 1, 5)
    _code, told = on_terminal(home, "stats", columns=100)
    last = OURS.sub("", told).splitlines()[-2:]
    assert last == [
        "TIME is that of 1 of 2 turns: the others do not tell how long they took",
        "9.00K more tokens were counted before a thread's total began anew",
    ]


def test_where_blocks_cannot_be_shown_bars_are_of_number_signs(home: Path) -> None:
    some_home(home)
    _code, told = on_terminal(
        home, "stats", "--plot", columns=80, PYTHONIOENCODING="ascii", LC_ALL="C"
    )
    assert "####" in told
    assert OURS.sub("", told).isascii()


# -- numbers and bars


@pytest.mark.parametrize(
    ("count", "told"),
    [
        *((0, "0"), (999, "999"), (1000, "1.00K"), (9_994, "9.99K"), (9_996, "10.0K")),
        *((99_960, "100K"), (999_400, "999K"), (999_600, "1.00M"), (1_234_567, "1.23M")),
        *((12_345_678_900, "12.3B"), (10**15, "1000T")),
    ],
)
def test_numbers_have_three_digits(count: int, told: str) -> None:
    assert bars.number(count) == told


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        *((-1, "-"), (0, "0.0s"), (9_940, "9.9s"), (9_999, "9s"), (59_999, "59s")),
        *((61_000, "1m01s"), (3_720_000, "1h02m"), (97_200_000, "1d03h")),
    ],
)
def test_spans_of_time_have_two_units(ms: int, told: str) -> None:
    assert duration(ms) == told


def of_days(*days: str | None) -> Stats:
    rows = [StatsRow(day, Sums(1, tokens=Tokens(total=10))) for day in days]
    return Stats("day", None, None, tuple(rows), Sums(1, tokens=Tokens(total=10 * len(days))))


def test_days_without_anything_have_a_place_too() -> None:
    found = bars.bars(of_days("2026-02-27", "2026-03-01", None))
    assert [(bar.label, bar.amount) for bar in found] == [
        *(("2026-02-27", 10), ("2026-02-28", 0), ("2026-03-01", 10), ("(no date)", 10)),
    ]


def test_many_days_are_told_by_month() -> None:
    stats = of_days("2025-12-30", "2025-12-31", "2026-12-01")
    found = bars.bars(stats)
    assert bars.period_of(stats) == "month"
    assert len(found) == 13
    assert (found[0].label, found[0].amount, found[1].amount) == ("2025-12", 20, 0)
    assert found[0].tokens.total == 20


def test_the_longest_bar_has_the_room_and_none_that_counts_is_empty() -> None:
    found = [Bar("a", 1_000_000, Tokens()), Bar("b", 1, Tokens()), Bar("c", 0, Tokens())]
    for blocks, least in ((True, "▏"), (False, "#")):
        lines = bars.lines(found, 40, blocks=blocks)
        assert len(lines[0]) == 40
        assert lines[1] == f"b      1  {least}"
        assert lines[2] == "c      0"


# -- a file


@pytest.mark.parametrize("by", GROUPINGS)
def test_a_png_is_drawn(home: Path, tmp_path: Path, by: str) -> None:
    some_home(home)
    put_use(home, 4, 7, cwd="/desk/$a$ ^{", model="日本 $", tool="x" * 90, says=EVIL)
    path = tmp_path / f"{by}.png"
    ran = command(home, "stats", "--by", by, "--png", str(path))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode().strip() == str(path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    wide, high = struct.unpack(">II", data[16:24])
    assert (wide, high > 300) == (1500, True)


def test_what_a_drawing_is_made_of_adds_up_to_the_bars() -> None:
    tokens = Tokens(input=60, cached_input=40, output=10, total=100)
    parts = drawing._parts([Bar("a", 100, tokens), Bar("b", 0, Tokens())], calls=False)
    assert {name: amounts for name, _colour, amounts in parts} == {
        "input": [20, 0],
        "input, cached": [40, 0],
        "output": [10, 0],
        "not broken down": [30, 0],
    }
    assert sum(amounts[0] for _name, _colour, amounts in parts) == 100
    days = drawing._dates(["2025-12-31", "2026-01-01", "(no date)"])
    assert days == ["31 Dec\n2025", "1 Jan\n2026", "(no date)"]


def test_without_the_library_that_draws_it_is_said(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_home(home)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    ran = command(home, "stats", "--png", str(tmp_path / "x.png"))
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == (
        "threadlog: drawing needs matplotlib, which is not there: pip install threadlog[plot]\n"
    )
    assert not (home / "threadlog").exists()  # nothing was read for that


def test_nothing_but_a_file_needs_the_library(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some_home(home)
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        assert not name.startswith("matplotlib")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for words in ([], ["--json"], ["--plot"]):
        assert command(home, "stats", *words).code == 0


def test_a_file_that_cannot_be_written_is_a_sentence(home: Path, tmp_path: Path) -> None:
    some_home(home)
    ran = command(home, "stats", "--png", str(tmp_path / "no" / "x.png"))
    assert (ran.code, ran.err) == (
        1,
        f"threadlog: {tmp_path}/no/x.png: No such file or directory\n",
    )


def test_what_has_to_be_read_is_told_while_it_is(home: Path) -> None:
    some_home(home)
    told: list[str] = []
    opened = threadlog.open(home)
    opened.tell_progress(lambda what, done, total: told.append(f"{what} {done} {total}"))
    opened.stats()
    assert any(each.startswith("bytes") for each in told)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_clock_that_was_wrong_costs_a_bar(
    home: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    for number, stamp in enumerate(
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-02T12:00:00Z")
    ):
        lines = [json.loads(each) for each in content([meta(uuid(number)), used(5)]).splitlines()]
        raws = [json.dumps({**each, "timestamp": stamp}).encode() for each in lines]
        put(home, content(raws), file_name(uuid(number)))
    try:
        for form in ([], ["--plot"], ["--json"]):
            ran = command(home, "stats", *form)
            assert ran.code == 0, ran.err
            assert len(ran.out.splitlines()) < 200
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_png_of_nothing_is_none(home: Path, tmp_path: Path) -> None:
    put_use(home, 1, 5)
    ran = command(home, "stats", "--until", "2020-01-01", "--png", str(tmp_path / "x.png"))
    assert ran.code == 1
    assert not (tmp_path / "x.png").exists()
