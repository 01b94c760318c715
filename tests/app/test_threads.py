"""Threads over the server: begun, resumed, forked, read, changed, put away; and its refusals."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from wired import Wired, serving, with_client

import threadlog
from makers import held, uuid
from threadlog.app.ids import read_id

SAID = "message"
NOBODY = uuid(77)
MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])


def asked(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "text_elements": []}]


# -- a thread that is not on disk yet: one row for each request, as docs/lifecycle.md has it

NOT_MATERIALISED = (
    "thread {{}} is not materialized yet; {} is unavailable before first user message"
)
NOT_YET: dict[str, tuple[str, dict[str, Any], tuple[int, str] | None]] = {
    "thread/read with turns": (
        "thread/read",
        {"includeTurns": True},
        (
            -32600,
            NOT_MATERIALISED.format("includeTurns"),
        ),
    ),
    "thread/turns/list": (
        "thread/turns/list",
        {},
        (
            -32600,
            NOT_MATERIALISED.format("thread/turns/list"),
        ),
    ),
    "thread/resume": ("thread/resume", {}, (-32600, "no rollout found for thread id {}")),
    "thread/fork": ("thread/fork", {}, (-32600, "no rollout found for thread id {}")),
    "thread/archive": ("thread/archive", {}, (-32600, "no rollout found for thread id {}")),
    "thread/unarchive": (
        "thread/unarchive",
        {},
        (-32600, "no archived rollout found for thread id {}"),
    ),
    "thread/rollback": (
        "thread/rollback",
        {"numTurns": 1},
        (-32603, "failed to load rollout `[path]`: No such file or directory (os error 2)"),
    ),
    "turn/interrupt": ("turn/interrupt", {"turnId": "x"}, (-32600, "no active turn to interrupt")),
    "turn/steer": (
        "turn/steer",
        {"expectedTurnId": "x", "input": asked("x")},
        (-32600, "no active turn to steer"),
    ),
    "thread/read": ("thread/read", {}, None),
    "thread/name/set": ("thread/name/set", {"name": "n"}, None),
    "thread/metadata/update": ("thread/metadata/update", {"gitInfo": {"branch": "b"}}, None),
    "thread/memoryMode/set": ("thread/memoryMode/set", {"mode": "disabled"}, None),
    "thread/goal/get": ("thread/goal/get", {}, None),
    "thread/goal/clear": ("thread/goal/clear", {}, None),
    "thread/settings/update": ("thread/settings/update", {"model": "m"}, None),
    "thread/unsubscribe": ("thread/unsubscribe", {}, None),
    "thread/delete": ("thread/delete", {}, None),
}
# What brings it to disk.
MATERIALISES: dict[str, dict[str, Any]] = {
    "thread/inject_items": {
        "items": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
        ]
    },
    "thread/goal/set": {"objective": "Fix it"},
    "thread/compact/start": {},
    "review/start": {"target": {"type": "custom", "instructions": "look"}},
    "turn/start": {"input": asked("Q")},
}


@pytest.mark.parametrize("row", NOT_YET)
@MODES
def test_what_a_thread_that_is_not_on_disk_can_do(home: Path, mode: str, row: str) -> None:
    method, params, refused = NOT_YET[row]

    async def work(client: Wired) -> None:
        begun = (await client.call("thread/start", cwd="/desk/x", historyMode=mode))["thread"]
        thread = begun["id"]
        assert begun["preview"] == ""
        assert begun["createdAt"] == begun["updatedAt"]
        if refused is None:
            await client.call(method, threadId=thread, **params)
        else:
            code, sentence = refused
            wanted = sentence.format(thread).replace("[path]", begun["path"])
            assert await client.refusal(method, threadId=thread, **params) == (code, wanted)
        assert not Path(begun["path"]).exists()
        assert (await client.call("thread/list"))["data"] == []
        loaded = (await client.call("thread/loaded/list"))["data"]
        assert loaded == ([] if method == "thread/delete" else [thread])

    with_client(home, work)
    assert not list(home.rglob("rollout-*"))


@pytest.mark.parametrize("method", MATERIALISES)
@MODES
def test_what_brings_a_thread_to_disk(home: Path, mode: str, method: str) -> None:
    async def work(client: Wired) -> None:
        begun = (await client.call("thread/start", cwd="/desk/x", historyMode=mode))["thread"]
        await client.call("thread/name/set", threadId=begun["id"], name="n")
        await client.call("thread/metadata/update", threadId=begun["id"], gitInfo={"branch": "b"})
        await client.call(method, threadId=begun["id"], **MATERIALISES[method])
        if method not in ("thread/inject_items", "thread/goal/set"):
            await client.arrived(lambda: client.told("turn/completed"))
        assert Path(begun["path"]).exists()
        read = (await client.call("thread/read", threadId=begun["id"]))["thread"]
        assert (read["name"], read["gitInfo"]["branch"]) == ("n", "b")

    with_client(home, work)


def test_a_path_to_a_rollout_that_is_not_there_is_said(home: Path) -> None:
    async def work(client: Wired) -> None:
        path = str(home / "sessions" / "nope.jsonl")
        for method in ("thread/resume", "thread/fork"):
            assert await client.refusal(method, threadId=NOBODY, path=path) == (
                -32600,
                f"failed to resolve rollout path `{path}`: file does not exist",
            )

    with_client(home, work)


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "thread/read": ({}, "thread not loaded: {}"),
    "thread/turns/list": ({}, "thread not loaded: {}"),
    "thread/resume": ({}, "no rollout found for thread id {}"),
    "thread/fork": ({}, "no rollout found for thread id {}"),
    "thread/archive": ({}, "no rollout found for thread id {}"),
    "thread/unarchive": ({}, "no archived rollout found for thread id {}"),
    "thread/delete": ({}, "no rollout found for thread id {}"),
    "thread/name/set": ({"name": "x"}, "no rollout found for thread id {}"),
    "thread/metadata/update": ({"gitInfo": {"sha": "x"}}, "no rollout found for thread id {}"),
    "thread/memoryMode/set": ({"mode": "enabled"}, "no rollout found for thread id {}"),
    "thread/compact/start": ({}, "thread not found: {}"),
    "thread/inject_items": ({"items": [{}]}, "thread not found: {}"),
    "thread/rollback": ({"numTurns": 1}, "thread not found: {}"),
    "thread/revert": ({"beforeTurnId": "x"}, "thread not found: {}"),
    "thread/goal/get": ({}, "thread not found: {}"),
    "turn/start": ({"input": []}, "thread not found: {}"),
    "turn/interrupt": ({"turnId": "x"}, "thread not found: {}"),
    "review/start": (
        {"target": {"type": "custom", "instructions": "y"}},
        "thread not found: {}",
    ),
}
SESSION_WORD = ("thread/resume", "thread/fork", "thread/archive", "thread/unarchive")


def test_a_thread_that_nobody_knows_is_refused_in_codexs_words(home: Path) -> None:
    async def work(client: Wired) -> None:
        for method, (params, sentence) in UNKNOWN.items():
            refused = await client.refusal(method, threadId=NOBODY, **params)
            assert refused == (-32600, sentence.format(NOBODY)), method
            code, said = await client.refusal(method, threadId="nope", **params)
            word = "session" if method in SESSION_WORD else "thread"
            assert (code, said.partition(":")[0]) == (-32600, f"invalid {word} id"), method
        status = await client.call("thread/unsubscribe", threadId=NOBODY)
        assert status == {"status": "notLoaded"}

    with_client(home, work)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "invalid length: expected length 32 for simple format, found 3"),
        ("", "invalid length: expected length 32 for simple format, found 0"),
        (
            "nope",
            (
                "invalid character: expected an optional prefix of `urn:uuid:` followed by "
                "[0-9a-fA-F-], found `n` at 1"
            ),
        ),
        ("a-b", "invalid group count: expected 5, found 2"),
        ("a-b-c-d-e", "invalid group length in group 0: expected 8, found 1"),
        (NOBODY + "0", "invalid group length in group 4: expected 12, found 13"),
    ],
)
def test_what_is_wrong_with_an_id_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^") as error:
        read_id(text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    "text", [NOBODY, NOBODY.upper(), NOBODY.replace("-", ""), f"urn:uuid:{NOBODY}", f"{{{NOBODY}}}"]
)
def test_an_id_is_read_however_it_is_spelt(text: str) -> None:
    assert read_id(text) == NOBODY


# -- stored threads


@MODES
def test_a_thread_goes_through_its_life(home: Path, mode: str) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start(historyMode=mode)
        first = await client.turn(thread, "one")
        second = await client.turn(thread, "two")
        await client.call("thread/name/set", threadId=thread, name=" my name ")
        shown = (await client.call("thread/read", threadId=thread, includeTurns=True))["thread"]
        assert (shown["preview"], shown["name"], shown["status"]) == (
            "one",
            "my name",
            {"type": "idle"},
        )
        assert [each["id"] for each in shown["turns"]] == [first["id"], second["id"]]
        (listed,) = (await client.call("thread/list"))["data"]
        assert listed["id"] == thread
        through = await client.call("thread/fork", threadId=thread, lastTurnId=first["id"])
        before = await client.call("thread/fork", threadId=thread, beforeTurnId=second["id"])
        for fork in (through, before):
            assert fork["thread"]["forkedFromId"] == thread
            assert [each["id"] for each in fork["thread"]["turns"]] == [first["id"]]
        assert len(client.told("thread/started")) == 3
        _code, said = await client.refusal("thread/fork", threadId=thread, lastTurnId="nope")
        assert (
            said
            == {
                "legacy": "lastTurnId 'nope' was not found in the source thread",
                "paginated": "turn not found: nope",
            }[mode]
        )
        for each in (through, before):
            await client.call("thread/delete", threadId=each["thread"]["id"])
        await client.call("thread/archive", threadId=thread)
        for method in ("thread/resume", "thread/fork"):
            assert (await client.refusal(method, threadId=thread))[1] == (
                f"session {thread} is archived. Run `codex unarchive {thread}` to unarchive it "
                "first."
            )
        assert (await client.refusal("thread/archive", threadId=thread))[1].startswith("no rollout")
        archived = (await client.call("thread/list", archived=True))["data"]
        assert [each["id"] for each in archived] == [thread]
        back = (await client.call("thread/unarchive", threadId=thread))["thread"]
        assert back["status"] == {"type": "notLoaded"}
        resumed = (await client.call("thread/resume", threadId=thread))["thread"]
        assert len(resumed["turns"]) == 2
        assert (await client.turn(thread, "three"))["status"] == "completed"
        if mode == "paginated":  # the forks in the trash may come back
            assert await client.refusal("thread/delete", threadId=thread) == (
                -32600,
                f"cannot delete thread {thread}: forked history still references it",
            )
            return
        await client.call("thread/delete", threadId=thread)
        assert [each["threadId"] for each in client.told("thread/deleted")][-1] == thread
        assert (await client.refusal("thread/delete", threadId=thread))[1].startswith("no rollout")

    with_client(home, work)


def test_rollback_takes_back_turns_of_a_legacy_thread(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        first = await client.turn(thread, "one")
        await client.turn(thread, "two")
        shown = (await client.call("thread/rollback", threadId=thread, numTurns=1))["thread"]
        assert [each["id"] for each in shown["turns"]] == [first["id"]]
        zero = await client.refusal("thread/rollback", threadId=thread, numTurns=0)
        assert zero == (-32600, "numTurns must be >= 1")
        refused = await client.refusal("thread/revert", threadId=thread, beforeTurnId="x")
        assert refused[1] == "thread/revert only supports paginated threads"

    with_client(home, work)


def test_revert_has_a_paginated_thread_go_on_from_before_a_turn(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start(historyMode="paginated")
        first = await client.turn(thread, "one")
        second = await client.turn(thread, "two")
        unknown = await client.refusal("thread/revert", threadId=thread, beforeTurnId="x")
        assert unknown == (-32600, "turn not found: x")
        await client.call("thread/revert", threadId=thread, beforeTurnId=second["id"])
        await client.turn(thread, "three")
        shown = (await client.call("thread/read", threadId=thread, includeTurns=True))["thread"]
        assert len(shown["turns"]) == 2
        assert shown["turns"][0]["id"] == first["id"]
        assert client.told("thread/reverted")

    with_client(home, work)


def test_a_thread_that_another_process_writes_is_read_and_not_resumed(home: Path) -> None:
    with (
        threadlog.open(home) as opened,
        opened.start("/desk/x") as thread,
        thread.turn("Q") as turn,
    ):
        turn.say("A")

    async def work(client: Wired) -> None:
        with held(home, thread.id):
            refused = (-32600, f"thread {thread.id} already has an active writer")
            assert await client.refusal("thread/resume", threadId=thread.id) == refused
            assert await client.refusal("thread/archive", threadId=thread.id) == refused
            assert await client.refusal("thread/delete", threadId=thread.id) == refused
            read = await client.call("thread/read", threadId=thread.id, includeTurns=True)
            assert len(read["thread"]["turns"]) == 1
            await client.call("thread/fork", threadId=thread.id)

    with_client(home, work)


def test_a_thread_is_resumed_by_path_and_followed_by_several(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client, other = await Wired(server).begin(), await Wired(server).begin()
            thread = await client.start()
            await client.turn(thread, "one")
            path = (await client.call("thread/read", threadId=thread))["thread"]["path"]
            stale = str(home / "sessions" / "other.jsonl")
            refused = await other.refusal("thread/resume", threadId=thread, path=stale)
            assert refused[1] == (
                f"cannot resume running thread {thread} with stale path: requested `{stale}`, "
                f"active `{path}`"
            )
            resumed = await other.call("thread/resume", threadId=thread, path=path)
            assert len(resumed["thread"]["turns"]) == 1
            assert other.told("thread/tokenUsage/updated") == []  # nobody counted
            await client.turn(thread, "two")
            assert len(other.told("turn/completed")) == 1
            assert (await other.call("thread/unsubscribe", threadId=thread))[
                "status"
            ] == "unsubscribed"
            assert (await other.call("thread/unsubscribe", threadId=thread))[
                "status"
            ] == "notSubscribed"
            await client.turn(thread, "three")
            assert len(other.told("turn/completed")) == 1
            await client.call("thread/archive", threadId=thread)
            name = Path(path).name
            archived = str(home / "archived_sessions" / name)
            assert (
                "is archived"
                in (await client.refusal("thread/resume", threadId="x", path=archived))[1]
            )

    asyncio.run(main())


def test_a_history_of_the_clients_becomes_a_thread(home: Path) -> None:
    async def work(client: Wired) -> None:
        items = [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Yo"}],
            },
        ]
        empty = await client.refusal("thread/resume", threadId=NOBODY, history=[])
        assert empty == (-32600, "history must not be empty")
        begun = (await client.call("thread/resume", threadId=NOBODY, history=items))["thread"]
        assert begun["id"] != NOBODY
        assert begun["forkedFromId"] is None
        lines = [json.loads(each) for each in Path(begun["path"]).read_text().splitlines()]
        assert [each["payload"]["role"] for each in lines[1:]] == ["user", "assistant"]
        running = await client.refusal("thread/resume", threadId=begun["id"], history=items)
        assert "with history while it is already running" in running[1]

    with_client(home, work)


def test_an_ephemeral_thread_leaves_nothing(home: Path) -> None:
    async def work(client: Wired) -> None:
        begun = (await client.call("thread/start", cwd="/desk/x", ephemeral=True))["thread"]
        thread = begun["id"]
        assert (begun["path"], begun["ephemeral"]) == (None, True)
        assert (await client.turn(thread, "one"))["status"] == "completed"
        for method, params, what in (
            ("thread/read", {"includeTurns": True}, "includeTurns"),
            ("thread/turns/list", {}, "thread/turns/list"),
        ):
            refused = await client.refusal(method, threadId=thread, **params)
            assert refused == (-32600, f"ephemeral threads do not support {what}")
        assert await client.refusal("thread/delete", threadId=thread) == (
            -32600,
            f"thread is not persisted and cannot be deleted: {thread}",
        )
        assert "goals" in (await client.refusal("thread/goal/get", threadId=thread))[1]
        assert (await client.call("thread/list"))["data"] == []

    with_client(home, work)
    assert not list(home.rglob("rollout-*"))


def test_an_ephemeral_fork_has_its_parents_turns(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        await client.turn(thread, "one")
        fork = (await client.call("thread/fork", threadId=thread, ephemeral=True))["thread"]
        assert (fork["path"], fork["preview"], len(fork["turns"])) == (None, "one", 1)
        await client.turn(fork["id"], "two")
        assert len(list(home.rglob("rollout-*"))) == 1

    with_client(home, work)


# -- metadata, goals, injected items


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "thread metadata update must include at least one field"),
        ({"gitInfo": {}}, "gitInfo must include at least one field"),
        ({"gitInfo": {"branch": " "}}, "gitInfo.branch must not be empty"),
        ({"gitInfo": {"originUrl": ""}}, "gitInfo.originUrl must not be empty"),
    ],
)
def test_an_update_of_nothing_is_refused(home: Path, params: dict[str, Any], said: str) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        assert await client.refusal("thread/metadata/update", threadId=thread, **params) == (
            -32600,
            said,
        )

    with_client(home, work)


@MODES
def test_git_is_set_kept_and_cleared(home: Path, mode: str) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start(historyMode=mode)
        await client.turn(thread, "Q")
        for git, wanted in (
            ({"sha": "s", "branch": "b"}, {"sha": "s", "branch": "b", "originUrl": None}),
            ({"branch": None}, {"sha": "s", "branch": None, "originUrl": None}),
            ({"sha": None}, None),
        ):
            await client.call("thread/metadata/update", threadId=thread, gitInfo=git)
            shown = (await client.call("thread/read", threadId=thread))["thread"]
            assert shown["gitInfo"] == wanted

    with_client(home, work)


@MODES
def test_a_goal_is_kept_over_restarts(home: Path, mode: str) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = await Wired(server).begin()
            thread = await client.start(historyMode=mode)
            refused = await client.refusal("thread/goal/set", threadId=thread, status="paused")
            assert "no goal" in refused[1]
            assert (
                "empty"
                in (await client.refusal("thread/goal/set", threadId=thread, objective=" "))[1]
            )
            long = await client.refusal("thread/goal/set", threadId=thread, objective="x" * 4001)
            assert "4000" in long[1]
            await client.call("thread/goal/set", threadId=thread, objective="Fix it", tokenBudget=5)
            await client.call("thread/goal/set", threadId=thread, status="paused")
            await client.turn(thread, "Q")
        async with serving(home) as server:
            client = await Wired(server).begin()
            await client.call("thread/resume", threadId=thread)
            goal = (await client.call("thread/goal/get", threadId=thread))["goal"]
            assert (goal["objective"], goal["status"], goal["tokenBudget"]) == (
                "Fix it",
                "paused",
                5,
            )
            assert (await client.call("thread/goal/clear", threadId=thread)) == {"cleared": True}
            assert (await client.call("thread/goal/clear", threadId=thread)) == {"cleared": False}
        async with serving(home) as server:
            client = await Wired(server).begin()
            await client.call("thread/resume", threadId=thread)
            assert (await client.call("thread/goal/get", threadId=thread)) == {"goal": None}

    asyncio.run(main())


def test_items_that_are_none_are_refused_and_none_is_recorded(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        for items in ([], [5], [{"role": "user"}]):
            code, _said = await client.refusal("thread/inject_items", threadId=thread, items=items)
            assert code == -32600
        assert (await client.call("thread/list"))["data"] == []

    with_client(home, work)


# -- turns


def test_a_turn_is_steered_and_interrupted(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        run = (await client.call("turn/start", threadId=thread, input=asked("wait")))["turn"]["id"]
        wrong = await client.refusal(
            "turn/steer", threadId=thread, expectedTurnId="x", input=asked("m")
        )
        assert wrong == (-32600, f"expected active turn id `x` but found `{run}`")
        steered = await client.call(
            "turn/steer",
            threadId=thread,
            expectedTurnId=run,
            input=asked("more"),
            clientUserMessageId="c",
        )
        assert steered == {"turnId": run}
        again = await client.call("turn/start", threadId=thread, input=asked("and more"))
        assert again["turn"]["id"] == run
        for method in ("thread/compact/start",):
            assert (await client.refusal(method, threadId=thread))[0] == -32603
        assert (
            "in progress"
            in (await client.refusal("thread/rollback", threadId=thread, numTurns=1))[1]
        )
        assert (await client.call("turn/interrupt", threadId=thread, turnId=run)) == {}
        (ended,) = client.told("turn/completed")
        assert ended["turn"]["status"] == "interrupted"
        shown = await client.call("thread/turns/list", threadId=thread, itemsView="full")
        said = [
            each["content"][0]["text"]
            for each in shown["data"][0]["items"]
            if each["type"] == "userMessage"
        ]
        assert said == ["wait", "more", "and more"]

    with_client(home, work)


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_a_message_has_texts_and_images_and_the_name_its_client_gave_it(
    home: Path, mode: str
) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="

    async def work(client: Wired) -> None:
        thread = await client.start(historyMode=mode)
        given = [
            *asked("look "),
            *asked("here"),
            {"type": "image", "url": picture},
            {"type": "mention", "name": "f", "path": "/f"},
        ]
        await client.call("turn/start", threadId=thread, input=given, clientUserMessageId="c1")
        await client.arrived(lambda: client.told("turn/completed"))
        item = client.told("item/completed")[0]["item"]
        assert item["clientId"] == "c1"
        kinds = [each["type"] for each in item["content"]]
        assert kinds == ["text", "text", "image", "mention"]
        paged = await client.call("thread/items/list", threadId=thread)
        kept = paged["data"][0]["item"]["content"]
        if mode == "paginated":
            assert kept == item["content"]
        else:  # one text, then the images: a legacy rollout has no room for more
            assert [each.get("text", each.get("url")) for each in kept] == ["look here", picture]
        refused = await client.refusal(
            "turn/start", threadId=thread, input=[{"type": "audio", "url": "data:x"}]
        )
        assert "audio" in refused[1]
        missing = [{"type": "localImage", "path": "/no/such.png"}]
        assert (await client.refusal("turn/start", threadId=thread, input=missing))[0] == -32600

    with_client(home, work)


# -- unloading and restarts


def test_a_thread_that_nobody_follows_is_let_go_of(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        await client.turn(thread, "Q")
        await client.call("thread/unsubscribe", threadId=thread)
        await client.arrived(lambda: client.told("thread/closed"))
        assert (await client.call("thread/loaded/list"))["data"] == []
        with threadlog.open(home) as opened:
            opened.resume(thread, force=True).close()
        statuses = [each["status"]["type"] for each in client.told("thread/status/changed")]
        assert statuses[-1] == "notLoaded"

    with_client(home, work, unload_after_s=0.05)


def test_a_server_that_ends_marks_what_goes_on_as_interrupted(home: Path) -> None:
    async def main() -> str:
        async with serving(home) as server:
            client = await Wired(server).begin()
            thread = await client.start()
            await client.call("turn/start", threadId=thread, input=asked("wait"))
            await client.start()  # one that is not on disk
        return thread

    thread = asyncio.run(main())
    with threadlog.open(home) as opened:
        (turn,) = opened.turns(thread)
        assert turn.status == "interrupted"
        assert b"turn_aborted" in Path(opened.get(thread).path).read_bytes()
        assert len(opened.threads(limit=None)) == 1


@pytest.mark.parametrize(
    "policy",
    [
        {"type": "readOnly", "networkAccess": False},
        {"type": "externalSandbox", "networkAccess": "restricted"},
        {"type": "dangerFullAccess"},
    ],
    ids=lambda policy: policy["type"],
)
def test_a_policy_is_told_back_as_clients_know_it(home: Path, policy: dict[str, Any]) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        given = {**policy, "access": None} if policy["type"] == "readOnly" else policy
        await client.call("turn/start", threadId=thread, input=[], sandboxPolicy=given)
        await client.arrived(lambda: client.told("turn/completed"))
        assert (await client.call("thread/resume", threadId=thread))["sandbox"] == policy

    with_client(home, work)
