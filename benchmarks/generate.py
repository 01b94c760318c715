"""Makes the homes that the benchmarks read: the same bytes on every machine, made once.

The lines have the shapes and, nearly, the sizes of those that Codex 0.169 writes in its two
history modes: mean 1.6 KB, most of them short, a few of 10 KB and more, and text with as many
escapes as source code has.  What they say is made up of word lists.

    python benchmarks/generate.py        makes what `run.py` needs, in benchmarks/data/
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
VERSION = 1  # of the texts and shapes below: old data is not taken for new
LEGACY, PAGINATED = "legacy", "paginated"
MODES = (LEGACY, PAGINATED)
NEWEST_MS = 1_795_000_000_000  # the last thread of every home begins here, in November 2026

_POOL_CHARS = 400_000
_OPENING_CHARS = 11_000


def _words(text: str) -> list[str]:
    return text.split()


_VERBS = _words("moves keeps drops reads writes checks splits joins counts hides opens closes")
_NOUNS = _words("harbour tide ledger beacon crate barge pier sluice lantern anchor chart buoy")
_SIDES = _words("before after beside without under behind despite within")
_NAMES = _words("depth berth cargo signal draught mooring swell bearing knot hull")
_SAID = ("naïve", "Größe", "→ done", "café", "№ 7", "température")
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Sample(NamedTuple):
    """A home made here; `thread_id`, `path` and `size` are those of its newest rollout."""

    home: str
    thread_id: str
    path: str
    size: int
    threads: int


def one_rollout(mode: str, size: int) -> Sample:
    """A home of one rollout of about *size* bytes."""
    return _cached(f"one-{mode}-{size}", lambda home: [_rollout(home, 0, mode, size)])


def many_rollouts(count: int, size: int) -> Sample:
    """A home of *count* rollouts of about *size* bytes on average, in both modes by turns."""

    def make(home: str) -> list[Sample]:
        sizes = random.Random(VERSION)
        return [
            _rollout(home, each, MODES[each % 2], int(size * sizes.uniform(0.3, 1.7)))
            for each in range(count)
        ]

    return _cached(f"many-{count}-{size}", make)


def small_rollouts(count: int, size: int) -> Sample:
    """A home of *count* rollouts of one short turn, of *size* bytes (3 KB and more)."""

    def make(home: str) -> list[Sample]:
        return [_rollout(home, each, MODES[each % 2], size, _SmallThread) for each in range(count)]

    return _cached(f"small-{count}-{size}", make)


def _cached(name: str, make: Callable[[str], list[Sample]]) -> Sample:
    folder = os.path.join(DATA, f"v{VERSION}-{name}")
    note = os.path.join(folder, "sample.json")
    if not os.path.exists(note):
        unfinished = f"{folder}.{os.getpid()}.tmp"
        made = make(os.path.join(unfinished, "home"))
        with open(os.path.join(unfinished, "sample.json"), "w", encoding="utf-8") as file:
            path = os.path.relpath(made[0].path, unfinished)
            json.dump([made[0].thread_id, path, made[0].size, len(made)], file)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unfinished, folder)
    with open(note, encoding="utf-8") as file:
        thread_id, path, size, threads = json.load(file)
    return Sample(
        os.path.join(folder, "home"), thread_id, os.path.join(folder, path), size, threads
    )


def _rollout(
    home: str, number: int, mode: str, size: int, kind: type[_Thread] | None = None
) -> Sample:
    """Write thread *number*, counted from the newest one."""
    chance = random.Random(f"{VERSION}-{number}-{mode}")
    start_ms = NEWEST_MS - number * 1_900_000
    thread = (kind or _Thread)(chance, mode, start_ms)
    thread.limit = size
    stamp = time.gmtime(start_ms // 1000)
    folder = os.path.join(home, "sessions", time.strftime("%Y/%m/%d", stamp))
    os.makedirs(folder, exist_ok=True)
    name = f"rollout-{time.strftime('%Y-%m-%dT%H-%M-%S', stamp)}-{thread.id}.jsonl"
    path = os.path.join(folder, name)
    written = 0
    with open(path, "wb", buffering=1 << 20) as file:
        for line in thread.lines():
            written += file.write(line)
            if written >= size:
                break
    os.utime(path, (start_ms / 1000 + 60, start_ms / 1000 + 60))
    return Sample(home, thread.id, path, written, 1)


class _Texts:
    """Pools of text, cut at any place; made once for a process."""

    def __init__(self) -> None:
        chance = random.Random(VERSION)
        self.prose = _grown(_sentence, chance)
        self.source = _grown(_source_line, chance)
        self.base64 = "".join(chance.choices(_BASE64, k=_POOL_CHARS))


def _grown(make: Callable[[random.Random], str], chance: random.Random) -> str:
    pieces: list[str] = []
    length = 0
    while length < _POOL_CHARS:
        pieces.append(make(chance))
        length += len(pieces[-1])
    return "".join(pieces)


def _sentence(chance: random.Random) -> str:
    words = [
        "The",
        chance.choice(_NAMES),
        chance.choice(_VERBS),
        "the",
        chance.choice(_NOUNS),
        chance.choice(_SIDES),
        "the",
        chance.choice(_SAID if chance.random() < 0.03 else _NAMES),
    ]
    return " ".join(words) + chance.choice((". ", ". ", ".\n", ", and then.\n\n- "))


def _source_line(chance: random.Random) -> str:
    name, noun, verb = chance.choice(_NAMES), chance.choice(_NOUNS), chance.choice(_VERBS)
    number = chance.randrange(10_000)
    indent = " " * (4 * chance.randrange(4))
    shapes = (
        f'{indent}{name}_{noun} = self.{verb}({number}, unit="m")\n',
        f"{indent}if {noun}.{name} > {number}:\n",
        f'{indent}return {noun}["{name}"]\n',
        f'{indent}{{"{name}": "{noun}", "{verb}": {number}}},\n',
        f"\t{number:6d}  {verb} {noun}/{name}.py\n",
        f"def {verb}_{noun}({name}: int) -> None:\n",
        f"{indent}# the {name} {verb} the {noun} {chance.choice(_SIDES)} it\n",
        f"FAILED checks/{noun}_{name}.py::{verb} - expected '{name}\\\\n', got \"{number}\"\n",
        "\n",
    )
    return chance.choice(shapes)


_texts: _Texts | None = None


def _pools() -> _Texts:
    global _texts  # noqa: PLW0603
    if _texts is None:
        _texts = _Texts()
    return _texts


class _Thread:
    """The lines of one thread, without an end."""

    def __init__(self, chance: random.Random, mode: str, start_ms: int) -> None:
        self._chance = chance
        self._paginated = mode == PAGINATED
        self._now_ms = start_ms
        self._ordinal = 0
        self._tokens = 0
        self._turn_id = ""
        self.limit = 0
        self.id = self._uuid()
        self._folder = f"/desk/boats/{chance.choice(_NOUNS)}"

    def lines(self) -> Iterator[bytes]:
        """The lines, each with its LF: the head, then turn after turn."""
        yield self._line("session_meta", self._meta())
        first = True
        while True:
            yield self._turn_start()
            if first:
                yield self._message("developer", "input_text", self._prose(1_500))
                yield self._line("world_state", {"full": True, "state": self._surroundings()})
                first = False
            yield from self._turn()

    # -- the parts of a turn

    def _turn_start(self) -> bytes:
        self._turn_id = self._uuid()
        return self._event(
            "task_started",
            turn_id=self._turn_id,
            root_turn_id=self._turn_id,
            started_at=self._now_ms // 1000,
            model_context_window=258_400,
            collaboration_mode_kind="default",
        )

    def _turn(self) -> Iterator[bytes]:
        asked = self._prose(self._chance.randrange(40, 600))
        yield self._line("turn_context", self._settings())
        yield self._message("user", "input_text", asked)
        yield self._user_said(asked)
        for _ in range(self._chance.randrange(2, 9)):
            yield from self._step()
        said = self._prose(self._chance.randrange(100, 1_500))
        yield self._agent_said(said)
        yield self._message("assistant", "output_text", said)
        yield from self._usage()
        yield self._event(
            "task_complete",
            root_turn_id=self._turn_id,
            turn_id=self._turn_id,
            last_agent_message=said,
            started_at=self._now_ms // 1000 - 40,
            completed_at=self._now_ms // 1000,
            duration_ms=self._chance.randrange(1_000, 90_000),
        )

    def _step(self) -> Iterator[bytes]:
        call = f"call_{self._chance.getrandbits(96):024x}"
        thought = self._prose(self._chance.randrange(60, 400))
        yield from self._thought(thought)
        yield self._response(
            "function_call",
            id=f"fc_{self._chance.getrandbits(96):024x}",
            name="exec_command",
            arguments=json.dumps({"cmd": f"rg -n {self._source(50)!r}", "yield_time_ms": 10_000}),
            call_id=call,
        )
        output = self._source(min(int(self._chance.lognormvariate(7.85, 1.3)), 60_000))
        if self._paginated:  # which keeps it twice
            output = output[: len(output) // 2]
            yield self._completed("CommandExecution", call, **self._command(output))
        yield from self._usage()
        yield self._response(
            "function_call_output",
            call_id=call,
            output="Process exited with code 0\nOutput:\n" + output,
        )

    def _thought(self, text: str) -> Iterator[bytes]:
        name = f"rs_{self._chance.getrandbits(96):024x}"
        if self._paginated:
            yield self._completed("Reasoning", name, summary_text=[text], raw_content=[])
        else:
            yield self._event("agent_reasoning", text=text)
        yield self._response(
            "reasoning",
            id=name,
            summary=[{"type": "summary_text", "text": text}],
            content=None,
            encrypted_content="gAAAAA" + self._cut(_pools().base64, 1_900),
        )

    def _user_said(self, text: str) -> bytes:
        if self._paginated:
            content = [{"type": "text", "text": text, "text_elements": []}]
            return self._completed("UserMessage", self._uuid(), content=content)
        return self._event(
            "user_message", message=text, images=[], local_images=[], text_elements=[]
        )

    def _agent_said(self, text: str) -> bytes:
        if self._paginated:
            content = [{"type": "Text", "text": text}]
            name = f"msg_{self._chance.getrandbits(96):024x}"
            return self._completed("AgentMessage", name, content=content, phase="final_answer")
        return self._event(
            "agent_message", message=text, phase="final_answer", memory_citation=None
        )

    def _usage(self) -> Iterator[bytes]:
        spent = self._chance.randrange(500, 9_000)
        self._tokens += spent
        last, total = _token_counts(spent), _token_counts(self._tokens)
        yield self._line(
            "token_usage_record",
            {
                "thread_id": self.id,
                "turn_id": self._turn_id,
                "session_id": self.id,
                "root_turn_id": self._turn_id,
                "response_id": f"resp_{self._chance.getrandbits(96):024x}",
                "usage": last,
                "turn_token_usage": last,
                "thread_token_usage": total,
            },
        )
        info = {
            "total_token_usage": total,
            "last_token_usage": last,
            "model_context_window": 258_400,
        }
        limits = {"limit_id": "codex", "primary": None, "secondary": None, "credits": None}
        yield self._event("token_count", info=info, rate_limits=limits)

    # -- payloads

    def _meta(self) -> dict[str, Any]:
        return {
            "session_id": self.id,
            "id": self.id,
            "timestamp": _utc(self._now_ms),
            "cwd": self._folder,
            "originator": "codex_cli_rs",
            "cli_version": "0.169.0",
            "source": self._chance.choice(("cli", "vscode", "exec")),
            "model_provider": "quay",
            "base_instructions": {"text": self._prose(_OPENING_CHARS)},
            **({"history_mode": "paginated"} if self._paginated else {}),
            "git": {
                "commit_hash": f"{self._chance.getrandbits(160):040x}",
                "branch": f"{self._chance.choice(_VERBS)}/{self._chance.choice(_NOUNS)}",
                "repository_url": "https://git.example/boats/harbour.git",
            },
        }

    def _settings(self) -> dict[str, Any]:
        return {
            "turn_id": self._turn_id,
            "root_turn_id": self._turn_id,
            "cwd": self._folder,
            "approval_policy": "never",
            "approvals_reviewer": "user",
            "sandbox_policy": {"type": "danger-full-access"},
            "permission_profile": {"type": "disabled"},
            "model": "quay-2",
            "collaboration_mode": {"mode": "default", "settings": {"model": "quay-2"}},
            "realtime_active": False,
            "summary": "auto",
        }

    def _surroundings(self) -> dict[str, Any]:
        place = {"cwd": self._folder, "status": "available", "shell": "bash"}
        return {
            "agents_md": {"directory": self._folder, "text": self._prose(900)},
            "environments": {"environments": {"local": place}, "timezone": "Etc/UTC"},
        }

    def _command(self, output: str) -> dict[str, Any]:
        return {
            "process_id": str(self._chance.randrange(30_000)),
            "command": ["/bin/bash", "-lc", f"rg -n {self._source(50)!r}"],
            "cwd": self._folder,
            "parsed_cmd": [{"type": "unknown", "cmd": "rg"}],
            "source": "unified_exec_startup",
            "status": "completed",
            "aggregated_output": output,
            "exit_code": 0,
            "duration": {"secs": 0, "nanos": self._chance.randrange(10**9)},
        }

    # -- lines

    def _event(self, kind: str, **fields: Any) -> bytes:
        return self._line("event_msg", {"type": kind, **fields})

    def _completed(self, kind: str, name: str, **fields: Any) -> bytes:
        return self._event(
            "item_completed",
            thread_id=self.id,
            turn_id=self._turn_id,
            item={"type": kind, "id": name, **fields},
            started_at_ms=self._now_ms - 70,
            completed_at_ms=self._now_ms,
        )

    def _message(self, role: str, kind: str, text: str) -> bytes:
        name = f"msg_{self._chance.getrandbits(96):024x}"
        return self._response("message", id=name, role=role, content=[{"type": kind, "text": text}])

    def _response(self, kind: str, **fields: Any) -> bytes:
        fields["internal_chat_message_metadata_passthrough"] = {"turn_id": self._turn_id}
        notes = {"history_sequence": self._ordinal, "client_authored": False}
        return self._line("response_item", {"type": kind, **fields}, metadata=notes)

    def _line(self, line_type: str, payload: dict[str, Any], **more: Any) -> bytes:
        self._now_ms += self._chance.randrange(3, 900)
        line: dict[str, Any] = {"timestamp": _utc(self._now_ms)}
        if self._paginated:
            line["ordinal"] = self._ordinal
        self._ordinal += 1
        return orjson.dumps({**line, "type": line_type, "payload": payload, **more}) + b"\n"

    # -- texts

    def _uuid(self) -> str:
        """A version 7 UUID of this moment."""
        chance = self._chance.getrandbits(74)
        tail = f"{chance & ((1 << 62) - 1) | 1 << 63:016x}"
        head = f"{self._now_ms:012x}"
        return f"{head[:8]}-{head[8:]}-7{chance >> 62:03x}-{tail[:4]}-{tail[4:]}"

    def _prose(self, length: int) -> str:
        return self._cut(_pools().prose, length)

    def _source(self, length: int) -> str:
        return self._cut(_pools().source, length)

    def _cut(self, pool: str, length: int) -> str:
        start = self._chance.randrange(len(pool) - length)
        return pool[start : start + length]


class _SmallThread(_Thread):
    """One turn with next to nothing in it; the instructions fill the size up."""

    def lines(self) -> Iterator[bytes]:
        """The lines, each with its LF; the last of them is the last."""
        asked, said = self._prose(60), self._prose(80)
        begun_ms = self._now_ms
        self._ordinal = 1
        rest = [
            self._turn_start(),
            self._line("turn_context", self._settings()),
            self._message("user", "input_text", asked),
            self._user_said(asked),
            self._agent_said(said),
            self._message("assistant", "output_text", said),
            self._event("task_complete", turn_id=self._turn_id, last_agent_message=said),
        ]
        meta = self._meta()
        bare = len(orjson.dumps(meta)) - len(meta["base_instructions"]["text"])
        room = self.limit - bare - sum(map(len, rest)) - 100
        meta["base_instructions"] = {"text": self._prose(max(room, 0))}
        self._now_ms, self._ordinal = begun_ms, 0
        yield self._line("session_meta", meta)
        yield from rest


def _token_counts(total: int) -> dict[str, int]:
    return {
        "input_tokens": total - total // 20,
        "cached_input_tokens": total // 3,
        "output_tokens": total // 20,
        "reasoning_output_tokens": total // 40,
        "total_tokens": total,
    }


def _utc(unix_ms: int) -> str:
    seconds, ms = divmod(unix_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"


def main(names: list[str]) -> None:
    """Make what is named, as `mode:MB`, `COUNTxKB` or `small:COUNTxBYTES`; print each."""
    for name in names:
        begun = time.perf_counter()
        if name.startswith("small:"):
            count, size = name.removeprefix("small:").split("x")
            made = small_rollouts(int(count), int(size))
        elif "x" in name:
            count, kilobytes = name.split("x")
            made = many_rollouts(int(count), int(kilobytes) << 10)
        else:
            mode, megabytes = name.split(":")
            made = one_rollout(mode, int(megabytes) * 1_000_000)
        print(f"{name}: {made.home} ({time.perf_counter() - begun:.1f} s)")


if __name__ == "__main__":
    main(sys.argv[1:] or ["legacy:100", "paginated:100", "legacy:500", "paginated:500", "10000x80"])
