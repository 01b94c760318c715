"""The verbs of a home: what a reference means, which home is opened, that reading only reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    OTHER,
    THREAD,
    Pages,
    command,
    content,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    tree,
    uuid,
    zstd,
)
from threadlog import Ambiguous, Home, NotFound, OutsideHome, ThreadlogError
from threadlog.connect import home_path


def found(home: Path, reference: str) -> str | None:
    """The id of the thread that is meant."""
    return threadlog.open(home).get(reference).id


@pytest.fixture
def threads(home: Path) -> Path:
    """A home of a few threads; number 3 changed last."""
    for number in (1, 2, 3):
        os.utime(put_thread(home, number), (number, number))
    put_thread(home, 4, folder="archived_sessions")
    put_names(home, (uuid(1), "first"), (uuid(2), "abcdef"), (uuid(3), "00000000000a"))
    return home


@pytest.mark.codex("C259")
@pytest.mark.parametrize(
    ("reference", "number"),
    [
        (uuid(1), 1),
        (uuid(4), 4),
        ("last", 3),
        ("first", 1),
        ("abcdef", 2),
        (uuid(3)[-8:], 3),
        (uuid(3)[-6:], 3),
        (uuid(2)[-13:], 2),
        (uuid(2)[1:], 2),
        ("00000000000a", 3),
    ],
)
def test_a_reference_means_one_thread(threads: Path, reference: str, number: int) -> None:
    assert found(threads, reference) == uuid(number)


def test_an_id_means_its_thread_whatever_others_are_called(threads: Path) -> None:
    put_names(threads, (uuid(2), uuid(1)), (uuid(3), uuid(9)))
    assert found(threads, uuid(1)) == uuid(1)
    assert found(threads, uuid(9)) == uuid(3)
    opened = threadlog.open(threads)
    opened.catch_up()
    assert opened.get(uuid(1)).id == uuid(1)
    opened.rename(uuid(1), "its own")
    assert (opened.get(uuid(1)).name, opened.get(uuid(2)).name) == ("its own", uuid(1))


@pytest.mark.codex("C128", "C270")
@pytest.mark.parametrize(
    "reference",
    [
        "",
        "00001",  # five digits
        uuid(9),
        uuid(1).upper(),
        "{" + uuid(1) + "}",
        "urn:uuid:" + uuid(1),
        uuid(1).replace("-", ""),
        uuid(1) + " ",
        "First",
        "fir",
        "LAST",
        "nothing",
        "%",
        "*",
        "000001\n",
        "\x1b[31m",
        "\0",
        "\ud800",
        "a\0/b",
        "\ud800/b",
        "x" * 10_000,
        "x/" * 5000,
        "~nobody-of-this-name/x",
        "~\0/x",
        "~\ud800/x",
        "..",
        ".",
        "/",
        "//",
        "-",
        "------",
    ],
)
def test_any_other_text_is_refused_by_name(threads: Path, reference: str) -> None:
    with pytest.raises((NotFound, OutsideHome)):
        threadlog.open(threads).get(reference)


def test_a_piece_that_fits_several_names_them_all(home: Path) -> None:
    alike = [f"{number:08x}-0000-7000-8000-0000000000aa" for number in range(7)]
    for thread in alike:
        put(home, content([meta(thread)]), file_name(thread))
    with pytest.raises(Ambiguous, match=r"fits 7 threads: .* and 2 more; give more") as caught:
        threadlog.open(home).get("0000aa")
    assert sorted(caught.value.candidates) == alike
    assert found(home, alike[3]) == alike[3]
    assert found(home, alike[3][:13]) == alike[3]


def test_a_beginning_needs_thirteen_characters(home: Path) -> None:
    thread = "019b1234-5678-7000-8000-000000000001"
    put(home, content([meta(thread)]), file_name(thread))
    assert found(home, thread[:13]) == thread
    with pytest.raises(NotFound):
        threadlog.open(home).get(thread[:12])


def test_last_is_the_active_thread_that_changed_last(threads: Path) -> None:
    os.utime(threadlog.open(threads).get(uuid(4)).path, (99, 99))
    assert found(threads, "last") == uuid(3)
    os.utime(threadlog.open(threads).get(uuid(1)).path, (50, 50))
    assert found(threads, "last") == uuid(1)


def test_an_empty_home_has_no_last(home: Path) -> None:
    with pytest.raises(NotFound, match=r"no thread in .* yet"):
        threadlog.open(home).get("last")


@pytest.mark.codex("C253", "C256")
def test_a_path_may_be_spelt_in_any_way(
    threads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(threadlog.open(threads).get(uuid(2)).path)
    monkeypatch.setenv("HOME", str(threads))
    (tmp_path / "link").symlink_to(threads)
    (tmp_path / "direct.jsonl").symlink_to(path)
    inside = path.relative_to(threads)
    spelt = [
        str(path),
        f"~/{inside}",
        str(inside),
        str(tmp_path / "link" / inside),
        str(tmp_path / "direct.jsonl"),
        f"{path.parent}/../{path.parent.name}/./{path.name}",
    ]
    for each in spelt:
        assert found(threads, each) == uuid(2), each
    monkeypatch.chdir(path.parent)
    assert found(threads, path.name) == uuid(2)
    assert found(threads, f"./{path.name}") == uuid(2)


@pytest.mark.codex("C233", "C252")
@pytest.mark.parametrize("where", ["elsewhere", "sessions/../elsewhere", "sessions-not", "."])
def test_a_path_outside_the_sessions_is_refused(threads: Path, where: str) -> None:
    outside = put(threads, b"secret\n", folder=where)
    for spelt in (str(outside), f"{where}/{file_name()}"):
        with pytest.raises(OutsideHome) as caught:
            threadlog.open(threads).get(spelt)
        assert "secret" not in str(caught.value)


def test_a_symlink_in_the_sessions_does_not_lead_out(threads: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", b"secret\n")
    link = threads / "sessions" / "link.jsonl"
    link.symlink_to(outside)
    folder = threads / "sessions" / "folder"
    folder.symlink_to(outside.parent)
    for path in (link, folder / outside.name):
        with pytest.raises(OutsideHome):
            threadlog.open(threads).get(str(path))


@pytest.mark.codex("C035", "C204")
@pytest.mark.parametrize("packed", [True, False])
def test_a_path_means_the_same_thread_once_codex_has_packed_or_unpacked_it(
    threads: Path, *, packed: bool
) -> None:
    opened = threadlog.open(threads)
    path = Path(opened.get("last").path)
    other = path.with_name(path.name + ".zst")
    if packed:
        other.write_bytes(zstd.compress(path.read_bytes()))
        path.unlink()
        assert opened.get(str(path)).path == str(other)
    assert threadlog.open(threads).get(str(other)).id == threadlog.open(threads).get("last").id


def test_a_path_without_a_file_is_not_found(threads: Path) -> None:
    for spelt in ("sessions/no.jsonl", str(threads / "sessions" / "2026"), "sessions/"):
        with pytest.raises((NotFound, OutsideHome)):
            threadlog.open(threads).get(spelt)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_no_reference_raises_anything_but_a_named_error(home: Path, reference: str) -> None:
    try:
        threadlog.open(home).get(reference)
    except ThreadlogError:
        return
    pytest.fail("there is no thread here")


def test_the_home_is_the_argument_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    monkeypatch.setenv("THREADLOG_HOME", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    assert threadlog.open("rel").path == threadlog.open(Path("rel")).path == str(tmp_path / "rel")
    assert threadlog.open("~/x/../y").path == str(tmp_path / "y")
    assert threadlog.open().path == str(tmp_path / "own")
    monkeypatch.setenv("THREADLOG_HOME", "")
    assert threadlog.open().path == str(tmp_path / "codex")
    monkeypatch.delenv("CODEX_HOME")
    assert threadlog.open().path == home_path() == str(tmp_path / ".codex")
    assert list(tmp_path.glob("*")) == [tmp_path / "homes"]


def test_a_home_that_appears_later_is_seen(home: Path) -> None:
    opened = threadlog.open(home / "later")
    assert list(opened.threads()) == []
    put_thread(home / "later", 1)
    assert [thread.id for thread in opened.threads()] == [uuid(1)]


READS: dict[str, Callable[[Home], object]] = {
    "threads": lambda home: home.threads(cwd=".", sort="updated"),
    "get": lambda home: home.get(THREAD),
    "get by name": lambda home: home.get("a name"),
    "lines": lambda home: list(home.iter_lines(THREAD)),
    "lines backwards": lambda home: list(home.iter_lines(OTHER, backwards=True)),
    "turns": lambda home: list(home.turns(THREAD)),
    "newest turns": lambda home: list(home.turns(OTHER, last=1)),
    "history": lambda home: list(home.history(OTHER)),
    "model input": lambda home: home.model_input(THREAD),
    "commands": lambda home: [
        command(home.path, *words)
        for words in (["list"], ["show", THREAD], ["show", OTHER, "--raw"], ["path", THREAD])
    ],
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_writes_nothing_but_the_index(home: Path, read: Callable[[Home], object]) -> None:
    pages = Pages(THREAD)
    pages.turn("hello")
    pages.write(home, suffix=".zst")
    fork = Pages(OTHER, base=pages.end)
    fork.turn("again")
    fork.write(home)
    put(home, b"torn", "rollout-x.jsonl")
    put_names(home, (THREAD, "a name"))
    ours = home / "threadlog"  # where the index lies
    ours.mkdir()
    before = {
        path: what for path, what in tree(home).items() if not Path(path).is_relative_to(ours)
    }
    read(threadlog.open(home))
    after = {path: what for path, what in tree(home).items() if not Path(path).is_relative_to(ours)}
    assert after == before


def test_reading_works_where_nothing_can_be_written(threads: Path) -> None:
    folders = [path for path in [threads, *threads.rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert len(threadlog.open(threads).threads()) == 3
        assert len(list(threadlog.open(threads).turns("last"))) == 1
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_no_turns_are_asked_for(threads: Path) -> None:
    assert list(threadlog.open(threads).turns(uuid(1), last=0)) == []


def test_a_count_or_an_order_that_is_none_is_refused(threads: Path) -> None:
    home = threadlog.open(threads)
    with pytest.raises(ValueError, match="-1"):
        home.turns(uuid(1), last=-1)
    for wrong in (0, -5):
        with pytest.raises(ValueError, match="1 or more"):
            home.threads(limit=wrong)
    with pytest.raises(ValueError, match="sort"):
        home.threads(sort="size")


def test_a_cursor_of_another_order_is_refused(threads: Path) -> None:
    home = threadlog.open(threads)
    cursor = home.threads(limit=1).next
    assert cursor is not None
    with pytest.raises(threadlog.BadCursor):
        home.threads(sort="updated", cursor=cursor)


def test_a_path_object_means_what_its_text_means(threads: Path) -> None:
    home = threadlog.open(threads)
    assert home.get(Path(home.get(uuid(1)).path)).id == uuid(1)
