"""A fork waits for the modules that threads of ours are loading.

Its child is without those threads, but with the locks of what they were loading: who needs such a
module there would wait for ever.
"""

from __future__ import annotations

import os
import sys
import time

# Longer than this a fork is not held up.
WAIT_S = 5.0
OURS = "threadlog-"  # how the names of our threads begin
_POLL_S = 0.001


def _before() -> None:
    deadline = time.monotonic() + WAIT_S
    while _is_loading() and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _is_loading() -> bool:
    threading = sys.modules.get("threading")  # which not every command needs
    if threading is None:
        return False
    ours = {each.ident for each in threading.enumerate() if each.name.startswith(OURS)}
    # Nothing public tells who loads a module.
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    return any(getattr(each(), "owner", None) in ours for each in list(locks.values()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before)
