"""What is older than is kept goes from the old end, and the rest is as provable as before."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.core.coverage import CUT, Watch
from camguard.core.events import Kind, Report
from camguard.journal import retention
from camguard.journal.chain import Flaw, verify
from camguard.journal.coverage import coverage
from camguard.journal.filter import Filter
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.journal_data import FIREFOX, START_NS, FixedClock, life, moment, simple
from tests.support.tampering import changed, rewrite, unprotected

ROOT = Path(__file__).resolve().parents[2]
LIVES = 6
SECONDS = 100
FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A guard that ran all the time, and a use every `SECONDS`, of four entries each."""
    path = tmp_path_factory.mktemp("retention") / "journal.db"
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), simple(Kind.GUARD_BLIND, 1, what="log", why="so")])
        for number in range(1, LIVES + 1):
            journal.append(life(number, number * SECONDS))
    return path.read_bytes()


@pytest.fixture
def copy(original: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    path.write_bytes(original)
    return path


def at(second: float) -> int:
    return moment(second).utc_ns


def plan(path: Path, second: float, now: float = 10_000) -> bool:
    """Have the log say what will be cut; whether there is anything."""
    said = retention.plan(path, at(second), at(now), "1y")
    if said is not None:
        with closing(Journal.open(path, FixedClock())) as journal:
            journal.append([Report(Kind.JOURNAL_CUT, moment(now), extra=said.extra)])
    return said is not None


def carry_out(path: Path, steps: int = 10_000) -> None:
    with closing(retention.Cutter(path)) as cutter:
        for _ in range(steps):
            found = cutter.step()
            if found is None:
                return
            assert found.ok


def cut(path: Path, second: float) -> None:
    if plan(path, second):
        carry_out(path)


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM entries ORDER BY seq")]


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


# Tampering afterwards


def _edit(connection: sqlite3.Connection, seq: int, other: int) -> None:
    (body,) = connection.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
    connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (changed(body, other), seq))


def _delete(connection: sqlite3.Connection, seq: int, _: int) -> None:
    connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))


def _delete_from_the_old_end(connection: sqlite3.Connection, seq: int, _: int) -> None:
    """As a cut does it, of which nothing is said in the log."""
    (digest,) = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
    connection.execute("DELETE FROM entries WHERE seq <= ?", (seq,))
    connection.execute("UPDATE stub SET seq = ?, hash = ?", (seq, digest))


def _swap(connection: sqlite3.Connection, seq: int, other: int) -> None:
    last = connection.execute("SELECT max(seq) FROM entries").fetchone()[0]
    with_which = seq + 1 + other % (last - seq)
    for old, new in ((seq, -1), (with_which, seq), (-1, with_which)):
        connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))


def _put_in_before(connection: sqlite3.Connection, seq: int, other: int) -> None:
    """A copy of an entry, where the log does not reach any more."""
    connection.execute(
        "INSERT INTO entries SELECT (SELECT seq FROM stub) - ?, utc_ns, kind, NULL, NULL, body, hash"
        " FROM entries WHERE seq = ?",
        (other % 5, seq),
    )


def _put_in(connection: sqlite3.Connection, seq: int, _: int) -> None:
    connection.execute("UPDATE entries SET seq = -(seq + 1) WHERE seq > ?", (seq,))
    connection.execute("UPDATE entries SET seq = -seq WHERE seq < 0")
    connection.execute(
        "INSERT INTO entries SELECT seq + 1, utc_ns, kind, activation, app_key, body, hash FROM entries WHERE seq = ?",
        (seq,),
    )
    rewrite(connection, seq + 1)


def _move_the_stub(connection: sqlite3.Connection, _: int, other: int) -> None:
    connection.execute("UPDATE stub SET seq = seq - 1 - ?", (other % 3,))


def _change_the_stub(connection: sqlite3.Connection, _: int, other: int) -> None:
    (digest,) = connection.execute("SELECT hash FROM stub").fetchone()
    connection.execute("UPDATE stub SET hash = ?", (changed(digest, other),))


def _drop_the_stub(connection: sqlite3.Connection, _: int, __: int) -> None:
    connection.execute("DELETE FROM stub")


TAMPERINGS = (
    _edit,
    _delete,
    _delete_from_the_old_end,
    _swap,
    _put_in_before,
    _put_in,
    _move_the_stub,
    _change_the_stub,
    _drop_the_stub,
)


@pytest.mark.parametrize("tampering", TAMPERINGS)
@settings(FEW, max_examples=5)
@given(second=st.integers(150, 560), place=st.integers(0, 100), other=st.integers(0, 500))
def test_any_tampering_after_a_cut_is_found(
    copy: Path, original: bytes, tampering: object, second: int, place: int, other: int
) -> None:
    copy.write_bytes(original)
    cut(copy, second)
    assert verify(copy).ok
    there = numbers(copy)[:-1]  # of the last one only what is noted elsewhere tells that it is gone
    with unprotected(copy) as connection:
        assert callable(tampering)
        tampering(connection, there[place % len(there)], other)
    found = verify(copy)
    assert not found.ok
    assert found.sentence


def test_a_cut_that_nothing_in_the_log_speaks_of_is_found(copy: Path) -> None:
    with unprotected(copy) as connection:
        (digest,) = connection.execute("SELECT hash FROM entries WHERE seq = 7").fetchone()
        connection.execute("DELETE FROM entries WHERE seq <= 7")
        connection.execute("INSERT INTO stub VALUES (1, 7, ?)", (digest,))
    found = verify(copy)
    assert (found.flaw, found.cut_seq) == (Flaw.MISSING, 7)
    assert "nothing in the log says that they were cut" in (found.sentence or "")


def test_what_is_not_sound_is_not_cut(copy: Path) -> None:
    with unprotected(copy) as connection:
        _edit(connection, 5, 200)
    assert plan(copy, 3 * SECONDS)
    with closing(retention.Cutter(copy)) as cutter:
        found = cutter.step()
    assert found is not None
    assert found.first_bad == 5
    assert numbers(copy)[0] == 1


def test_entries_missing_among_the_old_ones_are_found_before_they_are_cut(copy: Path) -> None:
    assert plan(copy, 3 * SECONDS)
    with unprotected(copy) as connection:
        connection.execute("DELETE FROM entries WHERE seq BETWEEN 9 AND 10")
    with closing(retention.Cutter(copy)) as cutter:
        found = cutter.step()
    assert found is not None
    assert (found.first_bad, found.flaw) == (9, Flaw.MISSING)


def test_readers_without_the_right_to_write_see_a_cut_log(copy: Path) -> None:
    cut(copy, 3 * SECONDS)
    copy.chmod(0o400)
    with Reader(copy) as reader:
        assert reader.start().seq == 10
