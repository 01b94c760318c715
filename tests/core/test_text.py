"""Text made safe for terminals costs no more than a few times its length."""

from __future__ import annotations

import tracemalloc

from threadlog.core.text import printable


def test_a_text_of_nothing_but_controls_is_made_safe_in_a_few_times_its_length() -> None:
    text = "\0\x1b\x7f\x9b" * 250_000
    tracemalloc.start()
    safe = printable(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert safe == "\u2400\u241b\u2421\ufffd" * 250_000
    assert peak < 24 << 20
