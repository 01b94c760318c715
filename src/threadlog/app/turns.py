"""Turns begun, steered, interrupted; compactions and reviews."""

from __future__ import annotations

from typing import Any

import msgspec

from threadlog.agents.context import COMPACT, REVIEW, Said
from threadlog.agents.running import Run
from threadlog.app import settings, wire
from threadlog.app.client import Reply, Request
from threadlog.app.finding import loaded_thread
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import internal, invalid
from threadlog.app.wire_items import Wire, item_of
from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.errors import Refused, ThreadlogError, Unreadable

_STEERABLE = {COMPACT: "Compact", REVIEW: "Review"}


async def start(request: Request) -> Any:
    """Begin a turn, or add to the one that goes on (Codex: the same)."""
    loaded = loaded_thread(request)
    params = request.params
    if params.tool_output is not None:
        raise invalid("this server takes no toolOutput: tools are its agent's own")
    said = _said(params.input, params.client_user_message_id)
    _check_steerable(loaded)
    conversation = loaded.conversation
    before = conversation.run
    if before is None:
        _apply(request, loaded)
    try:
        run = await conversation.begin(said, params.output_schema)
    except Refused:
        _check_steerable(loaded)
        raise internal("failed to submit turn input: the thread is busy") from None
    except Unreadable as error:
        raise invalid(str(error)) from None
    except ThreadlogError as error:
        raise internal(f"failed to submit turn input: {error}") from None
    return Reply({"turn": wire.begun_turn(run.id, None)}, None if run.launched else run.launch)


async def steer(request: Request) -> Any:
    """Add to the turn that goes on, if it is the one expected."""
    loaded = loaded_thread(request)
    expected = request.params.expected_turn_id
    run = loaded.conversation.run
    if not expected:
        raise invalid("expectedTurnId must not be empty")
    if run is None:
        raise invalid("no active turn to steer")
    if run.id != expected:
        raise invalid(f"expected active turn id `{expected}` but found `{run.id}`")
    said = _said(request.params.input, request.params.client_user_message_id)
    if not said:
        raise invalid("input must not be empty")
    _check_steerable(loaded)
    try:
        steered = await loaded.conversation.steer(run, said)
    except Unreadable as error:
        raise invalid(str(error)) from None
    if not steered:
        raise invalid("no active turn to steer")
    return {"turnId": run.id}


async def interrupt(request: Request) -> Any:
    """End the turn that goes on."""
    loaded = loaded_thread(request)
    run = loaded.conversation.run
    if run is None:
        raise invalid("no active turn to interrupt")
    wanted = request.params.turn_id
    if wanted and run.id != wanted:
        raise invalid(f"expected active turn id {wanted} but found {run.id}")
    await loaded.conversation.interrupt()
    return {}


async def compact(request: Request) -> Any:
    """Have the history summed up; how it goes is told as a turn."""
    loaded = loaded_thread(request)
    run = await loaded.conversation.begin_compaction()
    if run is None:
        raise internal("failed to start compaction: a turn is in progress")
    return Reply({}, run.launch)


async def review(request: Request) -> Any:
    """Have something reviewed, as a turn of the thread."""
    loaded = loaded_thread(request)
    target = msgspec.to_builtins(request.params.target)
    instructions = _instructions(target)
    run = await loaded.conversation.begin_review(target, instructions)
    if run is None:
        raise internal("failed to start review: a turn is in progress")
    turn = wire.begun_turn(run.id, None)
    shown = ti.UserMessage(id=run.id, content=(UserInput(type="text", text=instructions),))
    turn["items"] = [item_of(shown)]
    turn["rootTurnId"] = None
    return Reply({"turn": turn, "reviewThreadId": loaded.id}, run.launch)


def _check_steerable(loaded: Loaded) -> None:
    run: Run | None = loaded.conversation.run
    if run is not None and run.kind in _STEERABLE:
        kind = _STEERABLE[run.kind]
        raise internal(
            f"failed to submit turn input: ActiveTurnNotSteerable {{ turn_kind: {kind} }}"
        )


def _apply(request: Request, loaded: Loaded) -> None:
    """What a turn brings of settings is for it and the turns after."""
    params, conversation = request.params, loaded.conversation
    changed = settings.settings_of(params, conversation.settings)
    conversation.settings = changed
    loaded.asked = settings.asked_of(params, loaded.asked)
    if params.cwd is not None:
        conversation.cwd = settings.folder(params.cwd)


def _said(parts: list[Any], client_id: str | None) -> list[Said]:
    """What the user said, as one message; none if it is empty."""
    said = [_part(msgspec.to_builtins(part)) for part in parts]
    named = "".join(f"[{each.name}]({each.path})" for each in said if each.name)
    texts = "".join(each.text or "" for each in said if each.type == "text")
    images = tuple(
        each.image_url or each.path or "" for each in said if each.type in ("image", "local_image")
    )
    heard = texts or ("" if images else named)
    return [Said(heard, images, client_id, tuple(said))] if heard or images else []


def _part(value: Wire) -> UserInput:
    kind = value["type"]
    if kind == "text":
        elements = value.get("textElements", value.get("text_elements")) or None
        return UserInput(type="text", text=value["text"], text_elements=elements)
    if kind == "image" and "url" in value["source"]:
        return UserInput(type="image", image_url=value["source"]["url"])
    if kind == "localImage":
        return UserInput(type="local_image", path=value["path"])
    if kind in ("skill", "mention"):  # for people: the model is told of them in the text, if at all
        return UserInput(type=kind, name=value["name"], path=value["path"])
    raise invalid(f"this server takes texts, and images by URL or path: no {kind}, nothing by id")


def _instructions(target: Wire) -> str:
    kind = target["type"]
    if kind == "custom":
        text = target["instructions"].strip()
        if not text:
            raise invalid("instructions must not be empty")
        return str(text)
    if kind == "baseBranch":
        branch = target["branch"].strip()
        if not branch:
            raise invalid("branch must not be empty")
        return f"Review the changes against the base branch '{branch}'."
    if kind == "commit":
        sha = target["sha"].strip()
        if not sha:
            raise invalid("sha must not be empty")
        title = target.get("title")
        return f"Review the commit {sha}" + (f" ({title})." if title else ".")
    return "Review what is changed and not committed."
