"""A full disk does not stop a guard, and nothing that matters is lost by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from camguard.core.events import Kind, Report
from camguard.core.model import AppIdentity
from camguard.errors import AccessDenied, JournalCorrupt, JournalError, JournalWriteError
from camguard.journal import patient
from camguard.journal.chain import verify
from camguard.journal.patient import PatientHistory, PatientJournal
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support import disks
from tests.support.disks import fill_up
from tests.support.journal_data import FIREFOX, FixedClock, life, moment, simple

MEBIBYTE = 1 << 20


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with disks.tiny_disk(disk):
        yield disk


def open_at(path: Path, clock: FixedClock) -> PatientJournal:
    return PatientJournal(lambda: Journal.open(path, clock), clock)


def waits(journal: PatientJournal) -> bool:
    """Asked by a function, so that the type checker does not take the first answer for the last."""
    assert (journal.state is not None) <= journal.waiting
    return journal.waiting


def kinds(path: Path) -> list[str]:
    with Reader(path) as reader:
        return [entry.kind for entry in reader.entries()]


def test_a_full_disk_is_waited_out_and_made_good(tiny_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, clock = tiny_disk / "journal.db", FixedClock(moment(10))
    with closing(open_at(path, clock)) as journal:
        assert [report.seq for report in journal.append(life(1, 0))] == [1, 2, 3, 4]
        ballast = fill_up(tiny_disk)
        while journal.append(life(2, 100))[0].seq is not None:
            pass  # what the write-ahead log still has room for
        acknowledged = len(kinds(path))
        for number in range(3, 8):
            assert [report.seq for report in journal.append(life(number, 100))] == [None] * 4
        assert waits(journal)
        assert journal.state is not None
        assert (journal.state.since, journal.state.kept, journal.state.lost) == (moment(10), 24, 0)
        assert "full" in journal.state.why
        assert not journal.retry()

        ballast.unlink()
        clock.at = moment(20)
        assert [report.seq for report in journal.append(life(8, 200))] == [acknowledged + 26 + n for n in range(4)]
        assert not waits(journal)
    with Reader(path) as reader:
        interrupted = reader.entries(acknowledged + 24, limit=1)[0]
        numbers = [entry.activation for entry in reader.entries(acknowledged, ["opened"])]
    assert interrupted.kind == "journal.interrupted"
    extra = interrupted.data["extra"]
    assert (extra["kept"], extra["lost"]) == (24, 0)
    assert extra["from"]["boottime_ns"] == moment(10).boottime_ns
    assert extra["to"]["boottime_ns"] == moment(20).boottime_ns
    assert numbers == [2, 3, 4, 5, 6, 7, 8]
    assert verify(path).ok
    assert caplog.text.count("kept in memory") == 1
    assert caplog.text.count("made good: 24") == 1


def test_a_guard_can_begin_on_a_full_disk(tiny_disk: Path) -> None:
    path, clock = tiny_disk / "state" / "journal.db", FixedClock()
    ballast = fill_up(tiny_disk)
    with closing(open_at(path, clock)) as journal, Reader(path) as reader:
        assert waits(journal)
        assert reader.next_number() == 1
        assert journal.append(life(1, 0))[0].seq is None
        ballast.unlink()
        assert journal.retry()
        assert reader.next_number() == 2
    assert kinds(path) == ["opened", "judged", "capturing", "ended", "journal.interrupted"]


def test_a_guard_can_begin_again_on_a_disk_that_became_full(tiny_disk: Path) -> None:
    path, clock = tiny_disk / "journal.db", FixedClock()
    with closing(Journal.open(path, clock)) as first:
        first.append(life(1, 0))
    ballast = fill_up(tiny_disk)
    with closing(open_at(path, clock)) as journal, Reader(path) as reader:
        assert reader.next_number() == 2
        while journal.append(life(2, 0))[0].seq is not None:
            pass
        ballast.unlink()
        assert journal.retry()
    assert verify(path).ok


class Stubborn:
    """Stands between a PatientJournal and its disk, and fails when told to."""

    def __init__(self, path: Path, clock: FixedClock) -> None:
        self.path, self.clock = path, clock
        self.failure: Callable[[], Exception] | None = None

    def open(self) -> Journal:
        stubborn = self

        class Failing(Journal):
            def append(self, reports: object) -> tuple[Report, ...]:
                if stubborn.failure is not None:
                    raise stubborn.failure()
                return super().append(reports)  # type: ignore[arg-type]

        return Failing.open(self.path, self.clock)


def test_memory_is_bounded_and_the_least_telling_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "KEPT_AT_MOST", 6)
    disk = Stubborn(tmp_path / "journal.db", FixedClock())
    with closing(PatientJournal(disk.open, disk.clock)) as journal:
        disk.failure = lambda: JournalWriteError("the disk is full")
        for number in (1, 2, 3):
            journal.append(life(number, number))
        assert journal.state is not None
        assert (journal.state.kept, journal.state.lost) == (6, 6)
        disk.failure = None
        assert journal.retry()
    # Of three lives, first the openings went, then the oldest of the rest.
    with Reader(tmp_path / "journal.db") as reader:
        found = [(entry.kind, entry.activation) for entry in reader.entries()]
        lost = reader.entries(6)[0].data["extra"]["lost"]
    assert found == [
        ("judged", 2),
        ("capturing", 2),
        ("ended", 2),
        ("judged", 3),
        ("capturing", 3),
        ("ended", 3),
        ("journal.interrupted", None),
    ]
    assert lost == 6


@pytest.mark.parametrize("error", [JournalWriteError, JournalError, AccessDenied])
def test_no_failure_of_the_log_reaches_the_guard(tmp_path: Path, error: type[Exception]) -> None:
    disk = Stubborn(tmp_path / "journal.db", FixedClock())
    with closing(PatientJournal(disk.open, disk.clock)) as journal:
        disk.failure = lambda: error("not now")
        assert journal.append([simple(Kind.GUARD_STARTED)])[0].seq is None
        disk.failure = None
        assert journal.append([simple(Kind.GUARD_STOPPED)])[0].seq == 3
    assert kinds(disk.path) == ["guard.started", "journal.interrupted", "guard.stopped"]


def test_what_cannot_be_written_at_the_end_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Stubborn(tmp_path / "journal.db", FixedClock())
    journal = PatientJournal(disk.open, disk.clock)
    disk.failure = lambda: JournalWriteError("the disk is full")
    journal.append(life(1, 0))
    journal.close()
    assert "4 entries of the activation log were never written" in caplog.text


def test_a_file_found_damaged_while_writing_is_set_aside_and_nothing_lost(tmp_path: Path) -> None:
    disk = Stubborn(tmp_path / "journal.db", FixedClock())
    with closing(PatientJournal(disk.open, disk.clock)) as journal:
        journal.append(life(1, 0))
        failures = iter([JournalCorrupt("page 7 is damaged")])

        def once() -> Exception:
            disk.failure = None
            return next(failures)

        disk.failure = once
        assert [report.seq for report in journal.append(life(2, 1))] == [2, 3, 4, 5]
    assert kinds(disk.path)[0] == "journal.set-aside"
    (old,) = [p for p in tmp_path.glob("*.corrupt-*") if not p.name.endswith(("-wal", "-shm"))]
    assert kinds(old) == ["opened", "judged", "capturing", "ended"]


def test_a_file_that_is_not_ours_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cookies (name TEXT)")
    with pytest.raises(JournalError, match="another program"):
        open_at(path, FixedClock())


class Unreadable:
    """A reader that fails once, as on a page that is damaged."""

    def __init__(self, reader: Reader, error: type[JournalError]) -> None:
        self.reader, self.error, self.failed = reader, error, False

    def times_seen(self, identity: AppIdentity) -> tuple[int, int | None]:
        raise self.error(f"no page for {identity.id}")

    def next_number(self) -> int:
        if self.failed:
            return self.reader.next_number()
        self.failed = True
        raise self.error("no page")


def test_a_guard_begins_on_a_damaged_journal_by_setting_it_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(open_at(path, FixedClock())) as journal, Reader(path) as reader:
        journal.append(life(41, 0))
        assert PatientHistory(reader, journal).next_number() == 42
        assert PatientHistory(Unreadable(reader, JournalCorrupt), journal).next_number() == 1
    assert kinds(path) == ["journal.set-aside"]


def test_a_guard_begins_where_the_journal_cannot_be_read_now(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(open_at(path, FixedClock(moment(7)))) as journal, Reader(path) as reader:
        history = PatientHistory(Unreadable(reader, JournalWriteError), journal)
        assert history.next_number() == 1_700_000_007
    assert kinds(path) == []


def test_a_history_that_cannot_be_read_says_never_and_has_the_file_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(open_at(path, FixedClock())) as journal, Reader(path) as reader:
        journal.append(life(1, 0))
        assert PatientHistory(reader, journal).times_seen(FIREFOX.identity)[0] == 1
        assert not waits(journal)
        assert PatientHistory(Unreadable(reader, JournalCorrupt), journal).times_seen(FIREFOX.identity) == (0, None)
        assert waits(journal)
        journal.append([])
        assert not waits(journal)
        assert reader.times_seen(FIREFOX.identity) == (0, None)
    assert kinds(path) == ["journal.set-aside"]
