"""What a plot shows, ready to be drawn: a bar for each day, project, ...; and bars of text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from threadlog.cli.terminal import folder
from threadlog.core import ids, text
from threadlog.core.ledger import Tokens
from threadlog.core.stats import DAY, MODEL, PROJECT, THREAD, TOOL, Stats, StatsRow

# More days than this are shown by month.
DAYS = 92
# And days without anything are left out where there would be more than this.
FILLED_DAYS = 3660
_UNTOLD = {DAY: "(no date)", PROJECT: "(no folder)", MODEL: "(not told)"}
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_EIGHTHS = "▏▎▍▌▋▊▉█"
_LABEL_COLUMNS = 40


class Bar(NamedTuple):
    """What is told of one day, project, ...; calls where tools are told of, else tokens."""

    label: str
    amount: int
    tokens: Tokens
    exact: bool = False  # it counts calls, of which nobody has millions

    @property
    def told(self) -> str:
        """The amount as people say it."""
        return f"{self.amount:,}" if self.exact else number(self.amount)


def unit_of(stats: Stats) -> str:
    """What the bars of a plot count."""
    return "calls" if stats.by == TOOL else "tokens"


def period_of(stats: Stats) -> str:
    """What a bar stands for: as asked, but months where there are too many days."""
    return "month" if stats.by == DAY and len(_days(stats.rows)) > DAYS else stats.by


def bars(stats: Stats) -> list[Bar]:
    """A bar a row; of days also those without anything, or all of a month in one."""
    if stats.by != DAY:
        return [_bar(label(stats.by, row), row, stats.by) for row in stats.rows]
    told = {row.key or "": _bar(label(DAY, row), row, DAY) for row in stats.rows}
    days = _days(stats.rows)
    nothing = Tokens()
    filled = [told.get(day) or Bar(day, 0, nothing) for day in days]
    if len(days) > DAYS:
        filled = _by_month(filled)
    return [*filled, *([told[""]] if "" in told else [])]


def _bar(name: str, row: StatsRow, by: str) -> Bar:
    calls = by == TOOL
    return Bar(name, row.sums.calls if calls else row.sums.tokens.total, row.sums.tokens, calls)


def _days(rows: Sequence[StatsRow]) -> list[str]:
    """All days from the first to the last; of more than FILLED_DAYS those that are told of."""
    known = [date.fromisoformat(row.key) for row in rows if row.key is not None]
    if not known:
        return []
    count = (max(known) - min(known)).days + 1
    if count > FILLED_DAYS:  # a clock was wrong: nobody wants to see centuries without anything
        return [each.isoformat() for each in sorted(set(known))]
    return [(min(known) + timedelta(days=each)).isoformat() for each in range(count)]


def _by_month(days: Sequence[Bar]) -> list[Bar]:
    months: dict[str, Bar] = {}
    for day in days:
        name = day.label[: len("2026-11")]
        known = months.get(name, Bar(name, 0, Tokens()))
        tokens = Tokens(*map(sum, zip(known.tokens, day.tokens, strict=True)))
        months[name] = Bar(name, known.amount + day.amount, tokens)
    return list(months.values())


def label(by: str, row: StatsRow) -> str:
    """What a row is called, safe to print."""
    if row.key is None:
        return _UNTOLD.get(by, "-")
    if by == PROJECT:
        return text.one_line(folder(row.key))
    if by == THREAD:
        return text.one_line(f"{ids.short_id(row.key)}  {row.title or '(no message yet)'}")
    return text.one_line(row.key)


def number(count: int) -> str:
    """A number in three digits and a unit: `955`, `9.55K`, `12.3K`, `1.20M`."""
    for size, unit in _UNITS:
        if count >= size * 0.9995:
            amount = count / size
            digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
            return f"{amount:.{digits}f}{unit}"
    return str(count)


def lines(found: Sequence[Bar], columns: int, *, blocks: bool) -> list[str]:
    """The bars as lines of text; with *blocks* in eighths of a column."""
    names = fitted([bar.label for bar in found], min(_LABEL_COLUMNS, columns // 3))
    amounts = [bar.told for bar in found]
    left, right = max(map(text.width, names)), max(map(len, amounts))
    room = max(columns - left - right - 4, 1)
    most = max(1, *(bar.amount for bar in found))
    drawn = []
    for bar, name, amount in zip(found, names, amounts, strict=True):
        filled = strip(bar.amount / most * room, blocks=blocks)
        drawn.append(f"{text.pad(name, left)}  {amount:>{right}}  {filled}".rstrip())
    return drawn


def fitted(names: Sequence[str], columns: int) -> list[str]:
    """Names cut to so many columns; those of folders and repositories at their beginnings."""
    return [(text.fit_end if "/" in name else text.fit)(name, columns) for name in names]


def strip(length: float, *, blocks: bool) -> str:
    """A bar so many columns long; what is not nothing is seen."""
    if not blocks:
        return "#" * (max(round(length), 1) if length > 0 else 0)
    eighths = max(round(length * 8), 1) if length > 0 else 0
    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[-1] * whole + (_EIGHTHS[rest - 1] if rest else "")
