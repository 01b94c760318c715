"""File names and ids: what is a rollout's name, what is a thread's id, and what is neither."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.core.ids import Reference, fits, is_thread_id, read_reference, short_id, uuid7
from threadlog.core.layout import (
    RolloutName,
    day_folder,
    file_mode,
    folder_mode,
    parse_name,
    parse_names,
    rollout_name,
)

A = "019b0000-1111-7222-8333-44444444000a"
B = "019b0000-1111-7222-8333-44444444000b"
STAMP = "2026-11-22T05-04-26"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"rollout-{STAMP}-{A}.jsonl", RolloutName(STAMP, A, None)),
        (f"rollout-{STAMP}-{A}.jsonl.zst", RolloutName(STAMP, A, None)),
        (f"rollout-{STAMP}-{A}_{B}.jsonl", RolloutName(STAMP, A, B)),
        (f"rollout-{STAMP}-{A}_{B}.jsonl.zst", RolloutName(STAMP, A, B)),
        (f"rollout-{STAMP}-{A.upper()}.jsonl", RolloutName(STAMP, A, None)),
        (f"rollout-{STAMP}-{A}_{B.upper()}.jsonl", RolloutName(STAMP, A, B)),
        (f"rollout-2025-05-07-{A}.jsonl", RolloutName("2025-05-07T00-00-00", A, None)),
        (f"rollout-{A}.jsonl", RolloutName(None, A, None)),
        (f"rollout-tomorrow-{A}.jsonl", RolloutName(None, A, None)),
        (f"rollout-{STAMP}.jsonl", RolloutName(None, None, None)),
        (f"rollout-{STAMP}-.jsonl", RolloutName(STAMP, None, None)),
        (f"rollout-{STAMP}-{A}-{B}.jsonl", RolloutName(STAMP, B, None)),
        (f"rollout-{STAMP}-{A}_x.jsonl", RolloutName(STAMP, None, None)),
        ("rollout-.jsonl", RolloutName(None, None, None)),
    ],
)
def test_a_rollouts_name_says_when_and_whose(name: str, expected: RolloutName) -> None:
    assert parse_name(name) == expected


@pytest.mark.codex("C129", "C130")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "rollout-",
        f"rollout-{STAMP}-{A}",
        f"rollout-{STAMP}-{A}.json",
        f"rollout-{STAMP}-{A}.jsonl.gz",
        f"rollout-{STAMP}-{A}.jsonl.zst.zst",
        f"rollout-{STAMP}-{A}.jsonl\n",
        f"rollout-{STAMP}-{A}.JSONL",
        f"rollout-{STAMP}-{A}.jsonl.decompress.4711.0.tmp",
        f"rollout-{STAMP}-{A}.jsonl.zst.tmp",
        "rollout-compress-Ab3xYz.tmp",
        f".rollout-{STAMP}-{A}.jsonl",
        f"Rollout-{STAMP}-{A}.jsonl",
        f" rollout-{STAMP}-{A}.jsonl",
        f"../rollout-{STAMP}-{A}.jsonl",
        f"/rollout-{STAMP}-{A}.jsonl",
        f"x/rollout-{STAMP}-{A}.jsonl",
        "session_index.jsonl",
    ],
)
def test_other_names_are_no_rollouts(name: str) -> None:
    assert parse_name(name) is None


PIECES = st.sampled_from(
    ["rollout-", STAMP, "2025-05-07", A, B.upper(), "-", "_", "..", "/", "\n", ".jsonl", ".zst"]
)


@given(st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=30))
def test_nothing_but_ids_and_stamps_is_ever_read_from_a_name(tail: str) -> None:
    parsed = parse_name(f"rollout-{tail}.jsonl")
    assert parsed is not None
    assert parsed.thread_id is None or is_thread_id(parsed.thread_id)
    assert parsed.revision_id is None or is_thread_id(parsed.revision_id)
    assert parsed.stamp is None or re.fullmatch(r"[-0-9]{10}T[-0-9]{8}", parsed.stamp)


@pytest.mark.parametrize("digit", ["\u0662", "\uff12"], ids=ascii)
def test_only_ascii_digits_count(digit: str) -> None:
    assert parse_name(f"rollout-{STAMP}-{A}.jsonl".replace("2", digit)) == RolloutName(
        None, None, None
    )


def test_a_very_long_name_is_read_quickly() -> None:
    name = "rollout-" + f"{A}_" * 2000 + ".jsonl"
    assert parse_name(name) == RolloutName(None, None, None)


USUAL = f"rollout-{STAMP}-{A}.jsonl"
FOLDERS = st.lists(
    st.sampled_from(
        [
            USUAL,
            USUAL + ".zst",
            f"rollout-{STAMP}-{A}_{B}.jsonl",
            f"rollout-{STAMP}-{B}.jsonl",
            f"rollout-{STAMP}-{B.upper()}.jsonl",
            f"rollout-2025-05-07-{B}.jsonl",
            "rollout-x.jsonl",
            "rollout-compress-Ab3xYz.tmp",
            "notes.txt",
            "",
            "x\n" + USUAL,
            USUAL + "\n",
            USUAL + "\n" + USUAL,
        ]
    ),
    unique=True,
)


@given(FOLDERS)
def test_the_names_of_a_folder_are_read_as_each_alone(names: list[str]) -> None:
    expected = set()
    for name in names:
        parsed, plain = parse_name(name), name.removesuffix(".zst")
        if parsed is not None and (plain == name or plain not in names):
            expected.add((name, *parsed))
    got = parse_names(names)
    assert set(got) == expected
    assert len(got) == len(expected)


@pytest.mark.codex("C204")
def test_of_a_plain_and_a_compressed_rollout_only_the_plain_one_counts() -> None:
    assert parse_names([USUAL + ".zst", USUAL]) == [(USUAL, STAMP, A, None)]
    assert parse_names([USUAL + ".zst"]) == [(USUAL + ".zst", STAMP, A, None)]


@pytest.mark.codex("C123")
def test_a_written_name_is_read_back() -> None:
    assert rollout_name(STAMP, A) == f"rollout-{STAMP}-{A}.jsonl"
    assert parse_name(rollout_name(STAMP, A)) == RolloutName(STAMP, A, None)
    assert day_folder(STAMP) == "sessions/2026/11/22"


@pytest.mark.parametrize(
    ("parent", "folder", "file"),
    [(0o755, 0o700, 0o600), (0o700, 0o700, 0o600), (0o777, 0o770, 0o660), (0o2775, 0o2770, 0o660)],
)
def test_only_a_folder_shared_with_a_group_shares_what_is_made_in_it(
    parent: int, folder: int, file: int
) -> None:
    assert (folder_mode(parent), file_mode(parent)) == (folder, file)


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        (A, True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", True),
        (A.upper(), False),
        (A.replace("-", ""), False),
        ("{" + A + "}", False),
        ("urn:uuid:" + A, False),
        (A + "\n", False),
        (" " + A, False),
        (A[:-1], False),
        (A + "0", False),
        (A.replace("0", "\u0660"), False),
        ("../../../../../../etc/passwd-000000000", False),
        ("", False),
    ],
)
def test_only_canonical_text_is_an_id(text: str, is_id: bool) -> None:
    assert is_thread_id(text) is is_id


@pytest.mark.parametrize(
    ("text", "kind", "suffix", "prefix"),
    [
        (A, "id", False, False),
        ("last", "last", False, False),
        ("Last", "text", False, False),
        ("a/b", "path", False, False),
        ("/", "path", False, False),
        ("x.jsonl", "path", False, False),
        ("x.jsonl.zst", "path", False, False),
        (A + ".jsonl", "path", False, False),
        ("00000a", "text", True, False),
        ("0000a", "text", False, False),
        ("0-0-0-0-a", "text", False, False),
        ("44444444000a", "text", True, False),
        ("8333-44444444000a", "text", True, True),
        ("019b0000-1111", "text", True, True),
        ("019b0000-111", "text", True, False),
        (A.upper(), "text", False, False),
        ("my thread", "text", False, False),
        ("deadbeef", "text", True, False),
        ("deadbeet", "text", False, False),
        ("", "text", False, False),
        (A + "0", "text", True, True),
    ],
)
def test_a_reference_is_sorted_into_what_it_may_mean(
    text: str, kind: str, suffix: bool, prefix: bool
) -> None:
    assert read_reference(text) == Reference(text, kind, suffix, prefix)


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("44000a", [A]),
        ("44000b", [B]),
        ("4000a", []),
        ("8333-44444444000a", [A]),
        ("019b0000-1111", [A, B]),
        ("019b0000-111", []),
        ("0000-1111-7222", []),
        ("1111-7222-8333-44444444000b", [B]),
        (A, []),
        ("last", []),
        ("", []),
    ],
)
def test_a_piece_of_an_id_fits_only_at_its_ends(text: str, fitting: list[str]) -> None:
    assert [each for each in (A, B) if fits(read_reference(text), each)] == fitting


def test_a_short_id_is_a_reference_that_fits() -> None:
    assert short_id(A) == "4444000a"
    assert fits(read_reference(short_id(A)), A)


MOMENTS = st.integers(0, (1 << 48) - 1)
RANDOM_BITS = st.integers(0, (1 << 74) - 1)


@given(MOMENTS, RANDOM_BITS)
def test_a_uuid7_holds_its_moment_its_random_bits_version_and_variant(
    moment: int, bits: int
) -> None:
    text = uuid7(moment, bits)
    made = uuid.UUID(text)
    assert is_thread_id(text)
    assert (str(made), made.version, made.variant) == (text, 7, uuid.RFC_4122)
    assert made.int >> 80 == moment
    assert ((made.int >> 64) & 0xFFF) << 62 | (made.int & ((1 << 62) - 1)) == bits


@given(MOMENTS, MOMENTS, RANDOM_BITS, RANDOM_BITS)
def test_uuid7_texts_sort_by_time(one: int, other: int, bits: int, more: int) -> None:
    if one != other:
        assert (uuid7(one, bits) < uuid7(other, more)) == (one < other)
    else:
        assert (uuid7(one, bits) < uuid7(one, more)) == (bits < more)
