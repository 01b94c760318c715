"""However a process ends, what it recorded before is in the file, and its threads are free."""

from __future__ import annotations

import gc
import signal
import time
from pathlib import Path

import pytest

import threadlog
from ended_processes import whole_lines
from faulty_disk import number_of, numbers, opened, said
from makers import held
from processes import LIVE, LONG_S, READY, all_saved, rollout, run, run_until_ready, started
from threadlog import RolloutRecorder, ThreadOptions

ENDS = {
    "at its end": ("", 0, ""),
    "by sys.exit": ("sys.exit(3)", 3, ""),
    "by sys.exit in a thread": ("threading.Thread(target=sys.exit).start()", 0, ""),
    "recording in a thread": (
        "del recorder\nworker = threading.Thread(target=begin)\nworker.start()",
        0,
        "",
    ),
    "by an exception": ("raise ValueError('mine')", 1, "ValueError: mine"),
}


@pytest.mark.codex("C097")
@pytest.mark.parametrize(("code", "status", "said_"), ENDS.values(), ids=ENDS)
def test_a_process_that_ends_has_saved_everything(
    home: Path, code: str, status: int, said_: str
) -> None:
    ended = run(LIVE + code, home)
    assert ended.status == status, ended.err
    assert said_ in ended.err
    assert "threadlog" not in ended.err.replace("begin", "")
    for path in home.glob("sessions/*/*/*/*.jsonl"):
        assert numbers(path) == list(range(100))
    assert not list(home.glob("thread-writer-locks/*-*.lock")), "a lock file was left behind"


SLEEPS = "time.sleep(60)"
WAITS = {
    "sleeping": READY + SLEEPS,
    "in a busy loop": READY + "while True: pass",
    "in a call that waits": READY + "threading.Event().wait()",
    "in asyncio": (
        "async def main():\n    print('ready', flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    ),
    "waiting for a thread": (
        READY + "worker = threading.Thread(target=time.sleep, args=(60,), daemon=True)\n"
        "worker.start()\nworker.join()"
    ),
}


@pytest.mark.parametrize("code", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_process_ends_it_after_everything_is_saved(
    home: Path, code: str, number: int
) -> None:
    ended = run_until_ready(LIVE + code, home, number)
    assert (ended.status, ended.err) == (-number, "")
    assert all_saved(home)


RECORDING = """
print("ready", flush=True)
number = 100
while True:
    recorder.record(said(number))
    number += 1
    os.write(told, b"%d " % number)
    recorder.drain()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_sigterm_while_recording_saves_all_that_was_recorded_before(
    home: Path, tmp_path: Path, attempt: int
) -> None:
    tells = tmp_path / "told"
    opens = f"told = os.open({str(tells)!r}, os.O_WRONLY | os.O_CREAT)\n"
    with started(LIVE + opens + RECORDING, str(home)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + attempt / 10)
        recorded = int(tells.read_text().rpartition(" ")[0].rpartition(" ")[2])
        process.terminate()
        _out, err = process.communicate(timeout=LONG_S)
    assert (process.returncode, err) == (-signal.SIGTERM, "")
    # What it records while it ends may be cut off in a line, as by any death.
    found = [number_of(line) for line in whole_lines(rollout(home).read_bytes())[1:]]
    assert found == list(range(len(found)))
    assert len(found) >= recorded > 100


def test_ctrl_c_saves_everything(home: Path) -> None:
    ended = run_until_ready(LIVE + READY + SLEEPS, home, signal.SIGINT)
    assert ended.status == -signal.SIGINT
    assert "KeyboardInterrupt" in ended.err
    assert all_saved(home)


OWN_HANDLERS = {
    "set before": "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + LIVE,
    "set after": LIVE + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n",
}


@pytest.mark.parametrize("code", OWN_HANDLERS.values(), ids=OWN_HANDLERS)
def test_a_handler_of_the_users_own_stays_and_everything_is_saved(home: Path, code: str) -> None:
    ended = run_until_ready(code + READY + SLEEPS, home, signal.SIGTERM)
    assert (ended.status, ended.err) == (7, "")
    assert all_saved(home)


def test_a_signal_that_is_ignored_stays_ignored(home: Path) -> None:
    ignores = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    ended = run_until_ready(ignores + LIVE + READY + "time.sleep(0.3)", home, signal.SIGTERM)
    assert (ended.status, ended.err) == (0, "")
    assert all_saved(home)


# -- dropped


@pytest.mark.codex("C025")
def test_a_dropped_recorder_is_drained_and_lets_go_of_its_thread(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    recorder.persist()
    thread_id = recorder.thread_id
    recorder.record(*map(said, range(50)))
    del recorder
    gc.collect()
    lock = home / "thread-writer-locks" / f"{thread_id}.lock"
    deadline = time.monotonic() + LONG_S
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    with held(home, thread_id):
        assert numbers(rollout(home)) == list(range(50))
    assert opened(home) == 0


@pytest.mark.codex("C025")
def test_a_dropped_draft_is_warned_of_once_with_the_count(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    recorder.record(*map(said, range(5)))
    with pytest.warns(RuntimeWarning, match=f"{recorder.thread_id}.*5 items") as caught:
        del recorder
    assert len(caught) == 1
    assert list(home.iterdir()) == []


def test_a_draft_may_be_collected_at_any_moment(home: Path) -> None:
    code = """
from threadlog import backlog
draft = RolloutRecorder.create(home, OPTIONS)
draft.record(said(0))
before = backlog.process.weight
class Loop: pass
loop = Loop()
loop.itself, loop.draft = loop, draft
del draft, loop
with backlog.process.lock:  # in the midst of another recorder's call
    gc.collect()
other = RolloutRecorder.create(home, OPTIONS)
other.record(said(0))
assert backlog.process.weight <= before, "what was dropped still counts"
other.persist()
print("fine")
"""
    ended = run(code, home)
    assert ended.out == "fine\n", ended.err
    assert ended.err.count("RuntimeWarning") == 1


def test_a_recorder_whose_persist_failed_is_tried_again_at_the_end(home: Path) -> None:
    code = """
disk = FaultyDisk()
disk.fail_names = {"create"}
disk.arm()
recorder = draft_on(disk, Path(sys.argv[1]), items=100)
try:
    recorder.persist()
except threadlog.WriteFailed:
    disk.disarm()
"""
    ended = run(code, home)
    assert (ended.status, ended.err) == (0, "")
    assert all_saved(home)


# -- a disk that fails at the end

FAILING = """
disk = FaultyDisk()
recorder = draft_on(disk, Path(sys.argv[1]))
recorder.persist()
disk.error = {error}
disk.fail_names = {{"{name}"}}
disk.arm()
recorder.record(*map(said, range(3, 100)))
print(recorder.thread_id)
"""


@pytest.mark.parametrize("name", ["status", "write", "sync_data"])
@pytest.mark.parametrize("error", ["28", "RuntimeError('not foreseen')"])
def test_what_could_not_be_saved_at_the_end_is_said_in_a_line(
    home: Path, name: str, error: str
) -> None:
    begun = time.monotonic()
    ended = run(FAILING.format(name=name, error=error), home)
    assert time.monotonic() - begun < 10
    assert ended.status == 0
    (told,) = ended.err.splitlines()
    assert told.startswith("threadlog: ")
    assert ended.out.strip() in told
    assert "x" * 20 not in told


@pytest.mark.codex("C097")
def test_a_disk_that_never_answers_does_not_hold_up_the_end_for_ever(home: Path) -> None:
    code = (
        "lifetime.EXIT_WAIT_S = 0.5\n"
        + FAILING.format(name="none", error=28)
        + "disk.before = lambda name: time.sleep(60)"
    )
    begun = time.monotonic()
    ended = run(code, home)
    assert time.monotonic() - begun < 10
    (told,) = ended.err.splitlines()
    assert ended.out.strip() in told


# -- interrupted calls


def test_interrupted_calls_lose_nothing_that_was_taken_and_hold_nothing_up(home: Path) -> None:
    code = """
import faulthandler, json, random
faulthandler.dump_traceback_later(20, exit=True)
class Enough(BaseException): pass
def interrupt(*_): raise Enough
recorder = RolloutRecorder.create(home, OPTIONS)
recorder.persist()
chance = random.Random(1)
signal.signal(signal.SIGALRM, interrupt)
number, taken = 0, []
for round in range(400):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, 0.001))
        while True:
            for _ in range(50):
                number += 1
                recorder.record(said_typed(number))
                taken.append(number)
            recorder.drain()
    except Enough:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
recorder.close()
lines = Path(recorder.path).read_bytes().splitlines()[1:]
found = [int(json.loads(line)["payload"]["message"]) for line in lines]
assert found == sorted(set(found)), "repeated"
assert set(taken) <= set(found), "lost"
print("fine")
"""
    typed = """
from threadlog.core.items.event import AgentMessageEvent
def said_typed(number): return AgentMessageEvent(message=str(number))
"""
    ended = run(typed + code, home)
    assert ended.out == "fine\n", ended.err


INTERRUPTED = """
import dis, faulthandler
faulthandler.dump_traceback_later(25, exit=True)
gc.disable()  # what is raised while an earlier recorder is collected, Python itself drops
class Enough(BaseException): pass

def interrupted(step, call):
    \"\"\"Raise at a place where Python looks for signals; False if a call has not so many.\"\"\"
    at = {}
    def trace(frame, event, _argument):
        nonlocal step
        frame.f_trace_opcodes = True
        if event == "opcode":
            before, at[frame] = at.get(frame), frame.f_lasti
            if before is not None:
                code = frame.f_code.co_code
                done = dis.opname[code[before]]
                step -= done.startswith("CALL") or done in ("RESUME", "JUMP_BACKWARD")
        if step:
            return trace
        sys.settrace(None)
        raise Enough
    try:
        sys.settrace(trace)
        call(recorder)
    except Enough:
        return True
    finally:
        sys.settrace(None)
    return False

def fresh():
    gc.collect()
    made = RolloutRecorder.create(threadlog.open(home.path), OPTIONS)  # with a worker of its own
    made.record(said(0))
    if live:
        made.persist(level="kernel")
        time.sleep(0.01)  # so that it may park
    return made

step, more, also = 0, True, globals().get("also")
while more:
    step += 1
    recorder = fresh()
    more = interrupted(step, call)
    if not recorder._channel.taking:
        recorder.close()  # it was that far
    else:
        recorder.record(said(2))
        deadline = time.monotonic() + 5
        while live and recorder.pending_items:  # by itself
            assert time.monotonic() < deadline, step
            time.sleep(0.001)
        recorder.persist(level="kernel")
        recorder.close()
    found = numbers(recorder.path) if os.path.exists(recorder.path) else []
    assert found in ([0, 1, 2], [0, 2], [0], [], also), (step, found)
assert step > 10
print("fine")
"""


INTERRUPTED_CALLS = {
    "record": "live, call = True, lambda it: it.record(said(1))",
    "record while the worker sleeps": (
        "from threadlog import writer; writer.PARK_S = 0.0\n"
        "live, call = True, lambda it: it.record(said(1))"
    ),
    "persist": "live, call = False, lambda it: it.persist(level='kernel')",
    "flush": "live, call = True, lambda it: (it.record(said(1)), it.flush(level='kernel'))",
    "drain": (
        "from threadlog import backlog; backlog.ROOM_BYTES = 0\n"
        "live, call = True, lambda it: (it.record(said(1)), it.drain())"
    ),
    "close": "live, call = True, lambda it: it.close()",
    "discard": "live, call = True, lambda it: (it.record(said(1)), it.discard())\nalso = [0, 1]",
}


@pytest.mark.parametrize("call", INTERRUPTED_CALLS.values(), ids=INTERRUPTED_CALLS)
def test_a_call_interrupted_at_any_place_holds_nothing_up(home: Path, call: str) -> None:
    ended = run(call + INTERRUPTED, home)
    assert ended.out == "fine\n", ended.err
