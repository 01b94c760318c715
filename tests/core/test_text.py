"""Text made safe for terminals in a few times its length; numbers as people say them."""

from __future__ import annotations

import tracemalloc

import pytest

from threadlog.core.text import count_text, printable


def test_a_text_of_nothing_but_controls_is_made_safe_in_a_few_times_its_length() -> None:
    text = "\0\x1b\x7f\x9b" * 250_000
    tracemalloc.start()
    safe = printable(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert safe == "\u2400\u241b\u2421\ufffd" * 250_000
    assert peak < 24 << 20


@pytest.mark.parametrize(
    ("count", "said"),
    [(812, "812"), (1234, "1.2k"), (34_000, "34k"), (5_600_000, "5.6M"), (10**400, "1000000000M")],
)
def test_a_number_is_said_as_people_say_it(count: int, said: str) -> None:
    assert count_text(count) == said
