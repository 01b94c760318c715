"""Take out one safeguard of recording at a time, and see a test go red for each.

    python tools/mutants.py
    python tools/mutants.py 2/4    the second quarter of them

A safeguard that no test holds is one that the next change may lose.  Works in a copy of the
project; prints a table, and fails if a mutant survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FAULTS, RESUME = "tests/local/test_recorder_faults.py::", "tests/test_resume.py::"
CHANGED, WRITERS = "tests/local/test_changed_files.py::", "tests/local/test_two_writers.py::"
AT_ONCE = "tests/local/test_at_once.py::"
AWAY, FORK = "tests/test_putting_away.py::", "tests/test_fork.py::"
FAMILIES = "tests/test_whole_families.py::"
PACK, SEEK = "tests/local/test_pack.py::", "tests/local/test_seekable.py::"
TALK, CLIENT = "tests/agents/test_conversation.py::", "tests/app/test_client.py::"
WAIT_S = 60
# So many at once, since many a test waits for other processes.
AT_ONCE_RUN = 2


class Mutant(NamedTuple):
    """What is taken out, where, what stands there instead, and the test that has to see it."""

    what: str
    module: str
    before: str
    after: str
    test: str


MUTANTS = (
    Mutant(
        "fdatasync of the file",
        "local/appender",
        "            disk.sync_data(fd)\n",
        "            pass\n",
        FAULTS + "test_persist_brings_the_file_and_every_new_folder_to_the_disk",
    ),
    Mutant(
        "fsync of the folder",
        "local/entries",
        "        disk.sync(fd)\n",
        "        pass\n",
        FAULTS + "test_persist_brings_the_file_and_every_new_folder_to_the_disk",
    ),
    Mutant(
        "fsync of the folders above",
        "local/entries",
        "                todo.append(os.path.dirname(folder))\n",
        "                pass\n",
        AT_ONCE + "test_the_name_of_a_thread_that_others_made_is_synced_too",
    ),
    Mutant(
        "a descriptor whose sync failed is dropped",
        "local/appender",
        "BaseException:\n            self._drop()\n            raise\n        self._uns",
        "BaseException:\n            raise\n        self._uns",
        FAULTS + "test_an_appender_whose_sync_failed_syncs_another_descriptor",
    ),
    Mutant(
        "what a failed sync lost is written again",
        "local/unsynced",
        "            for begin, data in self._batches or ():\n",
        "            for begin, data in ():\n",
        FAULTS + "test_what_a_failed_sync_has_lost_is_written_again",
    ),
    Mutant(
        "a write that failed is taken back",
        "local/appender",
        "                disk.truncate(fd, begin)\n",
        "                pass\n",
        FAULTS + "test_flush_failing_anywhere_loses_nothing_and_repeats_nothing",
    ),
    Mutant(
        "nothing is taken back that others wrote after",
        "local/appender",
        "        if 0 < size <= len(data) and stands == data[:size]:",
        "        if 0 < size:",
        FAULTS + "test_half_a_batch_that_somebody_wrote_after_is_not_cut",
    ),
    Mutant(
        "an unfinished tail is closed by a line end",
        "local/appender",
        '            data = b"\\n" + data\n',
        "            pass\n",
        RESUME + "test_a_tail_torn_at_any_byte_is_healed",
    ),
    Mutant(
        "the inode is looked at",
        "local/appender",
        "mark_of(found)[:2] != (there.st_dev, there.st_ino)",
        "False",
        CHANGED + "test_what_was_in_a_file_that_is_gone_is_kept",
    ),
    Mutant(
        "the place is looked at",
        "local/appender",
        "        self._lost = there is None or ",
        "        self._lost = there is not None and ",
        CHANGED + "test_a_file_that_somebody_changed_is_not_written_to",
    ),
    Mutant(
        "the size is looked at",
        "local/appender",
        "        if end < begin:\n",
        "        if False:\n",
        CHANGED + "test_a_file_that_somebody_changed_is_not_written_to",
    ),
    Mutant(
        "the writer lock is taken",
        "codex/lock",
        "                locked = try_lock(fd)\n",
        "                locked = True\n",
        "tests/codex/test_lock.py::test_a_thread_has_one_writer_among_all_processes",
    ),
    Mutant(
        "what is written again is taken out of the system's memory first",
        "local/unsynced",
        "            disk.forget(fd)\n",
        "",
        FAULTS + "test_what_was_not_synced_when_it_was_closed_is_written_again",
    ),
    Mutant(
        "what was closed unsynced is written again",
        "local/appender",
        "        self._unsynced.doubt()\n",
        "",
        FAULTS + "test_what_was_not_synced_when_it_was_closed_is_written_again",
    ),
    Mutant(
        "a file of the same bytes is synced before it is gone on with",
        "local/rescue",
        "                disk.sync_data(other)\n",
        "",
        CHANGED + "test_a_copy_of_the_same_bytes_is_gone_on_with_and_synced",
    ),
    Mutant(
        "a file is compared before it is taken for ours",
        "local/rescue",
        "                same = same_bytes(disk, fd, other, size)\n",
        "                same = True\n",
        CHANGED + "test_what_was_in_a_file_that_is_gone_is_kept",
    ),
    Mutant(
        "a file without a name stays open",
        "local/appender",
        " and self._is_there():\n",
        ":\n",
        CHANGED + "test_what_cannot_be_kept_now_is_kept_later",
    ),
    Mutant(
        "what is deleted is not synced as if it were there",
        "local/appender",
        "            moved = found.st_nlink and not ",
        "            moved = not ",
        CHANGED + "test_what_was_deleted_is_never_said_to_be_on_stable_storage",
    ),
    Mutant(
        "the lock is looked at before each batch",
        "local/appender",
        "        self._lock.check()  # before anything is cut",
        "        # before anything is cut",
        WRITERS + "test_who_is_taken_over_from_is_told_and_writes_no_more",
    ),
    Mutant(
        "what others wrote is seen",
        "local/appender",
        "        if end > begin and self._torn is None:\n",
        "        if False:\n",
        AT_ONCE + "test_what_came_after_the_last_sync_is_told_when_it_is_closed",
    ),
    Mutant(
        "a batch is numbered after what others wrote",
        "outcome",
        "        channel.put_back()\n",
        "",
        WRITERS + "test_a_batch_that_waited_is_numbered_anew",
    ),
    Mutant(
        "only our own lock file is removed",
        "codex/lock",
        "                in_place = self._is_in_place()\n",
        "                in_place = True\n",
        WRITERS + "test_letting_go_leaves_the_lock_of_who_took_over",
    ),
    Mutant(
        "nothing is taken over from a Codex",
        "codex/lock",
        " or not is_ours(self._home, holder):\n",
        ":\n",
        WRITERS + "test_nothing_is_taken_over_from_any_other_program",
    ),
    Mutant(
        "a lost lock is not had by a later file's inode",
        "codex/lock",
        "fd, self._fd, self._key = self._fd, None, None",
        "fd, self._fd = self._fd, None",
        AT_ONCE + "test_a_lock_that_was_lost_is_not_had_again_by_the_inode_of_a_later_one",
    ),
    Mutant(
        "who was taken over from stays out",
        "codex/lock",
        "        self._fenced = self._fenced or self._fence.is_set()\n",
        "",
        WRITERS + "test_who_was_taken_over_from_stays_out_when_the_other_is_done",
    ),
    Mutant(
        "the end of the file is looked at",
        "local/appender",
        "        if end != self._end[: len(end)]:",
        "        if False:",
        AT_ONCE + "test_a_file_that_was_written_anew_is_not_taken_for_ours",
    ),
    Mutant(
        "numbers go on after lines in between",
        "outcome",
        "        live.ordinal = max(live.ordinal, notice.next_ordinal)\n",
        "        pass\n",
        AT_ONCE + "test_numbers_go_on_after_lines_that_came_between_look_and_write",
    ),
    Mutant(
        "the name of a thread that others made is synced",
        "local/entries",
        "        todo, named = [folder], {}\n",
        "        todo, named = [], {}\n",
        AT_ONCE + "test_a_copy_in_its_place_is_synced_before_it_is_closed",
    ),
    Mutant(
        "nothing is taken back after a take-over",
        "local/appender",
        "            self._lock.check()  # who took over",
        "            # who took over",
        AT_ONCE + "test_a_write_that_fails_after_a_take_over_cuts_nothing",
    ),
    Mutant(
        "what stands is not repeated",
        "local/appender",
        '        self._standing += data[:size].lstrip(b"\\n")\n',
        "",
        AT_ONCE + "test_whole_lines_before_what_others_wrote_are_not_repeated",
    ),
    Mutant(
        "a glued line is written again",
        "local/appender",
        "            if line := self._glued(fd, data, there, start):\n",
        '            if line := b"":\n',
        AT_ONCE + "test_a_line_glued_to_what_others_left_unfinished_is_written_again",
    ),
    Mutant(
        "no folder of days is a link",
        "local/journal",
        "                self._check_links(folder)\n",
        "",
        AT_ONCE + "test_a_linked_year_that_has_the_day_is_not_written_to",
    ),
    Mutant(
        "a rollout of others stands still first",
        "local/journal",
        "                self._wait_until_still(path, fd)\n",
        "                pass\n",
        RESUME + "test_a_rollout_that_grows_meanwhile_may_be_in_use",
    ),
    Mutant(
        "a failed barrier raises",
        "writer",
        "            barrier.fail(told)\n",
        "            barrier.pass_()\n",
        FAULTS + "test_flush_failing_anywhere_loses_nothing_and_repeats_nothing",
    ),
    Mutant(
        "a batch that failed is kept",
        "writer",
        "            channel.inflight = channel.inflight or channel.next_batch(live.ordinal)\n",
        "            channel.inflight = channel.next_batch(live.ordinal)\n",
        FAULTS + "test_flush_failing_anywhere_loses_nothing_and_repeats_nothing",
    ),
    Mutant(
        "modes whatever the umask",
        "local/journal",
        "            self._disk.change_mode(fd, mode)\n",
        "            pass\n",
        "tests/local/test_modes.py::test_what_is_made_is_the_users_alone_whatever_the_umask",
    ),
    Mutant(
        "what was packed is unpacked and compared",
        "local/pack",
        "            _verify(packed.path, source, status.st_size)\n",
        "",
        PACK + "test_what_comes_to_the_disk_otherwise_than_it_was_is_noticed",
    ),
    Mutant(
        "its content is compared, not its size alone",
        "local/pack",
        "        whole = same(packed.chunks(), source.chunks()) and packed.gap is None\n",
        "        whole = True\n",
        PACK + "test_what_comes_to_the_disk_otherwise_than_it_was_is_noticed",
    ),
    Mutant(
        "what was packed is synced",
        "local/twins",
        "        disk.sync(self.fd)\n",
        "",
        PACK + "test_the_copy_and_its_name_are_on_the_disk_before_the_plain_one_goes",
    ),
    Mutant(
        "its name is synced",
        "local/pack",
        "        sync_folder(disk, os.path.dirname(path))\n        if not twins.untouched:\n",
        "        if not twins.untouched:\n",
        PACK + "test_the_copy_and_its_name_are_on_the_disk_before_the_plain_one_goes",
    ),
    Mutant(
        "who packs holds the lock",
        "local/cold",
        "        lock = self._lock(self._home, thread_id)\n        try:\n"
        "            return pack(self._disk, path, self._unfit)\n"
        "        finally:\n            lock.release()\n",
        "        return pack(self._disk, path, self._unfit)\n",
        PACK + "test_a_thread_that_is_locked_is_skipped_at_once",
    ),
    Mutant(
        "what a program has open for writing is not packed",
        "local/pack",
        "        if disk.is_open_to_write(source.fileno()):\n            return OPEN\n",
        "",
        PACK + "test_what_a_program_without_a_lock_has_open_to_write_is_skipped",
    ),
    Mutant(
        "a rollout is looked at again before it is moved aside",
        "local/pack",
        "        if not twins.untouched:\n"
        "            _withdraw(twins)\n            return CHANGED\n",
        "",
        PACK + "test_a_rollout_that_changed_is_not_moved",
    ),
    Mutant(
        "a rollout is looked at again once it was moved aside",
        "local/pack",
        "        touched = now != twins.before[:-1] or ",
        "        touched = ",
        PACK + "test_what_others_append_at_any_moment_is_kept",
    ),
    Mutant(
        "a rollout in use is told once it was moved aside",
        "local/pack",
        " or disk.is_open_to_write(twins.source.fileno())\n    except",
        "\n    except",
        PACK + "test_what_is_open_for_writing_by_the_time_it_is_moved_is_given_back",
    ),
    Mutant(
        "a twin of others is not overwritten",
        "local/pack",
        "                disk.link(packed.path, compressed(path))\n",
        "                disk.move(packed.path, compressed(path))\n",
        PACK + "test_somebody_elses_twin_is_not_overwritten",
    ),
    Mutant(
        "what was published is taken back when the rest fails",
        "local/pack",
        "            if is_still(disk, path, twins.before):  # never the only copy\n"
        "                _withdraw(twins)\n",
        "            pass\n",
        PACK + "test_whatever_call_fails_nothing_is_lost_and_the_next_run_does_it",
    ),
    Mutant(
        "mode bits are kept",
        "local/twins",
        "        disk.change_mode(self.fd, stat.S_IMODE(like.st_mode) & _MODE_BITS)\n",
        "",
        PACK + "test_a_packed_rollout_is_the_same_bytes_mode_and_time",
    ),
    Mutant(
        "times are kept",
        "local/twins",
        "        disk.set_times(self.fd, (like.st_atime_ns, like.st_mtime_ns))\n",
        "",
        PACK + "test_a_packed_rollout_is_the_same_bytes_mode_and_time",
    ),
    Mutant(
        "young temporary files are left alone",
        "local/twins",
        " or now_s - status.st_ctime <= STALE_S:\n",
        ":\n",
        PACK + "test_old_leftovers_of_ours_are_removed_and_nothing_else",
    ),
    Mutant(
        "what was moved aside is compared before it goes",
        "local/twins",
        "            if aside is None or _is_in(path, os.path.join(folder, aside[1])):\n",
        "            if True:\n",
        PACK + "test_a_rollout_made_anew_while_the_old_one_is_given_back_costs_neither",
    ),
    Mutant(
        "what was unpacked is compared",
        "local/unpack",
        "            if not same(written.chunks(), packed.chunks()) or packed.gap is not None:\n",
        "            if False:\n",
        PACK + "test_what_is_unpacked_otherwise_than_it_was_is_noticed",
    ),
    Mutant(
        "a compressed one that was replaced is not hidden",
        "local/unpack",
        "        if not is_still(disk, path, identity(status)):\n",
        "        if False:\n",
        PACK + "test_a_compressed_one_that_is_replaced_while_it_is_unpacked_is_not_removed",
    ),
    Mutant(
        "a compressed one that was replaced is not removed",
        "local/unpack",
        "    if is_still(disk, path, known):\n",
        "    if True:\n",
        PACK + "test_a_compressed_one_that_is_replaced_while_it_is_unpacked_is_not_removed",
    ),
    Mutant(
        "a name left over from unpacking is no second name",
        "local/journal",
        "            if status.st_nlink > 1 and self._left_over(path, status):\n"
        "                status = self._disk.status(fd)\n",
        "",
        PACK + "test_killed_at_any_call_of_unpacking_it_is_gone_on_with_all_the_same",
    ),
    Mutant(
        "a frame's own size is compared with the table",
        "local/seekable",
        "    if header is None or header[1] != size:\n",
        "    if header is None:\n",
        SEEK + "test_a_table_that_lies_is_none",
    ),
    Mutant(
        "a frame's blocks are walked to its end",
        "local/seekable",
        "            return blocks if at == end else _NO_FRAME\n",
        "            return blocks\n",
        SEEK + "test_a_table_that_lies_is_none",
    ),
    Mutant(
        "the blocks that are walked are counted",
        "local/seekable",
        "        if blocks < 0:\n",
        "        if blocks < -(1 << 40):\n",
        SEEK + "test_many_blocks_are_not_all_looked_at",
    ),
    Mutant(
        "the entries add up with the file",
        "local/seekable",
        "    return Table(packed, plain) if packed[-1] == start else None\n",
        "    return Table(packed, plain)\n",
        SEEK + "test_a_table_that_lies_is_none",
    ),
    Mutant(
        "a frame must hold what the table says",
        "local/zstd",
        " and not decoder.unused_data and len(data) == size else None",
        " else None",
        SEEK + "test_a_frame_alone_is_what_is_unpacked",
    ),
    Mutant(
        "a broken frame ends what is read backwards",
        "local/files",
        "            if frames is not self._frames:\n",
        "            if False:\n",
        SEEK + "test_a_broken_frame_is_a_gap_from_wherever_one_comes",
    ),
    Mutant(
        "finishing what was broken off",
        "local/finishing",
        "                self._finish(intent)\n",
        "                pass\n",
        AWAY + "test_the_next_open_does_the_rest",
    ),
    Mutant(
        "a file that changed since is not moved",
        "local/finishing",
        "        return (status.st_size, status.st_mtime_ns) != mark\n",
        "        return False\n",
        AWAY + "test_a_thread_that_somebody_went_on_with_stays",
    ),
    Mutant(
        "a later name is not taken back",
        "local/finishing",
        "() if later and deed != PATCH else ",
        "",
        AWAY + "test_a_name_given_later_is_not_taken_back",
    ),
    Mutant(
        "Codex's rows follow",
        "local/finishing",
        "        return register.moved(moves)\n",
        "        return [None] * len(moves)\n",
        AWAY + "test_the_row_follows",
    ),
    Mutant(
        "a paginated thread stays where its row cannot follow",
        "local/batches",
        "            if why is not None:\n",
        "            if False:\n",
        AWAY + "test_a_paginated_thread_stays_then",
    ),
    Mutant(
        "a family is deleted whole or stays",
        "local/batches",
        "        if each.family not in failed:\n",
        "        if True:\n",
        AWAY + "test_a_thread_stays_with_a_subagent_that_is_in_use",
    ),
    Mutant(
        "compressed twins move along",
        "local/plans",
        '(each.path, layout.twin(each.path) or "")',
        "(each.path,)",
        AWAY + "test_all_files_of_a_thread_move_together",
    ),
    Mutant(
        "who builds on it by reference",
        "putting_away",
        "    return list(dict.fromkeys((*living, *gone)))\n",
        "    return []\n",
        AWAY + "test_what_others_build_on_stays_and_they_are_named",
    ),
    Mutant(
        "those in the trash, too",
        "local/shelf",
        "not wanted.isdisjoint(each.bases)",
        "False",
        AWAY + "test_what_others_build_on_stays_and_they_are_named",
    ),
    Mutant(
        "names are forgotten under a lock",
        "local/kept_names",
        "                locked = disk.try_lock(fd)\n",
        "                locked = True\n",
        "tests/local/test_kept_names.py::test_forgetting_costs_nothing_that_others_add_meanwhile",
    ),
    Mutant(
        "the mark of an interrupted turn",
        "forking",
        "        if cut.open_turn is not None:\n",
        "        if False:\n",
        FORK + "test_a_turn_that_has_not_ended_is_marked_as_interrupted",
    ),
    Mutant(
        "turns that were rolled back are no place to cut",
        "cuts",
        "    if rolled_back and ids[-1] not in told:\n",
        "    if False:\n",
        FORK + "test_a_turn_that_was_rolled_back_is_refused",
    ),
    Mutant(
        "half a line at the end is not copied",
        "cuts",
        "        if end is None and whole:\n",
        "        if end is None:\n",
        FORK + "test_half_a_line_at_the_end_is_left_out",
    ),
    Mutant(
        "a numbered line without its end does not count",
        "cuts",
        "        whole = frame.ended or (valid and not reader.is_paginated)\n",
        "        whole = frame.ended or valid\n",
        FORK + "test_a_numbered_line_without_its_end_is_not_referred_to",
    ),
    Mutant(
        "all threads of a deletion are noted before a file is moved",
        "local/finishing",
        "        return not whole and not any(map(os.path.lexists, moved))\n",
        "        return False\n",
        FAMILIES + "test_a_family_broken_off_is_deleted_or_not",
    ),
    Mutant(
        "who was moved comes back where one of the family cannot be",
        "local/batches",
        "            if each.binding and each.family is not None:\n",
        "            if False:\n",
        FAMILIES + "test_where_a_thread_cannot_be_moved_its_family_stays",
    ),
    Mutant(
        "a rollout that was made meanwhile keeps its thread",
        "local/finishing",
        "    return [each.path for each in group if plain(each.path) not in known]\n",
        "    return []\n",
        FAMILIES + "test_what_another_made_of_the_thread_just_before_is_not_parted_from_it",
    ),
    Mutant(
        "the question of a turn without a start is cut off with it",
        "cuts",
        "    return spot if place is None else messages.spots[place]\n",
        "    return spot\n",
        FORK + "test_nothing_of_a_bare_turn_is_left_behind_the_one_before_it",
    ),
    Mutant(
        "what the user says is on stable storage before it is acknowledged",
        "agents/running",
        "            await self._conversation.thread.flush()\n        finally:",
        "            pass\n        finally:",
        TALK + "test_what_the_user_says_meanwhile_is_safe_and_seen",
    ),
    Mutant(
        "a turn that its process did not end is marked before the next",
        "agents/conversation",
        "            self.thread.record(interruption_note(), ended)\n",
        "            pass\n",
        TALK + "test_a_turn_that_was_broken_off_with_its_process_is_marked_before_the_next",
    ),
    Mutant(
        "an agent that was interrupted is heard no more",
        "agents/running",
        "        self._taker.over = True\n",
        "        pass\n",
        TALK + "test_an_agent_that_does_not_end_when_it_is_interrupted_ends_nothing_else",
    ),
    Mutant(
        "steering that the agent did not look at has it asked again",
        "agents/running",
        "            said = self._take_steered()\n",
        "            said = []\n",
        TALK + "test_an_agent_that_did_not_look_is_asked_again_in_the_same_turn",
    ),
    Mutant(
        "a listing that may be old knows what its own process did",
        "local/index/catalog",
        "            self._expected.extend([None] if paths is None else paths)\n",
        "            pass\n",
        "tests/local/test_index_fresh.py::"
        "test_what_this_process_did_itself_is_in_the_very_next_answer",
    ),
    Mutant(
        "a page of turns begins to read where its cursor says",
        "paging",
        "    end = anchor.end if anchor else None\n",
        "    end = None\n",
        "tests/test_paging.py::test_every_page_costs_what_it_shows",
    ),
    Mutant(
        "requests of one thread are answered in order",
        "app/client",
        "            await asyncio.wait({before})\n",
        "            pass\n",
        CLIENT + "test_requests_of_one_thread_are_answered_in_order",
    ),
    Mutant(
        "a client that reads nothing is let go of",
        "app/client",
        "            self._ending.set()\n            self._out.clear()\n",
        "            self._out.clear()\n",
        CLIENT + "test_a_client_that_reads_nothing_is_let_go_and_its_thread_goes_on",
    ),
    Mutant(
        "a fork waits for what our threads are loading",
        "loading",
        "    os.register_at_fork(before=_before)\n",
        "    pass\n",
        "tests/test_forks.py::"
        "test_a_child_can_load_what_a_thread_of_ours_was_loading_when_it_was_forked",
    ),
)


def caught(mutant: Mutant, copy: Path) -> bool:
    """True if its test fails without what it takes out."""
    path = copy / "src" / "threadlog" / f"{mutant.module}.py"
    text = path.read_text()
    if text.count(mutant.before) != 1:
        raise SystemExit(
            f"{mutant.what}: {mutant.module} holds its text {text.count(mutant.before)} times"
        )
    path.write_text(text.replace(mutant.before, mutant.after))
    try:
        return run([mutant.test], copy, WAIT_S) == 1
    finally:
        path.write_text(text)


def run(tests: list[str], copy: Path, wait_s: float) -> int:
    """What pytest says of tests in the copy: 0 they pass, 1 one fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, check=False, timeout=wait_s
        )
    except subprocess.TimeoutExpired:
        return 1  # it hangs without: that is seen, too
    return done.returncode


def shared(chosen: tuple[Mutant, ...]) -> list[list[str]]:
    """The tests of mutants, each once, in as many lots as run at once."""
    tests = sorted({mutant.test for mutant in chosen})
    return [tests[number::AT_ONCE_RUN] for number in range(AT_ONCE_RUN)]


def failed(tests: list[str], copy: Path) -> list[str]:
    """Those of them that fail as they are: looked for one by one only if there are any."""
    if not tests or not run(tests, copy, WAIT_S * len(tests)):
        return []
    return [test for test in tests if run([test], copy, WAIT_S)] or tests


def part(text: str) -> tuple[Mutant, ...]:
    """Those of a part: `2/3` is every third, from the second on."""
    number, _, parts = text.partition("/")
    return MUTANTS[int(number) - 1 :: int(parts)]


def main(chosen: tuple[Mutant, ...]) -> int:
    """Try them, two at once, each in a copy of its own."""
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE_RUN):
            copies.put(copied(Path(folder, f"project-{number}")))

        def in_copy(work: Callable[[Path], bool]) -> bool:
            copy = copies.get()
            try:
                return work(copy)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(AT_ONCE_RUN) as pool:
            for failing in pool.map(lambda tests: in_copy(partial(failed, tests)), shared(chosen)):
                if failing:
                    raise SystemExit(f"{', '.join(failing)} fails as it is")
            print("without | caught by |\n---|---|---")
            seen = pool.map(lambda each: in_copy(lambda copy: caught(each, copy)), chosen)
            survivors = 0
            for mutant, fine in zip(chosen, seen, strict=True):
                survivors += not fine
                test = mutant.test.rpartition("::")[2]
                print(f"{mutant.what} | `{test}` | {'yes' if fine else 'NO'}", flush=True)
    return 1 if survivors else 0


def copied(copy: Path) -> Path:
    """A copy of the project, to change."""
    copy.mkdir()
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


if __name__ == "__main__":
    sys.exit(main(part(sys.argv[1]) if sys.argv[1:] else MUTANTS))
