"""threadlog.aio: the same names and signatures, and nothing of it blocks or is half cancelled."""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import held
from threadlog import InUse, NotOnDiskYet, WriteFailed, aio, connect
from threadlog.core.items.event import AgentMessageEvent, UserMessageEvent
from threadlog.home import Home
from threadlog.local.disk import Disk

NAMES = ["Home", "RolloutRecorder", "Thread", "TurnWriter"]
# What only the level underneath has: it is reached by `sync`.
UNDERNEATH = {
    "Home": {"store", "writer", "reader", "query", "open_channels"},
    "RolloutRecorder": {
        *(
            "start_persist",
            "start_flush",
            "start_drain",
            "start_close",
            "start_discard",
            "reminding",
        ),
        *("draft_lines", "draft_summary", "draft", "channel", "begin", "go_on"),
    },
}
# What only a loop needs.
OWN = {"look_after_signals"}
USER = UserMessageEvent(message="Q")


def public(owner: type) -> set[str]:
    """The public names of a class."""
    return {name for name in dir(owner) if not name.startswith("_")}


@pytest.mark.parametrize("name", NAMES)
def test_the_names_and_their_parameters_are_the_same(name: str) -> None:
    ours, theirs = getattr(aio, name), getattr(threadlog, name)
    assert public(ours) - OWN == public(theirs) - UNDERNEATH.get(name, set())
    for each in public(ours) - OWN:
        mine, other = inspect.getattr_static(ours, each), inspect.getattr_static(theirs, each)
        assert isinstance(mine, property) == isinstance(other, property), each
        if not isinstance(mine, property):
            assert shape(getattr(ours, each)) == shape(getattr(theirs, each)), each
        assert inspect.getdoc(getattr(ours, each)), each


def shape(call: Any) -> list[tuple[Any, ...]]:
    """The parameters of a call: names, kinds and defaults."""
    parameters = inspect.signature(call).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


def test_open_takes_the_same() -> None:
    assert shape(aio.open) == shape(threadlog.open)


def test_ten_lines_make_an_agent_durable(home: Path) -> None:
    async def agent() -> tuple[str, list[dict[str, Any]]]:
        opened = aio.open(home)
        async with opened.start(cwd="/desk/x") as thread:
            assert (await thread.summary()).preview == ""
            async with thread.turn("Q") as turn:
                assert thread.on_disk
                turn.tool("shell", {}, output="out")
                turn.usage(input_tokens=1)
                turn.say("A")
            await thread.drain()
        async with opened.resume("last", cwd="/desk/x") as thread:
            assert [item["type"] for item in await thread.model_input()]
            history = await thread.history()
        assert [each.status async for each in opened.turns(thread.id)] == ["completed"]
        assert (await opened.get("last")).id == thread.id
        assert [each.preview for each in await opened.threads()] == ["Q"]
        assert len([line async for line in opened.iter_lines(thread.id)]) == 10
        assert len(await opened.outline(thread.id)) == 1
        await opened.close()
        return thread.id, history.model_input()

    thread_id, messages = asyncio.run(agent())
    assert threadlog.open(home).model_input(thread_id) == messages


def test_a_recorder_is_awaited_where_it_waits(home: Path) -> None:
    async def record() -> Path:
        opened = aio.open(home)
        options = aio.ThreadOptions(cwd="/desk/x")
        async with await aio.RolloutRecorder.create(opened, options) as recorder:
            assert recorder.record(USER) == 1
            with pytest.raises(NotOnDiskYet):
                await recorder.drain()
            await recorder.flush()
            assert not recorder.on_disk
            await recorder.persist(level=aio.KERNEL)
            assert (recorder.pending_items, recorder.history_mode) == (0, "legacy")
        async with await aio.RolloutRecorder.resume(opened, recorder.thread_id) as again:
            again.record(AgentMessageEvent(message="A"))
            assert again.path == recorder.path
        return Path(again.path)

    assert len(asyncio.run(record()).read_bytes().splitlines()) == 3


def test_opening_can_be_awaited_as_well(home: Path) -> None:
    async def main() -> None:
        opened = aio.open(home)
        thread = await opened.start(cwd="/desk/x")
        thread.record(USER)
        await thread.close()
        with held(home, thread.id), pytest.raises(InUse):
            await opened.resume(thread.id)

    asyncio.run(main())


def test_an_exception_of_the_block_stands_and_the_turn_is_aborted(home: Path) -> None:
    async def main() -> None:
        opened = aio.open(home)
        async with opened, opened.start(cwd="/desk/x") as thread, thread.turn("Q"):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())
    assert [turn.status for turn in threadlog.open(home).turns("last")] == ["interrupted"]


def test_a_turn_of_a_loop_is_not_used_with_a_plain_with(home: Path) -> None:
    async def main() -> None:
        async with aio.open(home).start(cwd="/desk/x") as thread:
            with pytest.raises(TypeError, match="async with"), thread.turn("Q"):
                pass

    asyncio.run(main())


class SlowDisk(Disk):
    """Takes its time to sync, and can be out of space."""

    full = False

    def sync_data(self, fd: int) -> None:
        time.sleep(0.3)
        super().sync_data(fd)

    def write(self, fd: int, data: memoryview) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(fd, data)


def slow(home: Path) -> tuple[aio.Home, SlowDisk]:
    """A home on such a disk."""
    disk = SlowDisk()
    return aio.Home(Home(connect.local_store(str(home), disk))), disk


def test_waiting_does_not_block_the_loop(home: Path) -> None:
    async def main() -> int:
        opened, _disk = slow(home)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with opened.start(cwd="/desk/x") as thread:
            ticker = asyncio.create_task(tick())
            thread.record(USER)
            await thread.flush()
            ticker.cancel()
        return ticks

    assert asyncio.run(main()) >= 10


def test_cancelling_a_wait_does_not_cancel_the_write(home: Path) -> None:
    async def main() -> str:
        opened, _disk = slow(home)
        async with opened.start(cwd="/desk/x") as thread:
            thread.record(USER)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(thread.flush(), 0.05)
            await thread.flush()
            assert len(Path(thread.path).read_bytes().splitlines()) == 2
        return thread.id

    assert [turn.status for turn in threadlog.open(home).turns(asyncio.run(main()))]


def test_a_barrier_that_fails_raises_and_can_be_awaited_again(home: Path) -> None:
    async def main() -> None:
        opened, disk = slow(home)
        async with opened.start(cwd="/desk/x") as thread:
            thread.record(USER)
            disk.full = True
            with pytest.raises(WriteFailed) as caught:
                await thread.flush()
            assert (caught.value.errno, caught.value.safe_items) == (28, 0)
            with pytest.raises(WriteFailed):
                await thread.drain()
            disk.full = False
            await thread.flush()

    asyncio.run(main())


def test_tasks_record_side_by_side_each_in_its_own_order(home: Path) -> None:
    async def main() -> str:
        async with aio.open(home).start(cwd="/desk/x") as thread:
            thread.record(USER)

            async def work(who: str) -> None:
                for number in range(50):
                    thread.record(AgentMessageEvent(message=f"{who} {number}"))
                    await (thread.flush() if number % 10 == 0 else asyncio.sleep(0))

            await asyncio.gather(*map(work, "abc"))
        return thread.id

    said: dict[str, list[int]] = {}
    for line in threadlog.open(home).iter_lines(asyncio.run(main())):
        if isinstance(line, threadlog.Line) and isinstance(line.item, AgentMessageEvent):
            who, number = line.item.message.split()
            said.setdefault(who, []).append(int(number))
    assert said == {who: list(range(50)) for who in "abc"}
