"""What was fuzzed is said at the end of the run."""

from __future__ import annotations

import pytest

from faults.fuzzing import DONE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each target."""
    if DONE:
        total = sum(each.inputs for each in DONE)
        terminalreporter.section(f"fuzzed: {total:,} inputs")
        for each in DONE:
            terminalreporter.write_line(str(each))
