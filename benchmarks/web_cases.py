"""How long until `threadlog serve` shows something, and what it holds: prints numbers as JSON.

    python benchmarks/web_cases.py shown HOME PATH SELECTOR
    python benchmarks/web_cases.py follow HOME

`shown` opens PATH in a real Chromium, from the request until the first element that SELECTOR means
was painted: once in a server that has just begun, then again and again.  `follow` has ten pages
follow ten threads of HOME, to which turns are written for a while; the memory is the server's peak.
Prints {"missing": ...} where there is no browser.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar

import threadlog

_ROUNDS, _FOLLOWED, _TURNS, _ITEMS, _CHARS = 7, 10, 20, 20, 2_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_NOTE = """
(() => {
  const look = () => {
    if (document.querySelector(SELECTOR)) {
      requestAnimationFrame(() => { window.shownMs = performance.now(); });
    } else requestAnimationFrame(look);
  };
  look();
})();
"""


@contextlib.contextmanager
def _server(home: str) -> Iterator[tuple[str, int]]:
    """The link and the process of a server that has just begun."""
    words = [sys.executable, "-m", "threadlog", "--home", home, "serve", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        try:
            yield link, process.pid
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0


def shown(home: str, path: str, selector: str) -> dict[str, object]:
    """Until something is seen."""
    browser_path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser_path = None
    if browser_path is None:
        return {"missing": "no Chromium, or no playwright"}
    with _server(home) as (link, pid), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(link.partition("?")[0] + "favicon.ico")  # the browser has begun, the server not
        page.add_init_script(_NOTE.replace("SELECTOR", json.dumps(selector)))
        taken = []
        # Whoever has no cookie yet is let in on the way.
        for target in [link, *[link.partition("/?")[0] + path] * _ROUNDS]:
            page.goto(target, wait_until="commit")
            if target is link and path != "/":
                continue
            while (told := page.evaluate("window.shownMs")) is None:
                page.wait_for_timeout(10)
            taken.append(float(told))
        rows = page.locator(selector).count()
        browser.close()
        peak = _peak_bytes(pid)
    return {
        "first_ms": taken[0],
        "ms": statistics.median(taken[1:]),
        "most_ms": max(taken[1:]),
        "elements": rows,
        "peak": peak,
    }


def follow(home: str) -> dict[str, object]:
    """Memory while pages follow threads that grow."""
    opened = threadlog.open(home)
    threads = [opened.start(cwd=home) for _ in range(_FOLLOWED)]
    for thread in threads:
        with thread.turn("Begin") as turn:
            turn.say("Begun.")
    with _server(home) as (link, pid):
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        client = urllib.request.build_opener(jar)
        client.open(link).read()
        base = link.partition("/?")[0]
        heard = [0] * _FOLLOWED
        for number, thread in enumerate(threads):
            client.open(f"{base}/thread/{thread.id}").read()
            stream = client.open(f"{base}/api/thread/{thread.id}/events")
            arguments = (stream, heard, number)
            threading.Thread(target=_hear, args=arguments, daemon=True).start()
        for each in range(_TURNS):
            for thread in threads:
                with thread.turn(f"Question {each}") as turn:
                    for item in range(_ITEMS):
                        turn.tool("shell", {"command": f"make {item}"}, output="x" * _CHARS)
                    turn.say("Done.\n\n" + "words " * 300)
            time.sleep(0.1)
        wanted = _TURNS
        end = time.monotonic() + 30
        while min(heard) < wanted and time.monotonic() < end:
            time.sleep(0.1)
        peak = _peak_bytes(pid)
    for thread in threads:
        thread.close()
    return {"peak": peak, "heard": min(heard), "wanted": wanted}


def _hear(stream: object, heard: list[int], number: int) -> None:
    """Count the turns that are told as ended, whole."""
    with contextlib.suppress(OSError, ValueError):
        for line in stream:  # type: ignore[attr-defined]
            heard[number] += b'"ended":true' in line


def _peak_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        told = next(line for line in file if line.startswith("VmHWM"))
    return int(told.split()[1]) * 1024


if __name__ == "__main__":
    case, *words = sys.argv[1:]
    os.environ.setdefault("PYTHONUTF8", "1")
    print(json.dumps(shown(*words) if case == "shown" else follow(*words)))
