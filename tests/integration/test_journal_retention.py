"""What is older than is kept goes from the old end, and the rest is as provable as before."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.activity.answer import Answer, Asked, find
from camguard.core import records
from camguard.core.coverage import CUT, Watch
from camguard.core.events import Kind, Report
from camguard.journal import retention
from camguard.journal.chain import verify
from camguard.journal.coverage import coverage, known
from camguard.journal.filter import Filter
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.cutting import FEW, LIVES, SECONDS, at, carry_out, cut, log_of_lives, numbers, plan
from tests.support.journal_data import FIREFOX, START_NS, FixedClock, life, moment, simple
from tests.support.tampering import unprotected

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("retention") / "journal.db"
    log_of_lives(path)
    return path.read_bytes()


@pytest.fixture
def copy(original: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    path.write_bytes(original)
    return path


def test_what_is_old_goes_and_the_rest_is_sound(copy: Path) -> None:
    before = verify(copy)
    cut(copy, 3 * SECONDS)
    found = verify(copy)
    assert found.ok
    assert found.cut_seq == 10
    assert numbers(copy)[0] == 11
    assert found.head_seq == before.head_seq + 1  # the cut is an entry
    with Reader(copy) as reader:
        told = reader.entries(kinds=[Kind.JOURNAL_CUT])[-1].data["extra"]
    assert (told["first_seq"], told["last_seq"], told["keep"]) == (1, 10, "1y")


def test_nothing_is_cut_where_nothing_is_old(copy: Path) -> None:
    assert not plan(copy, 0)


def test_the_newest_entry_stays_whatever_the_clock_says(copy: Path) -> None:
    cut(copy, 1_000_000)
    assert verify(copy).ok
    assert len(numbers(copy)) == 2  # the last of the log, and the cut


def test_entries_of_a_clock_that_ran_ahead_are_cut_with_those_around_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, second) for second in (0, 5_000_000, 10, 200, 300)])
    cut(path, 100)
    assert numbers(path)[0] == 4
    assert verify(path).ok


def test_the_file_lets_nobody_else_delete(copy: Path) -> None:
    cut(copy, 3 * SECONDS)
    with closing(sqlite3.connect(copy)) as connection:
        for statement in (
            "DELETE FROM entries WHERE seq = 11",
            "DELETE FROM stub",
            "UPDATE stub SET seq = 3",
            "UPDATE entries SET kind = 'x' WHERE seq = 11",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_an_older_log_is_brought_up_to_date_and_stays_sound(copy: Path) -> None:
    with unprotected(copy) as connection:
        connection.execute("DROP TABLE stub")
        connection.execute("DROP TABLE heads")
        connection.execute("PRAGMA user_version = 1")
    with unprotected(copy) as connection:  # as it was made then
        connection.execute("CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT 1; END")
    assert verify(copy).ok
    with Reader(copy) as reader:
        assert reader.next_number() == LIVES + 1
    cut(copy, 3 * SECONDS)
    found = verify(copy)
    assert (found.ok, found.cut_seq) == (True, 10)


# What is asked of the log afterwards


def test_numbers_of_uses_are_not_given_again(copy: Path) -> None:
    cut(copy, 1_000_000)
    with closing(Journal.open(copy, FixedClock(moment(2_000_000)))) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 2_000_000)])
    cut(copy, 1_500_000)
    with Reader(copy) as reader:
        assert reader.next_number() == LIVES + 1


def test_a_use_over_the_cut_is_still_one(copy: Path) -> None:
    cut(copy, 3 * SECONDS + 1)  # in the middle of the third
    with Reader(copy) as reader:
        assert [record.number for record in reader.activations()] == [3, 4, 5, 6]
        third = reader.activation(3)
        assert third is not None
        assert third.opened_at.timestamp() == START_NS // 10**9 + 3 * SECONDS
        assert reader.times_seen(FIREFOX.identity)[0] == 4


def test_a_use_that_began_before_the_cut_and_goes_on_is_found_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    long, other = life(1, 10), life(2, 20)
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0), *long[:2], *other])
        journal.append([Report(Kind.CAPTURING, moment(400), long[2].camera, long[2].activation, None, long[2].app)])
        journal.append(life(3, 500))
    cut(path, 300)
    with Reader(path) as reader:
        assert [record.number for record in reader.activations(Filter(since=at(450)))] == [1, 3]


def test_a_guard_that_began_before_the_cut_is_still_known(copy: Path) -> None:
    for second in (2 * SECONDS, 4 * SECONDS):  # also over a second cut
        cut(copy, second)
        with Reader(copy) as reader:
            run = reader.last_run()
            assert run is not None
            assert (run.started, run.stopped, run.started_seq) == (moment(0), None, 1)
            assert [entry.kind for entry in reader.entries(kinds=[Kind.GUARD_STARTED, Kind.GUARD_BLIND])] == [
                Kind.GUARD_STARTED,
                Kind.GUARD_BLIND,
            ]
            assert reader.entries(1, kinds=[Kind.GUARD_STARTED]) == []


def test_what_was_cut_is_no_time_that_was_watched_though_the_guard_was_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), *life(1, 10), *life(2, 500)])
        journal.append([simple(Kind.GUARD_STOPPED, 1000)])
    before, after = coverage(path, at(5), at(400)), coverage(path, at(400), at(900))
    assert [stretch.watch for stretch in (*before, *after)] == [Watch.WATCHED, Watch.WATCHED]
    cut(path, 300)
    [gone] = coverage(path, at(5), at(65))
    assert (gone.watch, gone.why) == (Watch.NOT, (CUT,))
    assert coverage(path, at(400), at(900)) == after


def test_a_cut_over_a_clock_that_was_put_back_hides_all_the_times_that_went(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0), *life(1, 200), *life(2, 100), *life(3, 500)])
    cut(path, 300)
    [gone] = coverage(path, at(110), at(200))
    assert (gone.watch, gone.why) == (Watch.NOT, (CUT,))


@pytest.mark.parametrize(("ended", "gap"), [(False, False), (True, False), (True, True)])
def test_was_on_says_of_a_time_that_was_cut_that_it_was(tmp_path: Path, ended: bool, gap: bool) -> None:
    """Whatever state the guard was in at the cut: never "no", and never that somebody watched."""
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), *life(1, 100)])
        if ended:
            journal.append([simple(Kind.GUARD_STOPPED, 200), simple(Kind.GUARD_STARTED, 250, pid=2)])
        if gap:
            journal.append([simple(Kind.GUARD_GAP, 250, **{"from": _clock(200), "to": _clock(250), "how": "died"})])
        journal.append([*life(2, 280), *life(3, 500)])
    for second in (150, 299):  # also over a second cut
        cut(path, second)
        asked = Asked(at(10), at(90), UTC, None)
        with Reader(path) as reader:
            found = find(asked, known(reader, asked.begin_utc_ns, asked.end_utc_ns))
            of_both = Asked(at(10), at(450), UTC, None)
            partly = find(of_both, known(reader, of_both.begin_utc_ns, of_both.end_utc_ns))
        assert found.answer is Answer.NOT_KNOWN
        assert found.sentence.startswith("Not known: nothing is left of what was seen")
        assert CUT in found.sentence
        assert partly.answer is not Answer.NO


def _clock(second: float) -> records.Record:
    return records.moment(moment(second))


def test_what_ended_before_the_cut_is_not_carried_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0), simple(Kind.GUARD_BLIND, 1, what="log", why="so")])
        journal.append([simple(Kind.GUARD_STOPPED, 2), simple(Kind.GUARD_STARTED, 3)])
        journal.append(
            [simple(Kind.GUARD_BLIND, 4, what="a", why="so"), simple(Kind.GUARD_BLIND, 5, what="b", why="so")]
        )
        journal.append([simple(Kind.GUARD_SIGHTED, 6, what="a"), simple(Kind.CONFIG_READ, 500)])
    cut(path, 400)
    with Reader(path) as reader:
        kinds = [Kind.GUARD_STARTED, Kind.GUARD_STOPPED, Kind.GUARD_BLIND, Kind.GUARD_SIGHTED]
        assert [entry.seq for entry in reader.entries(kinds=kinds)] == [4, 6]


# Crashes, and the room on the disk


@FEW
@given(st.integers(0, 700), st.integers(0, 9), st.integers(0, 700))
def test_a_cut_may_end_anywhere_and_goes_on_later(
    copy: Path, original: bytes, monkeypatch: pytest.MonkeyPatch, second: int, steps: int, later: int
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    copy.write_bytes(original)
    planned = plan(copy, second)
    if planned:
        carry_out(copy, steps)
    assert verify(copy).ok
    assert retention.unfinished(copy) == (planned and verify(copy).cut_seq < _last_cut(copy))
    if planned:
        carry_out(copy)
        assert not retention.unfinished(copy)
    cut(copy, later)
    assert verify(copy).ok


def _last_cut(path: Path) -> int:
    with Reader(path) as reader:
        cut = reader.start().cut
        return 0 if cut is None else cut.said.last_seq


def test_a_guard_that_is_killed_while_it_cuts_leaves_a_sound_log(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([report for number in range(1, 101) for report in life(number, number)])
    assert plan(path, 90)
    code = """
import pathlib, sys
from camguard.journal import retention
retention.AT_ONCE = 1
cutter = retention.Cutter(pathlib.Path(sys.argv[1]))
while cutter.step():
    print("cut", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for _ in range(5):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    assert verify(path).ok
    assert retention.unfinished(path)
    carry_out(path)
    assert verify(path).ok


def test_writers_go_on_meanwhile_and_the_disk_gets_room_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([report for number in range(1, 301) for report in life(number, number)])
    whole = os.path.getsize(path)
    assert plan(path, 290)
    with closing(Journal.open(path, FixedClock())) as journal, closing(retention.Cutter(path)) as cutter:
        number = 301
        while cutter.step() is not None:
            journal.append(life(number, number))
            number += 1
    assert verify(path).ok
    assert os.path.getsize(path) < whole / 2


def test_readers_without_the_right_to_write_see_a_cut_log(copy: Path) -> None:
    cut(copy, 3 * SECONDS)
    copy.chmod(0o400)
    with Reader(copy) as reader:
        assert reader.start().seq == 10
