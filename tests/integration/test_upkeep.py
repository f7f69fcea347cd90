"""What a guard does for its log: it checks it, notes its head elsewhere, and cuts what is old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from camguard import journald
from camguard.batch import Act
from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Moment
from camguard.journal import checkpoint, signing
from camguard.journal.chain import verify
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.logconfig import LogChoices
from camguard.upkeep import Announcer, Pace, Upkeep
from tests.support.journal_data import BOOT, START_NS, FixedClock, fill, life, moment, simple
from tests.support.journald import Journald
from tests.support.tampering import unprotected

QUICK = Pace(head_s=0.02, cut_s=0.05, settle_s=0.01, check_pause_s=0, cut_pause_s=0)
NONE = LogChoices(None, "forever")


class Log:
    """A log, and a guard that does nothing but write what it is asked to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FixedClock(moment(1_000_000))
        self.sent: list[dict[str, str]] = []

    def write(self, *reports: Report) -> None:
        with closing(Journal.open(self.path, self.clock)) as journal:
            journal.append(reports)

    async def ask(self, act: Act) -> tuple[Report, ...]:
        with closing(Journal.open(self.path, self.clock)) as journal:
            return journal.append(act(self.clock.now()))

    def send(self, fields: Mapping[str, str]) -> None:
        self.sent.append(dict(fields))

    def upkeep(self, choices: LogChoices = NONE) -> Upkeep:
        return Upkeep(self.path, self.clock, Announcer(self.path, self.clock, self.send), choices, QUICK)

    def keep(self, upkeep: Upkeep, until: Callable[[], bool]) -> None:
        """Run until something holds."""

        async def run() -> None:
            task = asyncio.create_task(upkeep.run(self.ask))
            async with asyncio.timeout(20):
                while True:
                    if until() or task.done():
                        break
                    await asyncio.sleep(0.005)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        asyncio.run(run())

    def told(self, kind: Kind) -> list[Entry]:
        with Reader(self.path) as reader:
            return [entry for entry in reader.entries() if entry.kind == kind]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "journal.db")


def edit(path: Path, seq: int) -> None:
    with unprotected(path) as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'Camera', 'Kamera') WHERE seq = ?", (seq,))


def test_a_first_check_is_of_all_and_the_next_goes_on_from_there(log: Log) -> None:
    entries = fill(log.path, 300)
    log.keep(log.upkeep(), lambda: bool(log.told(Kind.JOURNAL_CHECKED)))
    [first] = log.told(Kind.JOURNAL_CHECKED)
    assert (first.data["extra"]["seq"], first.data["extra"]["checked"]) == (entries, entries)
    log.write(*life(400, 500_000))
    found = None
    checking = checkpoint.Checking(log.path)
    while found is None:
        found = checking.step()
    assert (found.ok, found.checked) == (True, 5)  # what was written since, the entry about the check among it
    assert verify(log.path).ok


def test_a_few_entries_are_checked_and_leave_no_entry(log: Log) -> None:
    log.write(*life(1, 0))
    log.keep(log.upkeep(), lambda: bool(log.sent))
    assert log.told(Kind.JOURNAL_CHECKED) == []


def test_a_change_since_the_last_check_is_shouted_and_the_guard_goes_on(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.write(*life(1, 0))
    edit(log.path, 3)
    upkeep = log.upkeep()
    log.keep(upkeep, lambda: bool(log.sent))  # the head is noted all the same
    [told] = log.told(Kind.JOURNAL_BROKEN)
    assert told.data["extra"]["first_bad"] == 3
    assert upkeep.trouble == told.data["extra"]["sentence"]
    assert "THE ACTIVATION LOG WAS CHANGED" in caplog.text


def test_a_log_that_is_not_sound_is_not_cut(log: Log) -> None:
    log.write(*life(1, 0))
    edit(log.path, 3)
    log.keep(log.upkeep(LogChoices(NANOSECONDS, "1s")), lambda: bool(log.sent))
    assert log.told(Kind.JOURNAL_CUT) == []


def test_a_log_written_anew_with_its_checkpoint_left_is_found(log: Log) -> None:
    """Every hash fits again, but for what an entry says was checked."""
    fill(log.path, 300)
    log.keep(log.upkeep(), lambda: bool(log.told(Kind.JOURNAL_CHECKED)))
    from tests.support.tampering import rewrite

    with unprotected(log.path) as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'Camera', 'Kamera') WHERE seq = 5")
        rewrite(connection, 5)
    assert verify(log.path).ok
    upkeep = log.upkeep()
    log.keep(upkeep, lambda: upkeep.trouble is not None)
    assert "written anew" in (upkeep.trouble or "")


def test_a_log_that_cannot_be_read_now_does_not_end_the_guard(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.path.write_bytes(b"nothing of the kind" * 100)
    upkeep = log.upkeep()
    log.keep(upkeep, lambda: "cannot be noted" in caplog.text)
    assert "cannot be checked now" in caplog.text
    assert upkeep.trouble is None


def test_what_is_old_is_cut(log: Log) -> None:
    log.write(simple(Kind.GUARD_STARTED, 0), *life(1, 10), *life(2, 999_990))
    keep = LogChoices(1000 * NANOSECONDS, "1000s")
    log.keep(log.upkeep(keep), lambda: bool(log.told(Kind.JOURNAL_CUT)) and verify(log.path).cut_seq == 5)
    assert verify(log.path).ok
    [told] = log.told(Kind.JOURNAL_CUT)
    assert told.data["extra"]["keep"] == "1000s"


def test_a_cut_that_a_crash_left_is_carried_out(log: Log) -> None:
    from camguard.journal import retention

    log.write(simple(Kind.GUARD_STARTED, 0), *life(1, 10), *life(2, 999_990))
    said = retention.plan(log.path, moment(1000).utc_ns, moment(1_000_000).utc_ns, "1y")
    assert said is not None
    log.write(Report(Kind.JOURNAL_CUT, moment(1_000_000), extra=said.extra))
    log.keep(log.upkeep(LogChoices()), lambda: verify(log.path).cut_seq == 5)
    assert verify(log.path).cut_seq == 5


def test_nothing_is_cut_while_the_clock_jumps(log: Log) -> None:
    log.write(simple(Kind.GUARD_STARTED, 0), *life(1, 10), *life(2, 999_990))
    looks = 0

    def jumping() -> Moment:
        nonlocal looks
        looks += 1
        return Moment(START_NS + looks * 10**6 * NANOSECONDS, 0, looks * NANOSECONDS, BOOT)

    log.clock.now = jumping  # type: ignore[method-assign]  # a clock that is set again and again
    log.keep(log.upkeep(LogChoices(NANOSECONDS, "1s")), lambda: looks > 20)
    assert log.told(Kind.JOURNAL_CUT) == []


def test_heads_are_noted_when_there_is_a_new_one(log: Log, tmp_path: Path) -> None:
    log.write(*life(1, 0))
    announcer = Announcer(log.path, log.clock, log.send)
    announcer.announce()
    announcer.announce()
    log.write(*life(2, 100))
    announcer.announce()
    assert [fields["CAMGUARD_HEAD_SEQ"] for fields in log.sent] == ["4", "8"]
    assert log.sent[1]["CAMGUARD_HEAD_HASH"] == verify(log.path).head
    assert "CAMGUARD_HEAD_SIGNATURE" not in log.sent[0]


def test_heads_arrive_in_the_systemd_journal(log: Log, tmp_path: Path) -> None:
    log.write(*life(1, 0))
    with Journald(tmp_path / "socket") as server:
        Announcer(log.path, log.clock, partial(journald.send, path=tmp_path / "socket")).announce()
        entry = server.entry()
    assert entry["CAMGUARD_HEAD_SEQ"] == b"4"
    assert entry["CAMGUARD_LOG_FILE"] == str(log.path).encode()


def test_with_a_key_heads_are_signed(log: Log) -> None:
    log.write(*life(1, 0))
    name = signing.create(log.path)
    Announcer(log.path, log.clock, log.send).announce()
    assert log.sent[0]["CAMGUARD_HEAD_KEY"] == name
    with unprotected(log.path) as connection:
        assert connection.execute("SELECT seq, key FROM heads").fetchall() == [(4, name)]


def test_with_a_key_a_cut_is_signed(log: Log) -> None:
    log.write(simple(Kind.GUARD_STARTED, 0), *life(1, 10), *life(2, 999_990))
    name = signing.create(log.path)
    log.keep(log.upkeep(LogChoices(1000 * NANOSECONDS, "1000s")), lambda: bool(log.told(Kind.JOURNAL_CUT)))
    assert log.told(Kind.JOURNAL_CUT)[0].data["extra"]["key"] == name


def test_a_systemd_journal_that_does_not_keep_up_is_tried_again(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.write(*life(1, 0))
    full = [BlockingIOError(), BlockingIOError()]

    def send(fields: Mapping[str, str]) -> None:
        if full:
            raise full.pop()
        log.send(fields)

    announcer = Announcer(log.path, log.clock, send)
    for _ in range(4):
        announcer.announce()
    assert len(log.sent) == 1
    assert caplog.text.count("does not keep up") == 1


def test_a_key_that_cannot_be_used_is_told_once(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.write(*life(1, 0))
    signing.key_of(log.path).write_text("no key")
    announcer = Announcer(log.path, log.clock, log.send)
    with caplog.at_level(logging.WARNING):
        announcer.announce()
        log.write(*life(2, 100))
        announcer.announce()
    assert len(log.sent) == 2
    assert caplog.text.count("cannot be signed") == 1
