"""Moments: unix milliseconds, and their text as rollouts have it."""

from __future__ import annotations

from datetime import datetime, timedelta

_EPOCH = datetime(1970, 1, 1)
_UNITS = ((31_536_000, "y"), (2_592_000, "mo"), (604_800, "w"), (86_400, "d"), (3600, "h"))
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999


def utc_text(unix_ms: int) -> str:
    """Unix milliseconds as UTC, RFC 3339 with three digits and Z."""
    moment = _EPOCH + timedelta(milliseconds=clamped_ms(unix_ms))
    return moment.isoformat(timespec="milliseconds") + "Z"


def clamped_ms(unix_ms: int) -> int:
    """The nearest unix milliseconds that the calendar has."""
    return min(max(unix_ms, _FIRST_MS), _LAST_MS)


def unix_ms(text: str) -> int | None:
    """The unix milliseconds of an RFC 3339 text; None if it is none, or beyond the calendar."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    ms = round(moment.timestamp() * 1000)
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def age(seconds: int) -> str:
    """A span of time in one number and unit: `now`, `5m`, `3h`, `2d`, `6w`, `4mo`, `1y`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m" if seconds >= 60 else "now"
