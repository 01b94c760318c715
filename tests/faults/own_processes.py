"""Work in a process of its own, whose limits and rights can be changed."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator

from ended_processes import forked
from threadlog import lifetime

NOBODY = 65534


def apart(work: Callable[[], None]) -> None:
    """Do *work* in a child; what fails there fails here."""

    def told(tell: Callable[[object], None]) -> None:
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
