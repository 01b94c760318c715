"""What becomes of threads being recorded when their process ends or forks.

Ends normally, by SIGTERM or SIGHUP: all that was recorded is written and let go of.  Forks: the
child neither writes nor holds; its copies of our descriptors are closed, which leaves the
parent's locks alone.  Signals are ours only where nobody else handles them.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType
from weakref import WeakSet

from threadlog.backlog import process
from threadlog.errors import OthersWrote
from threadlog.saving import start_saving
from threadlog.writer import Writer

# So long may it take to write everything when the process ends.
EXIT_WAIT_S = 30.0
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

_writers: WeakSet[Writer] = WeakSet()
_forks_of_multiprocessing: set[int] = set()


def look_after(writer: Writer) -> None:
    """Have the recorders of *writer* drained when the process ends."""
    _writers.add(writer)
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _on_signal)
    _drain_with_multiprocessing()


def drain_all(*, close: bool = True) -> None:
    """Write all that was recorded and let go of it; what cannot be written is told on stderr."""
    deadline = time.monotonic() + EXIT_WAIT_S
    waiting = []
    for writer in list(_writers):
        waiting += start_saving(writer.channels, close=close)
    for thread_id, barrier in waiting:
        try:
            barrier.wait(max(0.0, deadline - time.monotonic()))
        except Exception as error:  # nobody is left to raise to
            _tell(thread_id, error)


def _tell(thread_id: str, error: Exception) -> None:
    why = str(error) or type(error).__name__
    if not isinstance(error, OthersWrote):
        why = f"not all of thread {thread_id} was saved: {why}"
    said = f"threadlog: {why}"
    with contextlib.suppress(Exception):
        print(said, file=sys.stderr, flush=True)  # noqa: T201


def _on_signal(number: int, _frame: FrameType | None) -> None:
    """Drain on a thread of its own: the main thread may hold what that needs, and goes on."""
    signal.signal(number, signal.SIG_DFL)
    _thread.start_new_thread(_drain_and_die, (number,))


def _drain_and_die(number: int) -> None:
    """Close nothing: who records meanwhile would be told.  The system lets go of the locks."""
    drain_all(close=False)
    os.kill(os.getpid(), number)


def _drain_with_multiprocessing() -> None:
    """Processes that multiprocessing forked end without a word to atexit."""
    util = sys.modules.get("multiprocessing.util")
    its = sys.modules.get("multiprocessing.process")
    if util is None or its is None or its.parent_process() is None:
        return
    if os.getpid() not in _forks_of_multiprocessing:
        _forks_of_multiprocessing.add(os.getpid())
        util.Finalize(None, drain_all, exitpriority=100)


def _in_child() -> None:
    process.forked()
    util = sys.modules.get("multiprocessing.util")
    for writer in list(_writers):
        writer.forked()
        if util is not None:  # it forgets what it was told before the fork
            util.register_after_fork(writer, look_after)


atexit.register(drain_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
