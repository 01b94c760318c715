"""A plot in a file: **the library that draws**, loaded for that alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from threadlog.cli import bars
from threadlog.cli.bars import Bar
from threadlog.core import text
from threadlog.core.ledger import Tokens
from threadlog.core.stats import DAY, TOOL, Stats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More bars are not drawn, and more dates not written below them.
_BARS = 25
_DATES = 14
_NAME_COLUMNS = 48
_DPI = 150
_WIDTH_INCHES, _HEIGHT_INCHES, _BAR_INCHES = 10.0, 5.0, 0.32
_PARTS = (
    ("input", "#2f6f9f"),
    ("input, cached", "#a3c9e2"),
    ("output", "#e08e45"),
    ("not broken down", "#b9b9b9"),
)
_CALLS = "#2f6f9f"
_GRID, _TEXT = "#dddddd", "#444444"


def draw(stats: Stats, heading: str, path: str) -> None:
    """Draw the bars of some stats into a PNG file; raises OSError."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = bars.bars(stats)
    upright = stats.by == DAY
    shown = found if upright else found[:_BARS]
    height = _HEIGHT_INCHES if upright else max(2.4, 1.6 + _BAR_INCHES * len(shown))
    # A name with dollar signs is no formula.
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that the font lacks are drawn as boxes
        figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
        axes = figure.add_subplot()
        parts = _parts(shown, calls=stats.by == TOOL)
        (_draw_days if upright else _draw_names)(axes, shown, parts)
        _dress(axes, bars.unit_of(stats), parts, upright=upright)
        figure.suptitle(text.fit(heading, 90), x=0.01, ha="left", fontsize=12, fontweight="bold")
        told = _told(stats, len(shown), len(found))
        axes.set_title(told, loc="left", fontsize=9, color=_TEXT)
        figure.savefig(path, format="png", dpi=_DPI)


def _told(stats: Stats, shown: int, found: int) -> str:
    """What all bars come to, and how many there are where some are not shown."""
    total = stats.total
    count = total.calls if stats.by == TOOL else total.tokens.total
    threads = "1 thread" if total.threads == 1 else f"{total.threads:,} threads"
    some = f"; the first {shown} of {found:,}" if shown < found else ""
    return f"{count:,} {bars.unit_of(stats)} in {threads}{some}"


def _parts(found: Sequence[Bar], *, calls: bool) -> list[tuple[str, str, list[int]]]:
    """The parts that bars are made of: name, colour, and how much of each bar."""
    if calls:
        return [("", _CALLS, [bar.amount for bar in found])]
    split = [_split(bar.tokens) for bar in found]
    parts = [
        (name, colour, [each[place] for each in split])
        for place, (name, colour) in enumerate(_PARTS)
    ]
    return [part for part in parts if any(part[2])] or [("", _CALLS, [0] * len(found))]


def _split(tokens: Tokens) -> tuple[int, int, int, int]:
    """Input, cached input, output, and what the total has beyond them."""
    cached = min(tokens.cached_input, tokens.input)
    rest = max(tokens.total - tokens.input - tokens.output, 0)
    return tokens.input - cached, cached, tokens.output, rest


def _draw_days(
    axes: Axes, found: Sequence[Bar], parts: Sequence[tuple[str, str, list[int]]]
) -> None:
    """Upright bars, one a day or month; what has no date stands last."""
    places = range(len(found))
    bottom = [0] * len(found)
    for _name, colour, amounts in parts:
        axes.bar(places, amounts, bottom=bottom, color=colour, width=0.8)
        bottom = [one + more for one, more in zip(bottom, amounts, strict=True)]
    every = -(-len(found) // _DATES)
    ticks = places[::every]
    axes.set_xticks(ticks, _dates([found[place].label for place in ticks]))
    axes.set_xlim(-max(0.7, 3 - len(found) / 2), len(found) - 1 + max(0.7, 3 - len(found) / 2))


def _dates(labels: Sequence[str]) -> list[str]:
    """Days and months as people write them, with the year where it is another one."""
    shown: list[str] = []
    year = ""
    for label in labels:
        monthly = len(label) == len("2026-11")
        try:
            day = date.fromisoformat(f"{label}-01" if monthly else label)
        except ValueError:  # it has none
            shown.append(label)
            continue
        new = f"\n{day.year}" if str(day.year) != year else ""
        year = str(day.year)
        shown.append((f"{day:%b}" if monthly else f"{day.day} {day:%b}") + new)
    return shown


def _draw_names(
    axes: Axes, found: Sequence[Bar], parts: Sequence[tuple[str, str, list[int]]]
) -> None:
    """Lying bars, the longest above, each with its name and amount."""
    places = range(len(found))
    left = [0] * len(found)
    for _name, colour, amounts in parts:
        axes.barh(places, amounts, left=left, color=colour, height=0.72)
        left = [one + more for one, more in zip(left, amounts, strict=True)]
    axes.set_yticks(places, bars.fitted([bar.label for bar in found], _NAME_COLUMNS))
    axes.invert_yaxis()
    for place, bar, end in zip(places, found, left, strict=True):
        axes.annotate(
            bar.told,
            (end, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_TEXT,
        )
    axes.margins(x=0.08, y=0.02)


def _dress(
    axes: Axes, unit: str, parts: Sequence[tuple[str, str, list[int]]], *, upright: bool
) -> None:
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.yaxis if upright else axes.xaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(_tick))
    axis.grid(visible=True, color=_GRID)
    axes.set_axisbelow(True)
    (axes.set_ylabel if upright else axes.set_xlabel)(unit, color=_TEXT)
    axes.tick_params(colors=_TEXT, labelsize=9, length=0)
    for side in ("top", "right", "left" if upright else "bottom"):
        axes.spines[side].set_visible(False)
    handles = [Patch(color=colour, label=name) for name, colour, _amounts in parts if name]
    if handles:
        axes.legend(
            handles=handles,
            frameon=False,
            fontsize=8,
            loc="lower right",
            bbox_to_anchor=(1, 0.995),
            ncols=len(handles),
            borderpad=0,
        )


def _tick(amount: float, _place: int) -> str:
    """A round number beside an axis, without the zeros behind its point."""
    shown = bars.number(round(amount))
    digits = shown.rstrip("KMBT")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + shown[len(digits) :]
