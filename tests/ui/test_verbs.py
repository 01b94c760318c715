"""What `threadlog ui` does to threads: asked before, told after, undone by a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from screens import Seat, put_turns, sit

import threadlog
from makers import held, uuid
from threadlog.errors import MoveFailed
from threadlog.home import Home
from threadlog.ui import resuming
from threadlog.ui.resuming import Agent
from threadlog.ui.verbs import Done


def test_rename_and_undo(home: Path) -> None:
    put_turns(home, 1, ["question"])
    threadlog.open(home).rename(uuid(1), "before")

    async def scenario(seat: Seat) -> None:
        await seat.press("e")
        await seat.see("Its name", "before")
        await seat.type(" and after")
        await seat.press("enter")
        await seat.see("renamed", "u: undo")
        assert seat.opened().get(uuid(1)).name == "before and after"
        await seat.see("before and after")
        await seat.press("u")
        await seat.until(lambda: seat.opened().get(uuid(1)).name == "before")
        await seat.press("e", "escape")
        await seat.pilot.pause()
        assert seat.opened().get(uuid(1)).name == "before"

    sit(home, scenario)


def test_fork_all_of_it_and_undo(home: Path) -> None:
    put_turns(home, 1, ["one", "two"])

    async def scenario(seat: Seat) -> None:
        await seat.press("f")
        await seat.see("Fork?", "Enter all of it")
        await seat.press("enter")
        await seat.see("forked from", "of 2 threads")
        (fork,) = (each for each in seat.opened().threads() if each.forked_from_id)
        assert [turn.id for turn in seat.opened().turns(fork.id or "")] == ["turn-one", "turn-two"]
        await seat.until(lambda: seat.app.screen.meant().id == fork.id)  # type: ignore[attr-defined]
        await seat.press("u")
        await seat.see("in the trash", "of 1 threads")

    sit(home, scenario)


def test_fork_up_to_the_turn_one_reads(home: Path) -> None:
    put_turns(home, 1, ["one", "two"])

    async def scenario(seat: Seat) -> None:
        await seat.press("enter")
        await seat.see("2 turns")
        await seat.press("g", "f")
        await seat.see("t up to this turn")
        await seat.press("t")
        await seat.see("forked from")
        (fork,) = (each for each in seat.opened().threads() if each.forked_from_id)
        assert [turn.id for turn in seat.opened().turns(fork.id or "")] == ["turn-one"]
        await seat.press("q")
        await seat.see("of 2 threads")

    sit(home, scenario)


def test_archive_is_asked_done_and_undone(home: Path) -> None:
    put_turns(home, 1, ["stays"])
    put_turns(home, 2, ["goes"])
    put_turns(home, 3, ["subagent"], parent_thread_id=uuid(2))

    async def scenario(seat: Seat) -> None:
        await seat.press("down", "a")
        await seat.see("Archive?", "goes")
        await seat.press("escape")
        await seat.pilot.pause()
        assert len(seat.opened().threads()) == 3
        await seat.press("a", "enter")
        await seat.see("archived", "u: undo")
        assert seat.opened().get(uuid(2)).archived
        await seat.see_no("goes")
        await seat.press("u")
        await seat.see("back from the archive", "goes")
        assert not seat.opened().get(uuid(2)).archived
        await seat.press("u")
        await seat.see("archived")

    sit(home, scenario)


def test_an_archived_thread_comes_back_by_the_same_key(home: Path) -> None:
    put_turns(home, 1, ["away"])
    threadlog.open(home).archive(uuid(1))

    async def scenario(seat: Seat) -> None:
        await seat.press("A")
        await seat.see("away")
        await seat.press("r")
        await seat.see("it is archived: bring it back with a")
        await seat.press("a")
        await seat.see("Bring back from the archive?")
        await seat.press("enter")
        await seat.see("no threads here yet")
        assert not seat.opened().get(uuid(1)).archived

    sit(home, scenario)


def test_delete_goes_into_the_trash_with_subagents_and_undo_restores(home: Path) -> None:
    put_turns(home, 1, ["stays"])
    put_turns(home, 2, ["goes"])
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": uuid(2), "depth": 1}}}
    put_turns(home, 3, ["below"], source=spawned)  # type: ignore[arg-type]

    async def scenario(seat: Seat) -> None:
        await seat.press("down", "d")
        await seat.see("Put into the trash?", "and 1 of its subagents")
        await seat.press("enter")
        await seat.see("2 threads in the trash for 30 days", "1 of 1 threads")
        assert len(seat.opened().trash()) == 2
        await seat.press("u")
        await seat.see("2 threads back from the trash", "of 3 threads")
        assert not seat.opened().trash()

    sit(home, scenario)


def test_what_cannot_be_done_is_said_before_anybody_is_asked(home: Path) -> None:
    put_turns(home, 1, ["in use"])

    async def scenario(seat: Seat) -> None:
        with held(home, uuid(1)):
            await seat.press("d")
            await seat.pilot.pause(0.1)
            if "Put into the trash?" in seat.text():
                await seat.press("enter")
            await seat.see("in use")
            await seat.until(lambda: "threads" not in seat.lines()[-1][:20])
        assert not seat.opened().trash()
        await seat.press("u")
        await seat.see("nothing to undo")

    sit(home, scenario)


@pytest.mark.parametrize("key", ["a", "d", "e", "f"])
def test_on_a_low_screen_the_answers_are_seen_and_what_is_asked_scrolls(
    home: Path, key: str
) -> None:
    put_turns(home, 1, ["a long title " * 5])

    async def scenario(seat: Seat) -> None:
        await seat.press(key)
        await seat.see("Enter", "Esc no")
        if key != "e":
            assert "00000001 " not in seat.text()
            await seat.press("down", "down", "down", "down")
            await seat.see("00000001 ", "Esc no")
        await seat.press("escape")
        await seat.see_no("Esc no")

    sit(home, scenario, size=(30, 8))


def test_ids_and_paths_are_copied(home: Path) -> None:
    path = put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("y")
        await seat.see(f"id copied: {uuid(1)}")
        assert seat.app.clipboard == uuid(1)
        await seat.press("P")
        await seat.see("path copied: ")
        assert seat.app.clipboard == str(path)

    sit(home, scenario)


def test_without_codex_resuming_says_what_to_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("r")
        await seat.see(f"codex resume {uuid(1)}", "--agent MODULE:NAME")

    sit(home, scenario, size=(200, 24))


def test_resuming_runs_codex_in_the_home_and_directory_of_the_thread(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    codex = tmp_path / "codex"
    codex.write_text(f'#!/bin/sh\necho "$CODEX_HOME $(pwd) $@" > {tmp_path}/ran\nexit 3\n')
    codex.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    put_turns(home, 1, ["one"], cwd=str(tmp_path))

    async def scenario(seat: Seat) -> None:
        await seat.press("r")
        await seat.see("Go on with it?", f"codex resume {uuid(1)}", "Enter codex", "Esc no")
        await seat.press("enter")
        await seat.see("this terminal cannot be lent; run: codex resume")
        command = resuming.with_codex(str(home), seat.opened().get(uuid(1)))
        assert command is not None
        assert command.run() == 3
        assert (tmp_path / "ran").read_text() == f"{home} {tmp_path} resume {uuid(1)}\n"

    sit(home, scenario, size=(120, 24))


def test_a_chat_is_offered_only_with_an_agent(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("r")
        await seat.see("chat --resume", "some:agent --model m", "Enter threadlog chat")
        await seat.press("escape")

    sit(home, scenario, size=(200, 24), agent=Agent("some:agent", "m"))


def test_an_undo_that_failed_can_be_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("a")
        await seat.see("Archive?")
        await seat.press("enter")
        await seat.see("archived")

        def fail(*_args: object) -> None:
            raise MoveFailed("x", None)

        with monkeypatch.context() as patch:
            patch.setattr(Home, "unarchive", fail)
            await seat.press("u")
            await seat.see("nothing was changed")
        await seat.press("u")
        await seat.see("back from the archive")

    sit(home, scenario)


def test_that_it_can_be_undone_stands_before_remarks() -> None:
    done = Done("55 archived", None, lambda _home: Done(""), ["much to say"])
    assert done.told == "55 archived   u: undo  (much to say)"
