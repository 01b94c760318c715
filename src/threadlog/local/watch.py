"""What changes under a home, as the file system tells it: for processes that live long.

Needs the library watchfiles (`pip install threadlog[watch]`).  Without it, or where the system
cannot watch, nothing is known, and whoever asks has to look for himself.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading

from threadlog.core import layout
from threadlog.local.scan import below

# Changes are told this soon, in milliseconds: what comes within a step is told together.
STEP_MS, DEBOUNCE_MS = 20, 100
_TIMEOUT_MS = 200
# By their real paths: the folder's name in the home, its device and inode.
_Roots = dict[str, tuple[str, int, int]]
# More changed paths than this are not listed: everything may have changed.
PATHS_LIMIT = 1000


class Watcher:
    """Watches the rollout folders of a home, by a thread of its own once `take` was called."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._watched: _Roots = {}
        self._changed: set[str] | None = None  # None: nobody knows
        self._ready = False
        self._stop = threading.Event()
        self._pid = os.getpid()

    @property
    def watching(self) -> bool:
        """True while changes are told."""
        return self._ready

    def take(self) -> set[str] | None:
        """The paths, relative to the home, that changed since the last call.

        None if it is not known what did: the caller must look at everything, once.
        """
        self._know_forks()
        roots = self._roots()
        with self._lock:
            if not roots:
                return None
            if roots != self._watched:
                self._begin(roots)
                return None
            if not self._ready:
                return None
            changed, self._changed = self._changed, set()
            return changed

    def close(self) -> None:
        """Stop watching."""
        self._know_forks()
        with self._lock:
            self._stop.set()
            self._watched, self._ready = {}, False

    def _know_forks(self) -> None:
        """In a child nobody watches, and nobody would let go of the parent's lock."""
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
            self._watched, self._ready = {}, False

    def _roots(self) -> _Roots:
        """What is to be watched: those roots that exist, as another may come in their place."""
        roots: _Roots = {}
        for each in layout.ROOTS:
            real = os.path.realpath(os.path.join(self._home, each))
            with contextlib.suppress(OSError):
                status = os.stat(real)
                if stat.S_ISDIR(status.st_mode):
                    roots[real] = (each, status.st_dev, status.st_ino)
        return roots

    def _begin(self, roots: _Roots) -> None:
        self._stop.set()
        self._stop = threading.Event()
        self._watched, self._changed, self._ready = roots, None, False
        args = (roots, self._stop)
        threading.Thread(target=self._watch, args=args, name="threadlog-watch", daemon=True).start()

    def _watch(self, roots: _Roots, stop: threading.Event) -> None:
        try:
            from watchfiles import watch

            for changes in watch(
                *roots,
                watch_filter=None,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                rust_timeout=_TIMEOUT_MS,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._note(roots, stop, {path for _kind, path in changes})
        except (ImportError, OSError, RuntimeError):
            pass  # no library, or no more watches to be had
        with self._lock:
            if stop is self._stop:
                self._ready = False

    def _note(self, roots: _Roots, stop: threading.Event, paths: set[str]) -> None:
        relative = {
            os.path.join(root, below(real, path))
            for path in paths
            for real, (root, _device, _inode) in roots.items()
            if path.startswith(real)
        }
        with self._lock:
            if stop is not self._stop:
                return
            self._ready = True  # the first time, nothing is known of what was before
            if self._changed is not None:
                self._changed |= relative
                if len(self._changed) > PATHS_LIMIT:
                    self._changed = None
