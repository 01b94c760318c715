"""What the callers of a recorder are told of how its writing goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threadlog.backlog import Channel
from threadlog.barrier import CLOSED, Barrier
from threadlog.errors import (
    Closed,
    InUse,
    NotResumable,
    Unencodable,
    Unreadable,
    WriteFailed,
)
from threadlog.states import Live


def let_pass(channel: Channel, served: Sequence[Barrier]) -> None:
    """Let them go on; the first is told if an item had no JSON form, or others wrote there."""
    telling: list[Exception] = []
    if served:
        if channel.refused is not None:
            telling.append(Unencodable(channel.refused))
        elif channel.notice is not None:
            telling.append(channel.notice)
            channel.notice = None
        channel.refused = None
    for barrier in served:
        if telling:
            barrier.fail(telling.pop())
        else:
            barrier.pass_()


def refuse(channel: Channel) -> None:
    """Nothing is taken any more: tell those who wait."""
    closed = Closed(f"the recorder of thread {channel.thread_id} is closed")
    for barrier in channel.failed(closed, 0.0):
        if barrier.kind == CLOSED:
            barrier.pass_()
        else:
            barrier.fail(closed)


def said_of(channel: Channel, error: BaseException) -> BaseException:
    """What callers are told of a failure: why, and how many items are safe."""
    safe, durable = channel.safe_items
    told = error
    if isinstance(error, OSError):
        told = WriteFailed(channel.path, error.errno, safe, durable, error.strerror)
    elif isinstance(error, NotResumable | Unreadable):
        why = str(error).removeprefix(f"cannot append to {channel.path}: ")
        told = WriteFailed(channel.path, None, safe, durable, f"{why}; what waits can be discarded")
    elif isinstance(error, InUse) and isinstance(channel.state, Live):
        told = InUse(f"{error}; {safe} items are in the file", error.holder)
    if told is not error:
        told.__cause__ = error
    return told


def heed(channel: Channel, live: Live) -> None:
    """If others wrote there, say so at the next barrier, and number lines after theirs."""
    notice = live.appender.take_notice()
    if notice is None:
        return
    channel.notice = notice if channel.notice is None else channel.notice.and_then(notice)
    if live.ordinal is not None and notice.next_ordinal is not None:
        live.ordinal = max(live.ordinal, notice.next_ordinal)
        if not live.appender.begun:
            channel.put_back()


def recovered(channel: Channel, error: BaseException) -> BaseException | None:
    """What there is to be said of an error; None if it was got over."""
    if isinstance(error, OSError) and isinstance(channel.state, Live):
        try:
            lasting = channel.state.appender.recover(error)
            if lasting is None:
                channel.state.synced = False  # it is another file, perhaps
            return lasting
        except BaseException as worse:  # who asks goes on whatever happens
            return worse
    return error


def again(error: Exception) -> Callable[[Channel, list[Barrier]], None]:
    """What raises *error* where it can be got over, if at all."""

    def job(_channel: Channel, _served: list[Barrier]) -> None:
        raise error

    return job
