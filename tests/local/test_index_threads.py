"""Many OS threads ask one home, while it is written to, kept in the background, and closed."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import threadlog
from makers import put_thread, uuid
from threadlog.core.query import SORTS


def test_pages_are_whole_whatever_else_goes_on(home: Path) -> None:
    for number in range(120):
        put_thread(
            home, number, text=f"thread {number}", folder=f"sessions/2026/01/{number % 28 + 1:02}"
        )
    opened = threadlog.open(home, background=True, freshness_s=0.2)
    end, wrong = time.monotonic() + 4, []

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < end:
            text = chance.choice([None, "thread"])
            page = opened.threads(sort=chance.choice(SORTS), limit=20, text=text)
            if len(page) != 20:
                wrong.append(len(page))
            opened.get(uuid(chance.randrange(120)))
            opened.count(archived=None)

    def write() -> None:
        number = 120
        while time.monotonic() < end:
            number += 1
            put_thread(home, number, text=f"thread {number}")
            time.sleep(0.01)

    workers = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    workers.append(threading.Thread(target=write))
    for worker in workers:
        worker.start()
    time.sleep(1.5)
    opened.close()  # the others go on, and open it again
    for worker in workers:
        worker.join()
    opened.close()
    assert wrong == []
    indexed = threadlog.open(home).threads(limit=None, sort="updated", text="thread")
    assert len(indexed) == len(list(home.glob("sessions/**/*.jsonl")))
