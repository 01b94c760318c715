"""What a process forks or starts neither writes to its threads nor holds them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import threadlog
from faulty_disk import numbers, opened, said
from makers import held
from processes import LIVE, LONG_S, PATHS, all_saved, rollout, run, started
from threadlog import InUse, RolloutRecorder, ThreadOptions
from threadlog.codex.lock import ThreadWriterLock

IN_CHILD = """
def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        work()
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""

FORKS = {
    "takes nothing": """
def work():
    def record(): recorder.record(said(0))
    for call in (record, recorder.persist, recorder.flush, recorder.drain):
        try:
            call()
        except Closed as error:
            assert "another process" in str(error), error
        else:
            raise AssertionError("not refused")
    recorder.close()
    assert opened(sys.argv[1]) == 0
""",
    "drops it": "def work():\n    global recorder\n    del recorder\n    gc.collect()\n",
    "leaves its block": "def work():\n    with recorder: pass\n",
    "ends": "def work(): pass\n",
    "is terminated": """
def work():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.kill(os.getpid(), signal.SIGTERM)
""",
}


@pytest.mark.parametrize("work", FORKS.values(), ids=FORKS)
@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_forked_child_neither_writes_nor_unlocks(home: Path, work: str, state: str) -> None:
    idle = "recorder.flush()\n" if state == "idle" else "recorder.flush(level='kernel')\n"
    code = (
        LIVE
        + idle
        + IN_CHILD
        + work
        + """
recorder.record(said(100))
before = Path(recorder.path).stat().st_size
in_child(work)
print("ready", flush=True)
sys.stdin.readline()
recorder.record(said(101))
recorder.close()
"""
    )
    with started(code, str(home)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        thread_id = rollout(home).stem[-36:]
        with pytest.raises(InUse):
            ThreadWriterLock(str(home), thread_id)
        _out, err = process.communicate("go on\n", timeout=LONG_S)
    assert (process.returncode, err) == (0, "")
    assert numbers(rollout(home)) == list(range(102))
    ThreadWriterLock(str(home), thread_id).release()


def test_a_forked_child_that_outlives_its_parent_holds_nothing(home: Path) -> None:
    code = (
        LIVE
        + """
recorder.flush(level="kernel")
if os.fork() == 0:
    signal.alarm(20)
    print("ready", flush=True)
    sys.stdin.readline()
    os._exit(0)
time.sleep(60)
"""
    )
    with started(code, str(home)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        thread_id = rollout(home).stem[-36:]
        process.kill()
        process.wait()
        with held(home, thread_id):
            assert all_saved(home)
        process.communicate("end\n", timeout=LONG_S)


NEW_IN_CHILD = {
    "in the same home": "home",
    "in a home opened anew": "threadlog.open(sys.argv[1])",
}


@pytest.mark.parametrize("where", NEW_IN_CHILD.values(), ids=NEW_IN_CHILD)
@pytest.mark.parametrize("end", ["", "mine.close()\n    os._exit(0)", "mine.flush()"])
def test_a_forked_child_can_begin_a_thread_of_its_own(home: Path, where: str, end: str) -> None:
    code = f"""
recorder = begin()
def work():
    mine = RolloutRecorder.create({where}, OPTIONS)
    mine.record(*map(said, range(50)))
    mine.persist()
    mine.record(*map(said, range(50, 100)))
    {end}
"""
    ended = run(code + IN_CHILD + "in_child(work)\n", home)
    assert (ended.status, ended.err) == (0, "")
    for path in home.glob("sessions/*/*/*/*.jsonl"):
        assert numbers(path) == list(range(100))
    assert len(list(home.glob("sessions/*/*/*/*.jsonl"))) == 2


def test_a_fork_while_another_thread_makes_rollouts_does_not_hold_up_the_child(home: Path) -> None:
    code = """
recorder = begin()
with home.store.journal._making:
    pid = os.fork()
    if pid == 0:
        mine = RolloutRecorder.create(home, OPTIONS)
        mine.persist()
        sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
    ended = run(code, home)
    assert (ended.status, ended.err) == (0, "")


def test_a_child_holds_no_lock_whatever_other_threads_were_at_when_it_was_forked(
    home: Path,
) -> None:
    code = """
ended = False
def make():
    while not ended:
        mine = RolloutRecorder.create(home, OPTIONS)
        mine.persist(level="kernel")
        mine.close()
workers = [threading.Thread(target=make) for _ in range(3)]
for worker in workers: worker.start()
locks = str(Path(home.path) / "thread-writer-locks")
holding = 0
for _ in range(150):
    pid = os.fork()
    if pid == 0:
        os._exit(opened(locks))
    holding += os.waitpid(pid, 0)[1] != 0
ended = True
for worker in workers: worker.join()
print(holding)
"""
    ended = run(code, home)
    assert (ended.out, ended.err) == ("0\n", "")


def test_a_child_can_load_what_a_thread_of_ours_was_loading_when_it_was_forked(
    home: Path, tmp_path: Path
) -> None:
    slow = "import sys, time; sys.begun = True; time.sleep(0.5); done = True"
    (tmp_path / "loaded_slowly.py").write_text(slow)
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
def load(): import loaded_slowly
threading.Thread(target=load, name="threadlog-watch").start()
while not hasattr(sys, "begun"): time.sleep(0.001)
def work():
    import loaded_slowly
    assert loaded_slowly.done
"""
    ended = run(code + IN_CHILD + "in_child(work)\n", home)
    assert (ended.status, ended.err) == (0, "")


MULTIPROCESSING = """
import multiprocessing, sys
import threadlog
from faulty_disk import said
from threadlog import RolloutRecorder, ThreadOptions
shared = threadlog.open(sys.argv[1])

def work(path, how):
    home = shared if how == "inherited" else threadlog.open(path)
    recorder = RolloutRecorder.create(home, ThreadOptions(cwd="/x"))
    recorder.persist()
    recorder.record(*map(said, range(100)))
    sys.kept = recorder

if __name__ == "__main__":
    _self, path, method, how = sys.argv
    if how != "new":
        mine = RolloutRecorder.create(shared, ThreadOptions(cwd="/x"))
        mine.persist()
        mine.record(*map(said, range(100)))
    context = multiprocessing.get_context(method)
    worker = context.Process(target=work, args=(path, how))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", ["new", "live in the parent", "inherited"])
def test_a_process_of_multiprocessing_that_just_returns_has_saved_everything(
    home: Path, tmp_path: Path, method: str, how: str
) -> None:
    if how == "inherited" and method != "fork":
        return
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    ended = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(script), str(home), method, how],
        capture_output=True,
        text=True,
        timeout=LONG_S,
        env={**os.environ, **PATHS},
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    found = list(home.glob("sessions/*/*/*/*.jsonl"))
    assert len(found) == (1 if how == "new" else 2)
    for path in found:
        assert numbers(path) == list(range(100))


# -- descriptors, threads, processes


def test_a_recorder_stays_in_its_process(home: Path) -> None:
    with RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x")) as recorder:
        with pytest.raises(TypeError):
            pickle.dumps(recorder)
        recorder.persist()
        with pytest.raises(TypeError):
            pickle.dumps(recorder)


def test_a_program_started_meanwhile_inherits_no_descriptor(home: Path) -> None:
    counts = "import sys; from faulty_disk import opened; print(opened(sys.argv[1]))"
    with RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x")) as recorder:
        recorder.persist()
        recorder.record(said(0))
        recorder.flush(level="kernel")
        assert opened(home) == 3  # the rollout, its lock, and that we are here
        done = subprocess.run(
            [sys.executable, "-c", counts, str(home)],
            stdout=subprocess.PIPE,
            close_fds=False,
            env={**os.environ, **PATHS},
            check=True,
        )
    assert done.stdout == b"0\n"


def test_a_draft_starts_no_thread_and_no_process(home: Path) -> None:
    code = """
started = []
def hook(event, args):
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "_thread.start_new_thread"):
        started.append(event)
sys.addaudithook(hook)
before = threading.active_count()
recorder = RolloutRecorder.create(home, ThreadOptions(cwd=os.getcwd()))
recorder.record(said(0))
recorder.flush()
assert (started, threading.active_count()) == ([], before), started
recorder._channel.end()
"""
    ended = run(code, home)
    assert (ended.status, ended.err) == (0, "")
    assert list(home.iterdir()) == []
