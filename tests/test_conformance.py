"""What the tests of Codex assert of its recorder, and the tests of ours that hold the same.

The rows are behaviours of Codex's recorder, from its seed on, with a test of ours for each, or why
ours is another.  A row that names a test that is not there fails.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

ROWS: dict[str, tuple[str, ...]] = {
    "C001 the file comes with an explicit persist, which can be called again": (
        "test_recorder::test_the_seeds_own_test",
        "test_recorder::test_flushing_a_draft_keeps_its_items_in_memory",
    ),
    "C002 numbers of a paginated thread are 0, 1, 2": (
        "test_recorder_paginated::test_lines_are_numbered_from_the_metadata_on",
    ),
    "C003 an empty draft stays without a file": (
        "test_recorder::test_a_draft_knows_its_path_and_leaves_nothing_on_disk",
    ),
    "C004 legacy lines have no number": (
        "test_recorder_paginated::test_a_legacy_thread_has_no_numbers",
    ),
    "C005 an empty rollout goes on without numbers": (
        "test_resume::test_an_empty_rollout_goes_on_without_numbers",
    ),
    "C006 a rollout id of its own is in the name, the thread's id in the metadata": (
        "test_recorder_paginated::test_a_rollout_of_its_own_id_is_named_by_both",
    ),
    "C007 a rollout that builds on another is numbered from there, and resumed": (
        "test_recorder_paginated::test_a_rollout_that_builds_on_another_is_numbered_on_from_there",
        "test_resume::test_numbers_go_on_where_the_file_has_them",
    ),
    "C008 persist tells of an error and can be called again": (
        "local/test_recorder_faults::test_persist_failing_anywhere_can_be_called_again",
        "local/test_recorder_faults::test_a_file_in_the_place_of_a_folder_is_a_failed_write",
    ),
    "C009 a failed write is written again, once": (
        "local/test_recorder_faults::test_flush_failing_anywhere_loses_nothing_and_repeats_nothing",
    ),
    "C010 resuming keeps the time of the file": (
        "test_resume::test_the_prefix_and_the_time_stay_until_the_first_append",
    ),
    "C011 a tail without a line end gets one": (
        "test_resume::test_an_unfinished_tail_is_closed_by_a_line_end_and_nothing_else",
    ),
    "C012 holes in the numbers are gone on from": (
        "test_resume::test_numbers_go_on_where_the_file_has_them",
    ),
    "C013, C014 an unfinished last line counts if it is valid": (
        "test_resume::test_a_tail_torn_at_any_byte_is_healed",
    ),
    "C015 numbers that end fail the append and leave the bytes": (
        "test_resume::test_the_last_number_is_never_passed",
    ),
    "C016 a subagent without all it inherits is refused": (
        "test_resume::test_what_must_not_be_appended_to_is_refused_and_left_alone",
    ),
    "C017 what is appended later gets the next number": (
        "test_resume::test_numbers_go_on_where_the_file_has_them",
    ),
    "C022 items of one task stand in the order of the calls": (
        "test_recorder::test_each_os_threads_own_order_is_kept",
    ),
    "C023 a file that cannot be opened is told, and nothing is lost (the seed lost it)": (
        "local/test_recorder_faults::test_persist_failing_anywhere_can_be_called_again",
    ),
    "C024 after an error ours goes on: the next barrier tries again": (
        "local/test_recorder_faults::test_what_failed_in_the_background_is_tried_again_by_itself",
        "local/test_recorder_faults::test_an_unexpected_exception_neither_kills_the_worker_nor_loses_items",
    ),
    "C025 dropped without closing: drained, a draft is lost with a warning": (
        "test_lifetime::test_a_dropped_recorder_is_drained_and_lets_go_of_its_thread",
        "test_lifetime::test_a_dropped_draft_is_warned_of_once_with_the_count",
    ),
    "C026 a full queue is told (Codex makes the caller wait); drain waits": (
        "test_recorder_limits::test_a_recorder_takes_no_more_than_its_limit_and_all_or_none",
        "test_recorder_limits::test_drain_waits_for_room_and_for_no_more_than_that",
    ),
    "C027 what the policy rejects never reaches the queue": (
        "test_recorder::test_only_what_a_legacy_rollout_keeps_is_counted_and_written",
    ),
}
# Rows about Codex's state DB (C018 to C020) and its search for the latest thread of a directory by
# the last turn's context (C021) are not about a recorder.
ELSEWHERE = {"C018", "C019", "C020", "C021"}


def test_every_row_is_accounted_for() -> None:
    numbered = {number for row in ROWS for number in re.findall(r"C[0-9]{3}", row)}
    assert numbered | ELSEWHERE == {f"C{number:03}" for number in range(1, 28)}


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_that_a_row_names_are_there(row: str) -> None:
    for named in ROWS[row]:
        module, _, test = named.partition("::")
        text = (TESTS / f"{module}.py").read_text()
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), named
