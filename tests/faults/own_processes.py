"""Work in a process of its own, whose limits and rights can be changed."""

from __future__ import annotations

import functools
import os
import signal
import traceback
from collections.abc import Callable
from typing import ParamSpec

from ended_processes import forked

NOBODY = 65534
LONG_S = 60
_Given = ParamSpec("_Given")


def apart(work: Callable[[], None]) -> None:
    """Do *work* in a child; what fails there fails here."""

    def told(tell: Callable[[object], None]) -> None:
        signal.alarm(LONG_S)
        try:
            work()
        except BaseException:
            tell(traceback.format_exc())
            raise

    child = forked(told)
    with open(child.acks, encoding="utf-8", errors="replace") as pipe:
        why = pipe.read()
    _pid, status = os.waitpid(child.pid, 0)
    assert status == 0, why or f"the child ended with status {status}"


def in_a_process_of_its_own(test: Callable[_Given, None]) -> Callable[_Given, None]:
    """Have a test leave nothing behind in the process that runs all the others."""

    @functools.wraps(test)
    def run(*args: _Given.args, **given: _Given.kwargs) -> None:
        apart(lambda: test(*args, **given))

    return run
