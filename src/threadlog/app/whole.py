"""All turns of a thread in one answer, and the tokens it has cost so far."""

from __future__ import annotations

from threadlog.app import wire
from threadlog.app.client import Client, Request, notification
from threadlog.app.frames import encoded
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import invalid, not_materialized
from threadlog.app.wire_items import Wire
from threadlog.core import usage
from threadlog.core.query import ThreadSummary


def check_has_turns(loaded: Loaded | None, what: str) -> None:
    """Refuse *what* asks for turns of a thread that has none to be read."""
    if loaded is None:
        return
    if loaded.thread.ephemeral:
        raise invalid(f"ephemeral threads do not support {what}")
    if not loaded.thread.on_disk:
        raise not_materialized(loaded.id, what)


async def all_turns(loaded: Loaded, summary: ThreadSummary) -> list[Wire]:
    """Every turn of a loaded thread."""
    if loaded.thread.ephemeral:
        history = await loaded.thread.history()
        return [wire.turn_of(turn, wire.FULL, loaded.running) for turn in history.turns()]
    await loaded.written()
    home = loaded.server.home.sync
    running = loaded.running

    def read_all() -> list[Wire]:
        turns = home.reader(summary).turns()
        return [encoded(wire.turn_of(turn, wire.FULL, running)) for turn in turns]

    return await loaded.server.read(read_all)


async def turns_of(request: Request, loaded: Loaded | None, summary: ThreadSummary) -> list[Wire]:
    """Every turn of a thread."""
    if loaded is not None:
        return await all_turns(loaded, summary)
    home = request.server.home.sync

    def read_all() -> list[Wire]:
        turns = home.reader(summary).turns()
        return [encoded(wire.turn_of(turn, wire.FULL)) for turn in turns]

    return await request.server.read(read_all)


async def restored_usage(loaded: Loaded, summary: ThreadSummary) -> Wire | None:
    """The tokens of a thread that goes on, and the turn that told them last."""
    reader = loaded.server.home.sync.reader(summary)
    found = await loaded.server.read(lambda: usage.latest_count(reader.raw_lines_backwards()))
    if found is None:
        return None
    info, turn_id = found
    return {"threadId": loaded.id, "turnId": turn_id, "tokenUsage": wire.usage_of(info)}


def tell_restored(client: Client, told: Wire | None) -> None:
    """To the client alone that asked: the others know."""
    if told is not None:
        method = "thread/tokenUsage/updated"
        client.notify(method, notification(method, told))
