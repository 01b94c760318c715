"""`threadlog stats`: what threads used, as a table, JSON, or a plot."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from threadlog.cli import bars
from threadlog.cli.index import Progress
from threadlog.cli.terminal import BOLD, DIM, Style, folder, is_terminal
from threadlog.core import text
from threadlog.core.stats import PROJECT, THREAD, TOOL, Stats, StatsRow, Sums
from threadlog.home import Home

JSON_VERSION = 1
_GAP = "  "
# Names are cut to so many columns before a column of numbers is left out, and are no wider.
_KEY_MIN = {PROJECT: 28, THREAD: 36}
_KEY_MIN_ELSE, _KEY_MAX = 16, 60
_BAR_MIN, _BAR_MAX = 10, 40
# Where nobody looks at it a plot is as wide as this.
_PLOT_COLUMNS = 80


class _Column(NamedTuple):
    """A column of numbers: how it is headed, what it shows, and when a narrow table lacks it."""

    heading: str
    value: Callable[[Sums], int]
    goes: int  # the higher, the sooner it is left out
    show: Callable[[int], str] = "{:,}".format


def _time(sums: Sums) -> int:
    return sums.time_ms if sums.timed_turns else -1


def duration(ms: int) -> str:
    """A span of time in two units at most: `0.4s`, `42s`, `3m05s`, `1h02m`, `2d03h`."""
    seconds = ms // 1000
    if ms < 0:
        return "-"
    if ms < 9_950:
        return f"{ms / 1000:.1f}s"
    for size, unit, less, part in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if seconds >= size:
            return f"{seconds // size:,}{unit}{seconds % size // less:02}{part}"
    return f"{seconds}s"


_COLUMNS = (
    _Column("THREADS", lambda sums: sums.threads, 3),
    _Column("TURNS", lambda sums: sums.turns, 2),
    _Column("TIME", _time, 4, duration),
    _Column("CALLS", lambda sums: sums.calls, 5),
    _Column("INPUT", lambda sums: sums.tokens.input, 6, bars.number),
    _Column("CACHED", lambda sums: sums.tokens.cached_input, 7, bars.number),
    _Column("OUTPUT", lambda sums: sums.tokens.output, 6, bars.number),
    _Column("REASONING", lambda sums: sums.tokens.reasoning_output, 8, bars.number),
    _Column("TOKENS", lambda sums: sums.tokens.total, 0, bars.number),
)
_TOOL_COLUMNS = (
    _Column("THREADS", lambda sums: sums.threads, 1),
    _Column("CALLS", lambda sums: sums.calls, 0),
)


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Add up, and show it as asked; 1 if a folder could not be listed or nothing drawn."""
    if arguments.png == "":
        print("threadlog: --png is empty: name a file", file=sys.stderr)
        return 2
    if arguments.png is not None and (why := _cannot_draw()) is not None:
        print(f"threadlog: {why}", file=sys.stderr)
        return 1
    stats = _stats(home, arguments)
    if arguments.json:
        print(
            json.dumps({"version": JSON_VERSION, **stats.as_dict(), **_problems(stats)}, indent=1)
        )
    elif not stats.rows:
        on_terminal = sys.stdout.isatty()
        print(_nothing(home, arguments), file=sys.stdout if on_terminal else sys.stderr)
    elif arguments.png is not None:
        from threadlog.cli.drawing import draw

        draw(stats, _heading(home, stats), arguments.png)
        print(text.one_line(arguments.png))
    elif arguments.plot:
        _print_plot(home, stats, Style.of(sys.stdout))
    else:
        _print_table(stats, Style.of(sys.stdout))
    for problem in stats.problems:
        print(f"threadlog: {text.one_line(problem)}", file=sys.stderr)
    undrawn = arguments.png is not None and not stats.rows
    return 1 if stats.problems or undrawn else 0


def _cannot_draw() -> str | None:
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        return "drawing needs matplotlib, which is not there: pip install threadlog[plot]"
    return None


def _stats(home: Home, arguments: argparse.Namespace) -> Stats:
    with Progress() as progress:
        home.tell_progress(progress)
        return home.stats(
            by=arguments.by,
            archived=True if arguments.archived else False if arguments.active else None,
            cwd=arguments.cwd,
            sources=arguments.source,
            providers=arguments.provider,
            text=arguments.text,
            branch=arguments.branch,
            repository=arguments.repository,
            since=arguments.since,
            until=arguments.until,
            parent=home.get(arguments.parent).id if arguments.parent else None,
            forked_from=home.get(arguments.forked_from).id if arguments.forked_from else None,
            codex=arguments.codex,
        )


def _problems(stats: Stats) -> dict[str, object]:
    return {"problems": stats.problems} if stats.problems else {}


def _nothing(home: Home, arguments: argparse.Namespace) -> str:
    filters = ("cwd", "source", "provider", "text", "branch", "repository", "since", "until")
    more = ("parent", "forked_from", "codex", "archived", "active")
    fits = " that fits" if any(getattr(arguments, name) for name in (*filters, *more)) else ""
    what = "call of a tool" if arguments.by == TOOL else "use of anything"
    return text.one_line(f"no {what}{fits} in {home.path}")


def _heading(home: Home, stats: Stats) -> str:
    """What is plotted, of which home, and between which bounds."""
    bounds = [f"since {stats.since[:16]}Z"] if stats.since else []
    bounds += [f"until {stats.until[:16]}Z"] if stats.until else []
    what = f"{bars.unit_of(stats)} by {bars.period_of(stats)}".capitalize()
    return ", ".join([what, text.one_line(folder(home.path)), *bounds])


def _print_plot(home: Home, stats: Stats, style: Style) -> None:
    blocks = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    columns = style.columns or _PLOT_COLUMNS
    print(style.paint(text.fit(_heading(home, stats), columns), BOLD))
    print("\n".join(bars.lines(bars.bars(stats), columns, blocks=blocks)))


def _print_table(stats: Stats, style: Style) -> None:
    """A table that fits the terminal; for programs whole numbers, separated by tabs."""
    columns: Sequence[_Column] = _TOOL_COLUMNS if stats.by == TOOL else _COLUMNS
    columns = columns[1:] if stats.by == THREAD else columns
    if not style.columns:
        print("\n".join("\t".join(_cells(row, columns)) for row in stats.rows))
        return
    table = [[column.show(column.value(row.sums)) for column in columns] for row in stats.rows]
    table.append([column.show(column.value(stats.total)) for column in columns])
    widths = [
        max(len(column.heading), *(len(cells[place]) for cells in table))
        for place, column in enumerate(columns)
    ]
    names = [bars.label(stats.by, row) for row in stats.rows]
    longest = max(map(text.width, [stats.by, "total", *names]))
    least = min(longest, _KEY_MIN.get(stats.by, _KEY_MIN_ELSE))
    shown = _that_fit(columns, widths, style.columns, least)
    room = style.columns - sum(widths[place] + len(_GAP) for place in shown)
    key = min(longest, max(room, 1), _KEY_MAX)
    print(style.paint(_line(stats.by.upper(), key, _headings(columns), widths, shown), BOLD))
    drawn = _strips(stats, room - key - len(_GAP))
    for name, cells, strip in zip(bars.fitted(names, key), table, drawn, strict=False):
        print(f"{_line(name, key, cells, widths, shown)}{_GAP}{strip}".rstrip())
    print(style.paint(_line("total", key, table[-1], widths, shown), BOLD))
    timed = any(columns[place].show is duration for place in shown)
    for remark in _remarks(stats, timed=timed):
        print(style.paint(text.fit(remark, style.columns), DIM))


def _headings(columns: Sequence[_Column]) -> list[str]:
    return [column.heading for column in columns]


def _cells(row: StatsRow, columns: Sequence[_Column]) -> list[str]:
    """A row for programs: its key in full, the title of a thread, whole numbers."""
    named = [row.key or "", *([] if row.title is None else [row.title])]
    numbers = [str(max(column.value(row.sums), 0)) for column in columns]
    return [*map(text.one_line, named), *numbers]


def _that_fit(
    columns: Sequence[_Column], widths: Sequence[int], total: int, least: int
) -> list[int]:
    """The places of the columns that a terminal of this width has room for."""
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(widths[each] + len(_GAP) for each in shown) + least > total:
        shown.remove(max(shown, key=lambda each: (columns[each].goes, each)))
    return shown


def _line(
    name: str, key: int, cells: Sequence[str], widths: Sequence[int], shown: Sequence[int]
) -> str:
    numbers = [f"{cells[place]:>{widths[place]}}" for place in shown]
    return _GAP.join([text.pad(text.fit(name, key), key), *numbers])


def _strips(stats: Stats, room: int) -> list[str]:
    """A bar beside each row, where the terminal is wide enough."""
    amounts = [row.sums.calls if stats.by == TOOL else row.sums.tokens.total for row in stats.rows]
    blocks = is_terminal(sys.stdout) and (sys.stdout.encoding or "").lower() == "utf-8"
    if room < _BAR_MIN or not any(amounts):
        return [""] * len(amounts)
    most = max(amounts)
    return [bars.strip(each / most * min(room, _BAR_MAX), blocks=blocks) for each in amounts]


def _remarks(stats: Stats, *, timed: bool) -> list[str]:
    """What the sums do not say."""
    total = stats.total
    remarks = []
    if timed and 0 < total.timed_turns < total.turns:
        told = f"{total.timed_turns:,} of {total.turns:,} turns"
        remarks.append(f"TIME is that of {told}: the others do not tell how long they took")
    if total.restarted_tokens:
        more = bars.number(total.restarted_tokens)
        remarks.append(f"{more} more tokens were counted before a thread's total began anew")
    return remarks
